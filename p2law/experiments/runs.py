"""From a plan to its runs, in an order in which every run comes after those it needs."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..data.files import from_json, to_json, write_text
from ..errors import DataError
from .architecture import ModelShape
from .plan import ParentModel, Plan, PruneSpec, SparseSpec
from .prune.pattern import parse
from .recipe import Recipe

KINDS = ("parent", "control", "pruned", "scratch", "sparse")
"""Kinds of runs, in the order in which they are carried out."""


@dataclass(frozen=True)
class Run:
    """One curve: a model to start from and a recipe."""

    name: str
    kind: str
    """One of :data:`KINDS`."""
    parent: ParentModel
    parent_seed: int
    recipe: Recipe
    split: str
    shape: ModelShape
    """Of the model that is trained."""
    needs: str | None = None
    """The run that makes the parent."""
    prune: PruneSpec | None = None
    sparse: SparseSpec | None = None

    @property
    def posttrained(self) -> bool:
        """Whether it sets out from the parent's weights; all others begin with random ones."""
        return self.kind in ("control", "pruned")

    @property
    def body(self) -> int:
        """Non-embedding parameters that are not zero at the end, as far as the plan tells."""
        if self.prune is not None:
            return self.prune.target(self.parent.shape).body
        how = self.sparse
        return self.shape.body - (parse(how.pattern).zeros(self.shape, how.schedule.sparsity) if how else 0)

    def specification(self) -> dict[str, Any]:
        """Everything the outcome depends on, as plain values; not where a parent's files lie."""
        facts = asdict(replace(self, parent=replace(self.parent, model=None)))
        del facts["parent"]["seeds"]  # which other runs there are does not matter
        facts["cell"], facts["growth"] = facts.pop("prune"), facts.pop("sparse")  # their names in run.json
        return facts


def runs(plan: Plan) -> list[Run]:
    """All runs of a plan: parents first, then controls, then the rest.

    Raises DataError if two share a name or are the same training: their rows would count double in every fit.
    """
    made = [run for parent in plan.parents for seed in plan.parent_seeds for run in _of_parent(plan, parent, seed)]
    seen: dict[Any, Run] = {}
    for run in made:
        same = (run.kind, run.parent.name, run.parent_seed, run.recipe.seed, run.recipe.steps, run.prune, run.sparse)
        for key in (run.name, same):
            twin = seen.setdefault(key, run)
            if twin is not run:
                both = run.name if twin.name == run.name else f"{twin.name} and {run.name}, the same training,"
                raise DataError(
                    f"{both} would be run twice: give every parent, seed, sparsity and number of tokens once (horizons "
                    "besides that of [pretrain]), or make the second in another out= folder."
                )
    once: dict[Any, Run] = {}
    for run in made:  # children of one shape ask for the same training from scratch
        key = (run.parent.name, run.parent_seed, run.shape, run.recipe) if run.kind == "scratch" else run.name
        once.setdefault(key, run)
    return sorted(once.values(), key=lambda run: KINDS.index(run.kind))


def _of_parent(plan: Plan, parent: ParentModel, parent_seed: int) -> Iterator[Run]:
    """The runs of one parent: those that pre-train it, then for every seed the control, children and their shapes."""
    size = parent.name if len(plan.parent_seeds) == 1 else f"{parent.name}-p{parent_seed}"
    needs = None
    if parent.model is None and plan.pretrain is not None:
        needs, recipe = f"{size}-parent", plan.pretrain.recipe(parent, parent_seed)
        own = Run(needs, "parent", parent, parent_seed, recipe, plan.pretrain.split, parent.shape)
        yield own
        for tokens in plan.horizons:
            yield replace(own, name=f"{needs}-{tokens}", recipe=replace(recipe, tokens=tokens))
        for sparse in plan.sparse:  # pruned while it is trained
            name = f"{size}-sparse-{sparse.schedule.sparsity:g}-{sparse.label}"
            yield replace(own, name=name, kind="sparse", sparse=sparse)
    if plan.posttrain is None:
        return
    for seed in parent.seeds or plan.seeds:
        recipe = plan.posttrain.recipe(parent, seed)
        name, split = f"{size}-control-s{seed}", plan.posttrain.split
        control = Run(name, "control", parent, parent_seed, recipe, split, parent.shape, needs)
        yield control
        for how in plan.prune:
            name = f"{size}-{how.label}-{how.rate:g}-s{seed}".replace(":", "of")
            child = replace(control, name=name, kind="pruned", prune=how, shape=how.target(parent.shape).shape)
            yield child
            for tokens in plan.scratch if child.shape != parent.shape else ():
                # Random weights bear the rate of pre-training.
                fresh, label = replace(recipe, lr=parent.lr, tokens=tokens), f"{name}-scratch"
                label += "" if tokens == recipe.tokens else f"-{tokens}"
                yield replace(child, name=label, kind="scratch", recipe=fresh, needs=None)


@dataclass(frozen=True)
class Record:
    """The folder of one run: what it is, its curve as JSON lines, how it ended."""

    folder: Path

    @property
    def model(self) -> Path:
        """The trained model as transformers saves it."""
        return self.folder / "model"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def done(self) -> bool:
        return (self.folder / "done.json").is_file()

    @property
    def failure(self) -> str | None:
        """Why the last attempt failed, if it did."""
        path = self.folder / "failed.json"
        return from_json(path.read_text())["error"] if path.is_file() else None

    @property
    def status(self) -> str:
        if self.done:
            return "done"
        if self.failure:
            return "failed"
        return "begun" if self.checkpoints.is_dir() else "to do"

    def specification(self) -> dict[str, Any] | None:
        """What the run was begun as."""
        path = self.folder / "run.json"
        return from_json(path.read_text())["specification"] if path.is_file() else None

    def begin(self, specification: Mapping[str, Any], device: str) -> None:
        """Say what is run, where and with which software."""
        software = {name: version(name) for name in ("p2law", "torch", "transformers")}
        facts = {"specification": dict(specification), "device": device, "software": software}
        write_text(self.folder / "run.json", to_json(facts, indent=2))
        (self.folder / "failed.json").unlink(missing_ok=True)

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the curve so far."""
        write_text(self.folder / "curve.jsonl", "".join(to_json(row) + "\n" for row in rows))

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Mark the run as done; written last."""
        write_text(self.folder / "done.json", to_json(dict(facts), indent=2))

    def tidy(self) -> None:
        """Delete the checkpoints of a run that is done."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def fail(self, reason: str) -> None:
        """Keep why a run failed."""
        write_text(self.folder / "failed.json", to_json({"error": reason}, indent=2))

    def rows(self) -> list[dict[str, Any]]:
        """The curve as logged."""
        path = self.folder / "curve.jsonl"
        return [from_json(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def facts(self) -> dict[str, Any]:
        """What :meth:`finish` was given."""
        return from_json((self.folder / "done.json").read_text())


def of_run(out: Path, name: str) -> Record:
    """The record of a run in a sweep's folder."""
    return Record(out / "runs" / name)


def done_runs(out: Path) -> set[str]:
    """Names of the runs in a sweep's folder that are done, of whatever plan."""
    return {path.parent.name for path in out.glob("runs/*/done.json")}
