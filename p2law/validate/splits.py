"""Which rows a hold-out test fits and which it predicts: the protocols of the P² paper and a few more.

Tokens split every curve in two; sizes, rates and compute are ordered, so the larger are predicted from the smaller; of
any other column (run, method, family, seed) each value is predicted from all others in turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.arguments import array
from ..data.columns import level_of, numbers
from ..data.observations import Observations
from ..data.quantities import format_quantity
from ..errors import DataError
from ..laws import Law
from ..laws.kinds import BY_NAME

By = str | Callable[[pd.DataFrame], Any]
ORDERED = ("tokens", "size", "rate")
COMPUTE = 0.9
"""A column is one of compute if its ranks and those of size times tokens are correlated more closely than this."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to fit (seen) and rows to predict (held), as masks over the table, (rows,)."""

    label: str
    seen: np.ndarray
    held: np.ndarray


def splits(law: Law, rows: Observations, by: By, fraction: float | Sequence[float], run: str) -> tuple[Split, ...]:
    """The splits of a protocol; see :func:`p2law.holdout`."""
    if callable(by):
        return _chosen(rows, by)
    if not isinstance(by, str):
        raise DataError(f"by={by!r}: give the name of a column, or a function of the table.")
    fractions = sorted(set(np.ravel(array("fraction", fraction)).tolist()))
    if not all(0 < f < 1 for f in fractions):
        raise DataError(f"fraction={fraction!r}: give the share that is fitted, between 0 and 1, e.g. 0.8.")
    if by in ("run", run):
        return _each(by, rows.run)
    role = next((v.kind.role for v in law.variables if v.name == by), BY_NAME[by].role if by in BY_NAME else "")
    if by not in rows.frame.columns:
        raise DataError(f"by={by!r} is not a column of the table; it has {list(rows.frame.columns)}.")
    if role not in ORDERED and not _is_compute(law, rows, rows.frame[by]):
        return _each(by, rows.frame[by].to_numpy())
    values = rows.columns[by] if by in rows.columns else numbers(rows.frame, by)
    if role == "tokens" and rows.run_count < len(values):
        return tuple(_along(by, values, rows.run, f) for f in fractions)
    return _upward(by, values, fractions)


def _is_compute(law: Law, rows: Observations, column: pd.Series) -> bool:
    """Whether a column (C, FLOPs, a budget) rises with size times tokens."""
    size, tokens = law.variable("size"), law.variable("tokens")
    if size is None or tokens is None or not pd.api.types.is_numeric_dtype(column) or column.isna().any():
        return False
    compute = pd.Series(rows.columns[size] * rows.columns[tokens], index=column.index)
    return bool(compute.rank().corr(column.rank()) > COMPUTE)


def _along(by: str, tokens: np.ndarray, run: np.ndarray, fraction: float) -> Split:
    """The first part of every run's tokens, (rows,) -> its rest."""
    last = pd.Series(tokens).groupby(run).transform("max").to_numpy()
    seen = tokens <= fraction * last * (1 + 1e-9)
    part = f"first {100 * fraction:g} % of each run's {by}"
    if not seen.any():
        raise DataError(f"by={by!r}: no row lies in the {part}; take a larger fraction or lower min_tokens.")
    return Split(f"{part} -> the rest", seen, ~seen)


def _upward(by: str, values: np.ndarray, fractions: list[float]) -> tuple[Split, ...]:
    """The lower levels of a column, (rows,) -> the higher ones."""
    level = level_of(values)
    count = int(level.max()) + 1
    names = [format_quantity(float(np.median(values[level == i]))) for i in range(count)]
    if count < 2:
        why = "the higher cannot be predicted from the lower"
        raise DataError(f"by={by!r}: the table has one {by}, {names[0]}; {why}.")
    out = []
    for held in dict.fromkeys(min(max(round((1 - f) * count), 1), count - 1) for f in fractions):
        far = names[-1] if held == 1 else f"{names[count - held]} to {names[-1]}"
        out.append(Split(f"{by} up to {names[count - held - 1]} -> {far}", level < count - held, level >= count - held))
    return tuple(out)


def _each(by: str, values: np.ndarray) -> tuple[Split, ...]:
    """All others -> each value of a column, (rows,), in turn; rows without a value are always fitted."""
    code, found = pd.factorize(values)
    if len(found) < 2:
        only = f"one {by}, {found[0]}" if len(found) else f"no value of {by}"
        raise DataError(f"by={by!r}: the table has {only}; at least two are needed to hold one out.")
    return tuple(Split(f"without {by} = {name}", code != i, code == i) for i, name in enumerate(found))


def _chosen(rows: Observations, by: Callable[[pd.DataFrame], Any]) -> tuple[Split, ...]:
    """A rule of the caller's: a truth value per row (held out or not), or labels held out in turn."""
    answer = np.asarray(by(rows.frame.copy()))
    count = len(rows.response)
    if answer.shape != (count,):
        raise DataError(f"by: the function returned shape {answer.shape} for {count} rows; return one value per row.")
    if answer.dtype != bool:
        return _each("group", answer)
    if answer.all() or not answer.any():
        what = "every row, so that nothing is left to fit" if answer.all() else "no row, so that nothing is tested"
        raise DataError(f"by: the function holds out {what}; it must be True for the rows to predict.")
    return (Split(f"chosen rows ({int(answer.sum())} of {count})", ~answer, answer),)
