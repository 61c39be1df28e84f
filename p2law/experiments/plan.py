"""A plan file: which parents, pruned how, trained how; read and checked before anything is run."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from ..errors import DataError, renamed_names
from ..schedules import PruningSchedule
from . import entries, parents, prune
from .architecture import ModelShape, from_table
from .prune import Sparse
from .recipe import Recipe

VALIDATION = "validation"
"""The split that no model is trained on."""
_PATTERNS = (
    "choose 'layer', 'row' or 'global'; n:m has a sparsity of its own from the first step, whatever the schedule says"
)
_DEVICE = Annotated[str, entries.Field(strict=True, pattern=r"^(auto|cpu|cuda(:\d+)?)$")]


@entries.checked
class ParentModel:
    """``[[parents]]``: a model to prune, trained here from its architecture, or an existing one."""

    name: entries.FileName
    shape: ModelShape
    lr: entries.Positive
    """Peak learning rate of its pre-training."""
    model: str | None = None
    """Folder or hub id; None for a model trained here."""
    tokens: entries.QuantityOrZero = 0
    """Tokens an existing model was trained on, if known."""
    seeds: tuple[entries.WholeOrZero, ...] = ()
    """Of the order of the post-training text; empty for those of the plan."""


@entries.checked
class Training:
    """``[pretrain]`` and ``[posttrain]``: a recipe without its learning rate and seed, and the split that it reads."""

    settings: Mapping[str, Any]
    split: entries.Text
    lr: entries.PositiveOrZero = 0.0
    """Learning rate; 0 to follow from the parent's."""
    lr_fraction: entries.Positive = 1.0
    """Learning rate as a fraction of the parent's peak, unless ``lr`` is given."""

    def __post_init__(self) -> None:
        if self.split == VALIDATION:
            raise DataError(f"split={VALIDATION!r}: the loss is measured there; train on another split of the text.")
        Recipe(**self.settings, lr=self.lr or self.lr_fraction)  # refuses impossible settings now

    @property
    def length(self) -> int:
        """Tokens per sequence."""
        return self.settings.get("sequence", Recipe.sequence)

    def recipe(self, parent: ParentModel, seed: int) -> Recipe:
        """How a model of this parent is trained."""
        return Recipe(**self.settings, lr=self.lr or self.lr_fraction * parent.lr, seed=seed)


@entries.checked
class PruneSpec:
    """``[[prune]]``: one way of pruning every parent."""

    label: entries.FileName
    method: str
    rate: entries.Number
    pattern: Annotated[entries.Text | None, entries.must("give text in quotation marks")] = None

    @property
    def needs_text(self) -> bool:
        """Whether it reads calibration text."""
        return prune.get(self.method).needs_text

    def target(self, parent: ModelShape) -> prune.PruneTarget:
        """What it leaves of a parent."""
        return prune.target(parent, self.method, self.rate, pattern=self.pattern)


@entries.checked
class SparseSpec:
    """``[[sparse]]``: sparse pre-training, a pruning schedule and how it is followed."""

    schedule: PruningSchedule
    every: entries.Whole = 10
    """Steps between prunings."""
    pattern: Annotated[Literal["layer", "row", "global"], entries.must(_PATTERNS)] = "layer"

    @property
    def label(self) -> str:
        """Everything but the sparsity, what is usual left out."""
        how = self.schedule
        usual = (how.start, how.end, how.unit) == (0.25, 0.75, "compute")
        when = "" if usual else f"-{how.start:g}to{how.end:g}{how.unit}"
        often = "" if self.every == SparseSpec.every else f"-every{self.every}"
        return f"{how.shape}{when}-{self.pattern}{often}"


@entries.checked
class Plan:
    """What a sweep does."""

    out: Path
    text: Path
    family: entries.Text
    parents: tuple[ParentModel, ...]
    posttrain: Training | None = None
    pretrain: Training | None = None
    prune: tuple[PruneSpec, ...] = ()
    sparse: tuple[SparseSpec, ...] = ()
    seeds: tuple[entries.WholeOrZero, ...] = (0,)
    parent_seeds: tuple[entries.WholeOrZero, ...] = (0,)
    horizons: tuple[entries.Quantity, ...] = ()
    """More token counts at which dense parents are trained, each as a run of its own."""
    scratch: tuple[entries.Quantity, ...] = ()
    """Token counts on which the shape of every structured child is also trained from random weights."""
    validation_sequences: entries.Whole = 64
    calibration_sequences: entries.Whole = 32
    checkpoint_every: entries.Whole = 200
    keep_models: entries.Truth = True
    device: Annotated[_DEVICE, entries.must("choose 'auto', 'cpu', 'cuda' or, for one of several, 'cuda:0'")] = "auto"
    speed: Annotated[entries.Number, entries.Field(ge=0), entries.must("give FLOP/s, or 0 for a guess")] = 0.0
    """FLOP/s for estimates of time; 0 for a guess by device."""

    def __post_init__(self) -> None:
        for name in ("parents", "seeds", "parent_seeds"):
            if not getattr(self, name):
                raise DataError(f"{name} is empty: nothing would be run.")
        if self.pretrain is None and any(each.model is None for each in self.parents):
            raise DataError("a parent is to be trained here, but the plan has no [pretrain].")
        if self.posttrain is None and (self.prune or self.pretrain is None):
            raise DataError("models are to be post-trained, but the plan has no [posttrain].")
        if self.pretrain is not None and self.pretrain.settings.get("distil"):
            raise DataError("[pretrain] distil: models trained from random weights have no parent to teach them.")
        if self.scratch and self.pretrain and self.posttrain and self.pretrain.length != self.posttrain.length:
            raise DataError(
                f"[pretrain] sequence={self.pretrain.length}, [posttrain] sequence={self.posttrain.length}: models "
                "from scratch stand beside parents in dense.csv, whose losses need windows of one length; make them "
                "equal."
            )
        for each in self.parents:
            seen: dict[tuple[str, int], PruneSpec] = {}
            with entries.within(f"parent {each.name}:"):
                for spec in self.prune:
                    goal = spec.target(each.shape)
                    twin = seen.setdefault((spec.label, goal.body), spec)
                    if twin is not spec:
                        raise DataError(
                            f"{spec.label} at {twin.rate:g} and at {spec.rate:g} come to the same child "
                            f"(realised {goal.rate:.3g}): leave one out."
                        )


def read(path: str | PathLike[str]) -> Plan:
    """Read a plan file; paths in it are relative to it.

    Raises DataError, naming the entry that is missing, unknown or impossible.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no plan file {str(path)!r}.")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is not TOML: {error}") from error
    return from_mapping(table, path.parent)


def from_mapping(table: Mapping[str, Any], here: Path = Path()) -> Plan:
    """The plan a mapping describes; see :func:`read`."""
    values = {"out": "out", "family": "own", **table}
    for name in ("text", "parents"):
        if name not in values:
            raise DataError(f"the plan has no {name!r}: see the example in p2law.experiments' documentation.")
    with entries.within("the plan"):
        entries.known(values, [each.name for each in fields(Plan)])
    for name in ("out", "text"):
        values[name] = entries.path(name, values[name], here)
    values["parents"] = [_parent(each, here) for each in entries.tables("parents", values["parents"])]
    for name in [name for name in ("posttrain", "pretrain") if name in values]:
        values[name] = _training(name, values[name])
    for name, specs in (("prune", _prune_specs), ("sparse", _sparse_specs)):
        given = entries.tables(name, values.get(name, ()))
        with entries.within(f"[[{name}]]"):
            values[name] = [spec for each in given for spec in specs(each)]
    scratch, posttrain = values.get("scratch", False), values.get("posttrain")
    if scratch and posttrain is None:
        raise DataError(f"scratch={scratch!r}: it trains the shapes of children, but the plan has no [posttrain].")
    if isinstance(scratch, bool):  # True stands for as long as the children are trained
        values["scratch"] = [posttrain.settings["tokens"]] if scratch and posttrain else ()
    return Plan(**values)


def _parent(table: Mapping[str, Any], here: Path) -> ParentModel:
    """One parent; its folder is relative to the plan's."""
    with entries.within("a parent"):
        entries.known(table, ["name", "lr", "architecture", "model", "tokens", "seeds"])
    if "name" not in table or "lr" not in table or ("model" in table) == ("architecture" in table):
        raise DataError(f"parent {dict(table)}: give name, lr, and either architecture or model.")
    values = {key: value for key, value in table.items() if key not in ("architecture", "model")}
    with entries.within(f"parent {table['name']}:"):
        if "architecture" in table:
            return ParentModel(**values, shape=from_table(table["architecture"]))
        local = entries.path("model", table["model"], here)
        model = str(local if local.is_dir() else table["model"])
        return ParentModel(**values, shape=parents.shape_of(model), model=model)


def _training(name: str, table: Any) -> Training:
    """The table of this name: what concerns rate and split, and the settings of a recipe."""
    if not isinstance(table, Mapping):
        raise DataError(f"[{name}] is {table!r}: give a table, with one line for each entry.")
    with entries.within(f"[{name}]"):
        how = {key: table[key] for key in ("split", "lr", "lr_fraction") if key in table}
        settings = {key: value for key, value in table.items() if key not in how}
        entries.known(table, {"split", "lr_fraction", *(each.name for each in fields(Recipe))} - {"seed"})
        if "tokens" not in settings:
            raise DataError("does not say how many tokens.")
        settings["tokens"] = entries.entry("tokens", entries.Quantity, settings["tokens"])
        return Training(settings, **{"split": name, **how})


def _prune_specs(table: Mapping[str, Any]) -> list[PruneSpec]:
    """One for each rate."""
    entries.known(table, ["method", "rates", "pattern", "label"])
    if not table.get("rates"):
        raise DataError(f"{dict(table)}: give method and rates = [...].")
    method = prune.get(entries.entry("method", entries.Text, table.get("method")))
    pattern = table.get("pattern", method.pattern if isinstance(method, Sparse) else None)
    label = table.get("label", method.name + (f"-{pattern}" if pattern else ""))
    rates = entries.entry("rates", tuple[entries.Number, ...], table["rates"])
    return [PruneSpec(label, method.name, rate, pattern) for rate in rates]


def _sparse_specs(table: Mapping[str, Any]) -> list[SparseSpec]:
    """One for each sparsity."""
    entries.known(table, ["sparsity", "start", "end", "unit", "shape", "every", "pattern"])
    if not table.get("sparsity"):
        raise DataError(f"{dict(table)}: give sparsity = [...].")
    more = {key: table[key] for key in ("every", "pattern") if key in table}
    how = {key: value for key, value in table.items() if key not in ("sparsity", *more)}
    goals = entries.entry("sparsity", tuple[entries.Number, ...], table["sparsity"])
    return [SparseSpec(PruningSchedule(sparsity=goal, **how), **more) for goal in goals]


__getattr__ = renamed_names(__name__, Cell="PruneSpec", Growth="SparseSpec", Parent="ParentModel")
