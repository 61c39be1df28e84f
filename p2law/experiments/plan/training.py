"""``[pretrain]`` and ``[posttrain]`` of a plan: how models are trained."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...data import arguments as checks
from ...errors import DataError
from .. import entries
from ..recipe import Recipe
from .parent import Parent

VALIDATION = "validation"
"""The split that no model is trained on."""


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

    def recipe(self, parent: Parent, seed: int) -> Recipe:
        return Recipe(**self.settings, lr=self.lr or self.lr_fraction * parent.lr, seed=seed)


def read(table: Any, name: str) -> Training:
    """What stands under a heading."""
    entries.table(f"[{name}]", table)
    settings = {key: value for key, value in table.items() if key not in ("split", "lr", "lr_fraction")}
    entries.known(settings, {each.name for each in fields(Recipe)} - {"lr", "seed"}, f"[{name}]")
    if "tokens" not in settings:
        raise DataError(f"[{name}] does not say how many tokens.")
    with entries.within(f"[{name}]"):
        settings["tokens"] = entries.quantity("tokens", settings["tokens"])
        if isinstance(settings.get("betas"), list):
            settings["betas"] = tuple(settings["betas"])
        rates = {key: entries.number(key, table[key]) for key in ("lr", "lr_fraction") if key in table}
        training = Training(settings, table.get("split", name), **rates)
        Recipe(**settings, lr=training.lr or training.lr_fraction)  # refuses impossible settings now
    return training
