"""A plan file: which parents, pruned how, trained how; read and checked before anything is run.

What stands under a heading has a file of its own, with its record and how that is read.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

from ...data import arguments as checks
from ...errors import DataError
from .. import entries
from . import cell, growth, parent, training
from .cell import Cell as Cell
from .growth import Growth as Growth
from .parent import Parent as Parent
from .training import VALIDATION as VALIDATION
from .training import Training as Training

DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
"""What a plan may call the device."""


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
    speed: float = 0.0
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
    values = {"out": "out", "family": "own", **table}
    for name in ("text", "parents"):
        if name not in values:
            raise DataError(f"the plan has no {name!r}: see the example in p2law.experiments' documentation.")
    entries.known(values, {each.name for each in fields(Plan)}, "the plan")
    for name in ("out", "text"):
        values[name] = entries.path(name, values[name], here)
    values["parents"] = tuple(parent.read(each, here) for each in entries.tables("parents", values["parents"]))
    for name in ("posttrain", "pretrain"):
        if name in values:
            values[name] = training.read(values[name], name)
    for name, kind in (("prune", cell), ("sparse", growth)):
        values[name] = tuple(one for each in entries.tables(name, values.get(name, ())) for one in kind.read(each))
    for name, of in (("seeds", entries.seed), ("parent_seeds", entries.seed), ("horizons", entries.quantity)):
        if name in values:
            values[name] = entries.listed(name, values[name], of)
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
    for each in plan.parents:
        with entries.within(f"parent {each.name}:"):
            cell.check(plan.prune, each.shape)
    return plan


def _scratch(value: Any, posttrain: Training | None) -> tuple[int, ...]:
    """True stands for as long as the children are trained."""
    if value and posttrain is None:
        raise DataError(f"scratch={value!r}: it trains the shapes of children, but the plan has no [posttrain].")
    if isinstance(value, bool):
        return (posttrain.settings["tokens"],) if value and posttrain else ()
    return entries.listed("scratch", value, entries.quantity)
