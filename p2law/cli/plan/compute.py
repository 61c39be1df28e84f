"""``p2law plan compute``, ``sizes``, ``schedule``, ``sparse`` and ``next``: how to spend a budget."""

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from ... import plan
from ...data.quantities import format_quantity
from ...errors import DataError, FitError
from .. import arguments
from ..arguments import argument, group, number, one_of, quantities
from ..command import Answer, as_answer, picture_of, question

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ...schedules import PruningSchedule

SHAPES = ("geometric", "cubic", "linear")
"""Names of the shapes of pruning schedules, here as well so that help texts need not load them."""


@question(
    "Compute-optimal size, tokens and loss for a budget of FLOPs, or the budget for a loss.",
    arguments.sources,
    one_of(
        argument("--flops", "1e21", "budget, or several: which size and tokens?", type=quantities),
        argument("--loss", "2.0", "target, or several: which budget?", type=quantities),
        required=True,
    ),
    number("--inference-tokens", "1T", "tokens the model will serve, paid from the same budget", default=0.0),
    arguments.at(),
    arguments.intervals(),
    examples=(
        "besiroglu-2024 --flops 1e21,1e22,5.76e23",
        "dense.json --flops 1e16,1e17 --out compute.csv --plot isoflop.png",
        "besiroglu-2024 --loss 2.0 --inference-tokens 1T",
    ),
)
def compute(options: Namespace) -> Answer:
    """Compute-optimal size and tokens for budgets, or the least compute for losses."""
    import numpy as np

    source = arguments.find_source(options.fit, options)
    at = arguments.at_point(options.at, source)
    how = {**arguments.interval_options(options), "inference_tokens": options.inference_tokens}
    if options.flops:
        found = plan.compute_optimal(source, options.flops, **how, **at)
    else:
        found = plan.compute_for_loss(source, options.loss, **how, **at)
    table = found.to_frame()
    budgets = table["C"][np.isfinite(table["C"])].to_numpy()

    def draw(ax: "Axes") -> object:
        from ...plot import isoflop

        if budgets.size == 0:
            raise FitError("no budget reaches this loss: there is nothing to draw.")
        return isoflop(source, budgets, ax, level=options.level, **at)

    return Answer(found.summary(), table, draw, (source,))


@question(
    "What sizes other than the compute-optimal one cost: in loss, and in budget.",
    arguments.sources,
    number("--flops", "1e22", "training budget", required=True),
    argument("--sizes", "1B,7B", "parameters", type=quantities, required=True),
    arguments.at(),
    arguments.intervals(),
    examples=("besiroglu-2024 --flops 1e22 --sizes 1B,3B,7B", "dense.json --flops 1e16 --sizes 5M,20M --out sizes.csv"),
    drawn=False,
)
def sizes(options: Namespace) -> Answer:
    source = arguments.find_source(options.fit, options)
    how = arguments.interval_options(options) | arguments.at_point(options.at, source)
    return as_answer(plan.overtraining(source, options.flops, options.sizes, **how), source)


@question(
    "Which runs to train next: those that narrow a forecast most per unit of cost.",
    arguments.fits,
    group(
        "runs that might be trained (one of these)",
        one_of(
            argument("--candidates", "TABLE.csv", "N0,rho,D of each run at its end (and cost); or its checkpoints"),
            arguments.points("--candidate", "N0=54M,rho=0.3,D=10M", "a run, or several; repeat for more"),
            required=True,
        ),
    ),
    arguments.points("--target", "N0=1B,rho=0.3,D=1B,L0=2", "the forecast that matters, or several", required=True),
    argument("--cost", "COLUMN", "of the candidates (default: cost, else 6 N D)"),
    number("--budget", "1e18", "pick runs until it is spent, in units of the cost"),
    argument("--most", "3", "pick no more (default: 3, or all that the budget pays)", type=int),
    arguments.level(),
    arguments.DRAWS,
    examples=(
        "fit.json --candidate N0=27M,54M,rho=0.3,D=10M --target N0=108M,rho=0.3,D=10M,L0=3",
        "fit.json --candidates candidates.csv --target N0=108M,rho=0.3,D=10M,L0=3 --budget 1e16 --out next.csv",
    ),
)
def next_runs(options: Namespace) -> Answer:
    fit, candidates = arguments.load_fit(options.fit, options), _candidates(options)
    target, picked = arguments.as_table(options.target), {"budget": options.budget, "most": options.most}
    chosen = plan.next_runs(fit, candidates, target=target, cost=options.cost, **picked, level=options.level)
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


_SHAPE = group(
    "when and how it prunes",
    number("--start", None, "first pruning, a fraction of the training (default: 0.25)", default=0.25),
    number("--end", None, "last pruning (default: 0.75)", default=0.75),
    argument("--unit", None, "of these fractions (default: compute)", choices=("compute", "steps"), default="compute"),
    argument("--shape", None, "how density falls (default: geometric)", choices=SHAPES, default="geometric"),
)


def _shape(options: Namespace) -> "PruningSchedule":
    """The schedule that the options describe, with the default sparsity."""
    from ...schedules import PruningSchedule

    return PruningSchedule(start=options.start, end=options.end, unit=options.unit, shape=options.shape)


@question(
    "A pruning schedule: average parameters, FLOPs, tokens; or the sparsity for a size.",
    group(
        "how much it prunes (one of these)",
        one_of(
            number("--sparsity", "0.5", "fraction removed in the end (default: 0.5)"),
            number("--final-size", "500M", "parameters left in the end, of --size"),
            number("--average-size", "700M", "parameters averaged over training, of --size"),
        ),
    ),
    group(
        "the model and its training",
        number("--size", "1B", "prunable parameters of the dense model (linear layers)"),
        number("--unpruned", "100M", "parameters never pruned, to be counted", default=0.0),
        number("--tokens", "100B", "training tokens: how many FLOPs?"),
        number("--flops", "1e21", "budget: how many tokens?"),
        number("--batch-tokens", "4M", "with --flops: how many steps?"),
    ),
    _SHAPE,
    examples=(
        "--sparsity 0.8 --size 1.14B --tokens 200B",
        "--final-size 250M --size 1B --flops 1e21 --batch-tokens 4M --plot schedule.png",
        "--sparsity 0.5 --shape cubic --unit steps --start 0.1 --end 0.6 --out phases.csv",
    ),
)
def schedule(options: Namespace) -> Answer:
    """Average parameters, FLOPs and steps of a pruning schedule."""
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
    found, more = _sized(options), ""
    tokens, unpruned = options.tokens, options.unpruned
    if options.flops is not None:
        tokens = float(found.tokens(size, options.flops, unpruned=unpruned))
        if options.batch_tokens is not None:
            steps = found.steps(size, options.flops, options.batch_tokens, unpruned=unpruned)
            more = f"\n  {steps} steps of {format_quantity(options.batch_tokens)} tokens"
    text = found.summary(size, tokens, unpruned=unpruned) + more
    return Answer(text, found.to_frame(), picture_of(found, "schedule"))


def _sized(options: Namespace) -> "PruningSchedule":
    """The schedule that prunes as much as the options say."""
    schedule, unpruned = _shape(options), options.unpruned
    if options.final_size is not None:
        return schedule.with_final_params(options.size, options.final_size, unpruned=unpruned)
    if options.average_size is not None:
        return schedule.with_average_params(options.size, options.average_size, unpruned=unpruned)
    return schedule if options.sparsity is None else replace(schedule, sparsity=options.sparsity)


@question(
    "Sparse pre-training for a deployment size: sparsity, starting size and tokens of least loss for a budget.",
    arguments.sources,
    number("--size", "1B", "parameters left at the end (deployment)", required=True),
    number("--flops", "1e22", "training budget", required=True),
    number("--most", "0.8", "largest sparsity considered (default: 0.8)", default=0.8),
    arguments.at(),
    _SHAPE,
    arguments.intervals(),
    examples=(
        "besiroglu-2024 --size 1B --flops 1e21",
        "dense.json --size 5M --flops 1e16 --shape cubic --out sparse.csv",
    ),
)
def sparse(options: Namespace) -> Answer:
    source = arguments.find_source(options.fit, options)
    how = arguments.interval_options(options) | arguments.at_point(options.at, source)
    how |= {"schedule": _shape(options), "most": options.most}
    found = plan.sparse_pretraining(source, options.size, options.flops, **how)
    return Answer(found.summary(), found.to_frame(), picture_of(found.schedule, "schedule"), (source,))
