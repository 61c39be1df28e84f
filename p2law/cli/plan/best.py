"""``p2law plan best``: which method, and which parent, for a model of a given size."""

from argparse import ArgumentParser, Namespace

import p2law

from ...quantities import format_quantity
from .. import sources, values
from ..answers import Answer, Question, told
from .parents import HELP, bill_arguments, parent_of


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("methods", type=values.pairs, metavar="width=width.json,depth=depth.json", help="saved fits by method")
    add("--size", type=values.quantity, required=True, metavar="4B", help="parameters of the model wanted")
    add("--budget", type=values.quantity, required=True, metavar="100B", help="tokens; FLOPs with --charge flops")
    parent = {"type": values.pairs, "action": "append", "required": True, "metavar": "size=8B,tokens=15T,loss=2.1"}
    add("--parent", help=f"{HELP}; repeat for several", **parent)
    add("--scratch", metavar="FIT.json", help="training from scratch, to stand in the same list")
    sources.at_argument(parser, "NAME=VALUE", about="further columns of the laws")
    sources.law_argument(parser)
    bill_arguments(parser)
    sources.interval_arguments(parser)


def _best(options: Namespace) -> Answer:
    methods = {name: sources.find(path, options) for name, path in options.methods}
    scratch = None if options.scratch is None else sources.find(options.scratch, options)
    parents, curves = zip(*(parent_of(dict(each), options) for each in options.parent), strict=True)
    names = ["?" if parent.params is None else format_quantity(parent.params) for parent in parents]
    found = p2law.best_pruning(
        methods,
        dict(zip(names, parents, strict=True)),
        size=options.size,
        budget=options.budget,
        charge=options.charge,
        children=options.children,
        scratch=scratch,
        level=options.level,
        method=options.method,
        **sources.point_of(options.at, *methods.values()),
    )
    return told(found, *methods.values(), scratch, *curves)


BEST = Question(
    "Which pruning method and which parent give the lowest loss at a size, within a budget.",
    _arguments,
    _best,
    (
        "width=fit.json --size 10M --budget 10M --parent size=14M,loss=3.3 --parent size=27M,loss=3.2",
        "width=fit.json --size 10M --budget 10M --parent size=27M,loss=3.2 --scratch dense.json --out best.csv",
    ),
    drawn=False,
)
