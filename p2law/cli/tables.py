"""Tables: a file or a bundled data set, and which of its rows and columns."""

from argparse import ArgumentParser, Namespace
from contextlib import suppress
from typing import Any

import pandas as pd

import p2law

from .. import datasets
from ..errors import DataError
from ..observations import as_frame
from ..quantities import parse_quantity
from . import values

HELP = (
    "table (CSV, TSV, JSON lines, Parquet), log or run folder (Hugging Face, W&B, MLflow, TensorBoard, text), or "
    f"a bundled data set: {', '.join(datasets.names())}"
)


def table_arguments(parser: ArgumentParser) -> Any:
    """Which rows and columns of a table; returns the group of options, for more of them."""
    rows = parser.add_argument_group("which rows and columns")
    add = rows.add_argument
    add("--columns", type=values.pairs, action="extend", default=[], metavar="N0=params,D=tokens", help="law's=table's")
    add("--where", type=values.pairs, action="extend", default=[], metavar="COLUMN=VALUE", help="keep rows with it")
    add("--metric", metavar="NAME", help="logged quantity that is the loss (default: the validation loss)")
    add("--tokens-per-step", type=values.quantity, metavar="65536", help="for logs that count steps only")
    lacks = "columns that a log lacks"
    add("--given", type=values.settings, action="extend", default=[], metavar="N0=7B,rho=0.25,L0=2.1", help=lacks)
    return rows


def rows(options: Namespace) -> pd.DataFrame:
    """The rows asked for of a bundled data set, a table or a log, with the law's names.

    Raises
    ------
    DataError
        If the file cannot be read, or a column or value does not exist.
    """
    name, columns = options.table, dict(options.columns)
    log = {"metric": options.metric, "tokens_per_step": options.tokens_per_step, "given": dict(options.given)}
    if name not in datasets.names():
        frame = p2law.read(name, columns=columns, **log)
    elif any(log.values()):
        raise DataError(f"{name} is a bundled table: --metric, --tokens-per-step and --given are for logs of your own.")
    else:
        frame = as_frame(datasets.load(name), columns)
    ours = {theirs: law_name for law_name, theirs in columns.items()}
    for column, value in options.where:
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
