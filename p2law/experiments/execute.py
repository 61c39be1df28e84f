"""Carry out one run: get its model, train it, leave model and record."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from . import parallel, parents, prune
from ._torch import Model, torch
from .batches import fixed_windows, make_batches
from .parents import has_tokenizer
from .plan import VALIDATION, Cell
from .prune.masks import Masks
from .runs import Record, Run
from .study import Study
from .train import Remask, Row, remasking, train


@dataclass(frozen=True)
class Start:
    """What a run sets out from."""

    model: Model = field(repr=False)
    masks: Masks = field(default_factory=dict, repr=False)
    remask: Remask | None = None
    teacher: Model | None = field(default=None, repr=False)


def execute(study: Study, run: Run, *, stop: Callable[[], bool] | None = None, progress: bool = False) -> None:
    """Train one run to its end, going on from its newest checkpoint; the record is complete when this returns.

    Raises
    ------
    Stopped
        If ``stop``, asked after every step, says True before the end.
    """
    record, recipe = study.record(run.name), run.recipe
    tokens = study.text.tokens(run.split)
    batches = make_batches(
        tokens,
        sequence=recipe.sequence,
        batch=recipe.batch,
        steps=recipe.steps,
        seed=recipe.seed + 1000 * run.parent_seed,
        passes=recipe.passes,
    )
    start = _start(study, run)
    if parallel.leads():  # not before its parent is there, or the weights it says it came from would be none
        record.begin(study.specification(run), study.device)
    rows = train(
        start.model,
        batches,
        _windows(study, VALIDATION, recipe.sequence, study.plan.validation_sequences),
        recipe,
        masks=start.masks,
        remask=start.remask,
        teacher=start.teacher,
        start="pruned" if run.posttrained else "initial",
        folder=record.checkpoints,
        checkpoint_every=study.plan.checkpoint_every,
        log=record.log if parallel.leads() else None,
        stop=stop,
        progress=progress and parallel.leads(),
    )
    kept = study.keeps(run)
    model = parallel.whole_model(start.model) if kept else start.model
    if parallel.leads():
        _finish(record, run, model, rows, kept)


def _finish(record: Record, run: Run, model: Model, rows: list[Row], kept: bool) -> None:
    record.log(rows)
    if kept:
        _keep(record, model, run.parent.model)
    record.finish(_facts(model, rows[-1]))
    record.tidy()


def _start(study: Study, run: Run) -> Start:
    if run.posttrained:
        return _from_parent(study, run)
    model = parents.build(run.shape, seed=run.parent_seed, sequence=run.recipe.sequence, device=study.device)
    if (growth := run.growth) is None:
        return Start(model)
    remask = remasking(growth.schedule, run.recipe.steps, every=growth.every, pattern=growth.pattern)
    return Start(model, remask=remask)


def _from_parent(study: Study, run: Run) -> Start:
    """The parent or what pruning leaves of it, taught by the whole parent where the recipe says so."""
    parent, taught = parents.load(study.parent_model(run), device=study.device), run.recipe.distil > 0
    if run.cell is None:
        return Start(parent, teacher=deepcopy(parent).eval() if taught else None)
    child = _pruned(study, run, parent, run.cell)
    return Start(child.model, child.masks, teacher=parent.eval() if taught else None)


def _pruned(study: Study, run: Run, parent: Model, cell: Cell) -> prune.Pruned:
    text = None
    if cell.needs_text:
        text = _windows(study, run.split, run.recipe.sequence, study.plan.calibration_sequences)[:, :-1]
    return prune.prune(parent, cell.method, cell.rate, calibration=text, pattern=cell.pattern)


def _windows(study: Study, split: str, sequence: int, count: int) -> torch.Tensor:
    return fixed_windows(study.text.tokens(split), sequence=sequence, count=count, what=split)


def _keep(record: Record, model: Model, source: str | None) -> None:
    part = record.folder / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    parents.save(model, part, tokenizer=source if source and has_tokenizer(source) else None)
    shutil.rmtree(record.model, ignore_errors=True)
    part.rename(record.model)


def _facts(model: Model, last: Row) -> dict[str, Any]:
    """Parameters of the trained model, pruned ones not counted, and the time it took."""
    count, zeros = parents.count(model), last["zeros"]
    return {"N": count.body - zeros, "N_total": count.total - zeros, "N_dense": count.body, "seconds": last["seconds"]}
