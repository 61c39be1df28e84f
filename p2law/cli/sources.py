"""What is asked: saved fits, published constants, laws by name."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .. import laws
from ..baseline import CONTROL
from ..errors import DataError, FitError, LawError, P2LawError
from ..joining import Joint
from ..laws import Constants
from ..laws import published as constants
from ..result import Fit
from . import values

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
    parser.add_argument("--level", type=values.quantity, default=0.95, metavar="0.95", help=f"{about} (default: 0.95)")


def draws_argument(parser: Any) -> None:
    """How often to resample."""
    parser.add_argument("--draws", type=int, metavar="1000", help="bootstrap the fit: refits of resampled runs")


def at_argument(parser: ArgumentParser, example: str, *, required: bool = False, about: str = "") -> None:
    """The law's columns."""
    what = about or "the law's other columns; several values with commas between, or repeat for more"
    add = parser.add_argument
    add("--at", type=values.columns, action="append", default=[], required=required, metavar=example, help=what)


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
    frame = values.table_of(asked)
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
    raise FitError(f"{path}: {failed}") from failed


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
