"""``p2law holdout`` and ``p2law compare``: laws tested on rows that they were not fitted to."""

from argparse import Namespace
from typing import Any

from . import arguments, fit
from .arguments import Argument, argument, group
from .command import Answer, as_answer, question

_TABLE_AND_LAW = (
    argument("table", "RUNS", f"{arguments.TABLE_HELP}; or a saved fit (.json), fitted again"),
    argument("--law", "LAW", "name of a law, or module:function (not for saved fits of p2law's own laws)"),
)


def _split_arguments(default: str) -> Argument:
    """What is held out; :func:`_split` reads it."""
    by = "tokens (D): the end of every run; a size or rate: the highest; run, method, ...: each in turn"
    share = "share that is fitted; several: a rolling origin (default: 0.8)"
    return group(
        "what is held out",
        argument("--by", "COLUMN", f"{by} (default: {default})"),
        argument("--fraction", "0.8", share, type=arguments.quantities, default=[0.8]),
        arguments.level(),
    )


def _split(options: Namespace) -> dict[str, Any]:
    return {"by": options.by, "fraction": options.fraction, "level": options.level}


@question(
    "Fit a part of the table, predict the rest, and say how far off, beside naive baselines.",
    *_TABLE_AND_LAW,
    _split_arguments("tokens"),
    *fit.OPTIONS,
    examples=(
        "fit.json --by N0",
        "mini-pruning --where method=width --law p2 --by rho --out holdout.csv --plot holdout.png",
        "mini-pruning --where method=width --law p2 --baseline control --by D --fraction 0.3,0.5,0.8",
    ),
)
def holdout(options: Namespace) -> Answer:
    from .. import validate

    law, table, how = fit.law_and_rows(options)
    found = validate.holdout(law, table, **_split(options), **how)
    return as_answer(found, *(fold.fit for fold in found.folds), picture="holdout")


@question(
    "Compare laws on the same rows, best on held-out rows first.",
    *_TABLE_AND_LAW,
    argument("--laws", "p2,p2_log_rate", "laws to compare, with the fit's own", type=arguments.names, required=True),
    _split_arguments("the largest sizes where there are three, else tokens"),
    *fit.OPTIONS,
    examples=(
        "fit.json --laws p2_without_size_term,p2_log_rate",
        "mini-pruning --where method=width --laws p2,p2_without_size_term --by rho --out laws.csv",
    ),
    drawn=False,
)
def compare(options: Namespace) -> Answer:
    """Laws compared on held-out rows."""
    from .. import validate

    laws = [arguments.find_law(name) for name in options.laws]
    if options.table.endswith(".json") or options.law is not None:
        law, table, how = fit.law_and_rows(options)
        laws = [law, *(other for other in laws if other.name != law.name)]
    else:
        table, how = arguments.read_rows(options), fit.fit_options(options)
    found = validate.compare(laws, table, **_split(options), **how)
    return as_answer(found, *found.fits.values())
