"""``[[prune]]`` of a plan: ways of pruning every parent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import DataError
from .. import entries, prune
from ..architecture import Architecture
from ..prune import Sparse


@dataclass(frozen=True)
class Cell:
    """One way of pruning every parent."""

    label: str
    method: str
    rate: float
    pattern: str | None = None

    @property
    def needs_text(self) -> bool:
        """Whether it reads calibration text."""
        return prune.get(self.method).needs_text

    def target(self, parent: Architecture) -> prune.Target:
        """What it leaves of a parent."""
        return prune.target(parent, self.method, self.rate, pattern=self.pattern)


def read(table: Mapping[str, Any]) -> list[Cell]:
    """One cell for each rate."""
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


def check(cells: Iterable[Cell], parent: Architecture) -> None:
    """Refuse rates out of a parent's reach, and two that come to the same child."""
    seen: dict[tuple[str, int], Cell] = {}
    for cell in cells:
        goal = cell.target(parent)
        twin = seen.setdefault((cell.label, goal.body), cell)
        if twin is not cell:
            raise DataError(
                f"{cell.label} at {twin.rate:g} and at {cell.rate:g} come to the same child "
                f"(realised {goal.rate:.3g}): leave one out."
            )
