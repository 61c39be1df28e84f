"""Train a model by a recipe and measure its validation loss on the way; resumed runs equal uninterrupted ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import P2LawError
from . import checkpoint, parallel
from ._torch import Model, recompute, torch
from .batches import Batches
from .loss import autocast, mean_loss, training_loss
from .machine import on_device, precision_on
from .meter import meter
from .prune.masks import Masks, mask_gradients, mask_weights, verify
from .recipe import Recipe
from .state import Row, State, aside, hold, restore, save

Remask = Callable[[int, Model], Masks | None]
"""From the number of a step about to be taken (from 0) and the model to new masks, or None to keep the old."""
Log = Callable[[list[Row]], None]
Loss = Callable[[torch.Tensor], torch.Tensor]
"""Of windows of token ids."""


class TrainingError(P2LawError, RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


class Stopped(P2LawError):
    """Training was asked to stop before its end, and can go on from its checkpoint."""


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
    log: Log | None = None,
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
    recipe = replace(recipe, precision=precision_on(model.device.type, recipe.precision))
    parallel.align(model, masks or {})
    parallel.shard(model)
    if teacher is not None:
        parallel.shard(teacher)
    loss, state = _objective(model, teacher, recipe), State(model, _optimiser(model, recipe))
    hold(state, masks or {})
    saved = parallel.agreed(checkpoint.newest(folder) if folder and parallel.leads() else None)
    if saved is not None:
        restore(state, checkpoint.load(saved))
    due, measure = recipe.measured(), partial(_measure, state, validation, recipe, start, log)
    with _prepared(model, recipe), meter(model, recipe, state.step, shown=progress) as tick:
        state.start_clocks()
        if saved is None:
            measure()
        while state.step < recipe.steps:
            tick(_one_step(state, batches, recipe, loss, remask))
            if state.step in due:
                measure()
            ended = state.step == recipe.steps
            halt = not ended and stop is not None and parallel.agreed(stop())
            wished = state.step % checkpoint_every == 0 or ended or halt
            if folder and (wished or parallel.agreed(state.overdue())):
                save(state, folder)
            if halt:
                raise Stopped(f"stopped after step {state.step} of {recipe.steps}; run it again to go on.")
    verify(model, state.masks)
    return state.rows


def _one_step(state: State, batches: Batches, recipe: Recipe, loss: Loss, remask: Remask | None) -> torch.Tensor:
    """One optimiser step; the loss trained on, left on the device."""
    model = state.model
    if remask is not None and (masks := remask(state.step, model)) is not None:
        hold(state, masks)
    windows = on_device(parallel.part(batches.at(state.step)), model.device)
    total = torch.zeros((), device=model.device)
    for part in windows.split(recipe.micro_batch or recipe.batch):
        with autocast(model.device.type, recipe.precision):
            share = loss(part) * (len(part) / len(windows))
        share.backward()
        total += share.detach()
    mask_gradients(model, state.masks)  # before clipping: gradients that are dropped must not count in the norm
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    state.step += 1
    for group in state.optimiser.param_groups:
        group["lr"] = recipe.rate(state.step)
    state.optimiser.step()
    state.optimiser.zero_grad()
    mask_weights(model, state.masks)
    state.zeros += state.pruned
    return total


def _objective(model: Model, teacher: Model | None, recipe: Recipe) -> Loss:
    """The loss that is trained on."""
    of_logits = torch.compile(training_loss) if recipe.compile else training_loss

    def loss(windows: torch.Tensor) -> torch.Tensor:
        inputs, targets = windows[:, :-1], windows[:, 1:]
        logits, wanted = model(input_ids=inputs, use_cache=False).logits, None
        if teacher is not None and recipe.distil:
            with torch.no_grad():
                wanted = teacher(input_ids=inputs, use_cache=False).logits
        return of_logits(logits, targets, wanted, recipe.distil)

    return loss


def _measure(state: State, validation: torch.Tensor, recipe: Recipe, start: str, log: Log | None) -> None:
    """Add a row with the validation loss."""
    step = state.step
    with aside(state):
        loss = parallel.mean(mean_loss(state.model, parallel.part(validation), precision=recipe.precision))
        if not loss < float("inf"):
            raise TrainingError(f"the loss is {loss} after step {step} of {recipe.steps}: lower lr={recipe.lr:g}.")
        state.rows.append(
            {
                "step": step,
                "D": step * recipe.step_tokens,
                "loss": loss,
                "phase": recipe.phase(step) if step else start,
                "lr": recipe.rate(step) if step else 0.0,
                "zeros": state.pruned,
                "zeros_mean": state.zeros / step if step else float(state.pruned),
                "seconds": round(state.seconds, 3),
            }
        )
        if log is not None:
            log(state.rows)


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
