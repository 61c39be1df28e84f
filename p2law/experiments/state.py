"""What changes while a model is trained: kept in checkpoints, taken out of them, timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from . import checkpoint, parallel
from ._torch import Model, torch
from .checkpoint import Checkpoint
from .machine import synchronise
from .prune.masks import Masks, mask_tensor, mask_weights, pruned_weights, verify

Row = dict[str, Any]
"""One measurement; :func:`~p2law.experiments.train.train` says what is in it."""
MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of every weight."""
MINUTE, SHARE = 60.0, 0.05
"""Seconds between checkpoints, and the share of the time that these may take."""


@dataclass
class State:
    """A model under training, and how far it has come."""

    model: Model
    optimiser: Any
    masks: Masks = field(default_factory=dict)
    pruned: int = 0
    """Weights the masks hold at zero; counted when they change, for on a GPU counting waits for it."""
    step: int = 0
    zeros: int = 0
    """Pruned weights summed over the steps taken."""
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    """Of training, up to ``began``; measuring and saving are not counted."""
    began: float = 0.0
    kept: float = 0.0
    """When the newest checkpoint was written, and how long that took."""
    cost: float = 0.0

    def start_clocks(self) -> None:
        self.began = self.kept = monotonic()

    def overdue(self) -> bool:
        """Whether a kill would now cost more than a minute, and a checkpoint little beside that."""
        return monotonic() - self.kept > max(MINUTE, self.cost / SHARE)


@contextmanager
def aside(state: State) -> Iterator[None]:
    """What is done inside does not count as training; the steps before have ended on the device, too."""
    synchronise(state.model.device)
    state.seconds += monotonic() - state.began
    yield
    state.began = monotonic()


def hold(state: State, masks: Masks) -> None:
    """Hold weights at zero from now on.

    The momentum of those just pruned is forgotten; left to fade it would end in denormal numbers, slow on a CPU.
    """
    state.masks, state.pruned = masks, pruned_weights(masks)
    mask_weights(state.model, masks)
    for name, mask in masks.items():
        moments = state.optimiser.state.get(state.model.get_parameter(name), {})
        for moment in MOMENTS:
            if moment in moments:
                mask_tensor(moments[moment], mask)


def save(state: State, folder: Path) -> None:
    """Write a checkpoint; every process must ask."""
    with aside(state):
        began = monotonic()
        verify(state.model, state.masks)
        tensors = {f"mask.{name}": mask for name, mask in state.masks.items()}
        for name, parameter in state.model.named_parameters():
            moments = state.optimiser.state[parameter]
            for what, tensor in {"weight": parameter.detach(), **{each: moments[each] for each in MOMENTS}}.items():
                found = parallel.whole(tensor)  # all processes help to gather it, one keeps and writes it
                if parallel.leads():
                    tensors[f"{what}.{name}"] = found.cpu()
        info = {"rows": state.rows, "zeros": state.zeros, "seconds": state.seconds}
        if parallel.leads():
            checkpoint.save(folder, Checkpoint(state.step, tensors, info))
        state.kept = monotonic()
        state.cost = state.kept - began


@torch.no_grad()
def restore(state: State, saved: Checkpoint) -> None:
    """Go back to where a checkpoint was written."""
    device = state.model.device
    counter = device if device.type == "cuda" else "cpu"
    for name, parameter in state.model.named_parameters():
        found = {what: saved.tensors[f"{what}.{name}"].to(device) for what in ("weight", *MOMENTS)}
        parameter.copy_(parallel.like(found["weight"], parameter))
        moments = {moment: parallel.like(found[moment], parameter) for moment in MOMENTS}
        state.optimiser.state[parameter] = {"step": torch.tensor(float(saved.step), device=counter), **moments}
    masks = ((name, tensor) for name, tensor in saved.tensors.items() if name.startswith("mask."))
    hold(state, {name.removeprefix("mask."): tensor.to(device) for name, tensor in masks})
    state.step, state.rows = saved.step, list(saved.info["rows"])
    state.zeros, state.seconds = saved.info["zeros"], saved.info["seconds"]
