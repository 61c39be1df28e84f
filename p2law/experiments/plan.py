"""A plan file: which parents, pruned how, trained how; read and checked before anything is run."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any

from .. import checks
from ..errors import DataError
from ..schedules import PruningSchedule
from . import entries, parents, prune
from .architecture import Architecture, from_table
from .prune import Sparse
from .recipe import Recipe

VALIDATION = "validation"
"""The split that no model is trained on."""
DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
"""What a plan may call the device."""


@dataclass(frozen=True)
class Parent:
    """A model to prune: trained here from its architecture, or an existing one."""

    name: str
    shape: Architecture
    lr: float
    """Peak learning rate of its pre-training."""
    model: str | None = None
    """Folder or hub id; None for a model trained here."""
    tokens: int = 0
    """Tokens an existing model was trained on, if known."""
    seeds: tuple[int, ...] = ()
    """Of the order of the post-training text; empty for those of the plan."""

    def __post_init__(self) -> None:
        entries.filename("name", self.name)
        checks.number("lr", self.lr, low=0, error=DataError)


@dataclass(frozen=True)
class Cell:
    """One way of pruning every parent."""

    label: str
    method: str
    rate: float
    pattern: str | None = None

    def target(self, parent: Architecture) -> prune.Target:
        """What it leaves of a parent."""
        return prune.target(parent, self.method, self.rate, pattern=self.pattern)


@dataclass(frozen=True)
class Growth:
    """Sparse pre-training: a schedule and how it is followed."""

    schedule: PruningSchedule
    every: int = 10
    """Steps between prunings."""
    pattern: str = "layer"

    def __post_init__(self) -> None:
        checks.whole_number("every", self.every, error=DataError)
        if self.pattern not in ("layer", "row", "global"):
            raise DataError(
                f"pattern={self.pattern!r}: choose 'layer', 'row' or 'global'; n:m has a sparsity of its own from the "
                "first step, whatever the schedule says."
            )

    @property
    def label(self) -> str:
        """Everything but the sparsity, what is usual left out."""
        how = self.schedule
        usual = (how.start, how.end, how.unit) == (0.25, 0.75, "compute")
        when = "" if usual else f"-{how.start:g}to{how.end:g}{how.unit}"
        often = "" if self.every == Growth.every else f"-every{self.every}"
        return f"{how.shape}{when}-{self.pattern}{often}"


@dataclass(frozen=True)
class Training:
    """A recipe without its learning rate and seed, and the split of the text it reads."""

    settings: Mapping[str, Any]
    split: str
    lr: float = 0.0
    """Learning rate; 0 to follow from the parent's."""
    lr_fraction: float = 1.0
    """Learning rate as a fraction of the parent's peak, unless ``lr`` is given."""

    def __post_init__(self) -> None:
        if entries.text("split", self.split) == VALIDATION:
            raise DataError(f"split={VALIDATION!r}: the loss is measured there; train on another split of the text.")
        checks.number("lr", self.lr, low=0, closed=True, must="give a positive number, or 0", error=DataError)
        checks.number("lr_fraction", self.lr_fraction, low=0, error=DataError)

    @property
    def length(self) -> int:
        """Tokens per sequence."""
        return self.settings.get("sequence", Recipe.sequence)

    def recipe(self, parent: Parent, seed: int, **more: Any) -> Recipe:
        return Recipe(**{**self.settings, **more}, lr=self.lr or self.lr_fraction * parent.lr, seed=seed)


@dataclass(frozen=True)
class Plan:
    """What a sweep does."""

    out: Path
    text: Path
    family: str
    parents: tuple[Parent, ...]
    posttrain: Training | None = None
    pretrain: Training | None = None
    prune: tuple[Cell, ...] = ()
    sparse: tuple[Growth, ...] = ()
    seeds: tuple[int, ...] = (0,)
    parent_seeds: tuple[int, ...] = (0,)
    horizons: tuple[int, ...] = ()
    """More token counts at which dense parents are trained, each as a run of its own."""
    scratch: tuple[int, ...] = ()
    """Token counts on which the shape of every structured child is also trained from random weights."""
    validation_sequences: int = 64
    calibration_sequences: int = 32
    checkpoint_every: int = 200
    keep_models: bool = True
    device: str = "auto"
    speed: float = field(default=0.0)
    """FLOP/s to reckon times with; 0 for a guess by device."""

    def __post_init__(self) -> None:
        entries.text("family", self.family)
        for name in ("validation_sequences", "calibration_sequences", "checkpoint_every"):
            checks.whole_number(name, getattr(self, name), error=DataError)
        checks.truth("keep_models", self.keep_models, error=DataError)
        checks.number("speed", self.speed, low=0, closed=True, must="give FLOP/s, or 0 for a guess", error=DataError)
        if not (isinstance(self.device, str) and DEVICE.fullmatch(self.device)):
            raise DataError(f"device={self.device!r}: choose 'auto', 'cpu', 'cuda' or, for one of several, 'cuda:0'.")


def read(path: str | PathLike[str]) -> Plan:
    """Read a plan file; paths in it are relative to it.

    Raises
    ------
    DataError
        Naming the entry that is missing, unknown or impossible.
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
    values = {"out": "out", "family": "own", "seeds": (0,), "parent_seeds": (0,), **table}
    for name in ("text", "parents"):
        if name not in values:
            raise DataError(f"the plan has no {name!r}: see the example in p2law.experiments' documentation.")
    entries.known(values, {each.name for each in fields(Plan)}, "the plan")
    for name in ("out", "text"):
        values[name] = entries.path(name, values[name], here)
    values["parents"] = tuple(_parent(each, here) for each in entries.tables("parents", values["parents"]))
    for name in ("posttrain", "pretrain"):
        if name in values:
            values[name] = _training(values[name], name)
    for name, made in (("prune", _cells), ("sparse", _growths)):
        values[name] = tuple(one for each in entries.tables(name, values.get(name, ())) for one in made(each))
    for name in ("seeds", "parent_seeds"):
        values[name] = entries.listed(name, values[name], entries.seed)
    values["horizons"] = entries.listed("horizons", values.get("horizons", ()), entries.quantity)
    values["scratch"] = _scratch(values.get("scratch", False), values.get("posttrain"))
    return _checked(Plan(**values))


def _checked(plan: Plan) -> Plan:
    for name in ("parents", "seeds", "parent_seeds"):
        if not getattr(plan, name):
            raise DataError(f"{name} is empty: nothing would be run.")
    if plan.pretrain is None and any(each.model is None for each in plan.parents):
        raise DataError("a parent is to be trained here, but the plan has no [pretrain].")
    if plan.posttrain is None and (plan.prune or plan.pretrain is None):
        raise DataError("models are to be post-trained, but the plan has no [posttrain].")
    if plan.pretrain is not None and plan.pretrain.settings.get("distil"):
        raise DataError("[pretrain] distil: models trained from random weights have no parent to teach them.")
    if plan.scratch and plan.pretrain and plan.posttrain and plan.pretrain.length != plan.posttrain.length:
        raise DataError(
            f"[pretrain] sequence={plan.pretrain.length}, [posttrain] sequence={plan.posttrain.length}: models from "
            "scratch stand beside parents in dense.csv, whose losses need windows of one length; make them equal."
        )
    for parent in plan.parents:
        with entries.within(f"parent {parent.name}:"):
            _check_cells(parent, plan.prune)
    return plan


def _check_cells(parent: Parent, cells: tuple[Cell, ...]) -> None:
    """Refuse rates out of reach, and two that come to the same child."""
    seen: dict[tuple[str, int], Cell] = {}
    for cell in cells:
        goal = cell.target(parent.shape)
        twin = seen.setdefault((cell.label, goal.body), cell)
        if twin is not cell:
            raise DataError(
                f"{cell.label} at {twin.rate:g} and at {cell.rate:g} come to the same child "
                f"(realised {goal.rate:.3g}): leave one out."
            )


def _parent(table: Mapping[str, Any], here: Path) -> Parent:
    entries.known(table, {"name", "lr", "architecture", "model", "tokens", "seeds"}, "a parent")
    if "name" not in table or "lr" not in table or ("model" in table) == ("architecture" in table):
        raise DataError(f"parent {dict(table)}: give name, lr, and either architecture or model.")
    with entries.within(f"parent {table['name']}:"):
        lr, tokens = entries.number("lr", table["lr"]), entries.quantity("tokens", table.get("tokens", 0), least=0)
        seeds = entries.listed("seeds", table.get("seeds", ()), entries.seed)
        if "architecture" in table:
            return Parent(table["name"], from_table(table["architecture"]), lr, seeds=seeds)
        local = entries.path("model", table["model"], here)
        model = str(local if local.is_dir() else table["model"])
        return Parent(table["name"], parents.shape_of(model), lr, model, tokens, seeds)


def _scratch(value: Any, posttrain: Training | None) -> tuple[int, ...]:
    """True stands for as long as the children are trained."""
    if value and posttrain is None:
        raise DataError(f"scratch={value!r}: it trains the shapes of children, but the plan has no [posttrain].")
    if isinstance(value, bool):
        return (posttrain.settings["tokens"],) if value and posttrain else ()
    return entries.listed("scratch", value, entries.quantity)


def _training(table: Any, name: str) -> Training:
    entries.table(f"[{name}]", table)
    settings = {key: value for key, value in table.items() if key not in ("split", "lr", "lr_fraction")}
    entries.known(settings, {each.name for each in fields(Recipe)} - {"lr", "seed"}, f"[{name}]")
    if "tokens" not in settings:
        raise DataError(f"[{name}] does not say how many tokens.")
    with entries.within(f"[{name}]"):
        settings["tokens"] = entries.quantity("tokens", settings["tokens"])
        if isinstance(settings.get("betas"), list):
            settings["betas"] = tuple(settings["betas"])
        lr, fraction = (entries.number(key, table.get(key, usual)) for key, usual in (("lr", 0), ("lr_fraction", 1)))
        training = Training(settings, table.get("split", name), lr, fraction)
        Recipe(**settings, lr=lr or fraction)  # refuses impossible settings now
    return training


def _cells(table: Mapping[str, Any]) -> list[Cell]:
    entries.known(table, {"method", "rates", "pattern", "label"}, "[[prune]]")
    if not table.get("rates"):
        raise DataError(f"[[prune]] {dict(table)}: give method and rates = [...].")
    with entries.within("[[prune]]"):
        method = prune.get(entries.text("method", table.get("method", "")))
        pattern = table.get("pattern", method.pattern if isinstance(method, Sparse) else None)
        if pattern is not None:
            entries.text("pattern", pattern)
        label = table.get("label", method.name + (f"-{pattern}" if pattern else ""))
        rates = entries.listed("rates", table["rates"], entries.number)
        return [Cell(entries.filename("label", label), method.name, rate, pattern) for rate in rates]


def _growths(table: Mapping[str, Any]) -> list[Growth]:
    entries.known(table, {"sparsity", "start", "end", "unit", "shape", "every", "pattern"}, "[[sparse]]")
    if not table.get("sparsity"):
        raise DataError(f"[[sparse]] {dict(table)}: give sparsity = [...].")
    how = {key: table[key] for key in ("start", "end", "unit", "shape") if key in table}
    more = {key: table[key] for key in ("every", "pattern") if key in table}
    with entries.within("[[sparse]]"):
        goals = entries.listed("sparsity", table["sparsity"], entries.number)
        return [Growth(PruningSchedule(sparsity=goal, **how), **more) for goal in goals]
