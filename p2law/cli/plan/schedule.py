"""``p2law plan schedule`` and ``sparse``: pruning during training."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace

import p2law

from ... import plan
from ...errors import FitError
from ...quantities import format_quantity
from ...schedules import PruningSchedule
from ...schedules.shapes import SHAPES
from .. import sources, values
from ..answers import Answer, Question, told


def _shape_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("when and how it prunes").add_argument
    add("--start", type=values.quantity, default=0.25, help="first pruning, a fraction of the training (default: 0.25)")
    add("--end", type=values.quantity, default=0.75, help="last pruning (default: 0.75)")
    add("--unit", choices=("compute", "steps"), default="compute", help="of these fractions (default: compute)")
    add("--shape", choices=tuple(SHAPES), default="geometric", help="how density falls (default: geometric)")


def _shaped(options: Namespace) -> PruningSchedule:
    return PruningSchedule(start=options.start, end=options.end, unit=options.unit, shape=options.shape)


def _schedule_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("how much it prunes (one of these)").add_mutually_exclusive_group().add_argument
    add("--sparsity", type=values.quantity, metavar="0.5", help="fraction removed in the end (default: 0.5)")
    add("--final-size", type=values.quantity, metavar="500M", help="parameters left in the end, of --size")
    add("--average-size", type=values.quantity, metavar="700M", help="parameters averaged over training, of --size")
    add = parser.add_argument_group("the model and its training").add_argument
    add("--size", type=values.quantity, metavar="1B", help="prunable parameters of the dense model (linear layers)")
    add("--unpruned", type=values.quantity, default=0.0, metavar="100M", help="parameters never pruned, to be counted")
    add("--tokens", type=values.quantity, metavar="100B", help="training tokens: how many FLOPs?")
    add("--flops", type=values.quantity, metavar="1e21", help="budget: how many tokens?")
    add("--batch-tokens", type=values.quantity, metavar="4M", help="with --flops: how many steps?")
    _shape_arguments(parser)


def _schedule(options: Namespace) -> Answer:
    if options.size is None:
        size = ("final_size", "average_size", "tokens", "flops")
        needs = next((name for name in size if getattr(options, name) is not None), None)
        if needs:
            raise FitError(f"--{needs.replace('_', '-')} needs the dense model's parameters: add --size.")
    if options.batch_tokens is not None and options.flops is None:
        raise FitError("--batch-tokens counts the steps within a budget: add --flops.")
    if options.flops is not None and options.tokens is not None:
        raise FitError("--tokens and --flops follow from each other: give one of them.")
    schedule, more = _sized(options), ""
    tokens, counted = options.tokens, {"unpruned": options.unpruned}
    if options.flops is not None:
        tokens = float(schedule.tokens(options.size, options.flops, **counted))
        if options.batch_tokens is not None:
            steps = schedule.steps(options.size, options.flops, options.batch_tokens, **counted)
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
    sources.fit_arguments(parser, literature=True)
    add = parser.add_argument
    add("--size", type=values.quantity, required=True, metavar="1B", help="parameters left at the end (deployment)")
    add("--flops", type=values.quantity, required=True, metavar="1e22", help="training budget")
    add("--most", type=values.quantity, default=0.8, metavar="0.8", help="largest sparsity considered (default: 0.8)")
    sources.at_argument(parser, "NAME=VALUE")
    _shape_arguments(parser)
    sources.interval_arguments(parser)


def _sparse(options: Namespace) -> Answer:
    source = sources.find(options.fit, options)
    found = plan.sparse_pretraining(
        source,
        options.size,
        options.flops,
        schedule=_shaped(options),
        most=options.most,
        level=options.level,
        method=options.method,
        **sources.point_of(options.at, source),
    )
    return told(found, source, draw=lambda record, ax: p2law.plot.schedule(record.schedule, ax))


SPARSE = Question(
    "Sparse pre-training for a deployment size: sparsity, starting size and tokens of least loss for a budget.",
    _sparse_arguments,
    _sparse,
    ("besiroglu-2024 --size 1B --flops 1e21", "dense.json --size 5M --flops 1e16 --shape cubic --out sparse.csv"),
)
