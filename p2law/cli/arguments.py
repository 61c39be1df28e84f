"""Options that commands share: how their text is read, how they are declared, and the rows, fits and laws they name.

Whatever needs pandas or JAX is imported where it is used, so that help texts appear at once.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _ActionsContainer, _ArgumentGroup
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import datasets
from ..data.quantities import parse_quantity
from ..errors import DataError, FitError, LawError, P2LawError

if TYPE_CHECKING:
    import pandas as pd

    from ..fitting.result import Fit
    from ..fitting.source import Origin
    from ..laws import Constants, Law


Columns = dict[str, list[float]]
"""Values by column, as one ``--at N0=1B,8B,rho=0.25`` gives them."""

GRID_POINTS = 41
"""Values of a range written low:high, evenly spaced in their logarithm."""
TABLE_HELP = (
    "table (CSV, TSV, JSON lines, Parquet), log or run folder (Hugging Face, W&B, MLflow, TensorBoard, text), or "
    f"a bundled data set: {', '.join(datasets.names())}"
)


# From the text of an option to its value. Each is an argparse type: it returns the value or raises ArgumentTypeError.


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
    """``1M,10M``, or ``1M:10M`` for 41 values evenly spaced in their logarithm."""
    if ":" not in text:
        return quantities(text)
    import numpy as np

    return np.geomspace(*span(text), GRID_POINTS).tolist()


def pairs(text: str) -> list[tuple[str, str]]:
    """``a=x,b=y``."""
    split = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in split):
        raise ArgumentTypeError(f"{text!r}: write name=value, several of them with commas between.")
    return [(name.strip(), value.strip()) for name, _, value in split]


def numbers_or_text(text: str) -> list[tuple[str, float | str]]:
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


def columns(text: str) -> Columns:
    """``N0=1B,8B,rho=0.25``: a value without a name is one more of the name before it."""
    out: Columns = {}
    name = ""
    for part in text.split(","):
        before, equals, after = part.partition("=")
        name = before.strip() if equals else name
        if not name:
            raise ArgumentTypeError(f"{text!r}: write name=value, for example N0=8B,rho=0.25.")
        out.setdefault(name, []).append(quantity(after if equals else part))
    return out


# Options that several commands have.


def fit_arguments(parser: ArgumentParser, *names: str, also: str = "") -> None:
    """Positional arguments for saved fits (default: one, ``fit``), and where their laws come from."""
    about = f"a fit saved with 'p2law fit --out'{also}; JOINT.json:GROUP for a group of a joint fit"
    for name in names or ("fit",):
        parser.add_argument(name, metavar=f"{name.upper()}.json", help=about)
    law_argument(parser)


def source_arguments(parser: ArgumentParser, *names: str) -> None:
    """Positional arguments for saved fits or published constants."""
    fit_arguments(parser, *names, also=f", or published constants: {', '.join(published())}")


def law_argument(parser: _ActionsContainer) -> None:
    """Where the law of a saved fit is, if it is not one of p2law's."""
    parser.add_argument(
        "--law", metavar="module:function", action="append", default=[], help="the fit's law, if it is your own"
    )


def interval_arguments(
    parser: ArgumentParser,
    methods: Sequence[str] = ("wald", "bootstrap"),
    default: str = "bootstrap if it has draws, else wald",
) -> None:
    """Level and method of intervals."""
    group = parser.add_argument_group("intervals")
    level_argument(group)
    group.add_argument("--method", choices=methods, help=f"default: {default}")
    draws_argument(group)


def interval_options(options: Namespace) -> dict[str, Any]:
    """What :func:`interval_arguments` asked for, as keywords of plans."""
    return {"level": options.level, "method": options.method}


def level_argument(parser: _ActionsContainer, about: str = "confidence level") -> None:
    """The confidence level."""
    parser.add_argument("--level", type=quantity, default=0.95, metavar="0.95", help=f"{about} (default: 0.95)")


def draws_argument(parser: _ActionsContainer) -> None:
    """The number of bootstrap draws."""
    parser.add_argument("--draws", type=int, metavar="1000", help="bootstrap the fit: refits of resampled runs")


def at_argument(
    parser: ArgumentParser, example: str = "NAME=VALUE", *, required: bool = False, about: str = ""
) -> None:
    """The law's columns at which a question is asked."""
    about = about or "the law's other columns; several values with commas between, or repeat for more"
    parser.add_argument(
        "--at", type=columns, action="append", default=[], required=required, metavar=example, help=about
    )


def table_arguments(parser: ArgumentParser) -> _ArgumentGroup:
    """Which rows and columns of a table; returns the group of options, for more of them."""
    group = parser.add_argument_group("which rows and columns")
    add = group.add_argument
    add("--columns", type=pairs, action="extend", default=[], metavar="N0=params,D=tokens", help="law's=table's")
    add("--where", type=pairs, action="extend", default=[], metavar="COLUMN=VALUE", help="keep rows with it")
    add("--metric", metavar="NAME", help="logged quantity that is the loss (default: the validation loss)")
    add("--tokens-per-step", type=quantity, metavar="65536", help="for logs that count steps only")
    given = {"type": numbers_or_text, "action": "extend", "metavar": "N0=7B,rho=0.25,L0=2.1"}
    add("--given", default=[], help="columns that a log lacks", **given)
    return group


# From options to the columns, fits, laws and rows that they name.


def check_names(points: Sequence[Columns], *sources: "Origin | None") -> None:
    """Refuse columns in ``--at`` that no law at hand has."""
    from ..data.control import CONTROL

    known = [v.name for source in sources if source is not None for v in source.law.variables]
    known = list(dict.fromkeys([*known, CONTROL]))
    for name in (name for each in points for name in each):
        if name not in known:
            raise DataError(f"--at {name}=...: there is no column {name!r}; there are {', '.join(known)}.")


def at_columns(points: Sequence[Columns], *sources: "Origin | None") -> dict[str, Any]:
    """The columns of ``--at`` as keywords: numbers for one point, arrays for several, (points,)."""
    check_names(points, *sources)
    frame = as_table(points)
    return {str(name): column.item() if len(frame) == 1 else column.to_numpy() for name, column in frame.items()}


def at_point(points: Sequence[Columns], *sources: "Origin | None") -> dict[str, Any]:
    """The columns of ``--at`` as keywords where a command takes one point; refuses several."""
    check_names(points, *sources)
    frame = as_table(points)
    if len(frame) > 1:
        raise DataError(f"--at gives {len(frame)} points: this answers for one at a time.")
    return {str(name): column.item() for name, column in frame.items()}


def as_table(points: Sequence[Columns]) -> "pd.DataFrame":
    """One row per point: lists of one option go together value by value, single values belong to all.

    Refuses lists that differ in length, and points that differ in their columns.
    """
    import pandas as pd

    frames = []
    for each in points:
        lengths = {name: len(values) for name, values in each.items()}
        most = max(lengths, key=lengths.__getitem__)
        count = lengths[most]
        wrong = [name for name, length in lengths.items() if length not in (1, count)]
        if wrong:
            short = f"{count} values of {most} and {lengths[wrong[0]]} of {wrong[0]}"
            raise DataError(f"{short} do not go together: give as many of each, or one.")
        frames.append(pd.DataFrame({name: v * (count // len(v)) for name, v in each.items()}))
        if set(each) != set(points[0]):
            raise DataError(
                f"{', '.join(points[0])} here and {', '.join(each)} there: name the same columns each time."
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(index=range(1))


def published() -> "dict[str, Constants]":
    """Constants from the literature by the name they have at the shell."""
    from ..laws import Constants, published

    found = {name: value for name, value in vars(published).items() if isinstance(value, Constants)}
    return {name.lower().replace("_", "-"): value for name, value in found.items()}


def find_source(text: str, options: Namespace) -> "Origin":
    """A saved fit, or published constants by name; refuses other names, and draws of constants."""
    known = published()
    if text in known:
        if getattr(options, "draws", None) is not None:
            raise FitError(f"{text} are constants without rows: they cannot be resampled; leave out --draws.")
        return known[text]
    if not _file_and_group(text)[0].endswith(".json") and not Path(text).exists():
        raise FitError(f"{text!r} is neither a saved fit (.json) nor published constants: {', '.join(known)}.")
    return load_fit(text, options)


def load_fit(path: str, options: Namespace) -> "Fit":
    """A saved fit, resampled where ``--draws`` asks for it."""
    if path in published():
        raise FitError(f"{path} are constants without rows: this needs a saved fit.")
    fit = _read_fit(path, options.law)
    draws = getattr(options, "draws", None)
    return fit if draws is None else fit.bootstrap(draws)


def _read_fit(path: str, laws: Sequence[str]) -> "Fit":
    """A saved fit of a law of p2law, or of the first of these laws that is its own."""
    from ..fitting.joint import Joint
    from ..fitting.result import Fit

    file, group = _file_and_group(path)
    failed = []
    for name in (None, *laws):
        law = None if name is None else find_law(name)
        try:
            return Joint.from_json(Path(file), law=law).of(group) if group else Fit.from_json(Path(file), law=law)
        except FitError as error:
            failed.append(error)
    raise FitError(f"{path}: {failed[-1]}", remedies=failed[-1].remedies) from failed[-1]


def optional_fit(path: str | None, options: Namespace) -> "Fit | None":
    """A saved fit, if one is named."""
    return None if path is None else load_fit(path, options)


def _file_and_group(path: str) -> tuple[str, str]:
    """The file, and which group of a joint fit if one is named: ``joint.json:width``, ``joint.json:2:4``."""
    file, found, group = path.partition(".json:")
    return (f"{file}.json", group) if found else (path, "")


def find_law(text: str) -> "Law":
    """A law by name, or ``module:function`` from the current directory or any installed package."""
    from importlib import import_module

    from .. import laws

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


def read_rows(options: Namespace) -> "pd.DataFrame":
    """The rows asked for of a bundled data set, a table or a log, with the law's names for its columns."""
    from ..data.observations import as_frame
    from ..data.readers import read

    name, renamed = options.table, dict(options.columns)
    log = {"metric": options.metric, "tokens_per_step": options.tokens_per_step, "given": dict(options.given)}
    if name not in datasets.names():
        frame = read(name, columns=renamed, **log)
    elif any(log.values()):
        raise DataError(f"{name} is a bundled table: --metric, --tokens-per-step and --given are for logs of your own.")
    else:
        frame = as_frame(datasets.load(name), renamed)
    ours = {theirs: law_name for law_name, theirs in renamed.items()}
    for column, value in options.where:
        frame = _where(frame, column if column in frame.columns else ours.get(column, column), value)
    return frame


def _where(frame: "pd.DataFrame", column: str, value: str) -> "pd.DataFrame":
    """The rows whose column has this value, written as text or as a quantity."""
    if column not in frame.columns:
        raise DataError(f"--where {column}={value}: the table has no such column; it has {', '.join(frame.columns)}.")
    found = frame[column]
    kept = found.astype(str) == value
    if found.dtype.kind in "biufc" and not kept.any():
        with suppress(ValueError):
            kept = found == parse_quantity(value)
    if not kept.any():
        some = ", ".join(map(str, found.unique()[:8]))
        raise DataError(f"--where {column}={value}: no row has this value; there are {some}.")
    return frame[kept]
