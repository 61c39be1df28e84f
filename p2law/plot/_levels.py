"""Which values of a column to tell apart in a picture."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..levels import level_of
from ..quantities import format_quantity

MOST = 8
"""More values than this are a continuum: a colour bar instead of legend entries."""
BINS = 6
"""Representative curves drawn through a continuum."""


@dataclass(frozen=True)
class Levels:
    """A column as few values to tell apart: the level of each row, and what each level stands for."""

    name: str
    row: np.ndarray
    """Level of each row, (rows,) of int."""
    centre: np.ndarray
    """Value a level stands for, (levels,); for text the level's number."""
    text: tuple[str, ...]
    ordered: bool = True
    """Whether the levels are numbers."""
    continuous: np.ndarray | None = None
    """The values themselves, (rows,), where there are too many to name."""

    def __len__(self) -> int:
        return len(self.centre)


def levels(name: str, values: np.ndarray, *, merge: float = 1.0) -> Levels:
    """Levels of a column; values within the factor ``merge`` of each other are one (realised rates around a target)."""
    if not (np.issubdtype(values.dtype, np.number) or values.dtype == bool):
        row, found = pd.factorize(values, use_na_sentinel=False)
        return Levels(name, row, np.arange(len(found), dtype=float), tuple(map(str, found)), ordered=False)
    values = values.astype(float)
    row = level_of(values, merge)
    many = int(row.max()) >= MOST
    row = _bins(values) if many else row
    centre = np.array([np.median(values[row == i]) for i in range(int(row.max()) + 1)])
    return Levels(name, row, centre, _texts(centre), continuous=values if many else None)


def _bins(values: np.ndarray) -> np.ndarray:
    """Bin of each value: equal widths, of the logarithm where that makes sense; empty bins are left out."""
    position = np.log(values) if values.min() > 0 else values
    edges = np.linspace(position.min(), position.max(), BINS + 1)[1:-1]
    return np.unique(np.digitize(position, edges), return_inverse=True)[1]


def _texts(centres: np.ndarray) -> tuple[str, ...]:
    """As few digits as keep the levels apart."""
    for digits in (2, 3, 4):
        texts = tuple(format_quantity(float(f"{c:.{digits}g}"), max(digits, 3)) for c in centres)
        if len(set(texts)) == len(texts):
            return texts
    return tuple(format_quantity(c, 6) for c in centres)
