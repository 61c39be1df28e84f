"""The rest of a run from its own checkpoints alone: a power law of tokens with all the freedom one curve leaves it.

The curve is ``a - s * (1 - (D / D_c)^-beta) / beta`` (its level and slope in the middle of what was seen; the logarithm
as beta tends to 0) plus noise that is correlated along tokens (Ornstein-Uhlenbeck in log D). Given beta and the noise's
memory all else is linear and solved exactly (universal kriging, flat priors on level, slope and log variance). Beta and
memory are averaged over, weighted by how likely they make the run: least squares at one best beta would pretend that
the bend of half a curve fixes its other half.
"""

from dataclasses import dataclass

import numpy as np

EXPONENTS = np.geomspace(0.05, 2.0, 24)
"""Powers of tokens averaged over, evenly in their logarithm."""
MEMORIES = np.array([0.01, 0.05, 0.1, 0.2, 1 / 3])
"""How long noise lasts, in lengths of the run seen (in log tokens): what lasts longer is the curve itself."""
BINS = 60
"""Denser logs are averaged into this many bins of log tokens."""


@dataclass(frozen=True)
class _Cell:
    """What one exponent and one memory say."""

    likelihood: float
    """Logarithm, up to a constant."""
    mean: np.ndarray
    scale: np.ndarray
    """(points, points): scale matrix of the t distribution."""


def one_run(tokens: np.ndarray, loss: np.ndarray, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (points,), covariance (points, points) and degrees of freedom of the loss at tokens ahead."""
    x = np.log(tokens)
    centre, length = float(x.mean()), float(np.ptp(x))
    cells = [
        _cell(x - centre, loss, np.log(ahead) - centre, beta, share * length)
        for beta in EXPONENTS
        for share in MEMORIES
    ]
    likelihood = np.array([cell.likelihood for cell in cells])
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    means = np.stack([cell.mean for cell in cells])
    mean = weight @ means
    between = (weight[:, None] * (means - mean)).T @ (means - mean)
    within = np.einsum("c,cij->ij", weight, np.stack([cell.scale for cell in cells]))
    return mean, within + between, float(len(x) - 2)


def _cell(x: np.ndarray, y: np.ndarray, ahead: np.ndarray, beta: float, memory: float) -> _Cell:
    from scipy.special import stdtr

    every = np.concatenate([x, ahead])
    design = np.stack([np.ones_like(every), np.expm1(-beta * every) / beta], 1)
    noise = np.exp(-np.abs(every[:, None] - every[None, :]) / memory)
    n = len(x)
    known, cross = noise[:n, :n] + 1e-9 * np.eye(n), noise[:n, n:]
    root = np.linalg.cholesky(known)
    solved = np.linalg.solve(root, np.column_stack([design[:n], y, cross]))
    basis, target, carried = solved[:, :2], solved[:, 2], solved[:, 3:]
    information = basis.T @ basis
    inverse = np.linalg.inv(information)
    at = inverse @ (basis.T @ target)
    rest = target - basis @ at
    variance = max(float(rest @ rest) / (n - 2), 1e-18)
    unseen = design[n:] - carried.T @ basis
    mean = unseen @ at + carried.T @ target
    scale = variance * (noise[n:, n:] - carried.T @ carried + unseen @ inverse @ unseen.T)
    # A loss falls, and to a level above zero: how likely these constants do.
    sides = np.array([[0.0, 1.0], [1.0, -1.0 / beta]])  # slope, floor
    sure = stdtr(n - 2, sides @ at / np.sqrt(variance * np.einsum("ij,jk,ik->i", sides, inverse, sides)))
    determinant = 2 * np.log(np.diag(root)).sum() + np.linalg.slogdet(information)[1]
    likelihood = -0.5 * ((n - 2) * np.log(variance) + determinant) + np.log(np.maximum(sure, 1e-12)).sum()
    return _Cell(float(likelihood), mean, scale)


def thinned(tokens: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A dense log averaged into bins of log tokens; a sparse one as it is. Tokens ascend."""
    if len(tokens) <= BINS:
        return tokens, loss
    x = np.log(tokens)
    code = np.minimum(((x - x[0]) / (x[-1] - x[0]) * (BINS - 1)).astype(int), BINS - 1)
    code = np.unique(code, return_inverse=True)[1]
    count = np.bincount(code)
    return np.exp(np.bincount(code, x) / count), np.bincount(code, loss) / count
