"""Dense training, iterative pruning, sparse recovery: one schedule, described by when and how much it prunes."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..data.answer import Record, Report
from ..data.arguments import number, one_positive, whole_number
from ..data.quantities import format_quantity
from ..errors import DataError
from . import bill
from .shapes import Shape, Share, shape_of


@dataclass(frozen=True)
class PruningSchedule(Record):
    """Density of the prunable parameters over training: dense, then pruned step by step, then sparse.

    The default is the schedule found best by Jin et al. 2025 (arXiv 2501.12486): start at 25 % and end at 75 % of the
    training compute, each pruning removing the same fraction of what is left.

    Parameters
    ----------
    sparsity : float
        Fraction of the prunable parameters removed in the end, 0 to below 1.
    start, end : float
        When pruning starts and ends, as fractions of ``unit``; equal for pruning in one shot.
    unit : {"compute", "steps"}
        Fractions of the whole training compute (6 times density, summed over steps), or of its steps. Batches are of
        one size, so that steps and tokens are proportional.
    shape : {"geometric", "cubic", "linear"} or callable
        How density falls from ``start`` to ``end``. A callable takes the progress in steps (0 to 1) and returns the
        share of the pruning done (0 to 1).

    Raises
    ------
    DataError
        If a number is out of range, naming it.

    Examples
    --------
    >>> schedule = PruningSchedule(sparsity=0.8)
    >>> round(schedule.average_density(), 4)
    0.3991
    >>> f"{schedule.flops(N=1.14e9, D=200.4e9):.3g}"
    '5.47e+20'
    """

    sparsity: float = 0.5
    start: float = 0.25
    end: float = 0.75
    unit: Literal["compute", "steps"] = "compute"
    shape: str | Share = "geometric"

    def __post_init__(self) -> None:
        removed = "the fraction removed, 0 or more and below 1"
        number("sparsity", self.sparsity, low=-1e-300, high=1, must=removed, error=DataError)
        for name, value in (("start", self.start), ("end", self.end)):
            number(name, value, low=0, high=1, closed=True, must="a fraction of training, 0 to 1", error=DataError)
        if self.start > self.end:
            raise DataError(f"start={self.start!r}, end={self.end!r}: fractions of training, 0 <= start <= end <= 1.")
        if self.unit not in ("compute", "steps"):
            raise DataError(f"unit={self.unit!r}: choose 'compute' or 'steps'.")
        shape_of(self.shape)

    @property
    def window(self) -> tuple[float, float]:
        """When pruning starts and ends, as fractions of the training steps."""
        if self.unit == "steps":
            return float(self.start), float(self.end)
        mean = self.average_density()
        return float(self.start * mean), float(1 - (1 - self.end) / (1 - self.sparsity) * mean)

    def density(self, t: Any) -> np.ndarray | float:
        """Fraction of the prunable parameters left after a fraction ``t`` of the steps (scalar or array)."""
        progress = self._progress(bill.fractions(t), *self.window)
        return self._shape.density(progress, self.sparsity)[()]

    def compute_share(self, t: Any) -> np.ndarray | float:
        """Share of the whole compute spent after a fraction ``t`` of the steps (prunable parameters only)."""
        begin, finish = self.window
        t = bill.fractions(t)
        pruning = (finish - begin) * self._shape.area(self._progress(t, begin, finish), self.sparsity)
        spent = np.minimum(t, begin) + pruning + (1 - self.sparsity) * np.maximum(t - finish, 0)
        return (spent / self.average_density())[()]

    def average_density(self) -> float:
        """Density averaged over the steps of training: the share of the dense model's compute this schedule costs."""
        left, pruning = 1 - self.sparsity, float(self._shape.area(np.asarray(1.0), self.sparsity))
        phases = self.start, self.end - self.start, 1 - self.end
        if self.unit == "steps":
            return float(np.dot(phases, (1.0, pruning, left)))
        # A phase of density d and compute share c takes c / d of the steps the average would: they add up to one.
        return float(1 / np.dot(phases, (1.0, 1 / pruning, 1 / left)))

    def average_params(self, N: Any, *, unpruned: Any = 0.0) -> Any:
        """Parameters averaged over training, the N_avg of the law ``average_params``.

        Parameters
        ----------
        N : float or array_like
            Prunable parameters of the dense model: its linear layers, which is what the law's authors count.
        unpruned : float or array_like
            Parameters never pruned (embeddings, norms), to count all of a model's parameters; 0 leaves them out.
        """
        return bill.average_params(self.average_density(), N, unpruned)

    def final_params(self, N: Any, *, unpruned: Any = 0.0) -> Any:
        """Parameters left at the end."""
        return bill.average_params(1 - self.sparsity, N, unpruned)

    def flops(self, N: Any, D: Any, *, unpruned: Any = 0.0) -> Any:
        """FLOPs of training on D tokens, 6 N_avg D; N and ``unpruned`` as in :meth:`average_params`."""
        return bill.flops(self.average_density(), N, D, unpruned)

    def tokens(self, N: Any, C: Any, *, unpruned: Any = 0.0) -> Any:
        """Tokens that C FLOPs pay for."""
        return bill.tokens(self.average_density(), N, C, unpruned)

    def steps(self, N: Any, C: Any, batch_tokens: float, *, unpruned: Any = 0.0) -> int:
        """Whole optimiser steps of ``batch_tokens`` tokens within C FLOPs."""
        return bill.steps(self.average_density(), N, C, batch_tokens, unpruned)

    def with_final_params(self, N: float, final: float, *, unpruned: float = 0.0) -> "PruningSchedule":
        """Change the sparsity to the one that leaves ``final`` parameters.

        Raises
        ------
        DataError
            If ``final`` is not between ``unpruned`` and all parameters.
        """
        N, final = one_positive("N", N), one_positive("final", final)
        unpruned = one_positive("unpruned", unpruned, zero=True)
        _between("final", final, unpruned, unpruned + N)
        return replace(self, sparsity=1 - (final - unpruned) / N)

    def with_average_params(self, N: float, average: float, *, unpruned: float = 0.0) -> "PruningSchedule":
        """Change the sparsity to the one that makes ``average`` the average parameter count.

        Raises
        ------
        DataError
            If no sparsity does, naming the range within reach.
        """
        from scipy.optimize import brentq

        N, average = one_positive("N", N), one_positive("average", average)
        unpruned = one_positive("unpruned", unpruned, zero=True)
        sparsest = replace(self, sparsity=1 - 1e-12).average_params(N, unpruned=unpruned)
        _between("average", average, sparsest, unpruned + N)

        def gap(kept: float) -> float:
            return replace(self, sparsity=-float(np.expm1(kept))).average_params(N, unpruned=unpruned) - average

        low = np.log(1e-12)
        kept = 0.0 if gap(0.0) <= 0 else float(brentq(gap, low, 0.0, xtol=1e-14, rtol=1e-14))  # type: ignore[arg-type]
        return replace(self, sparsity=-float(np.expm1(kept)))

    def at_steps(self, steps: int, *, every: int = 100) -> np.ndarray:
        """Density during each of ``steps`` optimiser steps if pruned every so many steps, (steps,).

        The staircase a training loop walks: the first pruning at the start of the window, the last at its end, the
        k-th of n going to progress k/n.
        """
        whole_number("steps", steps, error=DataError)
        whole_number("every", every, error=DataError)
        begin, finish = (round(fraction * steps) for fraction in self.window)
        count = (finish - begin) // every + 1
        pruned = np.clip((np.arange(steps) - begin) // every + 1, 0, count)
        return self._shape.density(pruned / count, self.sparsity)

    @property
    def _shape(self) -> Shape:
        return shape_of(self.shape)

    @staticmethod
    def _progress(t: np.ndarray, begin: float, finish: float) -> np.ndarray:
        return np.clip((t - begin) / (finish - begin), 0, 1) if finish > begin else (t >= begin).astype(float)

    def to_frame(self) -> pd.DataFrame:
        """One row per phase: first and last fraction of steps, density there, share of steps and of compute."""
        begin, finish = self.window
        edges = np.array([0.0, begin, finish, 1.0])
        share = np.diff(np.asarray(self.compute_share(edges)))
        left = 1 - self.sparsity
        return pd.DataFrame(
            {
                "phase": ["dense", "pruning", "sparse"],
                "from": edges[:-1],
                "to": edges[1:],
                "density_from": [1.0, 1.0, left],
                "density_to": [1.0, left, left],
                "compute": share,
            }
        )

    def summary(self, N: float | None = None, D: float | None = None, *, unpruned: float = 0.0) -> str:
        """Text: when and how much is pruned; with N (and D) also parameters and FLOPs."""
        return self._report(N, D, unpruned=unpruned).text()

    def _report(self, N: float | None = None, D: float | None = None, *, unpruned: float = 0.0) -> Report:
        begin, finish = self.window
        name = self.shape if isinstance(self.shape, str) else getattr(self.shape, "__name__", "own shape")
        title = (
            f"Pruning to {100 * self.sparsity:.3g} % sparsity, {name}, from {100 * self.start:.3g} % to "
            f"{100 * self.end:.3g} % of {self.unit}"
        )
        lines = [
            f"  steps: pruning from {100 * begin:.3g} % to {100 * finish:.3g} %",
            f"  average density {self.average_density():.4g}, final density {1 - self.sparsity:.4g}",
        ]
        if N is not None:
            N, unpruned = one_positive("N", N), one_positive("unpruned", unpruned, zero=True)
            average, final = (f(N, unpruned=unpruned) for f in (self.average_params, self.final_params))
            counted = "prunable and unpruned" if unpruned else "prunable"
            lines.append(
                f"  parameters ({counted}): dense {format_quantity(N + unpruned)}, average {format_quantity(average)}, "
                f"final {format_quantity(final)}"
            )
            if D is not None:
                D = one_positive("D", D)
                bought = self.flops(N, D, unpruned=unpruned)
                lines.append(f"  {format_quantity(D)} tokens: {bought:.3g} FLOPs (6 x average parameters x tokens)")
        return Report(title, sentences=lines)


def _between(name: str, value: float, low: float, high: float) -> None:
    if not (low < value <= high * (1 + 1e-12)):
        raise DataError(
            f"{name} = {value:g} parameters: no sparsity reaches it; this schedule leads to more than "
            f"{format_quantity(low)} and up to {format_quantity(high)}."
        )
