"""``[[sparse]]`` of a plan: pruning while a parent is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...data import arguments as checks
from ...errors import DataError
from ...schedules import PruningSchedule
from .. import entries


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


def read(table: Mapping[str, Any]) -> list[Growth]:
    """One growth for each sparsity."""
    entries.known(table, {"sparsity", "start", "end", "unit", "shape", "every", "pattern"}, "[[sparse]]")
    if not table.get("sparsity"):
        raise DataError(f"[[sparse]] {dict(table)}: give sparsity = [...].")
    how = {key: table[key] for key in ("start", "end", "unit", "shape") if key in table}
    more = {key: table[key] for key in ("every", "pattern") if key in table}
    with entries.within("[[sparse]]"):
        goals = entries.listed("sparsity", table["sparsity"], entries.number)
        return [Growth(PruningSchedule(sparsity=goal, **how), **more) for goal in goals]
