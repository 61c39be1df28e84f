"""A schedule as it was logged: density at steps (or tokens), held until the next entry."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Record, Report
from ..data.columns import finite, refuse, require
from ..data.observations import Table, as_frame
from ..data.quantities import format_quantity
from ..errors import DataError
from . import bill


@dataclass(frozen=True, eq=False, repr=False)
class LoggedSchedule(Record):
    """Density over training as logged; made by :func:`from_log`. Asked like a :class:`PruningSchedule`."""

    at: np.ndarray
    """Fractions of the training steps from which a density holds, ascending from 0, (entries,)."""
    kept: np.ndarray
    """Those densities, (entries,)."""

    def density(self, t: Any) -> np.ndarray | float:
        """Fraction of the prunable parameters left after a fraction ``t`` of the steps."""
        return self.kept[np.searchsorted(self.at, bill.fractions(t), side="right") - 1][()]

    def compute_share(self, t: Any) -> np.ndarray | float:
        """Share of the whole compute spent after a fraction ``t`` of the steps (prunable parameters only)."""
        edges = np.append(self.at, 1.0)
        spent = np.append(0.0, np.cumsum(self.kept * np.diff(edges)))
        return (np.interp(bill.fractions(t), edges, spent) / spent[-1])[()]

    def average_density(self) -> float:
        """Density averaged over the steps of training."""
        return float(self.kept @ np.diff(np.append(self.at, 1.0)))

    def average_params(self, N: Any, *, unpruned: Any = 0.0) -> Any:
        """Parameters averaged over training; see :meth:`PruningSchedule.average_params`."""
        return bill.average_params(self.average_density(), N, unpruned)

    def final_params(self, N: Any, *, unpruned: Any = 0.0) -> Any:
        """Parameters left at the end."""
        return bill.average_params(float(self.kept[-1]), N, unpruned)

    def flops(self, N: Any, D: Any, *, unpruned: Any = 0.0) -> Any:
        """FLOPs of training on D tokens, 6 N_avg D."""
        return bill.flops(self.average_density(), N, D, unpruned)

    def tokens(self, N: Any, C: Any, *, unpruned: Any = 0.0) -> Any:
        """Tokens that C FLOPs pay for on the same schedule."""
        return bill.tokens(self.average_density(), N, C, unpruned)

    def steps(self, N: Any, C: Any, batch_tokens: float, *, unpruned: Any = 0.0) -> int:
        """Whole optimiser steps of ``batch_tokens`` tokens within C FLOPs."""
        return bill.steps(self.average_density(), N, C, batch_tokens, unpruned)

    def to_frame(self) -> pd.DataFrame:
        """One row per change: fraction of steps, density from there on, share of compute spent before."""
        return pd.DataFrame({"from": self.at, "density": self.kept, "compute": self.compute_share(self.at)})

    def summary(self, N: float | None = None) -> str:
        """Text: average and final density; with N also the parameters."""
        return self._report(N).text()

    def _report(self, N: float | None = None) -> Report:
        text = (
            f"Logged pruning schedule, {len(self.at)} densities: average {self.average_density():.4g}, "
            f"final {self.kept[-1]:.4g}"
        )
        if N is not None:
            counts = (format_quantity(f(N)) for f in (self.average_params, self.final_params))
            text += ", parameters: average {}, final {}".format(*counts)
        return Report(text)


def from_log(
    table: Table, *, density: str = "density", step: str = "step", total: float | None = None
) -> LoggedSchedule:
    """The schedule a run was trained on, from a column of its log.

    Parameters
    ----------
    table : DataFrame, mapping or path
        The log, one row per entry; rows may come in any order.
    density : str
        Column with the fraction of prunable parameters left (1 - sparsity); it may rise again (regrowth).
    step : str
        Column with steps or tokens; a density holds until the next entry, the first one from the beginning.
    total : float, optional
        Steps (or tokens) of the whole training; default: the last one logged.

    Returns
    -------
    LoggedSchedule

    Raises
    ------
    DataError
        Naming column, row and value: a density not in (0, 1], a step twice or beyond ``total``, an empty log.

    Examples
    --------
    >>> log = {"step": [0, 2500, 5000, 10000], "density": [1.0, 0.8, 0.5, 0.5]}
    >>> from_log(log).average_density()
    0.7
    """
    frame = as_frame(table)
    for column in (step, density):
        require(frame, column, "the schedule is read from it")
    if len(frame) == 0:
        raise DataError("the log is empty: a schedule needs at least one entry.")
    kept, at = finite(frame, density), finite(frame, step)
    refuse(frame, density, kept, (kept <= 0) | (kept > 1), "is not in (0, 1]", "density is 1 minus the sparsity")
    refuse(frame, step, at, at < 0, "is negative", "drop or repair the row")
    refuse(frame, step, at, frame[step].duplicated().to_numpy(), "appears twice", "keep one entry per step")
    end = float(at.max()) if total is None else float(total)
    if not end > 0:
        raise DataError(f"total = {end:g} steps: give the length of the whole training, a positive number.")
    refuse(frame, step, at, at > end, f"lies beyond total = {end:g}", "correct total or drop the row")
    order = np.argsort(at)
    at, kept = at[order] / end, kept[order]
    at[0] = 0.0
    changed = np.append(True, kept[1:] != kept[:-1]) & (at < 1)
    return LoggedSchedule(at[changed], kept[changed])
