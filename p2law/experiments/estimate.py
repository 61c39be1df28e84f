"""What a run will take, before it is run: FLOPs, memory, time."""

from dataclasses import dataclass

from .machine import kind, peak, precision_on, training_flops
from .recipe import Recipe
from .runs import Run

USED = 0.3
"""Share of a device's peak that training is reckoned to reach."""
CPU_SPEED = 2e10
"""FLOP/s reckoned for a processor: small models on one or two cores."""


@dataclass(frozen=True)
class Estimate:
    """Rough, to see orders of magnitude and what cannot fit."""

    flops: float
    memory: float
    """Bytes on each device."""
    seconds: float
    disk: float
    """Bytes taken while the run goes on: two checkpoints, a third while it is written, and one model."""


def estimate(run: Run, *, device: str, speed: float = 0.0, processes: int = 1) -> Estimate:
    """Reckon a run on a device, at ``speed`` FLOP/s if given, or on several that share it."""
    recipe, total = run.recipe, run.shape.total
    flops = training_flops(run.shape, recipe.steps * recipe.step_tokens, recipe.sequence)
    teacher = 4 * run.parent.shape.total if recipe.distil else 0
    # Weights, gradients and two moments in float32; one byte per mask entry.
    memory = (16 * total + teacher) / processes + run.shape.linear + _activations(run, recipe, device, processes)
    if processes > 1:
        memory = max(memory, 4 * (total + run.parent.shape.total))  # pruned whole on each, then sharded
    rate = speed or (USED * (peak(device) or PEAK_UNKNOWN) if kind(device) == "cuda" else CPU_SPEED)
    return Estimate(flops, memory, flops / rate / processes, 3 * (12 * total + run.shape.linear) + 4 * total)


PEAK_UNKNOWN = 1e14
"""FLOP/s of a GPU that is not in the list."""


def _activations(run: Run, recipe: Recipe, device: str, processes: int) -> float:
    """Bytes kept for the backward pass: 34 per token and hidden unit in half precision, none of attention's scores.

    Korthikanti et al. 2022, arXiv 2205.05198, equation 2 without its quadratic part, which fused attention avoids.
    """
    own = recipe.batch // processes
    tokens = min(recipe.micro_batch or own, own) * recipe.sequence
    width = 2 if precision_on(device, recipe.precision) == "bf16" else 4
    per_block = run.shape.hidden * (width if recipe.recompute else 17 * width)
    return tokens * (run.shape.layers * per_block + 12 * run.shape.vocabulary)
