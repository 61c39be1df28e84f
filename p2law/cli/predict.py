"""``p2law predict``: the loss at given columns, with an interval where asked for."""

from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np
import pandas as pd

from ..checks import check_level
from ..errors import DataError, FitError
from ..laws import Constants
from ..quantities import format_quantity
from ..result import Fit
from . import sources, values
from .answers import Answer, Question


def _arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser, literature=True)
    what = "a value, or several, for each of the law's columns; repeat for more (control baseline: L_control for L0)"
    sources.at_argument(parser, "N0=8B,D=1B,rho=0.25,L0=2.1", required=True, about=what)
    parser.add_argument("--control", metavar="FIT.json", help="baseline control: a fit of law power to its curve")
    parser.add_argument("--interval", choices=("mean", "new"), help="of the law itself, or of a new run")
    sources.interval_arguments(parser, "wald", "bootstrap", "profile")


def _predict(options: Namespace) -> Answer:
    check_level(options.level)
    source = sources.find(options.fit, options)
    control = sources.maybe(options.control, options)
    if isinstance(source, Constants) and (options.interval or control):
        flag = "--interval: the correlations of their errors are unknown" if options.interval else "--control"
        raise FitError(f"{options.fit} are published constants, they have no {flag}.")
    sources.check_names(options.at, source)
    asked = values.table_of(options.at)
    rows: list[dict[str, Any]] = [{str(k): float(v) for k, v in row.items()} for row in asked.to_dict("records")]
    table = pd.concat([_one(source, control, row, options) for row in rows], ignore_index=True)
    unit = source.law.response.kind.unit or source.law.response.name
    lines = [_line(at, found, unit) for at, (_, found) in zip(rows, table.iterrows(), strict=True)]
    return Answer("\n".join(lines), pd.concat([asked, table], axis=1), rests_on=(source, control))


def _one(source: sources.Source, control: Fit | None, at: dict[str, Any], options: Namespace) -> pd.DataFrame:
    if isinstance(source, Constants):
        missing = [v.name for v in source.law.variables if v.name not in at]
        if missing:
            raise DataError(f"{options.fit} needs {' and '.join(missing)}: give them in --at.")
        return pd.DataFrame({source.law.response.name: [float(np.asarray(source.predict(**at)))]})
    if options.interval is None:
        return pd.DataFrame({source.law.response.name: [float(np.asarray(source.predict(control=control, **at)))]})
    how = {"level": options.level, "kind": options.interval, "method": options.method, "control": control}
    return source.predict_interval(**how, **at)


def _line(at: dict[str, float], found: pd.Series, unit: str) -> str:
    where = ", ".join(f"{name} = {format_quantity(number, 6)}" for name, number in at.items())
    between = f" [{found['lower']:.6g}, {found['upper']:.6g}]" if "upper" in found.index else ""
    return f"{found.iloc[0]:.6g}{between} {unit} at {where}"


PREDICT = Question(
    "Predict the loss with a saved fit, or with published constants.",
    _arguments,
    _predict,
    (
        "fit.json --at N0=27M,D=20M,rho=0.3,L0=3.2",
        "fit.json --at N0=27M,54M,D=20M,rho=0.3,L0=3.2 --interval new --out losses.csv",
        "besiroglu-2024 --at N=70B,D=1.4T --at N=7B,D=2T",
    ),
    drawn=False,
)
