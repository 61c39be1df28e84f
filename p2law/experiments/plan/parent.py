"""``[[parents]]`` of a plan: the models to prune."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data import arguments as checks
from ...errors import DataError
from .. import entries, parents
from ..architecture import Architecture, from_table


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


def read(table: Mapping[str, Any], here: Path) -> Parent:
    """One parent; its folder is relative to the plan's."""
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
