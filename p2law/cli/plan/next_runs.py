"""``p2law plan next``: which runs to train next."""

from argparse import ArgumentParser, Namespace

import pandas as pd

import p2law

from ...errors import DataError
from .. import sources, values
from ..answers import Answer, Question, told


def _arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    add = parser.add_argument
    candidates = parser.add_argument_group("runs that might be trained (one of these)")
    either = candidates.add_mutually_exclusive_group(required=True).add_argument
    either("--candidates", metavar="TABLE.csv", help="N0,rho,D of each run at its end (and cost); or its checkpoints")
    run = {"type": values.columns, "action": "append", "metavar": "N0=54M,rho=0.3,D=10M"}
    either("--candidate", help="a run, or several; repeat for more", **run)
    target = {"type": values.columns, "action": "append", "required": True, "metavar": "N0=1B,rho=0.3,D=1B,L0=2"}
    add("--target", help="the forecast that matters, or several", **target)
    add("--cost", metavar="COLUMN", help="of the candidates (default: cost, else 6 N D)")
    add("--budget", type=values.quantity, metavar="1e18", help="pick runs until it is spent, in units of the cost")
    add("--most", type=int, metavar="3", help="pick no more (default: 3, or all that the budget pays)")
    sources.level_argument(parser)
    sources.draws_argument(parser)


def _next(options: Namespace) -> Answer:
    fit = sources.load(options.fit, options)
    found = p2law.next_runs(
        fit,
        _candidates(options),
        target=values.table_of(options.target),
        cost=options.cost,
        budget=options.budget,
        most=options.most,
        level=options.level,
    )
    return told(found, fit, draw=lambda record, ax: p2law.plot.next_runs(record, ax))


def _candidates(options: Namespace) -> pd.DataFrame:
    if options.candidates is not None:
        return p2law.read(options.candidates)
    frame = values.table_of(options.candidate)
    if options.cost is not None and options.cost not in frame.columns:
        raise DataError(f"--cost {options.cost}: give it with each run, --candidate ...,{options.cost}=1000.")
    return frame.set_axis([f"run {i + 1}" for i in range(len(frame))], axis="index")


NEXT = Question(
    "Which runs to train next: those that narrow a forecast most per unit of cost.",
    _arguments,
    _next,
    (
        "fit.json --candidate N0=27M,54M,rho=0.3,D=10M --target N0=108M,rho=0.3,D=10M,L0=3",
        "fit.json --candidates candidates.csv --target N0=108M,rho=0.3,D=10M,L0=3 --budget 1e16 --out next.csv",
    ),
)
