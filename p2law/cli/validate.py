"""``p2law holdout`` and ``p2law compare``: laws put to the test on rows they have not seen."""

from argparse import ArgumentParser, Namespace
from typing import Any

import p2law

from . import arguments
from . import fit as fitting
from .command import Answer, Question, told


def _test_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("table", metavar="RUNS", help=f"{arguments.HELP}; or a saved fit (.json), fitted again")
    law = "name of a law, or module:function (not for saved fits of p2law's own laws)"
    parser.add_argument("--law", metavar="LAW", help=law)


def _split_arguments(parser: ArgumentParser, usual: str) -> None:
    group = parser.add_argument_group("what is held out")
    add = group.add_argument
    by = "tokens (D): the end of every run; a size or rate: the highest; run, method, ...: each in turn"
    add("--by", metavar="COLUMN", help=f"{by} (default: {usual})")
    share = "share that is fitted; several: a rolling origin (default: 0.8)"
    add("--fraction", type=arguments.quantities, default=[0.8], metavar="0.8", help=share)
    arguments.level_argument(group)


def _holdout_arguments(parser: ArgumentParser) -> None:
    _test_arguments(parser)
    _split_arguments(parser, "tokens")
    fitting.fitted_arguments(parser)


def _split(options: Namespace) -> dict[str, Any]:
    return {"by": options.by, "fraction": options.fraction, "level": options.level}


def _holdout(options: Namespace) -> Answer:
    law, table, how = fitting.law_and_rows(options)
    found = p2law.holdout(law, table, **_split(options), **how)
    return told(found, *(fold.fit for fold in found.folds), draw=lambda record, ax: p2law.plot.holdout(record, ax))


HOLDOUT = Question(
    "Fit a part of the table, predict the rest, and say how far off, beside simple baselines.",
    _holdout_arguments,
    _holdout,
    (
        "fit.json --by N0",
        "mini-pruning --where method=width --law p2 --by rho --out holdout.csv --plot holdout.png",
        "mini-pruning --where method=width --law p2 --baseline control --by D --fraction 0.3,0.5,0.8",
    ),
)


def _compare_arguments(parser: ArgumentParser) -> None:
    _test_arguments(parser)
    parser.add_argument(
        "--laws",
        type=arguments.names,
        required=True,
        metavar="p2,p2_log_rate",
        help="laws to compare, with the fit's own",
    )
    _split_arguments(parser, "the largest sizes where there are three, else tokens")
    fitting.fitted_arguments(parser)


def _compare(options: Namespace) -> Answer:
    others = [arguments.find_law(name) for name in options.laws]
    if options.table.endswith(".json") or options.law is not None:
        law, table, how = fitting.law_and_rows(options)
        others = [law, *(other for other in others if other.name != law.name)]
    else:
        table, how = arguments.rows(options), fitting.settings(options)
    found = p2law.compare(others, table, **_split(options), **how)
    return told(found, *found.fits.values())


COMPARE = Question(
    "Hold laws against each other on the same rows, best on held-out rows first.",
    _compare_arguments,
    _compare,
    (
        "fit.json --laws p2_without_size_term,p2_log_rate",
        "mini-pruning --where method=width --laws p2,p2_without_size_term --by rho --out laws.csv",
    ),
    drawn=False,
)
