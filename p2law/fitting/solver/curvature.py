"""How sharply the rows hold the constants: the expected second derivative of Huber's loss."""

from statistics import NormalDist

import numpy as np

from .problem import Problem

_NORMAL = NormalDist()
SHRINKAGE_RUNS = 8.0
"""Runs from which on a row's curvature optima more on its own residual than on those of all rows."""


def expected_curvature(problem: Problem, residual: np.ndarray, runs: int) -> np.ndarray:
    """Expected second derivative of rho at each row, without the weights; ``runs`` is how many are independent.

    One for squares. For Huber's loss with a threshold well below the noise, and for absolute residuals, the rows inside
    the threshold are few and the curvature is a density of residuals at zero: it is taken over the wider bandwidth of
    Hall and Sheather, as Koenker (2005, sec. 3.4.2) and Powell (1991) do for quantile regression, and scaled to the
    threshold as a normal density would be, for a dozen rows need a bandwidth over which no density is level. Such a fit
    passes through as many rows as it has free parameters; their residuals say nothing of the noise and are not counted,
    without which intervals from few rows are much too narrow (benchmarks/coverage.py).

    Powell's density is that of each row: its own residual lies inside the bandwidth or not. Where whole runs lie inside
    or outside, a few of them decide, and errors come out many times too wide: it is therefore drawn towards the
    density of all rows (Huber 1973), the more the fewer the runs (docs/decisions.md).
    """
    if np.isinf(problem.delta):
        return np.ones_like(residual)
    size, counted = np.abs(residual), problem.weight > 0
    n, k = int(counted.sum()), int(problem.bounds.free.sum())
    spread = np.median(np.sort(size[counted])[min(k, n - 1) :])
    noise = 1.4826 * max(float(spread), float(np.finfo(float).tiny))
    reach = max(_bandwidth(n), problem.delta / noise)
    inside = size <= reach * noise
    share = inside[counted].mean()
    own = runs / (runs + SHRINKAGE_RUNS)
    free = max(n * share - k, 1) / max(n - k, 1) / max(share, 1 / n)
    return (own * inside + (1 - own) * share) * free * _within(problem.delta, noise) / _share(reach)


def _bandwidth(rows: int) -> float:
    """Half the bandwidth of Hall and Sheather at the 5 % level, in standard deviations."""
    share = rows ** (-1 / 3) * 1.96 ** (2 / 3) * (1.5 / (2 * np.pi)) ** (1 / 3)
    return _NORMAL.inv_cdf(min(0.5 + share, 0.99))


def _share(deviations: float) -> float:
    """Share of normal residuals within so many standard deviations."""
    return 2 * _NORMAL.cdf(deviations) - 1


def _within(delta: float, noise: float) -> float:
    """The expected derivative of the score under normal noise: the share within delta; of the sign, a density."""
    return _share(delta / noise) if delta else 2 * _NORMAL.pdf(0) / noise
