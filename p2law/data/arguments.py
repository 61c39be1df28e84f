"""Checks of table columns and of arguments; every complaint names column, row or argument, value and remedy."""

from collections.abc import Mapping
from math import inf, isfinite
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError, FitError, P2LawError

Floats = float | np.ndarray
"""Float64, with the shape of what was given: a scalar for a scalar, an array for an array."""


def plain(value: Any) -> Any:
    """The value; a NumPy scalar as Python's own, which prints without its type."""
    return cast("np.generic[Any]", value).item() if isinstance(value, np.generic) else value


def number(
    name: str,
    value: object,
    *,
    low: float = -inf,
    high: float = inf,
    closed: bool = False,
    must: str = "",
    error: type[P2LawError] = FitError,
) -> float:
    """One finite number strictly between two ends (``closed``: or at them); ``must`` says so in the caller's words."""
    if not (is_number(value) and isfinite(value) and (low <= value <= high if closed else low < value < high)):
        wanted = "give a positive number" if (low, high) == (0, inf) else f"must lie between {low:g} and {high:g}"
        raise error(f"{name}={plain(value)!r}: {must or (wanted if isfinite(low) else 'give a finite number')}.")
    return float(value)


def whole_number(name: str, value: Any, *, least: int = 1, error: type[P2LawError] = FitError) -> int:
    """A whole number from ``least`` on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise error(f"{name}={plain(value)!r}: give a whole number, {least} or more.")
    return int(cast("int", value))


def truth(name: str, value: Any, *, error: type[P2LawError] = FitError) -> bool:
    """A truth value; text such as "false" would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise error(f"{name}={plain(value)!r}: give true or false, without quotation marks.")
    return bool(cast("bool", value))


def array(name: str, value: ArrayLike, *, error: type[P2LawError] = DataError) -> np.ndarray:
    """Numbers as a float64 array of any shape; refuses text, truth values and ragged lists."""
    try:
        given = np.asarray(value)
    except ValueError as ragged:
        raise error(f"{name}={value!r}: give a number, or an array of numbers.") from ragged
    good = given.dtype.kind in "fiu" or all(is_number(v) for v in np.ravel(given).tolist())
    if not good:
        raise error(f"{name}={plain(value)!r}: give a number, or an array of numbers.")
    if given.size == 0:
        raise error(f"{name} is empty: give at least one number.")
    return given.astype(float)


def positive(name: str, value: ArrayLike, *, zero: bool = False) -> Floats:
    """Positive numbers (``zero``: or 0) as float64; scalars stay scalars."""
    given = array(name, value)
    good = np.isfinite(given) & ((given >= 0) if zero else (given > 0))
    if not good.all():
        raise DataError(f"{name} = {given[~good].flat[0]:g}: give {'0 or more' if zero else 'a positive number'}.")
    return given[()]


def positives(name: str, value: ArrayLike) -> np.ndarray:
    """Positive numbers as an array, (numbers,)."""
    given = np.atleast_1d(positive(name, value))
    if given.ndim > 1:
        raise DataError(f"{name} has shape {given.shape}: give one number, or a one-dimensional array.")
    return given


def one_positive(name: str, value: ArrayLike, *, zero: bool = False) -> float:
    """A single positive number (``zero``: or 0)."""
    given = positive(name, value, zero=zero)
    if np.ndim(given):
        raise DataError(f"{name}={value!r}: give a single number.")
    return float(given)


def check_level(level: object) -> None:
    """Refuse a confidence level outside (0, 1)."""
    number("level", level, low=0, high=1, must="must lie between 0 and 1, e.g. 0.95")


def mapping(name: str, value: Any, example: str, *, error: type[P2LawError] = FitError) -> Mapping[str, Any]:
    """A mapping with names as keys, as it was given."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in cast("Mapping[Any, Any]", value)):
        raise error(f"{name}={value!r}: give a mapping of names, e.g. {example}.")
    return cast("Mapping[str, Any]", value)


def generator(rng: Any) -> np.random.Generator:
    """A generator of random numbers from a seed."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as wrong:
        raise FitError(f"rng={rng!r}: give a whole number, 0 or more, or a numpy Generator.") from wrong


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is one real number: no text, no truth value, nothing complex."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
