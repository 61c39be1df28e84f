"""``p2law plan compute``, ``sizes``, ``schedule``, ``sparse`` and ``next``: how to spend a budget."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from ...data.quantities import format_quantity
from ...errors import DataError, FitError
from .. import arguments
from ..command import Answer, AnswerCommand, as_answer, picture_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ...schedules import PruningSchedule

SHAPES = ("geometric", "cubic", "linear")
"""Names of the shapes of pruning schedules, here as well so that help texts need not load them."""


def _compute_arguments(parser: ArgumentParser) -> None:
    add = parser.add_mutually_exclusive_group(required=True).add_argument
    add("--flops", type=arguments.quantities, metavar="1e21", help="budget, or several: which size and tokens?")
    add("--loss", type=arguments.quantities, metavar="2.0", help="target, or several: which budget?")
    serve = "tokens the model will serve, paid from the same budget"
    parser.add_argument("--inference-tokens", type=arguments.quantity, default=0.0, metavar="1T", help=serve)


def _compute(options: Namespace) -> Answer:
    import numpy as np

    from ...plan import compute_for_loss, compute_optimal

    source = arguments.find_source(options.fit, options)
    at = arguments.at_point(options.at, source)
    how = {**arguments.interval_options(options), "inference_tokens": options.inference_tokens}
    if options.flops:
        plan = compute_optimal(source, options.flops, **how, **at)
    else:
        plan = compute_for_loss(source, options.loss, **how, **at)
    table = plan.to_frame()
    budgets = table["C"][np.isfinite(table["C"])].to_numpy()

    def draw(ax: "Axes") -> object:
        from ...plot import isoflop

        if budgets.size == 0:
            raise FitError("no budget reaches this loss: there is nothing to draw.")
        return isoflop(source, budgets, ax, level=options.level, **at)

    return Answer(plan.summary(), table, draw, (source,))


COMPUTE = AnswerCommand(
    "Compute-optimal size, tokens and loss for a budget of FLOPs, or the budget for a loss.",
    (arguments.source_arguments, _compute_arguments, arguments.at_argument, arguments.interval_arguments),
    _compute,
    (
        "besiroglu-2024 --flops 1e21,1e22,5.76e23",
        "dense.json --flops 1e16,1e17 --out compute.csv --plot isoflop.png",
        "besiroglu-2024 --loss 2.0 --inference-tokens 1T",
    ),
)


def _sizes_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--flops", type=arguments.quantity, required=True, metavar="1e22", help="training budget")
    add("--sizes", type=arguments.quantities, required=True, metavar="1B,7B", help="parameters")


def _sizes(options: Namespace) -> Answer:
    from ...plan import overtraining

    source = arguments.find_source(options.fit, options)
    how = arguments.interval_options(options) | arguments.at_point(options.at, source)
    return as_answer(overtraining(source, options.flops, options.sizes, **how), source)


SIZES = AnswerCommand(
    "What sizes other than the compute-optimal one cost: in loss, and in budget.",
    (arguments.source_arguments, _sizes_arguments, arguments.at_argument, arguments.interval_arguments),
    _sizes,
    ("besiroglu-2024 --flops 1e22 --sizes 1B,3B,7B", "dense.json --flops 1e16 --sizes 5M,20M --out sizes.csv"),
    drawn=False,
)


def _next_arguments(parser: ArgumentParser) -> None:
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


def _next(options: Namespace) -> Answer:
    from ...plan import next_runs

    fit = arguments.load_fit(options.fit, options)
    chosen = next_runs(
        fit,
        _candidates(options),
        target=arguments.as_table(options.target),
        cost=options.cost,
        budget=options.budget,
        most=options.most,
        level=options.level,
    )
    return as_answer(chosen, fit, picture="next_runs")


def _candidates(options: Namespace) -> "pd.DataFrame":
    """The runs that might be trained, one row each."""
    if options.candidates is not None:
        from ...data.readers import read

        return read(options.candidates)
    frame = arguments.as_table(options.candidate)
    if options.cost is not None and options.cost not in frame.columns:
        raise DataError(f"--cost {options.cost}: give it with each run, --candidate ...,{options.cost}=1000.")
    return frame.set_axis([f"run {i + 1}" for i in range(len(frame))], axis="index")


NEXT = AnswerCommand(
    "Which runs to train next: those that narrow a forecast most per unit of cost.",
    (arguments.fit_arguments, _next_arguments, arguments.level_argument, arguments.draws_argument),
    _next,
    (
        "fit.json --candidate N0=27M,54M,rho=0.3,D=10M --target N0=108M,rho=0.3,D=10M,L0=3",
        "fit.json --candidates candidates.csv --target N0=108M,rho=0.3,D=10M,L0=3 --budget 1e16 --out next.csv",
    ),
)


def _shape_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("when and how it prunes").add_argument
    start = "first pruning, a fraction of the training (default: 0.25)"
    add("--start", type=arguments.quantity, default=0.25, help=start)
    add("--end", type=arguments.quantity, default=0.75, help="last pruning (default: 0.75)")
    add("--unit", choices=("compute", "steps"), default="compute", help="of these fractions (default: compute)")
    add("--shape", choices=SHAPES, default="geometric", help="how density falls (default: geometric)")


def _shape(options: Namespace) -> "PruningSchedule":
    """The schedule that the options describe, with the default sparsity."""
    from ...schedules import PruningSchedule

    return PruningSchedule(start=options.start, end=options.end, unit=options.unit, shape=options.shape)


def _schedule_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("how much it prunes (one of these)").add_mutually_exclusive_group().add_argument
    add("--sparsity", type=arguments.quantity, metavar="0.5", help="fraction removed in the end (default: 0.5)")
    add("--final-size", type=arguments.quantity, metavar="500M", help="parameters left in the end, of --size")
    add("--average-size", type=arguments.quantity, metavar="700M", help="parameters averaged over training, of --size")
    add = parser.add_argument_group("the model and its training").add_argument
    add("--size", type=arguments.quantity, metavar="1B", help="prunable parameters of the dense model (linear layers)")
    unpruned = "parameters never pruned, to be counted"
    add("--unpruned", type=arguments.quantity, default=0.0, metavar="100M", help=unpruned)
    add("--tokens", type=arguments.quantity, metavar="100B", help="training tokens: how many FLOPs?")
    add("--flops", type=arguments.quantity, metavar="1e21", help="budget: how many tokens?")
    add("--batch-tokens", type=arguments.quantity, metavar="4M", help="with --flops: how many steps?")


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
    tokens, unpruned = options.tokens, options.unpruned
    if options.flops is not None:
        tokens = float(schedule.tokens(size, options.flops, unpruned=unpruned))
        if options.batch_tokens is not None:
            steps = schedule.steps(size, options.flops, options.batch_tokens, unpruned=unpruned)
            more = f"\n  {steps} steps of {format_quantity(options.batch_tokens)} tokens"
    text = schedule.summary(size, tokens, unpruned=unpruned) + more
    return Answer(text, schedule.to_frame(), picture_of(schedule, "schedule"))


def _sized(options: Namespace) -> "PruningSchedule":
    """The schedule that prunes as much as the options say."""
    schedule, unpruned = _shape(options), options.unpruned
    if options.final_size is not None:
        return schedule.with_final_params(options.size, options.final_size, unpruned=unpruned)
    if options.average_size is not None:
        return schedule.with_average_params(options.size, options.average_size, unpruned=unpruned)
    return schedule if options.sparsity is None else replace(schedule, sparsity=options.sparsity)


SCHEDULE = AnswerCommand(
    "A pruning schedule: average parameters, FLOPs, tokens; or the sparsity for a size.",
    (_schedule_arguments, _shape_arguments),
    _schedule,
    (
        "--sparsity 0.8 --size 1.14B --tokens 200B",
        "--final-size 250M --size 1B --flops 1e21 --batch-tokens 4M --plot schedule.png",
        "--sparsity 0.5 --shape cubic --unit steps --start 0.1 --end 0.6 --out phases.csv",
    ),
)


def _sparse_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--size", type=arguments.quantity, required=True, metavar="1B", help="parameters left at the end (deployment)")
    add("--flops", type=arguments.quantity, required=True, metavar="1e22", help="training budget")
    most = "largest sparsity considered (default: 0.8)"
    add("--most", type=arguments.quantity, default=0.8, metavar="0.8", help=most)
    arguments.at_argument(parser)


def _sparse(options: Namespace) -> Answer:
    from ...plan import sparse_pretraining

    source = arguments.find_source(options.fit, options)
    how = arguments.interval_options(options) | arguments.at_point(options.at, source)
    plan = sparse_pretraining(source, options.size, options.flops, schedule=_shape(options), most=options.most, **how)
    return Answer(plan.summary(), plan.to_frame(), picture_of(plan.schedule, "schedule"), (source,))


SPARSE = AnswerCommand(
    "Sparse pre-training for a deployment size: sparsity, starting size and tokens of least loss for a budget.",
    (arguments.source_arguments, _sparse_arguments, _shape_arguments, arguments.interval_arguments),
    _sparse,
    ("besiroglu-2024 --size 1B --flops 1e21", "dense.json --size 5M --flops 1e16 --shape cubic --out sparse.csv"),
)
