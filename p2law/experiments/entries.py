"""Reading the entries of a plan: each complaint names the entry, its value and what to write instead."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf, isfinite
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

from ..data import arguments as checks
from ..data.quantities import parse_quantity
from ..errors import DataError, FitError

T = TypeVar("T")


@contextmanager
def within(where: str) -> Iterator[None]:
    """Put the place in front of complaints that name the entry alone."""
    try:
        yield
    except (DataError, FitError) as error:
        raise DataError(f"{where} {error}", remedies=error.remedies) from error


def known(table: Mapping[str, Any], names: set[str], where: str) -> None:
    """Refuse entries that would be ignored."""
    unknown = sorted(map(str, set(table) - names))
    if unknown:
        raise DataError(f"{where} has an unknown entry {unknown[0]!r}; it takes {', '.join(sorted(names))}.")


def table(where: str, value: Any) -> Mapping[str, Any]:
    """A table of named entries."""
    if not isinstance(value, Mapping):
        raise DataError(f"{where} is {value!r}: give a table, with one line for each entry.")
    return value


def tables(name: str, value: Any) -> list[Mapping[str, Any]]:
    """Tables of one kind, in TOML each under a heading of its own."""
    if not (isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)):
        raise DataError(f"{name} is {value!r}: give a list of tables, each under [[{name}]] with two brackets.")
    return list(value)


def listed(name: str, value: Any, read: Callable[[str, Any], T]) -> tuple[T, ...]:
    """A list, whose values are read one by one."""
    if not isinstance(value, list | tuple):
        raise DataError(f"{name}={value!r}: give a list, such as {name} = [{value!r}].")
    return tuple(read(name, each) for each in value)


def quantity(name: str, value: Any, *, least: int = 1) -> int:
    """A count, as a number or as people write it: 10M."""
    try:
        number = inf if isinstance(value, bool) else parse_quantity(value)
    except (TypeError, ValueError, OverflowError):
        number = inf
    if not (isfinite(number) and number >= least):
        raise DataError(f"{name}={value!r}: give a number from {least} on, such as 500_000 or '10M'.")
    return int(number)


def seed(name: str, value: Any) -> int:
    return checks.whole_number(name, value, least=0, error=DataError)


def number(name: str, value: Any) -> float:
    return checks.number(name, value, error=DataError)


def text(name: str, value: Any) -> str:
    """Some text."""
    if not (isinstance(value, str) and value.strip()):
        raise DataError(f"{name}={value!r}: give text in quotation marks.")
    return value


def filename(name: str, value: Any) -> str:
    """Text that can be part of a file's name."""
    if set(text(name, value)) & set("/\\\0"):
        raise DataError(f"{name}={value!r}: folders are named after it, so leave out / and \\.")
    return value


def path(name: str, value: Any, here: Path) -> Path:
    """A path, relative to the plan's folder."""
    return here / Path(text(name, fspath(value) if isinstance(value, PathLike) else value)).expanduser()
