"""Options that commands share: how their text is read, how they are declared, and the rows, fits and laws they name.

Whatever needs pandas or JAX is imported where it is used, so that help texts appear at once.
"""

import sys
from argparse import ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Callable, Sequence
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


# How commands declare their arguments: each is a function that adds it to a parser, or to a group of one.


Argument = Callable[[_ActionsContainer], object]
"""Adds an argument, or several, to a parser or to a group of one."""


def argument(names: str, metavar: str | None, about: str | None, **how: Any) -> Argument:
    """An argument with one name or several (spaces between), and what argparse's ``add_argument`` takes besides."""
    shown = {"metavar": metavar} if metavar else {}
    return lambda parser: parser.add_argument(*names.split(), help=about, **shown, **how)


def number(name: str, metavar: str | None, about: str, **how: Any) -> Argument:
    """An option whose value is a number such as 7B."""
    return argument(name, metavar, about, type=quantity, **how)


MANY: dict[str, Any] = {"action": "extend", "default": []}
"""Of options with a list of values, longer each time they are given."""


def points(name: str, metavar: str, about: str, **how: Any) -> Argument:
    """An option with values by column, one or several each time it is given; :func:`as_table` reads it."""
    return argument(name, metavar, about, type=columns, action="append", **how)


def group(title: str, *arguments: Argument) -> Argument:
    """Arguments under a title of their own in the help text."""
    return lambda parser: add_all(parser.add_argument_group(title), arguments)


def one_of(*arguments: Argument, required: bool = False) -> Argument:
    """Options of which at most one may be given, or exactly one must be."""
    return lambda parser: add_all(parser.add_mutually_exclusive_group(required=required), arguments)


def add_all(parser: _ActionsContainer, arguments: Sequence[Argument]) -> None:
    """Add arguments to a parser or a group, one after the other."""
    for add in arguments:
        add(parser)


# Arguments that several commands have.


def fits(parser: _ActionsContainer, *names: str, also: str = "") -> None:
    """Positional arguments for saved fits (default: one, ``fit``), and where their laws come from."""
    about = f"a fit saved with 'p2law fit --out'{also}; JOINT.json:GROUP for a group of a joint fit"
    for name in names or ("fit",):
        parser.add_argument(name, metavar=f"{name.upper()}.json", help=about)
    LAW(parser)


def sources(parser: _ActionsContainer, *names: str) -> None:
    """Positional arguments for saved fits or published constants."""
    fits(parser, *names, also=f", or published constants: {', '.join(published())}")


def level(about: str = "confidence level") -> Argument:
    """The confidence level."""
    return number("--level", "0.95", f"{about} (default: 0.95)", default=0.95)


def intervals(
    methods: Sequence[str] = ("wald", "bootstrap"), default: str = "bootstrap if it has draws, else wald"
) -> Argument:
    """Level and method of intervals, and draws for them; :func:`interval_options` reads them."""
    return group("intervals", level(), argument("--method", None, f"default: {default}", choices=methods), DRAWS)


def interval_options(options: Namespace) -> dict[str, Any]:
    """What :func:`intervals` asked for, as keywords of plans."""
    return {"level": options.level, "method": options.method}


def at(
    example: str = "NAME=VALUE",
    about: str = "the law's other columns; several values with commas between, or repeat for more",
    **how: Any,
) -> Argument:
    """The law's columns at which a question is asked."""
    return points("--at", example, about, default=[], **how)


def control(curve: str = "the control's curve") -> Argument:
    """The saved fit of a moving baseline."""
    return argument("--control", "FIT.json", f"baseline control: a fit of law power to {curve}")


LAW = argument("--law", "module:function", "the fit's law, if it is your own", action="append", default=[])
DRAWS = argument("--draws", "1000", "bootstrap the fit: refits of resampled runs", type=int)


def rows(*more: Argument) -> Argument:
    """Which rows and columns of a table; :func:`read_rows` reads them."""
    return group(
        "which rows and columns",
        argument("--columns", "N0=params,D=tokens", "law's=table's", type=pairs, **MANY),
        argument("--where", "COLUMN=VALUE", "keep rows with it", type=pairs, **MANY),
        argument("--metric", "NAME", "logged quantity that is the loss (default: the validation loss)"),
        number("--tokens-per-step", "65536", "for logs that count steps only"),
        argument("--given", "N0=7B,rho=0.25,L0=2.1", "columns that a log lacks", type=numbers_or_text, **MANY),
        *more,
    )


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
    found, count = at_columns(points, *sources), len(as_table(points))
    if count > 1:
        raise DataError(f"--at gives {count} points: this answers for one at a time.")
    return found


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
