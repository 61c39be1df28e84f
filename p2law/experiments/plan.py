"""A plan file: which parents, pruned how, trained how; read and checked before anything is run."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..quantities import parse_quantity
from ..schedules import PruningSchedule
from . import parents, prune
from .architecture import Architecture, from_table
from .prune import Sparse
from .recipe import Recipe


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


@dataclass(frozen=True)
class Cell:
    """One way of pruning every parent."""

    label: str
    method: str
    rate: float
    pattern: str | None = None


@dataclass(frozen=True)
class Growth:
    """Sparse pre-training: a schedule and how it is followed."""

    schedule: PruningSchedule
    every: int = 10
    """Steps between prunings."""
    pattern: str = "layer"


@dataclass(frozen=True)
class Training:
    """A recipe without its learning rate and seed, and the split of the text it reads."""

    settings: Mapping[str, Any]
    split: str
    lr: float = 0.0
    """Learning rate; 0 to follow from the parent's."""
    lr_fraction: float = 1.0
    """Learning rate as a fraction of the parent's peak, unless ``lr`` is given."""

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
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name} is not TOML: {error}") from error
    return from_mapping(table, path.parent)


def from_mapping(table: Mapping[str, Any], here: Path = Path()) -> Plan:
    """The plan a mapping describes; see :func:`read`."""
    values = dict(table)
    for name in ("text", "parents"):
        if name not in values:
            raise DataError(f"the plan has no {name!r}: see the example in p2law.experiments' documentation.")
    values["out"], values["text"] = here / values.get("out", "out"), here / values["text"]
    values.setdefault("family", "own")
    values["parents"] = tuple(_parent(each, here) for each in values["parents"])
    for name in ("posttrain", "pretrain"):
        if name in values:
            values[name] = _training(values[name], name)
    values["prune"] = tuple(cell for each in values.get("prune", ()) for cell in _cells(each))
    values["sparse"] = tuple(growth for each in values.get("sparse", ()) for growth in _growths(each))
    values["scratch"] = _scratch(values.get("scratch", False), values.get("posttrain"))
    for name in ("seeds", "parent_seeds"):
        values[name] = tuple(values.get(name, (0,)))
    values["horizons"] = tuple(int(parse_quantity(each)) for each in values.get("horizons", ()))
    _known(values, {each.name for each in fields(Plan)}, "the plan")
    return _checked(Plan(**values))


def _checked(plan: Plan) -> Plan:
    for what, names in (
        ("parents", [each.name for each in plan.parents]),
        ("prune", [(each.label, each.rate) for each in plan.prune]),
        ("seeds", list(plan.seeds)),
    ):
        if len(set(names)) < len(names) or not (names or what == "prune"):
            raise DataError(f"{what}: {names or 'none'}: give each once.")
    if plan.pretrain is None and any(each.model is None for each in plan.parents):
        raise DataError("a parent is to be trained here, but the plan has no [pretrain].")
    if plan.posttrain is None and (plan.prune or plan.pretrain is None):
        raise DataError("models are to be post-trained, but the plan has no [posttrain].")
    for parent in plan.parents:
        _check_cells(parent, plan.prune)
    return plan


def _check_cells(parent: Parent, cells: tuple[Cell, ...]) -> None:
    """Refuse rates out of reach, and two that come to the same child."""
    seen: dict[tuple[str, int], Cell] = {}
    for cell in cells:
        try:
            goal = prune.target(parent.shape, cell.method, cell.rate, pattern=cell.pattern)
        except DataError as error:
            raise DataError(f"parent {parent.name}: {error}") from error
        twin = seen.setdefault((cell.label, goal.body), cell)
        if twin is not cell:
            raise DataError(
                f"parent {parent.name}: {cell.label} at {twin.rate:g} and at {cell.rate:g} come to the same child "
                f"(realised {goal.rate:.3g}): leave one out."
            )


def _parent(table: Mapping[str, Any], here: Path) -> Parent:
    _known(table, {"name", "lr", "architecture", "model", "tokens", "seeds"}, "a parent")
    if "name" not in table or "lr" not in table or ("model" in table) == ("architecture" in table):
        raise DataError(f"parent {dict(table)}: give name, lr, and either architecture or model.")
    tokens, seeds = int(parse_quantity(table.get("tokens", 0))), tuple(table.get("seeds", ()))
    if "architecture" in table:
        return Parent(table["name"], from_table(table["architecture"]), float(table["lr"]), seeds=seeds)
    local = here / table["model"]
    model = str(local if local.is_dir() else table["model"])
    return Parent(table["name"], parents.shape_of(model), float(table["lr"]), model, tokens, seeds)


def _scratch(value: bool | list[int | str], posttrain: Training | None) -> tuple[int, ...]:
    """True stands for as long as the children are trained."""
    if posttrain is None:
        return ()
    if isinstance(value, bool):
        return (posttrain.settings["tokens"],) if value else ()
    return tuple(int(parse_quantity(each)) for each in value)


def _training(table: Mapping[str, Any], name: str) -> Training:
    settings = {key: value for key, value in table.items() if key not in ("split", "lr", "lr_fraction")}
    _known(settings, {each.name for each in fields(Recipe)} - {"lr", "seed"}, f"[{name}]")
    if "tokens" not in settings:
        raise DataError(f"[{name}] does not say how many tokens.")
    settings["tokens"] = int(parse_quantity(settings["tokens"]))
    settings["betas"] = tuple(settings.get("betas", (0.9, 0.95)))
    lr, fraction = float(table.get("lr", 0)), float(table.get("lr_fraction", 1))
    training = Training(settings, table.get("split", name), lr, fraction)
    Recipe(**settings, lr=lr or fraction)  # refuses impossible settings now
    return training


def _cells(table: Mapping[str, Any]) -> list[Cell]:
    _known(table, {"method", "rates", "pattern", "label"}, "[[prune]]")
    if not table.get("rates"):
        raise DataError(f"[[prune]] {dict(table)}: give method and rates = [...].")
    method = prune.get(table.get("method", ""))
    pattern = table.get("pattern", method.pattern if isinstance(method, Sparse) else None)
    label = table.get("label", method.name + (f"-{pattern}" if pattern else ""))
    return [Cell(label, method.name, float(rate), pattern) for rate in table["rates"]]


def _growths(table: Mapping[str, Any]) -> list[Growth]:
    _known(table, {"sparsity", "start", "end", "unit", "shape", "every", "pattern"}, "[[sparse]]")
    if not table.get("sparsity"):
        raise DataError(f"[[sparse]] {dict(table)}: give sparsity = [...].")
    how = {key: table[key] for key in ("start", "end", "unit", "shape") if key in table}
    more = {key: table[key] for key in ("every", "pattern") if key in table}
    return [Growth(PruningSchedule(sparsity=float(each), **how), **more) for each in table["sparsity"]]


def _known(table: Mapping[str, Any], names: set[str], where: str) -> None:
    unknown = sorted(set(table) - names)
    if unknown:
        raise DataError(f"{where} has an unknown entry {unknown[0]!r}; it takes {', '.join(sorted(names))}.")
