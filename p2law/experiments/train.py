"""Train a model by a recipe and measure its validation loss on the way; resumed runs equal uninterrupted ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import P2LawError
from . import parallel
from . import state as checkpoint
from ._torch import Model, torch
from ._torch import checkpoint as recompute  # type: ignore[attr-defined]
from .batches import Batches
from .loss import autocast, mean_loss, training_loss
from .machine import on_device, precision_on, synchronise
from .meter import meter
from .prune.masks import Masks, mask_gradients, mask_tensor, mask_weights, pruned_weights, verify
from .recipe import Recipe

Remask = Callable[[int, Model], Masks | None]
"""From the number of a step about to be taken (from 0) and the model to new masks, or None to keep the old."""
Row = dict[str, Any]
MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW remembers of every weight."""


class TrainingError(P2LawError, RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


class Stopped(P2LawError):
    """Training was asked to stop before its end, and can go on from its checkpoint."""


@dataclass
class _Run:
    """What changes while a model is trained."""

    model: Model
    optimiser: Any
    masks: Masks
    pruned: int
    """Weights the masks hold at zero; counted when they change, for on a GPU counting waits for it."""
    loss: Callable[..., torch.Tensor]
    """Of logits, targets, the teacher's logits and their weight."""
    step: int = 0
    zeros: int = 0
    """Pruned weights summed over the steps taken."""
    seconds: float = 0.0
    """Of training, up to ``began``; measuring and saving are not counted."""
    began: float = 0.0
    rows: list[Row] = field(default_factory=list)
    kept: float = 0.0
    """When the newest checkpoint was written, and how long that took."""
    cost: float = 0.0

    def overdue(self) -> bool:
        """Whether a kill would now cost more than a minute, and a checkpoint little beside that."""
        return monotonic() - self.kept > max(MINUTE, self.cost / SHARE)


MINUTE, SHARE = 60.0, 0.05
"""Seconds between checkpoints, and the share of the time that these may take."""


def train(
    model: Model,
    batches: Batches,
    validation: torch.Tensor,
    recipe: Recipe,
    *,
    masks: Masks | None = None,
    remask: Remask | None = None,
    teacher: Model | None = None,
    start: str = "pruned",
    folder: Path | None = None,
    checkpoint_every: int = 500,
    log: Callable[[list[Row]], None] | None = None,
    stop: Callable[[], bool] | None = None,
    progress: bool = False,
) -> list[Row]:
    """Train a model in place; where several processes were started together, all of them train it.

    Parameters
    ----------
    model : transformers causal language model
        With float32 weights, on the device to train on.
    validation : Tensor
        Fixed windows, (sequences, length + 1), that every measurement uses.
    masks : mapping, optional
        Weights to hold at zero, as :func:`p2law.experiments.prune.prune` returns them.
    remask : callable, optional
        Changes the masks on the way: sparse pre-training.
    teacher : model, optional
        Whose predictions count in the training loss with weight ``recipe.distil``.
    start : str
        What the phase of the row at zero tokens is called.
    folder : path, optional
        Where checkpoints are kept; if it holds some, the run goes on from the newest.
    checkpoint_every : int
        Steps between checkpoints, and so the most that can be lost; where they take more than a minute, there are
        others between, as long as these take no more than a twentieth of the time.
    log : callable, optional
        Given all rows whenever there is a new one.
    stop : callable, optional
        Asked after every step; where it says True, a checkpoint is written and the run stops.
    progress : bool
        Show a bar with the loss, tokens per second and share of the device's peak.

    Returns
    -------
    list of dict
        One row per measurement: step, D (tokens), loss (nats per token), phase, lr, zeros (pruned weights), zeros_mean
        (their average over the steps so far), seconds.

    Raises
    ------
    TrainingError
        If the loss is no longer finite.
    Stopped
        If ``stop`` said so before the end.
    """
    held = dict(masks or {})
    parallel.align(model, held)
    parallel.shard(model)
    if teacher is not None:
        parallel.shard(teacher)
    loss = torch.compile(training_loss) if recipe.compile else training_loss
    run = _Run(model, _optimiser(model, recipe), held, pruned_weights(held), loss)
    saved = parallel.agreed(checkpoint.newest(folder) if folder and parallel.leads() else None)
    if saved is not None:
        _restore(run, checkpoint.load(saved))
    due, wanted = recipe.measured(), precision_on(model.device.type, recipe.precision)
    with _prepared(model, recipe), meter(model, recipe, run.step, shown=progress) as tick:
        run.began = run.kept = monotonic()
        if saved is None:
            with _aside(run):
                _measure(run, validation, recipe, wanted, start, log)
        while run.step < recipe.steps:
            latest = _one_step(run, batches, recipe, wanted, remask, teacher)
            tick(latest)
            if run.step in due:
                with _aside(run):
                    _measure(run, validation, recipe, wanted, start, log)
            ended = run.step == recipe.steps
            halt = not ended and stop is not None and parallel.agreed(stop())
            wished = run.step % checkpoint_every == 0 or ended or halt
            if folder and (wished or parallel.agreed(run.overdue())):
                with _aside(run):
                    _save(run, folder)
            if halt:
                raise Stopped(f"stopped after step {run.step} of {recipe.steps}; run it again to go on.")
    verify(model, run.masks)
    return run.rows


@contextmanager
def _aside(run: _Run) -> Iterator[None]:
    """What is done inside does not count as training; the steps before have ended on the device, too."""
    synchronise(run.model.device)
    run.seconds += monotonic() - run.began
    yield
    run.began = monotonic()


def _one_step(
    run: _Run, batches: Batches, recipe: Recipe, precision: str, remask: Remask | None, teacher: Model | None
) -> torch.Tensor:
    """One optimiser step; the loss trained on, left on the device."""
    if remask is not None and (new := remask(run.step, run.model)) is not None:
        run.masks, run.pruned = new, pruned_weights(new)
        _mask_moments(run)
    model = run.model
    windows = on_device(parallel.part(batches.at(run.step)), model.device)
    total = torch.zeros((), device=model.device)
    for part in windows.split(recipe.micro_batch or recipe.batch):
        with autocast(model.device.type, precision):
            loss = _loss(run, part, recipe.distil, teacher) * (len(part) / len(windows))
        loss.backward()
        total += loss.detach()
    mask_gradients(model, run.masks)  # before clipping: gradients that are dropped must not count in the norm
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    run.step += 1
    for group in run.optimiser.param_groups:
        group["lr"] = recipe.rate(run.step)
    run.optimiser.step()
    run.optimiser.zero_grad()
    mask_weights(model, run.masks)
    run.zeros += run.pruned
    return total


def _loss(run: _Run, windows: torch.Tensor, distil: float, teacher: Model | None) -> torch.Tensor:
    inputs, targets = windows[:, :-1], windows[:, 1:]
    logits, wanted = run.model(input_ids=inputs, use_cache=False).logits, None
    if teacher is not None and distil:
        with torch.no_grad():
            wanted = teacher(input_ids=inputs, use_cache=False).logits
    return run.loss(logits, targets, wanted, distil)


def _measure(
    run: _Run,
    validation: torch.Tensor,
    recipe: Recipe,
    precision: str,
    start: str,
    log: Callable[[list[Row]], None] | None,
) -> None:
    loss = parallel.mean(mean_loss(run.model, parallel.part(validation), precision=precision))
    if not loss < float("inf"):
        raise TrainingError(f"the loss is {loss} after step {run.step} of {recipe.steps}: lower lr={recipe.lr:g}.")
    run.rows.append(
        {
            "step": run.step,
            "D": run.step * recipe.step_tokens,
            "loss": loss,
            "phase": recipe.phase(run.step) if run.step else start,
            "lr": recipe.rate(run.step) if run.step else 0.0,
            "zeros": run.pruned,
            "zeros_mean": run.zeros / run.step if run.step else float(run.pruned),
            "seconds": round(run.seconds, 3),
        }
    )
    if log is not None:
        log(run.rows)


def _optimiser(model: Model, recipe: Recipe) -> Any:
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},  # norms and biases
    ]
    fused = model.device.type == "cuda"
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, fused=fused)


@contextmanager
def _prepared(model: Model, recipe: Recipe) -> Iterator[None]:
    """Blocks compiled and recomputed as the recipe says; afterwards as they were."""
    model.train()
    if recipe.compile:
        torch._dynamo.reset()  # few compilations are kept per process: those of the models before are of no use
    for block in model.model.layers if recipe.compile or recipe.recompute else ():
        forward = torch.compile(block.forward) if recipe.compile else block.forward  # one serves all: they are alike
        block.forward = partial(recompute, forward, use_reentrant=False) if recipe.recompute else forward
    try:
        yield
    finally:
        for block in model.model.layers:
            block.__dict__.pop("forward", None)  # it holds the block, which would never be freed


def _mask_moments(run: _Run) -> None:
    """Forget the momentum of weights just pruned; left to fade it would end in denormal numbers, slow on a CPU."""
    mask_weights(run.model, run.masks)
    for name, mask in run.masks.items():
        moments = run.optimiser.state.get(run.model.get_parameter(name), {})
        for moment in MOMENTS:
            if moment in moments:
                mask_tensor(moments[moment], mask)


def _save(run: _Run, folder: Path) -> None:
    began = monotonic()
    verify(run.model, run.masks)
    tensors = {f"mask.{name}": mask for name, mask in run.masks.items()}
    for name, parameter in run.model.named_parameters():
        moments = run.optimiser.state[parameter]
        for what, tensor in {"weight": parameter.detach(), **{each: moments[each] for each in MOMENTS}}.items():
            found = parallel.whole(tensor)  # all processes help to gather it, one keeps and writes it
            if parallel.leads():
                tensors[f"{what}.{name}"] = found.cpu()
    info = {"rows": run.rows, "zeros": run.zeros, "seconds": run.seconds}
    if parallel.leads():
        checkpoint.save(folder, checkpoint.State(run.step, tensors, info))
    run.kept = monotonic()
    run.cost = run.kept - began


@torch.no_grad()
def _restore(run: _Run, saved: checkpoint.State) -> None:
    device = run.model.device
    counter = device if device.type == "cuda" else "cpu"
    for name, parameter in run.model.named_parameters():
        found = {what: saved.tensors[f"{what}.{name}"].to(device) for what in ("weight", *MOMENTS)}
        parameter.copy_(parallel.like(found["weight"], parameter))
        moments = {moment: parallel.like(found[moment], parameter) for moment in MOMENTS}
        run.optimiser.state[parameter] = {"step": torch.tensor(float(saved.step), device=counter), **moments}
    masks = ((name, tensor) for name, tensor in saved.tensors.items() if name.startswith("mask."))
    run.masks = {name.removeprefix("mask."): tensor.to(device) for name, tensor in masks}
    run.pruned = pruned_weights(run.masks)
    run.step, run.rows = saved.step, list(saved.info["rows"])
    run.zeros, run.seconds = saved.info["zeros"], saved.info["seconds"]
