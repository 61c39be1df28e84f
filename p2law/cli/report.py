"""What there is to read: the report of a saved fit and all it can be asked, predictions, the laws, the bundled data."""

import re
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ..data import datasets
from ..data.quantities import format_quantity
from ..errors import DataError, FitError
from . import arguments
from .arguments import argument
from .command import Answer, as_answer, check_picture, check_target, command, question
from .fit import PLOT, show

if TYPE_CHECKING:
    import pandas as pd

    from ..fitting.result import Fit
    from ..fitting.source import Source
    from ..laws import Law

_METHODS = ("wald", "bootstrap", "bca", "profile")
"""Of intervals of constants."""
_LOSS_METHODS = ("wald", "bootstrap", "profile")
"""Of intervals of a predicted loss."""


@command(
    "Print the report of a saved fit.",
    arguments.fits,
    arguments.DRAWS,
    argument("--out", "FIT.json", "save the fit again, with its draws"),
    PLOT,
    examples=("fit.json", "fit.json --plot fit.png", "fit.json --draws 1000 --out fit-with-draws.json"),
)
def report(options: Namespace) -> int:
    check_target(options.out)
    check_picture(options.plot)
    return show(arguments.load_fit(options.fit, options), options)


@question(
    "Confidence intervals of a fit's constants.",
    arguments.fits,
    arguments.intervals(_METHODS),
    examples=(
        "fit.json",
        "fit.json --method profile --level 0.9 --out intervals.csv",
        "fit.json --draws 1000 --method bca",
    ),
    drawn=False,
)
def intervals(options: Namespace) -> Answer:
    """Intervals of the constants as a table."""
    from ..fitting.uncertainty.intervals import method_of

    fit = arguments.load_fit(options.fit, options)
    table = fit.intervals(options.level, method=options.method)
    how = method_of(options.method, fit)
    head = f"{fit.law.title}: {100 * options.level:g} % intervals of the constants, raw units ({how})"
    resampled = fit.resampled if how in ("bootstrap", "bca") else None
    note = "" if resampled is None else f"\n{resampled.describe()}"
    return Answer(f"{head}\n{_as_text(table)}{note}", table, sources=(fit,))


@question(
    "What the data determine and what not: constants, combinations, predictions, the most informative next run.",
    arguments.fits,
    arguments.intervals(_METHODS, "profile"),
    examples=("fit.json", "fit.json --method wald --out constants.csv"),
    drawn=False,
)
def identifiability(options: Namespace) -> Answer:
    fit = arguments.load_fit(options.fit, options)
    method = options.method or "profile"
    return as_answer(fit.identifiability(level=options.level, method=method), fit)


@question(
    "What leaving out each run does to the constants, or to a forecast.",
    arguments.fits,
    arguments.at(
        "N0=54M,rho=0.3,D=10M,L0=3.1", "a forecast; without it, the change of every constant in standard errors"
    ),
    examples=("fit.json", "fit.json --at N0=54M,rho=0.3,D=10M,L0=3.1 --out influence.csv"),
    drawn=False,
)
def influence(options: Namespace) -> Answer:
    """What leaving out each run does, as a table."""
    fit = arguments.load_fit(options.fit, options)
    table = fit.influence(**arguments.at_point(options.at, fit))
    changes = "change of each constant, in standard errors; nan: these data do not determine it"
    what = "the loss forecast there" if options.at else changes
    head = f"{fit.law.title}: what leaving out each run does ({what})"
    return Answer(f"{head}\n{_as_text(table, index=True)}", table, sources=(fit,))


@question(
    "The behaviours that the P² paper requires of a law, checked over the fitted range.",
    arguments.fits,
    arguments.level(),
    examples=("fit.json", "fit.json --out conditions.csv"),
    drawn=False,
)
def conditions(options: Namespace) -> Answer:
    from .. import validate

    fit = arguments.load_fit(options.fit, options)
    return as_answer(validate.conditions(fit, level=options.level), fit)


def _as_text(table: "pd.DataFrame", *, index: bool = False) -> str:
    """A table as text, four digits and more."""
    return table.to_string(index=index, float_format=lambda value: f"{value:.5g}")


@question(
    "Predict the loss with a saved fit, or with published constants.",
    arguments.sources,
    arguments.at(
        "N0=8B,D=1B,rho=0.25,L0=2.1",
        "a value, or several, for each of the law's columns; repeat for more (control baseline: L_control for L0)",
        required=True,
    ),
    arguments.control("its curve"),
    argument("--interval", None, "of the law itself, or of a new run", choices=("mean", "new")),
    arguments.intervals(_LOSS_METHODS),
    examples=(
        "fit.json --at N0=27M,D=20M,rho=0.3,L0=3.2",
        "fit.json --at N0=27M,54M,D=20M,rho=0.3,L0=3.2 --interval new --out losses.csv",
        "besiroglu-2024 --at N=70B,D=1.4T --at N=7B,D=2T",
    ),
    drawn=False,
)
def predict(options: Namespace) -> Answer:
    """Predicted losses, with intervals where asked for."""
    import pandas as pd

    from ..data.arguments import check_level
    from ..fitting.source import as_source

    check_level(options.level)
    source = as_source("fit", arguments.find_source(options.fit, options))
    control = arguments.optional_fit(options.control, options)
    if not source.fits and (options.interval or control):
        flag = "--interval: the correlations of their errors are unknown" if options.interval else "--control"
        raise FitError(f"{options.fit} are published constants, they have no {flag}.")
    arguments.check_names(options.at, source.origin)
    asked = arguments.as_table(options.at)
    points = [{str(k): float(v) for k, v in row.items()} for row in asked.to_dict("records")]
    table = pd.concat([_one(source, control, at, options) for at in points], ignore_index=True)
    unit = source.law.response.kind.unit or source.law.response.name
    lines = [_line(at, found, unit) for at, found in zip(points, table.to_dict("records"), strict=True)]
    return Answer("\n".join(lines), pd.concat([asked, table], axis=1), sources=(source.origin, control))


def _one(source: "Source", control: "Fit | None", at: dict[str, Any], options: Namespace) -> "pd.DataFrame":
    """The prediction at one point, one row: the loss, and its lower and upper end where asked for."""
    import pandas as pd

    name = source.law.response.name
    if not source.fits:
        missing = [v.name for v in source.law.variables if v.name not in at]
        if missing:
            raise DataError(f"{options.fit} needs {' and '.join(missing)}: give them in --at.")
        return pd.DataFrame({name: [float(source.law(**at, **source.params))]})
    (fit,) = source.fits
    if options.interval is None:
        return pd.DataFrame({name: [fit.predict(control=control, **at)]})
    how: dict[str, Any] = {"level": options.level, "kind": options.interval, "method": options.method}
    return fit.predict_interval(control=control, **how, **at)


def _line(at: dict[str, float], found: dict[Any, Any], unit: str) -> str:
    where = ", ".join(f"{name} = {format_quantity(number, 6)}" for name, number in at.items())
    between = f" [{found['lower']:.6g}, {found['upper']:.6g}]" if "upper" in found else ""
    return f"{next(iter(found.values())):.6g}{between} {unit} at {where}"


@command(
    "List the laws (formula, columns, constants) and the published constants.",
    argument("law", None, "only this one, with its documentation", nargs="?"),
    examples=("", "p2"),
)
def list_laws(options: Namespace) -> int:
    """Print all laws and published constants, or one law whole; returns the exit code."""
    from .. import laws

    if options.law:
        law = arguments.find_law(options.law)
        print(f"{_entry(law)}\n\n{law.doc}\n\nreference: {law.reference or 'none given'}")
        return 0
    print("\n\n".join([*(_entry(laws.get(name)) for name in laws.names()), "published constants:"]))
    for name, constants in arguments.published().items():
        print(f"    {name}: {constants.law.name}, {constants.source}")
    return 0


def _entry(law: "Law") -> str:
    columns = ", ".join(f"{v.name} ({v.kind.unit})" if v.kind.unit else v.name for v in law.variables)
    lines = [f"{law.name}: {law.title}", f"    {formula(law)}", f"    columns:   {columns}, {law.response.name}"]
    lines.append(f"    constants: {', '.join(p.name for p in law.parameters)}")
    return "\n".join(line for line in lines if line.strip())


def formula(law: "Law") -> str:
    """The formula of a law's documentation in plain text; empty if it shows none."""
    found = re.search(r"\.\. math::\s*(.*?)(?:\n\s*\n|\Z)", law.doc, re.DOTALL)
    if found is None:
        return ""
    text = re.sub(r"\\left|\\right", "", found[1]).replace(r"\,", " ")
    text = re.sub(r"\\bar\s*(\w)", r"\1_avg", text)
    text = re.sub(r"\{([^{}]*)\}", r"\1", text).replace("\\", "")
    return re.sub(r"\(\s+|\s+\)", lambda bracket: bracket[0].strip(), " ".join(text.split()))


@command(
    "Show a bundled data set's card, or write its table.",
    argument("name", None, "without it, the names", nargs="?", choices=datasets.names()),
    argument("--out", "RUNS.csv", "write the table instead of showing its data card"),
    argument("--rows", None, "rows to be fitted, or every logged one", choices=("fit", "all"), default="fit"),
    examples=("mini-pruning", "mini-pruning --out runs.csv", "mini-pruning --rows all --out every-row.csv"),
)
def show_data(options: Namespace) -> int:
    """Print the names of the bundled tables, one data card, or save the table; returns the exit code."""
    if options.name is None:
        print("\n".join(datasets.names()))
    elif options.out:
        check_target(options.out)
        frame = datasets.load(options.name, rows=options.rows)
        frame.to_csv(options.out, index=False)
        print(f"saved {options.out}: {len(frame)} rows")
    else:
        print(datasets.describe(options.name))
    return 0
