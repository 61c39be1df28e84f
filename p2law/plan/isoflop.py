"""IsoFLOP profiles read off the fitted surface: loss against size at a fixed budget."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..checks import positives
from ..errors import FitError
from ..flops import TRAINING
from ..frozen import copied_tables
from ..notebook import titled
from ..quantities import format_quantity
from .allocate import allocate
from .compute import compute_optimal
from .surface import surface

if TYPE_CHECKING:
    from ..laws.published import Constants
    from ..result import Fit


@copied_tables
@dataclass(frozen=True, eq=False)
class IsoFlop:
    """Loss against size at fixed budgets, from a fitted surface."""

    law: str
    optima: pd.DataFrame = field(repr=False)
    """One row per budget: C, N, D, loss at the optimum, and status: what it rests on."""
    table: pd.DataFrame = field(repr=False)
    """One row per budget and size: C, N, D, loss, penalty (nats above the budget's optimum)."""

    def to_frame(self) -> pd.DataFrame:
        """One row per budget and size."""
        return self.table

    def summary(self) -> str:
        """Text: a line per budget."""
        lines = [f"IsoFLOP profiles by {self.law}"]
        for row in self.optima.to_dict("records"):
            N, D = format_quantity(row["N"]), format_quantity(row["D"])
            least = f"least loss {row['loss']:.4f} nats/token at N = {N}, D = {D}"
            lines.append(f"  C = {row['C']:.4g} FLOPs: {least}; {row['status']}")
        return "\n".join(lines)

    __str__ = summary

    def _repr_html_(self) -> str:
        return titled(self.summary(), self.optima, index=False)


def isoflop(source: "Fit | Constants", C: Any, N: Any = None, *, reach: float = 10.0, **at: Any) -> IsoFlop:
    """Loss against size at fixed budgets, D = C / (6 N).

    Parameters
    ----------
    source, **at
        As for :func:`p2law.compute_optimal`.
    C : float or array_like
        Budgets in FLOPs, one profile each.
    N : array_like, optional
        Sizes; default: 61 from ``reach`` times below to ``reach`` times above each budget's optimum.
    reach : float
        Factor around the optimum.

    Returns
    -------
    IsoFlop
        ``table`` for the profiles, ``optima`` for their lowest points; ``p2law.plot.isoflop`` draws them.
    """
    budgets = positives("C", C)
    if not reach > 1:
        raise FitError(f"reach={reach!r}: a factor above 1.")
    on = surface(source, at)
    best_N, best_D = allocate(on, budgets)
    best_loss = on.loss(best_N, best_D)
    if N is not None:
        sizes = np.broadcast_to(positives("N", N), (len(budgets), np.size(N)))
    elif np.isnan(best_N).any():
        raise FitError("by these constants size and tokens do not balance: give the sizes N of the profiles.")
    else:
        sizes = best_N[:, None] * np.geomspace(1 / reach, reach, 61)
    D = budgets[:, None] / (TRAINING * sizes)
    loss = on.loss(sizes, D)
    columns = {"N": sizes, "D": D, "loss": loss, "penalty": loss - best_loss[:, None]}
    table = {"C": np.repeat(budgets, sizes.shape[1])} | {name: v.ravel() for name, v in columns.items()}
    status = compute_optimal(source, budgets, method="wald", **at).table["status"].to_numpy()
    optima = {"C": budgets, "N": best_N, "D": best_D, "loss": best_loss, "status": status}
    return IsoFlop(on.law.title, pd.DataFrame(optima), pd.DataFrame(table))
