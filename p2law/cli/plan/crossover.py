"""``p2law plan crossover`` and ``worth``: prune, or train from scratch."""

from argparse import ArgumentParser, Namespace
from typing import Any

import p2law

from .. import sources, values
from ..answers import Answer, Question, told
from .parents import HELP, bill_arguments, parent_of


def _two_fits(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser, "pruned", "scratch", literature=True)
    sources.at_argument(parser, "N0=8B,rho=0.5,L0=2.4")
    parser.add_argument("--parent", type=values.pairs, metavar="size=8B,tokens=15T,loss=2.1", help=HELP)


def _crossover_arguments(parser: ArgumentParser) -> None:
    _two_fits(parser)
    bill_arguments(parser)
    add = parser.add_argument
    add("--size", type=values.quantity, metavar="4B", help="with --charge flops: the pruned model as it is trained")
    add("--scratch-size", type=values.quantity, metavar="4B", help="and the one from scratch (default: the same)")
    add("--range", type=values.span, metavar="1B:1T", help="retraining tokens to look at (default: as fitted)")
    sources.interval_arguments(parser)


def _asked(options: Namespace) -> tuple[tuple[sources.Source, sources.Source], dict[str, Any], Any]:
    """Both fits, the options that both questions take, and the fit of the parent's loss if there is one."""
    fits = sources.find(options.pruned, options), sources.find(options.scratch, options)
    parent, curve = parent_of(dict(options.parent), options) if options.parent else (None, None)
    how = {"parent": parent, "level": options.level, "method": options.method}
    return fits, how | sources.point_of(options.at, *fits), curve


def _crossover(options: Namespace) -> Answer:
    fits, how, curve = _asked(options)
    names = ("charge", "children", "size", "scratch_size", "range")
    found = p2law.crossover(*fits, **{name: getattr(options, name) for name in names}, **how)
    return told(found, *fits, curve, draw=lambda record, ax: p2law.plot.crossover(record, ax))


CROSSOVER = Question(
    "Prune or train from scratch: the budget at which the two reach the same loss.",
    _crossover_arguments,
    _crossover,
    (
        "fit.json dense.json --at N0=27M,rho=0.3,L0=3.2",
        "fit.json dense.json --at rho=0.3 --parent size=27M,tokens=160M,loss=3.2 --charge flops --range 1M:100M",
    ),
)


def _worth_arguments(parser: ArgumentParser) -> None:
    _two_fits(parser)
    parser.add_argument("--tokens", type=values.grid, metavar="1M,10M", help="retraining tokens (default: as fitted)")
    sources.interval_arguments(parser)


def _worth(options: Namespace) -> Answer:
    fits, how, curve = _asked(options)
    found = p2law.effective_tokens(*fits, options.tokens, **how)
    return told(found, *fits, curve, draw=lambda record, ax: p2law.plot.worth(record, ax))


WORTH = Question(
    "Tokens of training from scratch that a pruned start with some retraining is worth.",
    _worth_arguments,
    _worth,
    ("fit.json dense.json --at N0=27M,rho=0.3,L0=3.2 --tokens 1M,10M",),
)
