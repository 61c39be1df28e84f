"""Errors and warnings: every message names the column, row or value and what to do. Old names of public arguments."""

import sys
import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Literal, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
ReadRemedy = Literal["columns", "tokens_per_step", "metric", "given", "run"]
FitRemedy = Literal["law", "group", "draws", "control", "parent", "parent_columns"]
TextRemedy = Literal["end", "field", "splits"]
Remedy = ReadRemedy | FitRemedy | TextRemedy
"""What mends an error: an argument to give, or which run or group of several to take."""


class P2LawError(Exception):
    """Base of every error p2law raises on purpose.

    The message says in Python what to do; ``remedies`` says it for programs that write arguments in another way, such
    as the command line.
    """

    def __init__(self, message: str = "", *, remedies: Iterable[Remedy] = ()) -> None:
        super().__init__(message)
        self.remedies: tuple[Remedy, ...] = tuple(remedies)


class DataError(P2LawError, ValueError):
    """The table cannot be used as it is: the message names column, row, value and remedy."""


class LawError(P2LawError, ValueError):
    """A law is defined or called in a way that cannot work."""


class FitError(P2LawError, ValueError):
    """The fit cannot be set up or read as asked."""


class MissingDependencyError(P2LawError, ImportError):
    """An optional package is needed; the message says which and how to install it."""


class P2LawWarning(UserWarning):
    """Base of every warning p2law issues."""


class ExtrapolationWarning(P2LawWarning):
    """A prediction lies outside the range of the fitted data."""


class FitWarning(P2LawWarning):
    """The fit did not converge, or could not be trusted for a stated reason."""


class DataWarning(P2LawWarning):
    """Rows of a file were left out for a stated reason."""


# Public names that changed: the old one works for one release, with a warning.


def renamed_arguments(**names: str) -> Callable[[F], F]:
    """Decorator ``@renamed_arguments(old="new")``: the function also takes keyword arguments by their old names."""

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            for old in names.keys() & given.keys():
                _deprecated(f"{function.__name__}({old}=...)", f"{names[old]}=")
                given[names[old]] = given.pop(old)
            return function(*args, **given)

        return call  # type: ignore[return-value]

    return decorate


def renamed_attribute(old: str, new: str) -> property:
    """A read-only property that gives attribute ``new`` under its old name."""

    def read(record: Any) -> Any:
        _deprecated(f"{type(record).__name__}.{old}", f".{new}")
        return getattr(record, new)

    return property(read, doc=f"Deprecated: use ``{new}``.")


def renamed_names(module: str, other: Callable[[str], Any] | None = None, /, **names: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module whose names changed: ``__getattr__ = renamed_names(__name__, Old="New")``.

    ``other`` answers for all other names, as a ``__getattr__`` of its own would.
    """

    def read(name: str) -> Any:
        if name in names:
            _deprecated(f"{module}.{name}", names[name])
            return getattr(sys.modules[module], names[name])
        if other is not None:
            return other(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return read


def _deprecated(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)  # 3: the caller's own line
