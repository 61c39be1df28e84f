"""Entries of a plan, checked by pydantic: a complaint names the entry, its value and what to give instead."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import wraps
from inspect import Signature, signature
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, TypeVar, dataclass_transform, get_type_hints

from ..data.arguments import plain
from ..data.quantities import parse_quantity
from ..errors import DataError
from .runtime import pydantic

T = TypeVar("T")
Field = pydantic.Field


def must(text: str) -> Any:
    """Metadata of a type: what the complaint about a value of another type or outside its range says."""

    def check(value: Any, accept: Callable[[Any], Any]) -> Any:
        try:
            return accept(plain(value))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(text) from error

    return pydantic.WrapValidator(check)


def _count(least: int) -> Any:
    """Metadata that reads a count, as a number or as people write it: 10M."""

    def read(value: Any) -> int:
        number = parse_quantity(value)
        if isinstance(value, bool) or not number >= least:
            raise ValueError(value)
        return int(number)

    return pydantic.BeforeValidator(read)


def _part_of_a_name(value: str) -> str:
    if set(value) & set("/\\\0"):
        raise ValueError("folders are named after it, so leave out / and \\")
    return value


Whole = Annotated[int, Field(strict=True, ge=1), must("give a whole number, 1 or more")]
WholeOrZero = Annotated[int, Field(strict=True, ge=0), must("give a whole number, 0 or more")]
Quantity = Annotated[int, _count(1), must("give a number from 1 on, such as 500_000 or '10M'")]
QuantityOrZero = Annotated[int, _count(0), must("give a number from 0 on, such as 500_000 or '10M'")]
_Float = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Number = Annotated[_Float, must("give a finite number")]
Positive = Annotated[_Float, Field(gt=0), must("give a positive number")]
PositiveOrZero = Annotated[_Float, Field(ge=0), must("give a positive number, or 0")]
Fraction = Annotated[_Float, Field(ge=0, le=1), must("a fraction from 0 to 1")]
Truth = Annotated[bool, Field(strict=True), must("give true or false, without quotation marks")]
Text = Annotated[str, Field(strict=True, pattern=r"\S"), must("give text in quotation marks")]
FileName = Annotated[Text, pydantic.AfterValidator(_part_of_a_name)]


@dataclass_transform(frozen_default=True)
def checked(kind: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass whose fields pydantic checks; a value that is refused raises DataError."""
    made = pydantic.dataclasses.dataclass(frozen=True)(kind)
    check, names = made.__init__, [each.name for each in fields(made)]  # type: ignore[arg-type]

    @wraps(check)
    def init(self: Any, *given: Any, **entries: Any) -> None:
        entries |= dict(zip(names, given, strict=False))
        known(entries, names)
        with _complaints():
            check(self, **entries)

    made.__init__ = init
    plain_types = get_type_hints(made)  # what help() and the reference show: types without the metadata for pydantic
    made.__annotations__ = {name: plain_types[name] for name in made.__annotations__}
    shown = [each.replace(annotation=plain_types[each.name]) for each in signature(made).parameters.values()]
    made.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    return made  # type: ignore[return-value]


def entry(name: str, kind: Any, value: Any) -> Any:
    """One entry as its type has it, such as ``entry("tokens", Quantity, "10M")``."""
    with _complaints(name):
        return pydantic.TypeAdapter(kind).validate_python(value)


def path(name: str, value: Any, here: Path) -> Path:
    """A path, relative to the plan's folder."""
    return here / Path(entry(name, Text, str(value) if isinstance(value, PathLike) else value)).expanduser()


def tables(name: str, value: Any) -> list[Mapping[str, Any]]:
    """Tables of one kind, in TOML each under a heading of its own."""
    if not (isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)):
        raise DataError(f"{name} is {value!r}: give a list of tables, each under [[{name}]] with two brackets.")
    return list(value)


def known(table: Mapping[str, Any], names: Collection[str]) -> None:
    """Refuse entries that would be ignored."""
    unknown = sorted(map(str, set(table) - set(names)))
    if unknown:
        raise DataError(f"has an unknown entry {unknown[0]!r}; it takes {', '.join(sorted(names))}.")


@contextmanager
def within(where: str) -> Iterator[None]:
    """Put the place in front of complaints that name the entry alone."""
    try:
        yield
    except ValueError as error:  # DataError, or FitError of a schedule
        raise DataError(f"{where} {error}") from error


@contextmanager
def _complaints(name: str = "") -> Iterator[None]:
    """What pydantic found first, as a DataError; ``name`` is of the value that is checked by itself."""
    try:
        yield
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False)[0]
        key = next((part for part in reversed(found["loc"]) if isinstance(part, str)), name)
        value, cause = plain(found["input"]), found.get("ctx", {}).get("error")
        if isinstance(cause, DataError):  # of a record that checks its fields together
            raise cause from error
        if found["type"] == "missing":
            raise DataError(f"lacks an entry: give {key}.") from error
        text = f"give a list, such as {key} = [{value!r}]" if found["type"] == "tuple_type" else cause or found["msg"]
        raise DataError(f"{key}={value!r}: {text}.") from error
