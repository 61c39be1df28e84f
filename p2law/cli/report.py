"""What a saved fit says of itself: its report, intervals, what the data fix, its runs, the P² paper's conditions."""

import re
from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np
import pandas as pd

import p2law

from .. import laws
from ..data import datasets
from ..data.arguments import check_level
from ..data.quantities import format_quantity
from ..errors import DataError, FitError
from ..fitting.result import Fit
from ..fitting.uncertainty.intervals import method_of
from ..laws import Constants
from . import arguments, command
from .command import Answer, Command, Question, told
from .fit import show

_METHODS = ("wald", "bootstrap", "bca", "profile")


def _report_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    arguments.draws_argument(parser)
    parser.add_argument("--out", metavar="FIT.json", help="save the fit again, with its draws")
    parser.add_argument("--plot", metavar="FIT.png", help="save a picture of points and curves (png, pdf, svg)")


def _report(options: Namespace) -> int:
    command.check_target(options.out)
    command.check_picture(options.plot)
    return show(arguments.load(options.fit, options), options)


REPORT = Command(
    "Print the report of a saved fit.",
    _report_arguments,
    _report,
    ("fit.json", "fit.json --plot fit.png", "fit.json --draws 1000 --out fit-with-draws.json"),
)


def _interval_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    arguments.interval_arguments(parser, *_METHODS)


def _intervals(options: Namespace) -> Answer:
    fit = arguments.load(options.fit, options)
    table = fit.intervals(options.level, method=options.method)
    how = method_of(options.method, fit)
    head = f"{fit.law.title}: {100 * options.level:g} % intervals of the constants, raw units ({how})"
    resampled = fit.resampled if how in ("bootstrap", "bca") else None
    note = "" if resampled is None else f"\n{resampled.describe()}"
    return Answer(f"{head}\n{written(table)}{note}", table, rests_on=(fit,))


INTERVALS = Question(
    "Confidence intervals of a fit's constants.",
    _interval_arguments,
    _intervals,
    ("fit.json", "fit.json --method profile --level 0.9 --out intervals.csv", "fit.json --draws 1000 --method bca"),
    drawn=False,
)


def _identifiability_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    arguments.interval_arguments(parser, *_METHODS, usual="profile")


def _identifiability(options: Namespace) -> Answer:
    fit = arguments.load(options.fit, options)
    method = options.method or "profile"
    return told(fit.identifiability(level=options.level, method=method), fit)


IDENTIFIABILITY = Question(
    "What the data fix and what they leave open: constants, combinations, predictions, the run that would tell most.",
    _identifiability_arguments,
    _identifiability,
    ("fit.json", "fit.json --method wald --out constants.csv"),
    drawn=False,
)


def _influence_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    about = "a forecast; without it, the change of every constant in standard errors"
    arguments.at_argument(parser, "N0=54M,rho=0.3,D=10M,L0=3.1", about=about)


def _influence(options: Namespace) -> Answer:
    fit = arguments.load(options.fit, options)
    table = fit.influence(**arguments.point_of(options.at, fit))
    changes = "change of each constant, in standard errors; nan: these data do not determine it"
    what = "the loss forecast there" if options.at else changes
    head = f"{fit.law.title}: what leaving out each run does ({what})"
    return Answer(f"{head}\n{written(table, index=True)}", table, rests_on=(fit,))


INFLUENCE = Question(
    "What leaving out each run does to the constants, or to a forecast.",
    _influence_arguments,
    _influence,
    ("fit.json", "fit.json --at N0=54M,rho=0.3,D=10M,L0=3.1 --out influence.csv"),
    drawn=False,
)


def _conditions_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    arguments.level_argument(parser)


def _conditions(options: Namespace) -> Answer:
    fit = arguments.load(options.fit, options)
    return told(p2law.conditions(fit, level=options.level), fit)


CONDITIONS = Question(
    "The behaviours that the P² paper requires of a law, checked over the fitted range.",
    _conditions_arguments,
    _conditions,
    ("fit.json", "fit.json --out conditions.csv"),
    drawn=False,
)


def written(table: pd.DataFrame, *, index: bool = False) -> str:
    """A table as text, four digits and more."""
    return table.to_string(index=index, float_format=lambda value: f"{value:.5g}")


# ``p2law predict``: the loss at given columns, with an interval where asked for.


def _arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser, literature=True)
    what = "a value, or several, for each of the law's columns; repeat for more (control baseline: L_control for L0)"
    arguments.at_argument(parser, "N0=8B,D=1B,rho=0.25,L0=2.1", required=True, about=what)
    parser.add_argument("--control", metavar="FIT.json", help="baseline control: a fit of law power to its curve")
    parser.add_argument("--interval", choices=("mean", "new"), help="of the law itself, or of a new run")
    arguments.interval_arguments(parser, "wald", "bootstrap", "profile")


def _predict(options: Namespace) -> Answer:
    check_level(options.level)
    source = arguments.find(options.fit, options)
    control = arguments.maybe(options.control, options)
    if isinstance(source, Constants) and (options.interval or control):
        flag = "--interval: the correlations of their errors are unknown" if options.interval else "--control"
        raise FitError(f"{options.fit} are published constants, they have no {flag}.")
    arguments.check_names(options.at, source)
    asked = arguments.table_of(options.at)
    rows: list[dict[str, Any]] = [{str(k): float(v) for k, v in row.items()} for row in asked.to_dict("records")]
    table = pd.concat([_one(source, control, row, options) for row in rows], ignore_index=True)
    unit = source.law.response.kind.unit or source.law.response.name
    lines = [_line(at, found, unit) for at, (_, found) in zip(rows, table.iterrows(), strict=True)]
    return Answer("\n".join(lines), pd.concat([asked, table], axis=1), rests_on=(source, control))


def _one(source: arguments.Source, control: Fit | None, at: dict[str, Any], options: Namespace) -> pd.DataFrame:
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


# ``p2law laws`` and ``p2law data``: what there is.


def _laws_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("law", nargs="?", help="only this one, with its documentation")


def _laws(options: Namespace) -> int:
    if options.law:
        law = arguments.find_law(options.law)
        print(f"{_entry(law)}\n\n{law.doc}\n\nreference: {law.reference or 'none given'}")
        return 0
    print("\n\n".join([*(_entry(laws.get(name)) for name in laws.names()), "published constants:"]))
    for name, constants in arguments.published().items():
        print(f"    {name}: {constants.law.name}, {constants.source}")
    return 0


def _entry(law: laws.Law) -> str:
    columns = ", ".join(f"{v.name} ({v.kind.unit})" if v.kind.unit else v.name for v in law.variables)
    lines = [f"{law.name}: {law.title}", f"    {formula(law)}", f"    columns:   {columns}, {law.response.name}"]
    lines.append(f"    constants: {', '.join(p.name for p in law.parameters)}")
    return "\n".join(line for line in lines if line.strip())


def formula(law: laws.Law) -> str:
    """The formula of a law's documentation in plain text; empty if it shows none."""
    found = re.search(r"\.\. math::\s*(.*?)(?:\n\s*\n|\Z)", law.doc, re.DOTALL)
    if found is None:
        return ""
    text = re.sub(r"\\left|\\right", "", found[1]).replace(r"\,", " ")
    text = re.sub(r"\\bar\s*(\w)", r"\1_avg", text)
    text = re.sub(r"\{([^{}]*)\}", r"\1", text).replace("\\", "")
    return re.sub(r"\(\s+|\s+\)", lambda bracket: bracket[0].strip(), " ".join(text.split()))


def _data_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", choices=datasets.names(), help="without it, the names")
    parser.add_argument("--out", metavar="RUNS.csv", help="write the table instead of showing its data card")
    parser.add_argument("--rows", choices=("fit", "all"), default="fit", help="rows to be fitted, or every logged one")


def _data(options: Namespace) -> int:
    if options.name is None:
        print("\n".join(datasets.names()))
    elif options.out:
        command.check_target(options.out)
        frame = datasets.load(options.name, rows=options.rows)
        frame.to_csv(options.out, index=False)
        print(f"saved {options.out}: {len(frame)} rows")
    else:
        print(datasets.describe(options.name))
    return 0


LAWS = Command(
    "List the laws (formula, columns, constants) and the published constants.", _laws_arguments, _laws, ("", "p2")
)
DATA = Command(
    "Show a bundled data set's card, or write its table.",
    _data_arguments,
    _data,
    ("mini-pruning", "mini-pruning --out runs.csv", "mini-pruning --rows all --out every-row.csv"),
)
