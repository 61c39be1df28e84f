"""``p2law plan compute`` and ``sizes``: share a budget between size and tokens."""

from argparse import ArgumentParser, Namespace

import numpy as np

import p2law

from ... import plan
from ...errors import FitError
from .. import sources, values
from ..answers import Answer, Question, told


def _compute_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser, literature=True)
    add = parser.add_mutually_exclusive_group(required=True).add_argument
    add("--flops", type=values.quantities, metavar="1e21", help="budget, or several: which size and tokens?")
    add("--loss", type=values.quantities, metavar="2.0", help="target, or several: which budget?")
    serve = "tokens the model will serve, paid from the same budget"
    parser.add_argument("--inference-tokens", type=values.quantity, default=0.0, metavar="1T", help=serve)
    sources.at_argument(parser, "NAME=VALUE")
    sources.interval_arguments(parser)


def _compute(options: Namespace) -> Answer:
    source = sources.find(options.fit, options)
    at = sources.point_of(options.at, source)
    how = {"level": options.level, "method": options.method, "inference_tokens": options.inference_tokens}
    if options.flops:
        found = p2law.compute_optimal(source, options.flops, **how, **at)
    else:
        found = plan.compute_for_loss(source, options.loss, **how, **at)
    budgets = found.table["C"][np.isfinite(found.table["C"])].to_numpy()

    def draw(_: plan.ComputePlan, ax: object) -> None:
        if budgets.size == 0:
            raise FitError("no budget reaches this loss: there is nothing to draw.")
        p2law.plot.isoflop(source, budgets, ax, level=options.level, **at)  # type: ignore[arg-type]

    return told(found, source, draw=draw)


COMPUTE = Question(
    "Compute-optimal size, tokens and loss for a budget of FLOPs, or the budget for a loss.",
    _compute_arguments,
    _compute,
    (
        "besiroglu-2024 --flops 1e21,1e22,5.76e23",
        "dense.json --flops 1e16,1e17 --out compute.csv --plot isoflop.png",
        "besiroglu-2024 --loss 2.0 --inference-tokens 1T",
    ),
)


def _sizes_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser, literature=True)
    add = parser.add_argument
    add("--flops", type=values.quantity, required=True, metavar="1e22", help="training budget")
    add("--sizes", type=values.quantities, required=True, metavar="1B,7B", help="parameters")
    sources.at_argument(parser, "NAME=VALUE")
    sources.interval_arguments(parser)


def _sizes(options: Namespace) -> Answer:
    source = sources.find(options.fit, options)
    how = {"level": options.level, "method": options.method}
    found = plan.overtraining(source, options.flops, options.sizes, **how, **sources.point_of(options.at, source))
    return told(found, source)


SIZES = Question(
    "What sizes other than the compute-optimal one cost: in loss, and in budget.",
    _sizes_arguments,
    _sizes,
    ("besiroglu-2024 --flops 1e22 --sizes 1B,3B,7B", "dense.json --flops 1e16 --sizes 5M,20M --out sizes.csv"),
    drawn=False,
)
