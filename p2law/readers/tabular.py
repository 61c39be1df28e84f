"""CSV, TSV, JSON lines and Parquet."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import pandas as pd

from ..errors import DataError, MissingDependencyError
from ..quantities import parse_quantity

COUNTS = ("N", "N0", "N_avg", "D")
"""Columns where "7B" or "1.4T" is read as a number."""
FORMATS = {
    ".csv": lambda path: pd.read_csv(path),
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".ndjson": lambda path: pd.read_json(path, lines=True),
    ".parquet": lambda path: pd.read_parquet(path),
}


def read(path: str | PathLike[str], *, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a table of logged losses.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` (also with ``.gz`` for text). Parquet needs pyarrow.
    columns : mapping, optional
        The law's names to the file's: ``{"N0": "params", "D": "tokens"}``.

    Returns
    -------
    DataFrame
        The file's rows with the law's names; text such as "7B" or "1.4T" in a column of parameters or tokens is read
        as a number.

    Raises
    ------
    DataError
        If the file cannot be read, has another format, or ``columns`` names what it lacks.
    """
    from ..observations import rename

    if not isinstance(path, str | PathLike):
        raise DataError(f"read({path!r}): give the path of a file.")
    path = Path(path)
    suffix = next((s for s in reversed(path.suffixes) if s in FORMATS), None)
    if suffix is None:
        raise DataError(f"cannot tell the format of {path.name!r}: use one of {', '.join(FORMATS)}.")
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}.")
    try:
        frame = FORMATS[suffix](path)
    except ImportError as error:
        raise MissingDependencyError("reading Parquet needs pyarrow: pip install pyarrow.") from error
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path.name!r} as {suffix[1:].upper()}: {error}") from error
    return _with_counts(rename(frame, columns))


def _with_counts(frame: pd.DataFrame) -> pd.DataFrame:
    for name in COUNTS:
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            frame = frame.assign(**{name: [_count(name, row, v) for row, v in frame[name].items()]})
    return frame


def _count(name: str, row: object, value: object) -> float:
    if pd.isna(value):  # type: ignore[call-overload]
        return float("nan")
    try:
        return parse_quantity(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise DataError(f"column {name!r}, row {row!r}: {error}") from error
