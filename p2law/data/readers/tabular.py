"""CSV, TSV, JSON (lines, or a list of records) and Parquet."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ...errors import DataError, MissingDependencyError
from ..quantities import parse_quantity

COUNTS = ("N", "N0", "N_avg", "D")
"""Columns where "7B" or "1.4T" is read as a number."""


def _csv(path: Path) -> pd.DataFrame:
    """Comma-separated values, or separated by semicolons as some spreadsheets have them."""
    frame = pd.read_csv(path)
    return pd.read_csv(path, sep=";") if frame.shape[1] == 1 and ";" in str(frame.columns[0]) else frame


FORMATS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".ndjson": lambda path: pd.read_json(path, lines=True),
    ".json": pd.read_json,
    ".parquet": pd.read_parquet,
}


def is_records(path: Path) -> bool:
    """Whether a JSON file is a list, one record per row."""
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[")


def table(path: Path) -> pd.DataFrame:
    """The rows and columns of a file as they are.

    Raises
    ------
    DataError
        If the file cannot be read, or has another format.
    """
    suffix = next((s for s in reversed(path.suffixes) if s in FORMATS), None)
    if suffix is None:
        logs = "a log: .json, .db, .log, .txt, .out, TensorBoard events or a run's folder"
        raise DataError(f"cannot tell the format of {path.name!r}: use one of {', '.join(FORMATS)}, or {logs}.")
    try:
        return FORMATS[suffix](path)
    except ImportError as error:
        raise MissingDependencyError("reading Parquet needs pyarrow: pip install pyarrow.") from error
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path.name!r} as {suffix[1:].upper()}: {error}") from error


def with_counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Text such as "7B" in columns of parameters and tokens as numbers."""
    for name in COUNTS:
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            frame = frame.assign(**{name: [_count(name, row, v) for row, v in frame[name].items()]})
    return frame


def _count(name: str, row: object, value: object) -> float:
    """A cell as a number; nan where it is empty."""
    if pd.isna(value):  # type: ignore[call-overload]
        return float("nan")
    try:
        return parse_quantity(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise DataError(f"column {name!r}, row {row!r}: {error}") from error
