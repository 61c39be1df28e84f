"""What is asked: saved fits, published constants, laws by name."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import p2law

from .. import laws
from ..data import datasets
from ..data.control import CONTROL
from ..data.observations import as_frame
from ..data.quantities import parse_quantity
from ..errors import DataError, FitError, LawError, P2LawError
from ..fitting.joint import Joint
from ..fitting.result import Fit
from ..laws import Constants
from ..laws import published as constants

Source = Fit | Constants


def published() -> dict[str, Constants]:
    """Constants from the literature by the name they have at the shell."""
    found = {name: value for name, value in vars(constants).items() if isinstance(value, Constants)}
    return {name.lower().replace("_", "-"): value for name, value in found.items()}


def fit_arguments(parser: ArgumentParser, *names: str, literature: bool = False) -> None:
    """Positional arguments for saved fits, and where their laws come from."""
    also = f", or published constants: {', '.join(published())}" if literature else ""
    for name in names or ("fit",):
        parser.add_argument(
            name,
            metavar=f"{name.upper()}.json",
            help=f"a fit saved with 'p2law fit --out'{also}; JOINT.json:GROUP for a group of a joint fit",
        )
    law_argument(parser)


def law_argument(parser: ArgumentParser) -> None:
    """Where the law of a saved fit is, if it is no law of p2law's."""
    parser.add_argument(
        "--law", metavar="module:function", action="append", default=[], help="the fit's law, if it is your own"
    )


def interval_arguments(
    parser: ArgumentParser, *methods: str, usual: str = "bootstrap if it has draws, else wald"
) -> None:
    """Level and method of intervals."""
    how = parser.add_argument_group("intervals")
    add = how.add_argument
    level_argument(how)
    known = methods or ("wald", "bootstrap")
    add("--method", choices=known, help=f"default: {usual}")
    draws_argument(how)


def level_argument(parser: Any, about: str = "confidence level") -> None:
    """How sure."""
    parser.add_argument("--level", type=quantity, default=0.95, metavar="0.95", help=f"{about} (default: 0.95)")


def draws_argument(parser: Any) -> None:
    """How often to resample."""
    parser.add_argument("--draws", type=int, metavar="1000", help="bootstrap the fit: refits of resampled runs")


def at_argument(parser: ArgumentParser, example: str, *, required: bool = False, about: str = "") -> None:
    """The law's columns."""
    what = about or "the law's other columns; several values with commas between, or repeat for more"
    add = parser.add_argument
    add("--at", type=columns, action="append", default=[], required=required, metavar=example, help=what)


def check_names(asked: Sequence[dict[str, list[float]]], *sources: Source | None) -> None:
    """Refuse columns that no law at hand has.

    Raises
    ------
    DataError
        Naming the column, and those there are.
    """
    known = [v.name for source in sources if source is not None for v in source.law.variables]
    known = list(dict.fromkeys([*known, CONTROL]))
    for name in (name for each in asked for name in each):
        if name not in known:
            raise DataError(f"--at {name}=...: there is no column {name!r}; there are {', '.join(known)}.")


def at_of(asked: Sequence[dict[str, list[float]]], *sources: Source | None) -> dict[str, Any]:
    """The columns asked about as keywords: numbers for one point, arrays for several."""
    check_names(asked, *sources)
    frame = table_of(asked)
    return {str(name): column.item() if len(frame) == 1 else column.to_numpy() for name, column in frame.items()}


def point_of(asked: Sequence[dict[str, list[float]]], *sources: Source | None) -> dict[str, Any]:
    """The columns of the one point asked about.

    Raises
    ------
    DataError
        If there are several.
    """
    at = at_of(asked, *sources)
    count = max((np.size(column) for column in at.values()), default=1)
    if count > 1:
        raise DataError(f"--at gives {count} points: this answers for one at a time.")
    return at


def load(path: str, options: Namespace) -> Fit:
    """A saved fit, resampled if asked for."""
    if path in published():
        raise FitError(f"{path} are constants without rows: this needs a saved fit.")
    fit = _read(path, options.law)
    draws = getattr(options, "draws", None)
    return fit if draws is None else fit.bootstrap(draws)


def find(text: str, options: Namespace) -> Source:
    """A saved fit, or published constants by name."""
    known = published()
    if text in known:
        if getattr(options, "draws", None) is not None:
            raise FitError(f"{text} are constants without rows: they cannot be resampled; leave out --draws.")
        return known[text]
    if not _of_joint(text)[0].endswith(".json") and not Path(text).exists():
        raise FitError(f"{text!r} is neither a saved fit (.json) nor published constants: {', '.join(known)}.")
    return load(text, options)


def maybe(path: str | None, options: Namespace) -> Fit | None:
    """A saved fit, if one is named."""
    return None if path is None else load(path, options)


def _read(path: str, own: Sequence[str]) -> Fit:
    """Built-in laws answer for themselves; otherwise one of the laws given must be the fit's."""
    file, group = _of_joint(path)
    failed: FitError | None = None
    for law in (None, *own):
        known = None if law is None else find_law(law)
        try:
            if group:
                return Joint.from_json(Path(file), law=known).of(group)
            return Fit.from_json(Path(file), law=known)
        except FitError as error:
            failed = error
    raise FitError(f"{path}: {failed}", remedies=() if failed is None else failed.remedies) from failed


def _of_joint(path: str) -> tuple[str, str]:
    """The file, and which group of a joint fit if one is named: ``joint.json:width``, ``joint.json:2:4``."""
    file, found, group = path.partition(".json:")
    return (f"{file}.json", group) if found else (path, "")


def find_law(text: str) -> laws.Law:
    """A law by name, or ``module:function`` from the current directory or any installed package.

    Raises
    ------
    LawError
        If there is no such law, or the module cannot be imported.
    """
    module, colon, name = text.partition(":")
    if not colon:
        return laws.get(text)
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), name, None)
    except P2LawError:
        raise
    except Exception as error:
        raise LawError(f"cannot import {module!r} for --law {text}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(here)
    if isinstance(found, laws.Law):
        return found
    what = "has no" if found is None else "has a plain"
    raise LawError(f"module {module!r} {what} {name!r}: put @p2law.law above 'def {name}(...)' to make it a law.")


# From the text of an option to values: quantities as people write them, alone, in lists, by name.


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


# Tables: a file or a bundled data set, and which of its rows and columns.


HELP = (
    "table (CSV, TSV, JSON lines, Parquet), log or run folder (Hugging Face, W&B, MLflow, TensorBoard, text), or "
    f"a bundled data set: {', '.join(datasets.names())}"
)


def table_arguments(parser: ArgumentParser) -> Any:
    """Which rows and columns of a table; returns the group of options, for more of them."""
    rows = parser.add_argument_group("which rows and columns")
    add = rows.add_argument
    add("--columns", type=pairs, action="extend", default=[], metavar="N0=params,D=tokens", help="law's=table's")
    add("--where", type=pairs, action="extend", default=[], metavar="COLUMN=VALUE", help="keep rows with it")
    add("--metric", metavar="NAME", help="logged quantity that is the loss (default: the validation loss)")
    add("--tokens-per-step", type=quantity, metavar="65536", help="for logs that count steps only")
    lacks = "columns that a log lacks"
    add("--given", type=settings, action="extend", default=[], metavar="N0=7B,rho=0.25,L0=2.1", help=lacks)
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
