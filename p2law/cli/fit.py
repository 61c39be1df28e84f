"""``p2law fit``, and how every command that fits learns what to fit."""

from argparse import ArgumentParser, Namespace
from typing import Any

import pandas as pd

import p2law

from ..data.control import CONTROL
from ..errors import FitError
from ..fitting.joint import joint
from ..fitting.objective import Huber, LeastAbsolute, Objective, Squared
from ..fitting.result import Fit
from ..laws import Law
from . import arguments, command
from .command import Command, verdict

_OBJECTIVES = {"huber": Huber, "squared": Squared, "absolute": LeastAbsolute}
_DEFAULTS = {"baseline": "fixed", "objective": "huber", "run": "run", "seed": 0}
_LEFT_OUT: dict[str, Any] = {
    **dict.fromkeys(("min_tokens", "weights", "space", "delta", "tied", "metric", "tokens_per_step")),
    **{name: [] for name in ("columns", "where", "given", "fixed", "bounds")},
}


def fitted_arguments(parser: ArgumentParser) -> None:
    """Which rows, and what is fitted to them."""
    rows = arguments.table_arguments(parser)
    add = rows.add_argument
    add("--min-tokens", type=arguments.quantity, metavar="300k", help="leave out earlier rows (warm-up)")
    add(
        "--run", default=_DEFAULTS["run"], metavar="COLUMN", help="names the curve of each row (default: run, if there)"
    )
    add("--weights", metavar="COLUMN", help="weight of each row")
    add = parser.add_argument_group("what is fitted").add_argument
    excess = "excess over L0, or over the control (default: fixed)"
    add("--baseline", choices=("fixed", "control"), default=_DEFAULTS["baseline"], help=excess)
    add("--objective", choices=tuple(_OBJECTIVES), default=_DEFAULTS["objective"], help="default: huber")
    add("--space", choices=("log", "linear", "excess"), help="of the residuals (default: log; squared: linear)")
    add("--delta", type=arguments.quantity, help="Huber's threshold (default: 1e-3)")
    held = {"action": "extend", "default": []}
    add("--fixed", type=arguments.numbers, metavar="E=1.69", help="hold constants at a value", **held)
    add("--tied", type=arguments.names, action="append", metavar="alpha,beta", help="hold constants equal")
    add("--bounds", type=arguments.ranges, metavar="alpha=0.1:1", help="replace a constant's domain", **held)
    add("--seed", type=int, default=_DEFAULTS["seed"], help="seed of the starts (default: 0)")


def settings(options: Namespace) -> dict[str, Any]:
    """Options of :func:`p2law.fit`."""
    return {
        "objective": _objective(options),
        "weights": options.weights,
        "fixed": dict(options.fixed),
        "bounds": dict(options.bounds),
        "tied": options.tied,
        "baseline": options.baseline,
        "run": options.run,
        "min_tokens": options.min_tokens,
        "rng": options.seed,
    }


def _objective(options: Namespace) -> Objective:
    if options.delta is not None and options.objective != "huber":
        raise FitError(f"--delta is Huber's threshold: leave it out with --objective {options.objective}.")
    given = {"delta": options.delta, "space": options.space}
    return _OBJECTIVES[options.objective](**{name: value for name, value in given.items() if value is not None})


def as_fitted(options: Namespace) -> tuple[Fit, pd.DataFrame, dict[str, Any]]:
    """A saved fit, its rows, and the options with which :func:`p2law.fit` makes it again.

    Raises
    ------
    FitError
        If the options say once more what was fitted.
    """
    given = [name for name, usual in (_DEFAULTS | _LEFT_OUT).items() if getattr(options, name) != usual]
    if given:
        flag = given[0].replace("_", "-")
        raise FitError(f"--{flag}: {options.table} says itself what was fitted; leave it out, or give the table.")
    fit = arguments.load(options.table, Namespace(law=[options.law] if options.law else []))
    base, how = fit.law.variable("loss"), fit.options
    table = fit.table.assign(**{CONTROL: fit.table[base]}) if fit.baseline == "control" else fit.table
    again = {"fixed": how.fixed, "tied": how.tied, "bounds": how.bounds, "baseline": how.baseline, "run": how.run}
    return fit, table, {"objective": fit.objective, **again}


def law_and_rows(options: Namespace) -> tuple[Law, pd.DataFrame, dict[str, Any]]:
    """What to fit: a law, rows and options, from a saved fit or from a table and ``--law``.

    Raises
    ------
    FitError
        If the law is missing.
    """
    if options.table.endswith(".json"):
        fit, table, again = as_fitted(options)
        return fit.law, table, again
    if options.law is None:
        raise FitError(f"--law is missing: which law is to be fitted to {options.table}? See 'p2law laws'.")
    return arguments.find_law(options.law), arguments.rows(options), settings(options)


def table_and_law(parser: ArgumentParser) -> None:
    """What every new fit begins with."""
    add = parser.add_argument
    add("table", help=arguments.HELP)
    add("--law", required=True, metavar="LAW", help="name of a law (see 'p2law laws'), or module:function for your own")


def _arguments(parser: ArgumentParser) -> None:
    table_and_law(parser)
    add = parser.add_argument
    add("--out", metavar="FIT.json", help="save the fit")
    add("--plot", metavar="FIT.png", help="save a picture of points and curves (png, pdf, svg)")
    arguments.draws_argument(parser)
    fitted_arguments(parser)


def _fit(options: Namespace) -> int:
    command.check_target(options.out)
    command.check_picture(options.plot)
    fit = p2law.fit(arguments.find_law(options.law), arguments.rows(options), **settings(options))
    return show(fit if options.draws is None else fit.bootstrap(options.draws, rng=options.seed), options)


def show(fit: Fit, options: Namespace) -> int:
    """Print a fit's report, save what is asked for."""
    print(fit.summary())
    if fit.resampled is not None:
        print(f"\n{fit.resampled.describe()}")
    if options.out:
        fit.to_json(options.out)
        print(f"\nsaved {options.out}")
    if options.plot:
        command.save_picture(lambda ax: p2law.plot.curves(fit, ax), options.plot)
        print(f"\nsaved {options.plot}")
    return verdict(fit)


FIT = Command(
    "Fit a law to a table of logged losses and print the report.",
    _arguments,
    _fit,
    (
        "mini-pruning --where method=width --law p2 --plot fit.png",
        "mini-pruning --where method=width --law p2 --out fit.json --draws 1000",
        "mini-pruning --where method=width --law p2 --baseline control --out moving.json",
        "mini-dense --law chinchilla --columns N=N_nonemb --out dense.json",
        "runs.csv --law p2 --columns N0=params,D=tokens --min-tokens 1M",
        "runs.csv --law chinchilla --fixed E=1.69 --tied alpha,beta --bounds alpha=0.1:1",
        "runs.csv --law mylaws:plateau               # a function with @p2law.law in ./mylaws.py",
    ),
)


# ``p2law joint``: one law over several methods or families, some constants shared.


def _joint_arguments(parser: ArgumentParser) -> None:
    table_and_law(parser)
    add = parser.add_argument
    add("--by", required=True, metavar="COLUMN", help="tells the groups apart, such as method")
    add(
        "--shared",
        required=True,
        type=arguments.names,
        metavar="beta,E",
        help="constants that all groups have in common",
    )
    add("--out", metavar="JOINT.json", help="save it; other commands take a group of it as JOINT.json:GROUP")
    fitted_arguments(parser)


def _joint(options: Namespace) -> int:
    command.check_target(options.out)
    how = {name: value for name, value in settings(options).items() if name != "tied" or value}
    found = joint(arguments.find_law(options.law), arguments.rows(options), by=options.by, shared=options.shared, **how)
    print(found.summary())
    if options.out:
        found.to_json(options.out)
        print(f"\nsaved {options.out}; a group of it is {options.out}:{found.groups[0]}")
    return verdict(found.fit)


JOINT = Command(
    "Fit a law to several groups of runs at once, with some constants shared, and test the sharing.",
    _joint_arguments,
    _joint,
    (
        "mini-pruning --law p2 --by method --shared beta --min-tokens 300k",
        "mini-pruning --law p2 --by method --shared beta,delta --baseline control --out joint.json",
    ),
)
