"""A plan made ready: its text opened, its runs listed, and everything refused that can be known to fail."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..data.quantities import format_quantity
from ..errors import DataError, renamed_names
from .batches import window_count
from .parents import fingerprint, has_tokenizer
from .plan import VALIDATION, Plan
from .runs import Record, Run, of_run, runs
from .runtime import parallel, torch
from .runtime.machine import casts, decoder_flops, device_of, devices, kind, memory, peak, precision_on, training
from .text import Text, load
from .tokenize import digest_of

USED = 0.3
"""Share of a device's peak that training is assumed to reach."""
PEAK_UNKNOWN = 1e14
"""FLOP/s of a GPU that is not in the list."""
CPU_SPEED = 2e10
"""FLOP/s assumed for a processor: small models on one or two cores."""


@dataclass(frozen=True)
class RunCost:
    """Rough, to see orders of magnitude and what cannot fit."""

    flops: float
    memory: float
    """Bytes on each device."""
    seconds: float
    disk: float
    """Bytes taken while the run goes on: two checkpoints, a third while it is written, and one model."""


def estimate(run: Run, *, device: str, speed: float = 0.0, processes: int = 1) -> RunCost:
    """What a run takes of a device, at ``speed`` FLOP/s if given, or of several that share it."""
    recipe, shape, parent = run.recipe, run.shape, run.parent.shape
    flops, disk = decoder_flops(shape, recipe.trained, recipe.sequence), 3 * (12 * shape.total + shape.linear)
    rate = speed or (USED * (peak(device) or PEAK_UNKNOWN) if kind(device) == "cuda" else CPU_SPEED)
    share, precision = recipe.batch // processes, precision_on(device, recipe.precision)
    sequences = min(recipe.micro_batch or share, share)
    held = training(shape, recipe, precision, sequences=sequences, processes=processes)
    held += shape.linear  # one byte per mask entry
    if recipe.distil:
        held += 4 * parent.total / processes + casts(parent, replace(recipe, recompute=False), precision)
    if processes > 1:
        held = max(held, 4 * (shape.total + parent.total))  # pruned whole on each, then sharded
    return RunCost(flops, held, flops / rate / processes, disk + 4 * shape.total)


@dataclass(frozen=True)
class Study:
    """A plan with its text and runs."""

    plan: Plan
    text: Text
    runs: tuple[Run, ...]
    device: str

    def record(self, name: str) -> Record:
        return of_run(self.plan.out, name)

    def specification(self, run: Run) -> dict[str, Any]:
        """What identifies a run: its own settings and the text it reads, as JSON has them."""
        texts = {split: self.text.digest(split) for split in (run.split, VALIDATION)}
        measured = {"validation": self.plan.validation_sequences, "calibration": self.plan.calibration_sequences}
        weights = {}
        if run.posttrained:  # which weights those are, once they are there
            source = self.parent_model(run)
            made = run.needs is None or (self.record(run.needs).done and Path(source).is_dir())
            weights = {"parent_weights": fingerprint(source) if made else None}
        return json.loads(json.dumps({**run.specification(), "text": texts, **measured, **weights}, default=str))

    def parent_model(self, run: Run) -> Path | str:
        """Where the parent lies that a post-trained run sets out from: a folder, or a hub id."""
        return run.parent.model or self.record(run.needs or "").model

    def keeps(self, run: Run) -> bool:
        """Whether the trained model stays: a parent's always does."""
        return run.kind == "parent" or self.plan.keep_models

    def cost(self, run: Run) -> RunCost:
        """What a run will take of the study's device."""
        return estimate(run, device=self.device, speed=self.plan.speed, processes=parallel.size())

    def table(self) -> pd.DataFrame:
        """One row per run: parameters, tokens, and estimates of FLOPs, memory and time."""
        rows = []
        for run in self.runs:
            cost = self.cost(run)
            rows.append(
                {
                    "run": run.name,
                    "status": self.record(run.name).status,
                    "N": format_quantity(run.body),
                    "N_total": format_quantity(run.body + run.shape.embedding),
                    "tokens": format_quantity(run.recipe.trained),
                    "lr": f"{run.recipe.lr:.3g}",
                    "FLOPs": f"{cost.flops:.2g}",
                    "GiB": f"{cost.memory / 2**30:.2g}",
                    "minutes": f"{cost.seconds / 60:,.0f}" if cost.seconds >= 600 else f"{cost.seconds / 60:.2g}",
                }
            )
        return pd.DataFrame(rows)


def make_study(plan: Plan, *, jobs: int = 1, room: bool = True) -> Study:
    """Open a plan's text and check every run against it; ``jobs`` runs carried out at once must fit together.

    Raises DataError if the text is too short, was made with another tokenizer, does not fit a model's vocabulary; if a
    run of the same name was begun with other settings; if disk or memory are too small, unless ``room`` is False,
    where :func:`shortage` tells; or if the processes started together cannot share batches evenly.
    """
    study = Study(plan, load(plan.text), tuple(runs(plan)), device_of(plan.device))
    _check_vocabularies(study)
    for run in study.runs:
        _check_text(study, run)
        _check_same(study, run)
    if room and (lacking := shortage(study, jobs)):
        raise DataError(lacking)
    return study


def _check_vocabularies(study: Study) -> None:
    """Refuse a text that was not made with the parents' tokenizer."""
    for parent in study.plan.parents:
        if study.text.vocabulary > parent.shape.vocabulary:
            raise DataError(
                f"parent {parent.name}: the text has a vocabulary of {study.text.vocabulary} ({study.text.tokenizer}), "
                f"the model of {parent.shape.vocabulary}: prepare the text with the model's tokenizer."
            )
        if parent.model and has_tokenizer(parent.model) and digest_of(parent.model) != study.text.tokenizer_digest:
            raise DataError(
                f"parent {parent.name}: the text was made with the tokenizer {study.text.tokenizer}, which is not the "
                f"model's own: prepare the text with that of {parent.model}."
            )


def _check_text(study: Study, run: Run) -> None:
    """Refuse a run that wants more text than there is, or batches that the processes cannot share."""
    recipe, plan = run.recipe, study.plan
    parallel.check(recipe.batch, f"run {run.name}: batch")
    parallel.check(plan.validation_sequences, "validation_sequences")
    wanted = {run.split: -(-recipe.steps * recipe.batch // recipe.passes), VALIDATION: plan.validation_sequences}
    for split, sequences in wanted.items():
        there = window_count(study.text.tokens(split), recipe.sequence)
        if sequences > there:
            raise DataError(
                f"run {run.name} wants {sequences * recipe.sequence:,} tokens of the split {split!r}, which has "
                f"{there * recipe.sequence:,} in whole sequences: ask for fewer, allow passes, or prepare more text."
            )
    calibrated = run.prune is not None and run.prune.needs_text
    if calibrated and window_count(study.text.tokens(run.split), recipe.sequence) < plan.calibration_sequences:
        raise DataError(f"run {run.name}: too little text for calibration_sequences={plan.calibration_sequences}.")


def _check_same(study: Study, run: Run) -> None:
    """Refuse a run that was begun as something else."""
    record = study.record(run.name)
    if (begun := record.specification()) is None:
        return
    now = study.specification(run)
    if now.get("parent_weights", "") is None:
        if not (record.done and run.needs and study.record(run.needs).done):
            raise DataError(
                f"run {run.name} was made from {run.needs}, which is not there any more: bring it back, or delete "
                f"{record.folder} too."
            )
        now["parent_weights"] = begun.get("parent_weights")  # only the model is gone, and will not be made anew
    if begun != now:
        changed = [key for key in now if begun.get(key) != now[key]]
        raise DataError(
            f"run {run.name} was begun with another {', '.join(changed)}: choose another out= folder, or delete "
            f"{record.folder} to run it anew."
        )


def shortage(study: Study, jobs: int = 1) -> str:
    """What this machine lacks for the runs that are left, and what to change; empty if nothing."""
    if kind(study.device) == "cuda" and not torch.cuda.is_available():
        return f"device = {study.device!r}: torch sees no GPU here; choose 'cpu' or another machine."
    left = [run for run in study.runs if not study.record(run.name).done]
    costs = {run.name: study.cost(run) for run in left}
    kept = sum(4 * run.shape.total for run in left if study.keeps(run))
    needed = kept + sum(sorted((cost.disk for cost in costs.values()), reverse=True)[:jobs])
    folder = study.plan.out.absolute()
    there = shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.is_dir())).free
    if needed > there:
        return (
            f"the sweep may fill {needed / 2**30:.3g} GiB under {study.plan.out}, there are {there / 2**30:.3g}: make "
            "room, choose another out= folder, or set keep_models = false."
        )
    room, together = memory(study.device), -(-jobs // devices(study.device))
    largest = sorted(costs, key=lambda name: costs[name].memory, reverse=True)[:together]
    wanted = sum(costs[name].memory for name in largest)
    if wanted <= room:
        return ""
    return (
        f"{' and '.join(largest)} {'needs' if len(largest) == 1 else 'together need'} about {wanted / 2**30:.3g} "
        f"GiB of memory, the device has {room / 2**30:.3g}: {'start fewer jobs, ' if together > 1 else ''}lower "
        "micro_batch, set recompute = true, or start several processes with torchrun."
    )


__getattr__ = renamed_names(__name__, Estimate="RunCost")
