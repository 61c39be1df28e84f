"""Columns of a table: names, numbers, units; every complaint names column, row, value and remedy."""

import re
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..errors import DataError, DataWarning, Remedy
from .arguments import is_number, mapping, plain

OTHER_UNITS = {
    **dict.fromkeys(("ppl", "perplexity"), "a perplexity: take its natural logarithm"),
    **dict.fromkeys(("bpb", "bpc", "bits"), "in bits: multiply by ln 2, and by the bytes or characters per token"),
}
"""Words in the name of a column that is no loss in nats per token, and what to do."""


def require(frame: pd.DataFrame, name: str, why: str, hint: str = "", remedies: tuple[Remedy, ...] = ()) -> None:
    """Refuse a table without a column; ``remedies`` are those that ``why`` and ``hint`` name."""
    if name not in frame.columns:
        raise DataError(
            f"column {name!r} is missing: {why}.{hint} The table has {list(frame.columns)}; if it is there under "
            f"another name, pass columns={{{name!r}: '<its name>'}}.",
            remedies=("columns", *remedies),
        )


def numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as float64; refuses text, truth values and complex numbers."""
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise DataError(f"column {name!r} appears {column.shape[1]} times in the table: keep one.")
    known = column.dtype.kind in "fiu"
    wrong = [] if known else [i for i, v in enumerate(column) if not (is_number(v) or v is None or v is pd.NA)]
    if wrong:
        # In a file one word makes text of the whole column: it is named, not the numbers beside it.
        first = next((i for i in wrong if not _reads_as_number(column.iloc[i])), wrong[0])
        raise DataError(
            f"column {name!r}, row {row_label(frame, first)}: {plain(column.iloc[first])!r} is not a number. Convert "
            "the column to numbers, e.g. with pandas.to_numeric (p2law.read understands '7B' and '1.4T' in files)."
        )
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _reads_as_number(value: object) -> bool:
    return isinstance(value, str) and bool(np.isfinite(pd.to_numeric(value, errors="coerce")))


def split_name(name: str) -> list[str]:
    """The words in the name of a column or metric, in small letters."""
    return re.split("[^a-z]+", name.lower())


def warn_of_units(name: str) -> None:
    """Warn where a column or metric taken for the loss is another quantity by its name."""
    what = next((OTHER_UNITS[word] for word in split_name(name) if word in OTHER_UNITS), None)
    if what:
        warnings.warn(
            f"{name!r} is taken for the loss, which the laws expect in nats per token; by its name it is {what}.",
            DataWarning,
            stacklevel=4,
        )


def rename(frame: pd.DataFrame, columns: Mapping[str, str] | None) -> pd.DataFrame:
    """Give columns the law's names; ``columns`` maps the law's names to the table's."""
    if not columns:
        return frame
    mapping("columns", columns, "{'N0': 'params'}", error=DataError)
    if not all(isinstance(theirs, str) for theirs in columns.values()):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DataError(f"columns={columns!r}: give a mapping of names to names, e.g. {{'N0': 'params'}}.")
    missing = [theirs for theirs in columns.values() if theirs not in frame.columns]
    if missing:
        raise DataError(f"columns= names {missing}, which the table lacks; it has {list(frame.columns)}.")
    if "loss" in columns:
        warn_of_units(columns["loss"])
    clash = [ours for ours in columns if ours in frame.columns and ours not in columns.values()]
    return frame.drop(columns=clash).rename(columns={theirs: ours for ours, theirs in columns.items()})


def refuse(frame: pd.DataFrame, name: str, values: np.ndarray, bad: np.ndarray, what: str, remedy: str) -> None:
    """Refuse a table with bad values in a column."""
    if not bad.any():
        return
    first = int(np.flatnonzero(bad)[0])
    more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
    raise DataError(f"column {name!r}, row {row_label(frame, first)}: {values[first]:g} {what}{more}; {remedy}.")


def finite(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as finite float64."""
    values = numbers(frame, name)
    refuse(frame, name, values, ~np.isfinite(values), "is not a finite number", "drop or repair the row")
    return values


def row_label(frame: pd.DataFrame, position: int) -> str:
    """A row's label as the user knows it."""
    return repr(plain(frame.index[position]))


ONE_LEVEL = 1.05
"""Values within this factor of the smallest of their kind are one level."""


def level_of(values: np.ndarray, within: float = ONE_LEVEL) -> np.ndarray:
    """Number of each value's level in ascending order, (rows,)."""
    found, row = np.unique(values, return_inverse=True)
    number, anchor = np.zeros(len(found), dtype=int), found[0]
    for i in range(1, len(found)):
        apart = found[i] > anchor * within if anchor > 0 else found[i] > anchor
        number[i], anchor = number[i - 1] + apart, found[i] if apart else anchor
    return number[row]
