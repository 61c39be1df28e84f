"""``p2law fit`` and ``p2law joint``, and the options of every command that fits."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from ..errors import FitError
from . import arguments
from .arguments import add_all, argument, group, number
from .command import check_picture, check_target, command, exit_code, picture_of, save_picture

if TYPE_CHECKING:
    import pandas as pd

    from ..fitting.result import Fit
    from ..laws import Law

_EXCESS = "excess over L0, or over the control"
_OBJECTIVES = ("huber", "squared", "absolute")
_SPACES = ("log", "linear", "excess")
OPTIONS = (
    arguments.rows(
        number("--min-tokens", "300k", "leave out earlier rows (warm-up)"),
        argument("--run", "COLUMN", "names the curve of each row (default: run, if there)", default="run"),
        argument("--weights", "COLUMN", "weight of each row"),
    ),
    group(
        "what is fitted",
        argument("--baseline", None, f"{_EXCESS} (default: fixed)", choices=("fixed", "control"), default="fixed"),
        argument("--objective", None, "default: huber", choices=_OBJECTIVES, default="huber"),
        argument("--space", None, "of the residuals (default: log; squared: linear)", choices=_SPACES),
        number("--delta", None, "Huber's threshold (default: 1e-3)"),
        argument("--fixed", "E=1.69", "hold constants at a value", type=arguments.numbers, **arguments.MANY),
        argument("--tied", "alpha,beta", "hold constants equal", type=arguments.names, action="append"),
        argument("--bounds", "alpha=0.1:1", "replace a constant's domain", type=arguments.ranges, **arguments.MANY),
        argument("--seed", None, "seed of the starts (default: 0)", type=int, default=0),
    ),
)
"""Which rows, and what is fitted to them."""
_TABLE_AND_LAW = (
    argument("table", None, arguments.TABLE_HELP),
    argument("--law", "LAW", "name of a law (see 'p2law laws'), or module:function for your own", required=True),
)
PLOT = argument("--plot", "FIT.png", "save a picture of points and curves (png, pdf, svg)")


def fit_options(options: Namespace) -> dict[str, Any]:
    """Options of :func:`p2law.fit`."""
    from ..fitting import objective

    if options.delta is not None and options.objective != "huber":
        raise FitError(f"--delta is Huber's threshold: leave it out with --objective {options.objective}.")
    kinds = {"huber": objective.Huber, "squared": objective.Squared, "absolute": objective.LeastAbsolute}
    given = {"delta": options.delta, "space": options.space}
    return {
        "objective": kinds[options.objective](**{name: value for name, value in given.items() if value is not None}),
        "weights": options.weights,
        "fixed": dict(options.fixed),
        "bounds": dict(options.bounds),
        "tied": options.tied,
        "baseline": options.baseline,
        "run": options.run,
        "min_tokens": options.min_tokens,
        "rng": options.seed,
    }


def law_and_rows(options: Namespace) -> "tuple[Law, pd.DataFrame, dict[str, Any]]":
    """What to fit: a law, rows and options of :func:`p2law.fit`, from a saved fit or from a table and ``--law``.

    Refuses options that say once more what was fitted to give a saved fit.
    """
    from ..data.control import CONTROL

    if not options.table.endswith(".json"):
        if options.law is None:
            raise FitError(f"--law is missing: which law is to be fitted to {options.table}? See 'p2law laws'.")
        return arguments.find_law(options.law), arguments.read_rows(options), fit_options(options)
    bare = ArgumentParser()
    add_all(bare, OPTIONS)
    given = [name for name, default in vars(bare.parse_args([])).items() if getattr(options, name) != default]
    if given:
        flag = given[0].replace("_", "-")
        raise FitError(f"--{flag}: {options.table} says itself what was fitted; leave it out, or give the table.")
    fit = arguments.load_fit(options.table, Namespace(law=[options.law] if options.law else []))
    table, how = fit.table, fit.options
    if fit.baseline == "control":
        table = table.assign(**{CONTROL: table[fit.law.variable("loss")]})
    again = {"fixed": how.fixed, "tied": how.tied, "bounds": how.bounds, "baseline": how.baseline, "run": how.run}
    return fit.law, table, {"objective": fit.objective, **again}


@command(
    "Fit a law to a table of logged losses and print the report.",
    *_TABLE_AND_LAW,
    argument("--out", "FIT.json", "save the fit"),
    PLOT,
    arguments.DRAWS,
    *OPTIONS,
    examples=(
        "mini-pruning --where method=width --law p2 --plot fit.png",
        "mini-pruning --where method=width --law p2 --out fit.json --draws 1000",
        "mini-pruning --where method=width --law p2 --baseline control --out moving.json",
        "mini-dense --law chinchilla --columns N=N_nonemb --out dense.json",
        "runs.csv --law p2 --columns N0=params,D=tokens --min-tokens 1M",
        "runs.csv --law chinchilla --fixed E=1.69 --tied alpha,beta --bounds alpha=0.1:1",
        "runs.csv --law mylaws:plateau               # a function with @p2law.law in ./mylaws.py",
    ),
)
def fit(options: Namespace) -> int:
    """Fit a law to a table or log and show the fit; returns the exit code."""
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


@command(
    "Fit a law to several groups of runs at once, with some constants shared, and test the sharing.",
    *_TABLE_AND_LAW,
    argument("--by", "COLUMN", "tells the groups apart, such as method", required=True),
    argument("--shared", "beta,E", "constants that all groups have in common", required=True, type=arguments.names),
    argument("--out", "JOINT.json", "save it; other commands take a group of it as JOINT.json:GROUP"),
    *OPTIONS,
    examples=(
        "mini-pruning --law p2 --by method --shared beta --min-tokens 300k",
        "mini-pruning --law p2 --by method --shared beta,delta --baseline control --out joint.json",
    ),
)
def joint(options: Namespace) -> int:
    """Fit a law over groups and print it; returns the exit code."""
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
