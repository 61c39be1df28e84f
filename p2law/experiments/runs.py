"""From a plan to its runs, in an order in which every run comes after those it needs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import DataError
from . import prune
from .architecture import Architecture
from .plan import Cell, Growth, Parent, Plan
from .prune._pattern import parse
from .recipe import Recipe


@dataclass(frozen=True)
class Run:
    """One curve: a model to start from and a recipe."""

    name: str
    kind: str
    """``parent``, ``control``, ``pruned``, ``scratch`` or ``sparse``."""
    parent: Parent
    parent_seed: int
    recipe: Recipe
    split: str
    shape: Architecture
    """Of the model that is trained."""
    needs: str | None = None
    """The run that makes the parent."""
    cell: Cell | None = None
    growth: Growth | None = None

    @property
    def body(self) -> int:
        """Non-embedding parameters that are not zero at the end, as far as the plan tells."""
        if self.cell is None or self.kind == "scratch":
            growth = self.growth
            return self.shape.body - (
                parse(growth.pattern).zeros(self.shape, growth.schedule.sparsity) if growth else 0
            )
        return prune.target(self.parent.shape, self.cell.method, self.cell.rate, pattern=self.cell.pattern).body

    def specification(self) -> dict[str, Any]:
        """Everything the outcome depends on, as plain values; not where a parent's files lie."""
        facts = asdict(replace(self, parent=replace(self.parent, model=None)))
        del facts["parent"]["seeds"]  # which other runs there are does not matter
        return facts


def runs(plan: Plan) -> list[Run]:
    """All runs of a plan: parents first, then controls, then the rest.

    Raises
    ------
    DataError
        If two would share a name, or be the same training: their rows would count double in every fit.
    """
    made = [run for parent in plan.parents for seed in plan.parent_seeds for run in _of_parent(plan, parent, seed)]
    _check_distinct(made)
    order = {"parent": 0, "control": 1, "pruned": 2, "scratch": 3, "sparse": 4}
    return sorted(_once(made), key=lambda run: order[run.kind])


def _once(made: list[Run]) -> list[Run]:
    """Leave out trainings from scratch that another child of the same shape has already asked for."""
    alike: dict[Any, Run] = {}
    for run in made:
        key = (run.parent.name, run.parent_seed, run.shape, run.recipe) if run.kind == "scratch" else run.name
        alike.setdefault(key, run)
    return list(alike.values())


def _check_distinct(made: list[Run]) -> None:
    seen: dict[Any, Run] = {}
    for run in made:
        same = (run.kind, run.parent.name, run.parent_seed, run.recipe.seed, run.recipe.steps, run.cell, run.growth)
        for key in (run.name, same):
            twin = seen.setdefault(key, run)
            if twin is not run:
                both = run.name if twin.name == run.name else f"{twin.name} and {run.name}, the same training,"
                raise DataError(
                    f"{both} would be run twice: give every parent, seed, sparsity and number of tokens once (horizons "
                    "besides that of [pretrain]), or make the second in another out= folder."
                )


def _of_parent(plan: Plan, parent: Parent, parent_seed: int) -> Iterator[Run]:
    size = parent.name if len(plan.parent_seeds) == 1 else f"{parent.name}-p{parent_seed}"
    needs = None
    if parent.model is None and plan.pretrain is not None:
        needs = f"{size}-parent"
        yield from _dense(plan, parent, parent_seed, size)
        yield from _sparse(plan, parent, parent_seed, size)
    if plan.posttrain is None:
        return
    for seed in parent.seeds or plan.seeds:
        recipe = plan.posttrain.recipe(parent, seed)
        own = Run("", "", parent, parent_seed, recipe, plan.posttrain.split, parent.shape, needs)
        yield replace(own, name=f"{size}-control-s{seed}", kind="control")
        for cell in plan.prune:
            child = _child_shape(parent, cell)
            name = f"{size}-{cell.label}-{cell.rate:g}-s{seed}".replace(":", "of")
            yield replace(own, name=name, kind="pruned", cell=cell, shape=child)
            if child != parent.shape:
                yield from _scratch(plan, replace(own, name=name, kind="scratch", cell=cell, shape=child, needs=None))


def _scratch(plan: Plan, child: Run) -> Iterator[Run]:
    for tokens in plan.scratch:
        # Random weights bear the rate of pre-training.
        recipe = replace(child.recipe, lr=child.parent.lr, tokens=tokens)
        longer = "" if tokens == child.recipe.tokens else f"-{tokens}"
        yield replace(child, name=f"{child.name}-scratch{longer}", recipe=recipe)


def _dense(plan: Plan, parent: Parent, seed: int, size: str) -> Iterator[Run]:
    assert plan.pretrain is not None
    recipe = plan.pretrain.recipe(parent, seed)
    own = Run(f"{size}-parent", "parent", parent, seed, recipe, plan.pretrain.split, parent.shape)
    yield own
    for tokens in plan.horizons:
        yield replace(own, name=f"{size}-parent-{tokens}", recipe=replace(recipe, tokens=tokens))


def _sparse(plan: Plan, parent: Parent, seed: int, size: str) -> Iterator[Run]:
    assert plan.pretrain is not None
    recipe = plan.pretrain.recipe(parent, seed)
    for growth in plan.sparse:
        name = f"{size}-sparse-{growth.schedule.sparsity:g}-{growth.label}"
        yield Run(name, "sparse", parent, seed, recipe, plan.pretrain.split, parent.shape, growth=growth)


def _child_shape(parent: Parent, cell: Cell) -> Architecture:
    return prune.target(parent.shape, cell.method, cell.rate, pattern=cell.pattern).shape
