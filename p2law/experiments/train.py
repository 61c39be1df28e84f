"""Train a model by a recipe and measure its validation loss on the way; resumed runs equal uninterrupted ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import P2LawError, renamed_names
from ..schedules import PruningSchedule
from .architecture import of_config
from .batches import Batches
from .prune.masks import Masks, mask_gradients, mask_tensor, mask_weights, pruned_weights, verify
from .prune.pattern import parse
from .prune.sparse import MAGNITUDE, sparsify
from .recipe import Recipe
from .runtime import Model, parallel, recompute, torch
from .runtime import storage as checkpoint
from .runtime.loss import autocast, mean_loss, training_loss
from .runtime.machine import decoder_flops, on_device, peak, precision_on, synchronise
from .runtime.storage import Checkpoint


@contextmanager
def meter(model: Model, recipe: Recipe, begin: int, *, shown: bool) -> Iterator[Callable[[torch.Tensor], None]]:
    """What counts a step, given its loss, on a bar of tokens per second and share of the peak; nothing if not shown."""
    if not shown:
        yield lambda _: None
        return
    from tqdm import tqdm  # comes with transformers

    best, began = peak(model.device.type), monotonic()
    flops = decoder_flops(of_config(model.config), 1, recipe.sequence)

    with tqdm(total=recipe.steps, initial=begin, unit="step", leave=False) as bar:

        def tick(loss: torch.Tensor) -> None:
            bar.update()
            if bar.n % 10 == 0:  # reading the loss waits for the device
                speed = (bar.n - begin) * recipe.step_tokens / (monotonic() - began)
                used = f", {100 * speed * flops / (best * parallel.size()):.0f} % MFU" if best else ""
                bar.set_postfix_str(f"loss {float(loss):.3f}, {speed:,.0f} tokens/s{used}")

        yield tick


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

    def overdue(self) -> bool:
        """Whether a kill would now cost more than a minute, and a checkpoint little beside that."""
        return monotonic() - self.kept > max(MINUTE, self.cost / SHARE)


@contextmanager
def untimed(state: State) -> Iterator[None]:
    """What is done inside does not count as training; the steps before have ended on the device, too."""
    synchronise(state.model.device)
    state.seconds += monotonic() - state.began
    yield
    state.began = monotonic()


def apply_masks(state: State, masks: Masks) -> None:
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
    with untimed(state):
        began = monotonic()
        verify(state.model, state.masks)
        tensors = {f"mask.{name}": mask for name, mask in state.masks.items()}
        for name, parameter in state.model.named_parameters():
            moments = state.optimiser.state[parameter]
            for what, tensor in {"weight": parameter.detach(), **{each: moments[each] for each in MOMENTS}}.items():
                found = parallel.whole(tensor)  # all processes help to gather it, one keeps and writes it
                if parallel.is_rank0():
                    tensors[f"{what}.{name}"] = found.cpu()
        info = {"rows": state.rows, "zeros": state.zeros, "seconds": state.seconds}
        if parallel.is_rank0():
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
    masks = [name for name in saved.tensors if name.startswith("mask.")]
    apply_masks(state, {name.removeprefix("mask."): saved.tensors[name].to(device) for name in masks})
    state.step, state.rows = saved.step, list(saved.info["rows"])
    state.zeros, state.seconds = saved.info["zeros"], saved.info["seconds"]


MaskSchedule = Callable[[int, Model], Masks | None]
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
    remask: MaskSchedule | None = None,
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
    apply_masks(state, masks or {})
    saved = parallel.broadcast(checkpoint.newest(folder) if folder and parallel.is_rank0() else None)
    if saved is not None:
        restore(state, checkpoint.load(saved))
    due, measure = recipe.measured(), partial(_measure, state, validation, recipe, start, log)
    with _prepared(model, recipe), meter(model, recipe, state.step, shown=progress) as tick:
        state.began = state.kept = monotonic()
        if saved is None:
            measure()
        while state.step < recipe.steps:
            tick(_one_step(state, batches, recipe, loss, remask))
            if state.step in due:
                measure()
            ended = state.step == recipe.steps
            halt = not ended and stop is not None and parallel.broadcast(stop())
            wished = state.step % checkpoint_every == 0 or ended or halt
            if folder and (wished or parallel.broadcast(state.overdue())):
                save(state, folder)
            if halt:
                raise Stopped(f"stopped after step {state.step} of {recipe.steps}; run it again to go on.")
    verify(model, state.masks)
    return state.rows


def _one_step(state: State, batches: Batches, recipe: Recipe, loss: Loss, remask: MaskSchedule | None) -> torch.Tensor:
    """One optimiser step; the loss trained on, left on the device."""
    model = state.model
    if remask is not None and (masks := remask(state.step, model)) is not None:
        apply_masks(state, masks)
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
    with untimed(state):
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
    """AdamW, without weight decay for norms and biases."""
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


def remasking(schedule: PruningSchedule, steps: int, *, every: int, pattern: str = "layer") -> MaskSchedule:
    """Sparse pre-training: what prunes a model by magnitude at the steps of a schedule, every so many.

    The method of Jin et al. 2025 (arXiv 2501.12486). Weights pruned once stay so: they are zero, and nothing is of
    lower magnitude. Magnitudes are compared within ``pattern``: "layer", "row", or as in the authors' code "global".
    """
    left, where = schedule.at_steps(steps, every=every), parse(pattern)

    def remask(step: int, model: Model) -> Masks | None:
        before = left[step - 1] if step else 1.0
        if not left[step] < before:
            return None
        with torch.no_grad(), parallel.gathered(model):  # whole matrices are ranked; the masks then zero every part
            return sparsify(model, MAGNITUDE, where, 1 - float(left[step]), None)

    return remask


__getattr__ = renamed_names(__name__, Remask="MaskSchedule")
