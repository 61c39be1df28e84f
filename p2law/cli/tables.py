"""Tables: a file or a bundled data set, and which of its rows and columns."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

import p2law

from .. import datasets
from ..errors import DataError
from ..observations import as_frame
from ..quantities import parse_quantity
from . import values

HELP = f"CSV, TSV, JSON lines or Parquet file, or a bundled data set: {', '.join(datasets.names())}"


def table_arguments(parser: ArgumentParser) -> Any:
    """Which rows and columns of a table; returns the group of options, for more of them."""
    rows = parser.add_argument_group("which rows and columns")
    add = rows.add_argument
    add("--columns", type=values.pairs, action="extend", default=[], metavar="N0=params,D=tokens", help="law's=table's")
    add("--where", type=values.pairs, action="extend", default=[], metavar="COLUMN=VALUE", help="keep rows with it")
    return rows


def read_table(name: str, columns: Mapping[str, str], where: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """A bundled data set or a file, with the law's names, and the rows that have the wanted values.

    Raises
    ------
    DataError
        If the table cannot be read, or a column or value does not exist.
    """
    bundled = name in datasets.names()
    frame = as_frame(datasets.load(name), columns) if bundled else p2law.read(name, columns=columns)
    ours = {theirs: law_name for law_name, theirs in columns.items()}
    for column, value in where:
        frame = _having(frame, column if column in frame.columns else ours.get(column, column), value)
    return frame


def _having(frame: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    if column not in frame.columns:
        raise DataError(f"--where {column}={value}: the table has no such column; it has {', '.join(frame.columns)}.")
    found = frame[column]
    kept = found.astype(str) == value
    if pd.api.types.is_numeric_dtype(found) and not kept.any():
        with suppress(ValueError):
            kept = found == parse_quantity(value)
    if not kept.any():
        some = ", ".join(map(str, found.unique()[:8]))
        raise DataError(f"--where {column}={value}: no row has this value; there are {some}.")
    return frame[kept]
