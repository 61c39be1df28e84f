"""What a run will take, before it is run: FLOPs, memory, time."""

from dataclasses import dataclass, replace

from .machine import kind, peak, precision_on, training_flops
from .memory import casts, training
from .runs import Run

USED = 0.3
"""Share of a device's peak that training is reckoned to reach."""
PEAK_UNKNOWN = 1e14
"""FLOP/s of a GPU that is not in the list."""
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
    rate = speed or (USED * (peak(device) or PEAK_UNKNOWN) if kind(device) == "cuda" else CPU_SPEED)
    memory = _memory(run, precision_on(device, recipe.precision), processes)
    return Estimate(flops, memory, flops / rate / processes, 3 * (12 * total + run.shape.linear) + 4 * total)


def _memory(run: Run, precision: str, processes: int) -> float:
    recipe, shape, parent = run.recipe, run.shape, run.parent.shape
    share = recipe.batch // processes
    sequences = min(recipe.micro_batch or share, share)
    held = training(shape, recipe, precision, sequences=sequences, processes=processes)
    held += shape.linear  # one byte per mask entry
    if recipe.distil:
        held += 4 * parent.total / processes + casts(parent, replace(recipe, recompute=False), precision)
    if processes > 1:
        held = max(held, 4 * (shape.total + parent.total))  # pruned whole on each, then sharded
    return held
