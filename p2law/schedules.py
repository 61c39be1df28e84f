"""Pruning during training: density over time, the average parameter count that follows, and its cost."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from .data.answer import Record, Report
from .data.arguments import Floats, array, number, one_positive, whole_number
from .data.flops import SLACK, TRAINING, affordable, average_params, training_flops
from .data.quantities import format_quantity
from .errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from .data.observations import Table

Share = Callable[[float], float]
"""From progress through the pruning phase (0 to 1) to the share of the pruning done (0 to 1)."""


class Schedule(Record, ABC):
    """Density of the prunable parameters over training, and what follows from its average.

    Batches are of one size, so that steps and tokens are proportional. Parameters, tokens and FLOPs may be numbers or
    arrays that broadcast; the answer has their shape.
    """

    @abstractmethod
    def average_density(self) -> float:
        """Density averaged over the steps of training: the share of the dense model's compute this schedule costs."""

    def average_params(self, N: ArrayLike, *, unpruned: ArrayLike = 0.0) -> Floats:
        """Parameters averaged over training, the N_avg of the law ``average_params``.

        N counts the prunable parameters of the dense model: its linear layers, as the law's authors do. ``unpruned``
        adds those that are never pruned (embeddings, norms), to count all of a model's parameters.
        """
        return average_params(self.average_density(), N, unpruned)

    def flops(self, N: ArrayLike, D: ArrayLike, *, unpruned: ArrayLike = 0.0) -> Floats:
        """FLOPs of training on D tokens, 6 N_avg D."""
        return training_flops(self.average_params(N, unpruned=unpruned), D)

    def tokens(self, N: ArrayLike, C: ArrayLike, *, unpruned: ArrayLike = 0.0) -> Floats:
        """Tokens that C FLOPs pay for: at least one."""
        return affordable("token", C, TRAINING * self.average_params(N, unpruned=unpruned))

    def steps(self, N: float, C: float, batch_tokens: float, *, unpruned: float = 0.0) -> int:
        """Whole optimiser steps of ``batch_tokens`` tokens within C FLOPs: at least one."""
        N, unpruned = one_positive("N", N), one_positive("unpruned", unpruned, zero=True)
        C, batch = one_positive("C", C), one_positive("batch_tokens", batch_tokens)
        price = TRAINING * self.average_params(N, unpruned=unpruned) * batch
        return int(affordable(f"step of {format_quantity(batch)} tokens", C, price) * SLACK)


@dataclass(frozen=True)
class PruningSchedule(Schedule):
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
        Fractions of the whole training compute (6 times density, summed over steps), or of its steps.
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
        _shape_of(self.shape)

    @property
    def window(self) -> tuple[float, float]:
        """When pruning starts and ends, as fractions of the training steps."""
        if self.unit == "steps":
            return float(self.start), float(self.end)
        mean = self.average_density()
        return float(self.start * mean), float(1 - (1 - self.end) / (1 - self.sparsity) * mean)

    def density(self, t: ArrayLike) -> np.ndarray | float:
        """Fraction of the prunable parameters left after a fraction ``t`` of the steps, same shape as ``t``."""
        progress = self._progress(_fractions(t), *self.window)
        return _shape_of(self.shape).density(progress, self.sparsity)[()]

    def compute_share(self, t: ArrayLike) -> np.ndarray | float:
        """Share of the whole compute spent after a fraction ``t`` of the steps (prunable parameters only)."""
        begin, finish = self.window
        t = _fractions(t)
        area = _shape_of(self.shape).area(self._progress(t, begin, finish), self.sparsity)
        spent = np.minimum(t, begin) + (finish - begin) * area + (1 - self.sparsity) * np.maximum(t - finish, 0)
        return (spent / self.average_density())[()]

    def average_density(self) -> float:
        """Density averaged over the steps of training: the share of the dense model's compute this schedule costs."""
        pruning = float(_shape_of(self.shape).area(np.asarray(1.0), self.sparsity))
        phases, densities = (self.start, self.end - self.start, 1 - self.end), (1.0, pruning, 1 - self.sparsity)
        if self.unit == "steps":
            return float(np.dot(phases, densities))
        # A phase of density d and compute share c takes c / d of the steps the average would: they add up to one.
        return float(1 / np.dot(phases, [1 / density for density in densities]))

    def final_params(self, N: ArrayLike, *, unpruned: ArrayLike = 0.0) -> Floats:
        """Parameters left at the end; N and ``unpruned`` as in :meth:`average_params`."""
        return average_params(1 - self.sparsity, N, unpruned)

    @staticmethod
    def _progress(t: np.ndarray, begin: float, finish: float) -> np.ndarray:
        return np.clip((t - begin) / (finish - begin), 0, 1) if finish > begin else (t >= begin).astype(float)

    def with_final_params(self, N: float, final: float, *, unpruned: float = 0.0) -> "PruningSchedule":
        """Change the sparsity to the one that leaves ``final`` parameters; refuses what none does."""
        N, final = one_positive("N", N), one_positive("final", final)
        unpruned = one_positive("unpruned", unpruned, zero=True)
        _check_reach("final", final, unpruned, unpruned + N)
        return replace(self, sparsity=1 - (final - unpruned) / N)

    def with_average_params(self, N: float, average: float, *, unpruned: float = 0.0) -> "PruningSchedule":
        """Change the sparsity to the one that makes ``average`` the average parameter count; refuses what none does."""
        from scipy.optimize import brentq

        N, average = one_positive("N", N), one_positive("average", average)
        unpruned = one_positive("unpruned", unpruned, zero=True)
        sparsest = float(replace(self, sparsity=1 - 1e-12).average_params(N, unpruned=unpruned))
        _check_reach("average", average, sparsest, unpruned + N)

        def gap(log_density: float) -> float:
            schedule = replace(self, sparsity=-float(np.expm1(log_density)))
            return float(schedule.average_params(N, unpruned=unpruned)) - average

        low = np.log(1e-12)
        found = 0.0 if gap(0.0) <= 0 else float(brentq(gap, low, 0.0, xtol=1e-14, rtol=1e-14))  # type: ignore[arg-type]
        return replace(self, sparsity=-float(np.expm1(found)))

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
        return _shape_of(self.shape).density(pruned / count, self.sparsity)

    def to_frame(self) -> "pd.DataFrame":
        """One row per phase: first and last fraction of steps, density there, and share of compute."""
        import pandas as pd

        edges, left = np.array([0.0, *self.window, 1.0]), 1 - self.sparsity
        columns = {"phase": ["dense", "pruning", "sparse"], "from": edges[:-1], "to": edges[1:]}
        columns |= {"density_from": [1.0, 1.0, left], "density_to": [1.0, left, left]}
        return pd.DataFrame(columns | {"compute": np.diff(np.asarray(self.compute_share(edges)))})

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
            average, final = (float(f(N, unpruned=unpruned)) for f in (self.average_params, self.final_params))
            counted = "prunable and unpruned" if unpruned else "prunable"
            lines.append(
                f"  parameters ({counted}): dense {format_quantity(N + unpruned)}, average {format_quantity(average)}, "
                f"final {format_quantity(final)}"
            )
            if D is not None:
                D = one_positive("D", D)
                cost = self.flops(N, D, unpruned=unpruned)
                lines.append(f"  {format_quantity(D)} tokens: {cost:.3g} FLOPs (6 x average parameters x tokens)")
        return Report(title, sentences=lines)


@dataclass(frozen=True, eq=False, repr=False)
class LoggedSchedule(Schedule):
    """Density over training as logged, held until the next entry; made by :func:`from_log`."""

    at: np.ndarray
    """Fractions of the training steps from which a density holds, ascending from 0, (entries,)."""
    kept: np.ndarray
    """Those densities, (entries,)."""

    def density(self, t: ArrayLike) -> np.ndarray | float:
        """Fraction of the prunable parameters left after a fraction ``t`` of the steps, same shape as ``t``."""
        return self.kept[np.searchsorted(self.at, _fractions(t), side="right") - 1][()]

    def compute_share(self, t: ArrayLike) -> np.ndarray | float:
        """Share of the whole compute spent after a fraction ``t`` of the steps (prunable parameters only)."""
        edges = np.append(self.at, 1.0)
        spent = np.append(0.0, np.cumsum(self.kept * np.diff(edges)))
        return (np.interp(_fractions(t), edges, spent) / spent[-1])[()]

    def average_density(self) -> float:
        """Density averaged over the steps of training: the share of the dense model's compute this schedule costs."""
        return float(self.kept @ np.diff(np.append(self.at, 1.0)))

    def final_params(self, N: ArrayLike, *, unpruned: ArrayLike = 0.0) -> Floats:
        """Parameters left at the end; N and ``unpruned`` as in :meth:`average_params`."""
        return average_params(float(self.kept[-1]), N, unpruned)

    def to_frame(self) -> "pd.DataFrame":
        """One row per change: fraction of steps, density from there on, share of compute spent before."""
        import pandas as pd

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
            counts = (format_quantity(float(f(N))) for f in (self.average_params, self.final_params))
            text += ", parameters: average {}, final {}".format(*counts)
        return Report(text)


def from_log(
    table: "Table", *, density: str = "density", step: str = "step", total: float | None = None
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
    from .data.columns import finite, refuse, require
    from .data.observations import as_frame

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


@dataclass(frozen=True)
class _Shape:
    """Density during the pruning phase, as functions of progress (0 to 1, any shape) and final sparsity."""

    density: Callable[[np.ndarray, float], np.ndarray]
    area: Callable[[np.ndarray, float], np.ndarray]
    """Integral of the density from 0 to progress."""


SHAPES = {
    # Every pruning removes the same fraction of what is left (Jin et al. 2025, arXiv 2501.12486, the authors' code).
    "geometric": _Shape(lambda p, s: (1 - s) ** p, lambda p, s: np.expm1(np.log1p(-s) * p) / np.log1p(-s) if s else p),
    # Zhu and Gupta 2017, arXiv 1710.01878: much is pruned early, little towards the end.
    "cubic": _Shape(lambda p, s: 1 - s + s * (1 - p) ** 3, lambda p, s: (1 - s) * p + s * (1 - (1 - p) ** 4) / 4),
    "linear": _Shape(lambda p, s: 1 - s * p, lambda p, s: p - s * p**2 / 2),
}


def _shape_of(shape: str | Share) -> _Shape:
    """The shape of this name, or the one drawn by a function."""
    if callable(shape):
        return _drawn(shape)
    if not isinstance(shape, str) or shape not in SHAPES:
        raise DataError(f"shape={shape!r}: choose {', '.join(map(repr, SHAPES))}, or give a function of progress.")
    return SHAPES[shape]


def _drawn(share: Share) -> _Shape:
    """A shape from the share of the pruning done; its area by quadrature (exact to 1e-3 across jumps)."""

    def done(p: np.ndarray) -> np.ndarray:
        return np.array([float(share(float(x))) for x in np.ravel(p)]).reshape(np.shape(p))

    try:
        values = done(np.linspace(0.0, 1.0, 101))
    except (TypeError, ValueError) as error:
        raise DataError(f"shape={share!r}: give a function of progress (0 to 1) to a number ({error}).") from error
    if not (abs(values[0]) < 1e-9 and abs(values[-1] - 1) < 1e-9 and values.min() > -1e-9 and values.max() < 1 + 1e-9):
        raise DataError(
            f"shape(progress) is the share of the pruning done: it must be 0 at 0 (is {values[0]:g}), 1 at 1 (is "
            f"{values[-1]:g}) and stay between (runs from {values.min():g} to {values.max():g})."
        )
    node, weight = np.polynomial.legendre.leggauss(4)  # on each of 500 panels
    nodes, weights = ((np.arange(500)[:, None] + (node + 1) / 2) / 500).ravel(), np.tile(weight / 1000, 500)

    def area(p: np.ndarray, sparsity: float) -> np.ndarray:
        p = np.asarray(p, dtype=float)
        return p * (1 - sparsity * (done(p[..., None] * nodes) @ weights))

    return _Shape(lambda p, s: 1 - s * done(p), area)


def _fractions(t: ArrayLike) -> np.ndarray:
    """Times as fractions of the steps of training."""
    values = array("t", t)
    outside = values[~((values >= 0) & (values <= 1))]
    if outside.size:
        raise DataError(f"t = {outside[0]:g}: time is a fraction of all training steps, between 0 and 1.")
    return values


def _check_reach(name: str, value: float, low: float, high: float) -> None:
    if not (low < value <= high * (1 + 1e-12)):
        raise DataError(
            f"{name} = {value:g} parameters: no sparsity reaches it; this schedule leads to more than "
            f"{format_quantity(low)} and up to {format_quantity(high)}."
        )
