"""From the text of an option to values: quantities as people write them, alone, in lists, by name."""

from argparse import ArgumentTypeError
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..errors import DataError
from ..quantities import parse_quantity

POINTS = 41
"""Values of a range written low:high, even in their logarithm."""


def quantity(text: str) -> float:
    """A number such as 7B, 300k or 1e-3."""
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def quantities(text: str) -> list[float]:
    """``1B,7B``."""
    return [quantity(part) for part in text.split(",")]


def names(text: str) -> tuple[str, ...]:
    """``alpha,beta``."""
    return tuple(part.strip() for part in text.split(","))


def span(text: str) -> tuple[float, float]:
    """``1M:10M``."""
    low, colon, high = text.partition(":")
    if not colon:
        raise ArgumentTypeError(f"{text!r}: write low:high, for example 1M:10M.")
    ends = quantity(low), quantity(high)
    if not 0 < ends[0] < ends[1]:
        raise ArgumentTypeError(f"{text!r}: the first end must be positive and below the second.")
    return ends


def grid(text: str) -> list[float]:
    """``1M,10M``, or ``1M:10M`` for 41 values between, even in their logarithm."""
    return np.geomspace(*span(text), POINTS).tolist() if ":" in text else quantities(text)


def pairs(text: str) -> list[tuple[str, str]]:
    """``a=x,b=y``."""
    split = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in split):
        raise ArgumentTypeError(f"{text!r}: write name=value, several of them with commas between.")
    return [(name.strip(), value.strip()) for name, _, value in split]


def settings(text: str) -> list[tuple[str, float | str]]:
    """``rho=0.25,N0=7B,run=a``: plain numbers as such, the rest as text."""
    out: list[tuple[str, float | str]] = []
    for name, value in pairs(text):
        try:
            out.append((name, float(value)))
        except ValueError:
            out.append((name, value))
    return out


def numbers(text: str) -> list[tuple[str, float]]:
    """``E=1.69,A=400``."""
    return [(name, quantity(value)) for name, value in pairs(text)]


def ranges(text: str) -> list[tuple[str, tuple[float | None, float | None]]]:
    """``alpha=0.1:1,N_C=0:``, with an open end where nothing stands."""
    out = []
    for name, value in pairs(text):
        low, colon, high = value.partition(":")
        if not colon:
            raise ArgumentTypeError(f"{name}={value}: write low:high, for example {name}=0.1:1 or {name}=0: (no end).")
        out.append((name, (quantity(low) if low else None, quantity(high) if high else None)))
    return out


def columns(text: str) -> dict[str, list[float]]:
    """``N0=1B,8B,rho=0.25``: a value without a name is one more of the name before it."""
    out: dict[str, list[float]] = {}
    name = ""
    for part in text.split(","):
        before, equals, after = part.partition("=")
        name = before.strip() if equals else name
        if not name:
            raise ArgumentTypeError(f"{text!r}: write name=value, for example N0=8B,rho=0.25.")
        out.setdefault(name, []).append(quantity(after if equals else part))
    return out


def table_of(asked: Sequence[dict[str, list[float]]]) -> pd.DataFrame:
    """One row per point: lists of one option go together value by value, single values belong to all.

    Raises
    ------
    DataError
        If lists differ in length, or points in their columns.
    """
    frames = []
    for each in asked:
        lengths = {name: len(values) for name, values in each.items()}
        count = max(lengths.values())
        wrong = [name for name, length in lengths.items() if length not in (1, count)]
        if wrong:
            most = max(lengths, key=lambda name: lengths[name])
            short = f"{count} values of {most} and {lengths[wrong[0]]} of {wrong[0]}"
            raise DataError(f"{short} do not go together: give as many of each, or one.")
        frames.append(pd.DataFrame({name: v * (count // len(v)) for name, v in each.items()}))
        if set(each) != set(asked[0]):
            raise DataError(f"{', '.join(asked[0])} here and {', '.join(each)} there: name the same columns each time.")
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(index=range(1))
