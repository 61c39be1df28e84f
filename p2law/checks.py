"""Checks of table columns; every complaint names column, row, value and remedy."""

from typing import Any

import numpy as np
import pandas as pd

from .errors import DataError


def require(frame: pd.DataFrame, name: str, why: str, hint: str = "") -> None:
    """Refuse a table without a column."""
    if name not in frame.columns:
        raise DataError(
            f"column {name!r} is missing: {why}.{hint} The table has {list(frame.columns)}; if it is there under "
            f"another name, pass columns={{{name!r}: '<its name>'}}."
        )


def numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as float64; refuses text, truth values and complex numbers."""
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise DataError(f"column {name!r} appears {column.shape[1]} times in the table: keep one.")
    if column.dtype.kind in "fiu":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = [i for i, v in enumerate(column) if not _is_number(v)]
    if wrong:
        value = plain(column.iloc[wrong[0]])
        raise DataError(
            f"column {name!r}, row {row(frame, wrong[0])}: {value!r} is not a number. Convert the column to numbers, "
            "e.g. with pandas.to_numeric (p2law.read understands '7B' and '1.4T' in files)."
        )
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def refuse(frame: pd.DataFrame, name: str, values: np.ndarray, bad: np.ndarray, what: str, remedy: str) -> None:
    """Refuse a table with bad values in a column."""
    if not bad.any():
        return
    first = int(np.flatnonzero(bad)[0])
    more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
    raise DataError(f"column {name!r}, row {row(frame, first)}: {values[first]:g} {what}{more}; {remedy}.")


def finite(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as finite float64."""
    values = numbers(frame, name)
    refuse(frame, name, values, ~np.isfinite(values), "is not a finite number", "drop or repair the row")
    return values


def row(frame: pd.DataFrame, position: int) -> str:
    """A row's label as the user knows it."""
    return repr(plain(frame.index[position]))


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | str | bytes | complex | np.complexfloating):
        return False
    return value is None or value is pd.NA or isinstance(value, int | float | np.number)
