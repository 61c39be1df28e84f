"""Assumed correlation of the residuals of one run, for the sandwich's small-sample correction.

Runs keep their own level, and a run with ten times the excess differs from the law by ten times as much. The correction
of Bell and McCaffrey (2002) and Satterthwaite's degrees of freedom are exact under an assumed covariance; assuming
equal independent rows, as is usual, counts runs that hardly bear on an answer as if they did, and its interval is too
narrow (docs/decisions.md). Here it is assumed that each row of run g has independent noise plus ``a_g * level``, level
being the excess or one, whichever the residuals support better, with the ratio of variances of greatest restricted
likelihood (Patterson and Thompson 1971). The assumption shapes the correction only: the sandwich's own scores are the
measured ones, so that it stays valid where the assumption is wrong (Pustejovsky and Tipton 2018).
"""

from dataclasses import dataclass

import numpy as np

LEAST_RUNS = 3
"""Runs below which nothing can be learnt of how they differ."""
_RATIOS = np.concatenate([[0.0], np.geomspace(1e-2, 1e4, 31)])
"""Variance of a typical row's level over that of its noise."""


@dataclass(frozen=True)
class WorkingCovariance:
    """Covariance of the scores within a run, up to a factor: ``S (I + u u') S`` with S diagonal."""

    scale: np.ndarray
    """(rows,): the diagonal of S."""
    level: np.ndarray
    """(rows,): u."""


def independent(rows: int) -> WorkingCovariance:
    """Equal and independent rows."""
    return WorkingCovariance(np.ones(rows), np.zeros(rows))


def working_covariance(
    design: np.ndarray,
    residual: np.ndarray,
    codes: np.ndarray,
    excess: np.ndarray,
    root_weight: np.ndarray,
    delta: float,
) -> WorkingCovariance:
    """The working covariance of weighted rows.

    Parameters
    ----------
    design, residual : ndarray, (rows, k) and (rows,)
        Weighted.
    codes : ndarray, (rows,)
        Run of each row, 0 to G - 1.
    excess : ndarray, (rows,)
        Excess of each row in units of the residuals, not weighted.
    root_weight : ndarray, (rows,)
    delta : float
        Huber's threshold: scores do not grow beyond it.
    """
    n = len(residual)
    if codes.max() + 1 < LEAST_RUNS or n - design.shape[1] < LEAST_RUNS:
        return independent(n)
    typical = np.sqrt(np.mean((root_weight * excess) ** 2)), np.sqrt(np.mean(root_weight**2))
    levels = [root_weight * shape / size for shape, size in zip((excess, np.ones(n)), typical, strict=True) if size > 0]
    found = [_likeliest(design, residual, codes, level) for level in levels]
    best = int(np.argmin([criterion for criterion, *_ in found]))
    _, ratio, variance = found[best]
    level = np.sqrt(ratio) * levels[best]
    spread = np.sqrt(variance * (1 + level**2)) / np.where(root_weight > 0, root_weight, 1.0)
    return WorkingCovariance(_bounded(spread, delta), level)


def _likeliest(
    design: np.ndarray, residual: np.ndarray, codes: np.ndarray, level: np.ndarray
) -> tuple[float, float, float]:
    """Restricted likelihood's criterion, the ratio where it is least, and the noise variance there."""
    n, k = design.shape
    count = int(codes.max()) + 1
    both = np.column_stack([design, residual])
    own = np.zeros((count, k + 1))
    np.add.at(own, codes, level[:, None] * both)
    size = np.bincount(codes, level**2, count)
    share = _RATIOS[:, None] / (1 + _RATIOS[:, None] * size)
    gram = both.T @ both - np.einsum("rg,gi,gj->rij", share, own, own)
    information = gram[:, :k, :k] + 1e-12 * np.eye(k)  # constants exactly undetermined
    cross = gram[:, :k, k]
    quadratic = gram[:, k, k] - np.sum(cross * np.linalg.solve(information, cross[..., None])[..., 0], 1)
    variance = np.maximum(quadratic, 1e-300) / (n - k)
    determinant = np.log1p(_RATIOS[:, None] * size).sum(1) + np.linalg.slogdet(information)[1]
    criterion = 0.5 * ((n - k) * np.log(variance) + determinant)
    best = int(np.argmin(criterion))
    return float(criterion[best]), float(_RATIOS[best]), float(variance[best])


def _bounded(spread: np.ndarray, delta: float) -> np.ndarray:
    """Standard deviation of the score of a normal residual with this spread, over that spread."""
    if np.isinf(delta):
        return np.ones_like(spread)
    if delta == 0:
        return 1 / np.maximum(spread, 1e-300)
    from .quantiles import normal_share

    far = delta / np.maximum(spread, 1e-300)
    density = np.exp(-0.5 * far**2) / np.sqrt(2 * np.pi)
    beyond = 2 * normal_share(-far)
    return np.sqrt(1 - beyond - 2 * far * density + far**2 * beyond)
