"""``p2law holdout`` and ``p2law compare``: laws tested on rows that they were not fitted to."""

from argparse import ArgumentParser, Namespace
from typing import Any

from . import arguments, fit
from .command import Answer, AnswerCommand, as_answer


def _table_argument(parser: ArgumentParser) -> None:
    table = f"{arguments.TABLE_HELP}; or a saved fit (.json), fitted again"
    parser.add_argument("table", metavar="RUNS", help=table)
    law = "name of a law, or module:function (not for saved fits of p2law's own laws)"
    parser.add_argument("--law", metavar="LAW", help=law)


def _split_arguments(parser: ArgumentParser, default: str = "tokens") -> None:
    group = parser.add_argument_group("what is held out")
    add = group.add_argument
    by = "tokens (D): the end of every run; a size or rate: the highest; run, method, ...: each in turn"
    add("--by", metavar="COLUMN", help=f"{by} (default: {default})")
    share = "share that is fitted; several: a rolling origin (default: 0.8)"
    add("--fraction", type=arguments.quantities, default=[0.8], metavar="0.8", help=share)
    arguments.level_argument(group)


def _split(options: Namespace) -> dict[str, Any]:
    return {"by": options.by, "fraction": options.fraction, "level": options.level}


def _holdout(options: Namespace) -> Answer:
    from ..validate import holdout

    law, table, how = fit.law_and_rows(options)
    found = holdout(law, table, **_split(options), **how)
    return as_answer(found, *(fold.fit for fold in found.folds), picture="holdout")


HOLDOUT = AnswerCommand(
    "Fit a part of the table, predict the rest, and say how far off, beside naive baselines.",
    (_table_argument, _split_arguments, fit.add_options),
    _holdout,
    (
        "fit.json --by N0",
        "mini-pruning --where method=width --law p2 --by rho --out holdout.csv --plot holdout.png",
        "mini-pruning --where method=width --law p2 --baseline control --by D --fraction 0.3,0.5,0.8",
    ),
)


def _compare_arguments(parser: ArgumentParser) -> None:
    laws = "laws to compare, with the fit's own"
    parser.add_argument("--laws", type=arguments.names, required=True, metavar="p2,p2_log_rate", help=laws)
    _split_arguments(parser, "the largest sizes where there are three, else tokens")


def _compare(options: Namespace) -> Answer:
    from ..validate import compare

    laws = [arguments.find_law(name) for name in options.laws]
    if options.table.endswith(".json") or options.law is not None:
        law, table, how = fit.law_and_rows(options)
        laws = [law, *(other for other in laws if other.name != law.name)]
    else:
        table, how = arguments.read_rows(options), fit.fit_options(options)
    found = compare(laws, table, **_split(options), **how)
    return as_answer(found, *found.fits.values())


COMPARE = AnswerCommand(
    "Compare laws on the same rows, best on held-out rows first.",
    (_table_argument, _compare_arguments, fit.add_options),
    _compare,
    (
        "fit.json --laws p2_without_size_term,p2_log_rate",
        "mini-pruning --where method=width --laws p2,p2_without_size_term --by rho --out laws.csv",
    ),
    drawn=False,
)
