"""What is to be minimised: rows, weights, residual space and Huber threshold, as plain arrays."""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from .layout import Box, Layout


@dataclass(frozen=True)
class Problem:
    """A weighted robust regression of one law.

    The objective is ``sum_i weight_i * rho(residual_i)`` with Huber's rho (threshold ``delta``; infinite for squares)
    and residual ``log y - log f`` (``log_space``) or ``(y - f) * scale``.
    """

    layout: Layout
    box: Box
    columns: tuple[np.ndarray, ...]
    """The law's columns, each (rows,)."""
    y: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    log_space: bool
    delta: float

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def target(self) -> np.ndarray:
        return np.log(self.y) if self.log_space else self.y

    @property
    def plausible(self) -> np.ndarray:
        """How far each coordinate may plausibly lie from neutral: half its starts, or the typical response."""
        typical = np.median(np.abs(self.y)) or 1.0
        return np.where([s == "amplitude" for s in self.layout.scales], typical, self.box.spread)

    def with_(self, **changes: object) -> "Problem":
        return replace(self, **changes)  # type: ignore[arg-type]


def bucket(rows: int) -> int:
    """Padded number of rows: tables of similar size share one compiled program."""
    size = 256
    while size < rows:
        size *= 2
    return size


def pad(values: np.ndarray, size: int, fill: float | None = None) -> np.ndarray:
    """Pad the last axis to ``size`` by repeating its first entry (or ``fill``), so that no new value is introduced."""
    extra = size - values.shape[-1]
    if extra == 0:
        return values
    edge = values[..., :1] if fill is None else np.full_like(values[..., :1], fill)
    return np.concatenate([values, np.repeat(edge, extra, axis=-1)], axis=-1)


def huber(residual: np.ndarray, delta: float) -> np.ndarray:
    """Huber's rho: half the square up to ``delta``, linear beyond; the absolute value for delta = 0."""
    size = np.abs(residual)
    if np.isinf(delta):
        return 0.5 * residual**2
    if delta == 0:
        return size
    return np.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta))


def score(problem: Problem, residual: np.ndarray) -> np.ndarray:
    """psi: derivative of rho at the residuals (the sign, for least absolute residuals)."""
    if problem.delta == 0:
        return np.sign(residual)
    return np.clip(residual, -problem.delta, problem.delta)


def curvature(problem: Problem, residual: np.ndarray) -> np.ndarray:
    """Expected second derivative of rho at each row, without the weights.

    One for squares. For Huber's loss with a threshold well below the noise, and for absolute residuals, the rows inside
    the threshold are few and the curvature is a density of residuals at zero: it is smoothed over the bandwidth of Hall
    and Sheather as Koenker (2005, sec. 3.4.2) and Powell (1991) do for quantile regression. Such a fit passes through
    as many rows as it has free parameters; residuals of zero say nothing about the density and are not counted, without
    which intervals from a dozen rows are too narrow (benchmarks/coverage.py).
    """
    if np.isinf(problem.delta):
        return np.ones_like(residual)
    size = np.abs(residual)
    n, k = len(size), int(problem.box.free.sum())
    width = _bandwidth(size)
    if problem.delta >= width:
        return np.where(size <= problem.delta, 1.0, 0.0)
    inside = size <= width
    count = int(inside.sum())
    density = max(count - k, 1) / max(count, 1) * n / max(n - k, 1)
    return np.where(inside, density * (problem.delta or 1.0) / width, 0.0)


def _bandwidth(size: np.ndarray) -> float:
    """Hall-Sheather half-width for the density of the residuals at zero, at the 5 % level."""
    share = len(size) ** (-1 / 3) * 1.96 ** (2 / 3) * (1.5 / (2 * np.pi)) ** (1 / 3)
    return float(max(NormalDist().inv_cdf(min(0.5 + share, 0.99)) * 1.4826 * np.median(size), np.finfo(float).tiny))
