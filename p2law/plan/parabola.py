"""How wrong a parabola through an isoFLOP profile is on your own grid, even without noise.

The profile of a sum of two powers is no parabola in log N: where the exponents differ, or the sizes lie unevenly around
the optimum, the vertex misses it, and a power law through the vertices carries the error on (arXiv 2603.22339).
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..checks import positives
from ..errors import DataError
from ..flops import TRAINING
from ..frozen import copied_tables
from ..laws.published import Constants
from ..notebook import titled
from ..quantities import format_quantity
from .allocate import allocate
from .surface import Surface, surface

if TYPE_CHECKING:
    from ..result import Fit


@copied_tables
@dataclass(frozen=True, eq=False)
class ParabolaBias:
    """Optimal sizes by parabolas through noise-free losses of a law, beside the law's own."""

    law: str
    table: pd.DataFrame = field(repr=False)
    """One row per budget: C, sizes (how many), N (the law's optimum), N_parabola, ratio (parabola over law), sides
    (sizes below and above the optimum), status."""
    forecast: pd.DataFrame = field(repr=False)
    """Further budgets: C, N, N_parabola (by the power law through the vertices), ratio."""
    exponent: float
    """Power of C in the optimal size along these budgets, by the law."""
    exponent_parabola: float
    """The same through the parabolas' vertices; nan with fewer than two of them."""

    @property
    def worst(self) -> float:
        """The ratio farthest from one among the budgets of the grid; nan if no parabola has a lowest point."""
        ratios = self.table["ratio"].dropna().to_numpy()
        return float(ratios[np.argmax(np.abs(np.log(ratios)))]) if len(ratios) else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """One row per budget of the grid."""
        return self.table

    def summary(self) -> str:
        """Text: a line per budget, the exponents, the forecasts."""
        lines = [f"Parabolas through noise-free losses of {self.law}, on this grid of sizes"]
        for row in self.table.to_dict("records"):
            lines.append(f"  C = {row['C']:.4g} FLOPs, {row['sizes']} sizes: {_compared(row)}")
        if np.isfinite(self.exponent_parabola):
            pair = f"{self.exponent_parabola:.4f} by parabolas, {self.exponent:.4f} by the law"
            lines.append(f"  optimal size grows with C to the power {pair}")
        lines += [f"  forecast, C = {row['C']:.4g} FLOPs: {_compared(row)}" for row in self.forecast.to_dict("records")]
        return "\n".join(lines)

    __str__ = summary

    def _repr_html_(self) -> str:
        return titled(self.summary(), self.table, index=False)


def _compared(row: dict[Any, Any]) -> str:
    if np.isnan(row["ratio"]):
        return str(row["status"])
    by = f"{format_quantity(row['N_parabola'])} by the parabola, {format_quantity(row['N'])} by the law"
    return f"{by} ({100 * (row['ratio'] - 1):+.1f} %)"


def parabola_bias(
    source: "Fit | Constants", C: Any = None, N: Any = None, *, forecast: Any = (), gap: float = 1.25, **at: Any
) -> ParabolaBias:
    """Fit parabolas in log N to the law's own losses on a grid of runs, and compare their lowest points with the law's.

    Parameters
    ----------
    source : Fit or Constants
        As for :func:`p2law.compute_optimal`; its losses, free of noise, are what the parabolas see.
    C, N : array_like, optional
        Budget and size of each run of the grid; default: the fitted rows (C = 6 N D). Nearly equal budgets are one
        profile; profiles need three sizes or more, others are left out.
    forecast : float or array_like
        Budgets to carry the power law through the vertices to.
    gap : float
        Budgets further apart than this factor begin a new profile.
    **at : float
        The law's other columns.

    Returns
    -------
    ParabolaBias

    Raises
    ------
    DataError
        If C and N do not go together, or no budget has three sizes.
    """
    on = surface(source, at)
    budgets, sizes = _grid(source, on, C, N)
    rows = [row for part in _profiles(budgets, gap) if (row := _profile(on, budgets[part], sizes[part]))]
    if not rows:
        raise DataError(
            "no budget of this grid has three sizes, so that no parabola passes through it: give C and N of a grid "
            f"with more sizes per budget, or a larger gap (now {gap:g})."
        )
    table = pd.DataFrame(rows)
    found = table.dropna(subset="ratio")
    power, line = np.nan, np.full(2, np.nan)
    if len(found) >= 2:
        line = np.polyfit(np.log(found["C"]), np.log(found["N_parabola"]), 1)
        power = np.polyfit(np.log(found["C"]), np.log(found["N"]), 1)[0]
    ahead = positives("forecast", forecast) if np.size(forecast) else np.empty(0)
    best, carried = allocate(on, ahead)[0] if len(ahead) else ahead, np.exp(np.polyval(line, np.log(ahead)))
    columns = {"C": ahead, "N": best, "N_parabola": carried, "ratio": carried / best}
    said = pd.DataFrame(columns).assign(status="fewer than two parabolas have a lowest point")
    return ParabolaBias(on.law.title, table, said, float(power), float(line[0]))


def _grid(source: "Fit | Constants", on: Surface, C: Any, N: Any) -> tuple[np.ndarray, np.ndarray]:
    """Budget and size of each run."""
    if (C is None) != (N is None):
        raise DataError("give both C and N, one entry per run, or neither (then the fitted rows are taken).")
    if C is None:
        if isinstance(source, Constants):
            raise DataError("published constants come without runs: give C and N of the grid, one entry per run.")
        columns = source.observations.columns
        sizes = columns[str(on.law.variable("size"))]
        return TRAINING * sizes * columns[str(on.law.variable("tokens"))], sizes
    budgets, sizes = positives("C", C), positives("N", N)
    if budgets.shape != sizes.shape:
        raise DataError(f"C has {len(budgets)} entries and N has {len(sizes)}: give one of each per run.")
    return budgets, sizes


def _profiles(budgets: np.ndarray, gap: float) -> list[np.ndarray]:
    """Rows of each profile: budgets in ascending order, cut where the next is more than ``gap`` times the first."""
    if not gap > 1:
        raise DataError(f"gap = {gap!r}: a factor above 1.")
    order = np.argsort(budgets, kind="stable")
    parts, first = [], 0
    for i in range(1, len(order) + 1):
        if i == len(order) or budgets[order[i]] > gap * budgets[order[first]]:
            parts.append(order[first:i])
            first = i
    return parts


def _profile(on: Surface, budgets: np.ndarray, sizes: np.ndarray) -> dict[str, Any] | None:
    """One budget's row; None with fewer than three sizes."""
    N = np.unique(sizes)
    if len(N) < 3:
        return None
    C = float(np.exp(np.mean(np.log(budgets))))
    best = float(allocate(on, np.array([C]))[0][0])
    middle = np.log(N).mean()
    bend, slope, _ = np.polyfit(np.log(N) - middle, on.loss(N, C / (TRAINING * N)), 2)
    vertex = float(np.exp(middle - slope / (2 * bend))) if bend > 0 else np.nan
    sides = f"{int(np.sum(best > N))} below, {int(np.sum(best < N))} above"
    status = "the parabola has no lowest point" if np.isnan(vertex) else f"sizes {sides} the optimum"
    row = {"C": C, "sizes": len(N), "N": best, "N_parabola": vertex, "ratio": vertex / best}
    return row | {"sides": sides, "status": status}
