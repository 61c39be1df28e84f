"""``p2law plan compute`` and ``sizes``: share a budget between size and tokens."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace

import numpy as np
import pandas as pd

import p2law

from ... import plan
from ...data.quantities import format_quantity
from ...errors import DataError, FitError
from ...schedules import SHAPES, PruningSchedule
from .. import arguments
from ..command import Answer, Question, told


def _compute_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser, literature=True)
    add = parser.add_mutually_exclusive_group(required=True).add_argument
    add("--flops", type=arguments.quantities, metavar="1e21", help="budget, or several: which size and tokens?")
    add("--loss", type=arguments.quantities, metavar="2.0", help="target, or several: which budget?")
    serve = "tokens the model will serve, paid from the same budget"
    parser.add_argument("--inference-tokens", type=arguments.quantity, default=0.0, metavar="1T", help=serve)
    arguments.at_argument(parser, "NAME=VALUE")
    arguments.interval_arguments(parser)


def _compute(options: Namespace) -> Answer:
    source = arguments.find(options.fit, options)
    at = arguments.point_of(options.at, source)
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
    arguments.fit_arguments(parser, literature=True)
    add = parser.add_argument
    add("--flops", type=arguments.quantity, required=True, metavar="1e22", help="training budget")
    add("--sizes", type=arguments.quantities, required=True, metavar="1B,7B", help="parameters")
    arguments.at_argument(parser, "NAME=VALUE")
    arguments.interval_arguments(parser)


def _sizes(options: Namespace) -> Answer:
    source = arguments.find(options.fit, options)
    how = {"level": options.level, "method": options.method}
    found = plan.overtraining(source, options.flops, options.sizes, **how, **arguments.point_of(options.at, source))
    return told(found, source)


SIZES = Question(
    "What sizes other than the compute-optimal one cost: in loss, and in budget.",
    _sizes_arguments,
    _sizes,
    ("besiroglu-2024 --flops 1e22 --sizes 1B,3B,7B", "dense.json --flops 1e16 --sizes 5M,20M --out sizes.csv"),
    drawn=False,
)


# ``p2law plan next``: which runs to train next.


def _arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    add = parser.add_argument
    candidates = parser.add_argument_group("runs that might be trained (one of these)")
    either = candidates.add_mutually_exclusive_group(required=True).add_argument
    either("--candidates", metavar="TABLE.csv", help="N0,rho,D of each run at its end (and cost); or its checkpoints")
    run = {"type": arguments.columns, "action": "append", "metavar": "N0=54M,rho=0.3,D=10M"}
    either("--candidate", help="a run, or several; repeat for more", **run)
    target = {"type": arguments.columns, "action": "append", "required": True, "metavar": "N0=1B,rho=0.3,D=1B,L0=2"}
    add("--target", help="the forecast that matters, or several", **target)
    add("--cost", metavar="COLUMN", help="of the candidates (default: cost, else 6 N D)")
    add("--budget", type=arguments.quantity, metavar="1e18", help="pick runs until it is spent, in units of the cost")
    add("--most", type=int, metavar="3", help="pick no more (default: 3, or all that the budget pays)")
    arguments.level_argument(parser)
    arguments.draws_argument(parser)


def _next(options: Namespace) -> Answer:
    fit = arguments.load(options.fit, options)
    found = p2law.next_runs(
        fit,
        _candidates(options),
        target=arguments.table_of(options.target),
        cost=options.cost,
        budget=options.budget,
        most=options.most,
        level=options.level,
    )
    return told(found, fit, draw=lambda record, ax: p2law.plot.next_runs(record, ax))


def _candidates(options: Namespace) -> pd.DataFrame:
    if options.candidates is not None:
        return p2law.read(options.candidates)
    frame = arguments.table_of(options.candidate)
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


# ``p2law plan schedule`` and ``sparse``: pruning during training.


def _shape_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("when and how it prunes").add_argument
    add(
        "--start",
        type=arguments.quantity,
        default=0.25,
        help="first pruning, a fraction of the training (default: 0.25)",
    )
    add("--end", type=arguments.quantity, default=0.75, help="last pruning (default: 0.75)")
    add("--unit", choices=("compute", "steps"), default="compute", help="of these fractions (default: compute)")
    add("--shape", choices=tuple(SHAPES), default="geometric", help="how density falls (default: geometric)")


def _shaped(options: Namespace) -> PruningSchedule:
    return PruningSchedule(start=options.start, end=options.end, unit=options.unit, shape=options.shape)


def _schedule_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("how much it prunes (one of these)").add_mutually_exclusive_group().add_argument
    add("--sparsity", type=arguments.quantity, metavar="0.5", help="fraction removed in the end (default: 0.5)")
    add("--final-size", type=arguments.quantity, metavar="500M", help="parameters left in the end, of --size")
    add("--average-size", type=arguments.quantity, metavar="700M", help="parameters averaged over training, of --size")
    add = parser.add_argument_group("the model and its training").add_argument
    add("--size", type=arguments.quantity, metavar="1B", help="prunable parameters of the dense model (linear layers)")
    add(
        "--unpruned",
        type=arguments.quantity,
        default=0.0,
        metavar="100M",
        help="parameters never pruned, to be counted",
    )
    add("--tokens", type=arguments.quantity, metavar="100B", help="training tokens: how many FLOPs?")
    add("--flops", type=arguments.quantity, metavar="1e21", help="budget: how many tokens?")
    add("--batch-tokens", type=arguments.quantity, metavar="4M", help="with --flops: how many steps?")
    _shape_arguments(parser)


def _schedule(options: Namespace) -> Answer:
    size = options.size
    if options.size is None:
        sized = ("final_size", "average_size", "tokens", "flops")
        needs = next((name for name in sized if getattr(options, name) is not None), None)
        if needs:
            raise FitError(f"--{needs.replace('_', '-')} needs the dense model's parameters: add --size.")
    if options.batch_tokens is not None and options.flops is None:
        raise FitError("--batch-tokens counts the steps within a budget: add --flops.")
    if options.flops is not None and options.tokens is not None:
        raise FitError("--tokens and --flops follow from each other: give one of them.")
    schedule, more = _sized(options), ""
    tokens, counted = options.tokens, {"unpruned": options.unpruned}
    if options.flops is not None:
        tokens = float(schedule.tokens(size, options.flops, **counted))
        if options.batch_tokens is not None:
            steps = schedule.steps(size, options.flops, options.batch_tokens, **counted)
            more = f"\n  {steps} steps of {format_quantity(options.batch_tokens)} tokens"
    text = schedule.summary(options.size, tokens, **counted) + more
    return Answer(text, schedule.to_frame(), lambda ax: p2law.plot.schedule(schedule, ax))


def _sized(options: Namespace) -> PruningSchedule:
    shaped, counted = _shaped(options), {"unpruned": options.unpruned}
    if options.final_size is not None:
        return shaped.with_final_params(options.size, options.final_size, **counted)
    if options.average_size is not None:
        return shaped.with_average_params(options.size, options.average_size, **counted)
    return shaped if options.sparsity is None else replace(shaped, sparsity=options.sparsity)


SCHEDULE = Question(
    "A pruning schedule: average parameters, FLOPs, tokens; or the sparsity for a size.",
    _schedule_arguments,
    _schedule,
    (
        "--sparsity 0.8 --size 1.14B --tokens 200B",
        "--final-size 250M --size 1B --flops 1e21 --batch-tokens 4M --plot schedule.png",
        "--sparsity 0.5 --shape cubic --unit steps --start 0.1 --end 0.6 --out phases.csv",
    ),
)


def _sparse_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser, literature=True)
    add = parser.add_argument
    add("--size", type=arguments.quantity, required=True, metavar="1B", help="parameters left at the end (deployment)")
    add("--flops", type=arguments.quantity, required=True, metavar="1e22", help="training budget")
    add(
        "--most", type=arguments.quantity, default=0.8, metavar="0.8", help="largest sparsity considered (default: 0.8)"
    )
    arguments.at_argument(parser, "NAME=VALUE")
    _shape_arguments(parser)
    arguments.interval_arguments(parser)


def _sparse(options: Namespace) -> Answer:
    source = arguments.find(options.fit, options)
    found = plan.sparse_pretraining(
        source,
        options.size,
        options.flops,
        schedule=_shaped(options),
        most=options.most,
        level=options.level,
        method=options.method,
        **arguments.point_of(options.at, source),
    )
    return told(found, source, draw=lambda record, ax: p2law.plot.schedule(record.schedule, ax))


SPARSE = Question(
    "Sparse pre-training for a deployment size: sparsity, starting size and tokens of least loss for a budget.",
    _sparse_arguments,
    _sparse,
    ("besiroglu-2024 --size 1B --flops 1e21", "dense.json --size 5M --flops 1e16 --shape cubic --out sparse.csv"),
)
