"""``p2law fit`` and ``p2law joint``, and the options of every command that fits."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from ..errors import FitError
from . import arguments
from .command import Command, check_picture, check_target, exit_code, picture_of, save_picture

if TYPE_CHECKING:
    import pandas as pd

    from ..fitting.objective import Objective
    from ..fitting.result import Fit
    from ..laws import Law

_DEFAULTS = {"baseline": "fixed", "objective": "huber", "run": "run", "seed": 0}
_LEFT_OUT: dict[str, Any] = {
    **dict.fromkeys(("min_tokens", "weights", "space", "delta", "tied", "metric", "tokens_per_step")),
    **{name: [] for name in ("columns", "where", "given", "fixed", "bounds")},
}


def add_options(parser: ArgumentParser) -> None:
    """Which rows, and what is fitted to them."""
    add = arguments.table_arguments(parser).add_argument
    add("--min-tokens", type=arguments.quantity, metavar="300k", help="leave out earlier rows (warm-up)")
    run = "names the curve of each row (default: run, if there)"
    add("--run", default=_DEFAULTS["run"], metavar="COLUMN", help=run)
    add("--weights", metavar="COLUMN", help="weight of each row")
    add = parser.add_argument_group("what is fitted").add_argument
    excess = "excess over L0, or over the control (default: fixed)"
    add("--baseline", choices=("fixed", "control"), default=_DEFAULTS["baseline"], help=excess)
    objectives = ("huber", "squared", "absolute")
    add("--objective", choices=objectives, default=_DEFAULTS["objective"], help="default: huber")
    add("--space", choices=("log", "linear", "excess"), help="of the residuals (default: log; squared: linear)")
    add("--delta", type=arguments.quantity, help="Huber's threshold (default: 1e-3)")
    held = {"action": "extend", "default": []}
    add("--fixed", type=arguments.numbers, metavar="E=1.69", help="hold constants at a value", **held)
    add("--tied", type=arguments.names, action="append", metavar="alpha,beta", help="hold constants equal")
    add("--bounds", type=arguments.ranges, metavar="alpha=0.1:1", help="replace a constant's domain", **held)
    add("--seed", type=int, default=_DEFAULTS["seed"], help="seed of the starts (default: 0)")


def fit_options(options: Namespace) -> dict[str, Any]:
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


def _objective(options: Namespace) -> "Objective":
    from ..fitting.objective import Huber, LeastAbsolute, Squared

    if options.delta is not None and options.objective != "huber":
        raise FitError(f"--delta is Huber's threshold: leave it out with --objective {options.objective}.")
    given = {"delta": options.delta, "space": options.space}
    objective = {"huber": Huber, "squared": Squared, "absolute": LeastAbsolute}[options.objective]
    return objective(**{name: value for name, value in given.items() if value is not None})


def law_and_rows(options: Namespace) -> "tuple[Law, pd.DataFrame, dict[str, Any]]":
    """What to fit: a law, rows and options of :func:`p2law.fit`, from a saved fit or from a table and ``--law``."""
    if options.table.endswith(".json"):
        return _saved(options)
    if options.law is None:
        raise FitError(f"--law is missing: which law is to be fitted to {options.table}? See 'p2law laws'.")
    return arguments.find_law(options.law), arguments.read_rows(options), fit_options(options)


def _saved(options: Namespace) -> "tuple[Law, pd.DataFrame, dict[str, Any]]":
    """The law of a saved fit, its rows, and the options with which :func:`p2law.fit` makes it again.

    Refuses options that say once more what was fitted.
    """
    from ..data.control import CONTROL

    given = [name for name, default in (_DEFAULTS | _LEFT_OUT).items() if getattr(options, name) != default]
    if given:
        flag = given[0].replace("_", "-")
        raise FitError(f"--{flag}: {options.table} says itself what was fitted; leave it out, or give the table.")
    fit = arguments.load_fit(options.table, Namespace(law=[options.law] if options.law else []))
    table, how = fit.table, fit.options
    if fit.baseline == "control":
        table = table.assign(**{CONTROL: table[fit.law.variable("loss")]})
    again = {"fixed": how.fixed, "tied": how.tied, "bounds": how.bounds, "baseline": how.baseline, "run": how.run}
    return fit.law, table, {"objective": fit.objective, **again}


def _table_and_law(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("table", help=arguments.TABLE_HELP)
    add("--law", required=True, metavar="LAW", help="name of a law (see 'p2law laws'), or module:function for your own")


def _fit_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", metavar="FIT.json", help="save the fit")
    add("--plot", metavar="FIT.png", help="save a picture of points and curves (png, pdf, svg)")
    arguments.draws_argument(parser)


def _fit(options: Namespace) -> int:
    from ..fitting.fit import fit_law

    check_target(options.out)
    check_picture(options.plot)
    found = fit_law(arguments.find_law(options.law), arguments.read_rows(options), **fit_options(options))
    return show(found if options.draws is None else found.bootstrap(options.draws, rng=options.seed), options)


def show(fit: "Fit", options: Namespace) -> int:
    """Print a fit's report, save the fit and its picture where asked for; returns the exit code."""
    print(fit.summary())
    if fit.resampled is not None:
        print(f"\n{fit.resampled.describe()}")
    if options.out:
        fit.to_json(options.out)
        print(f"\nsaved {options.out}")
    if options.plot:
        save_picture(picture_of(fit, "curves"), options.plot)
        print(f"\nsaved {options.plot}")
    return exit_code(fit)


FIT = Command(
    "Fit a law to a table of logged losses and print the report.",
    (_table_and_law, _fit_arguments, add_options),
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


def _joint_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--by", required=True, metavar="COLUMN", help="tells the groups apart, such as method")
    shared = "constants that all groups have in common"
    add("--shared", required=True, type=arguments.names, metavar="beta,E", help=shared)
    add("--out", metavar="JOINT.json", help="save it; other commands take a group of it as JOINT.json:GROUP")


def _joint(options: Namespace) -> int:
    from ..fitting.joint import fit_joint

    check_target(options.out)
    how = {name: value for name, value in fit_options(options).items() if name != "tied" or value}
    law, rows = arguments.find_law(options.law), arguments.read_rows(options)
    found = fit_joint(law, rows, by=options.by, shared=options.shared, **how)
    print(found.summary())
    if options.out:
        found.to_json(options.out)
        print(f"\nsaved {options.out}; a group of it is {options.out}:{found.groups[0]}")
    return exit_code(found.fit)


JOINT = Command(
    "Fit a law to several groups of runs at once, with some constants shared, and test the sharing.",
    (_table_and_law, _joint_arguments, add_options),
    _joint,
    (
        "mini-pruning --law p2 --by method --shared beta --min-tokens 300k",
        "mini-pruning --law p2 --by method --shared beta,delta --baseline control --out joint.json",
    ),
)
