"""The rest of a run from its own checkpoints alone: a power law of tokens with all the freedom one curve leaves it.

The curve is ``a - s * (1 - (D / D_c)^-beta) / beta`` (its level and slope in the middle of what was seen; the logarithm
as beta tends to 0) plus noise that is correlated along tokens (Ornstein-Uhlenbeck in log D). Given beta and the noise's
memory all else is linear and solved exactly (universal kriging, flat priors on level, slope and log variance). Beta and
memory are averaged over, weighted by how likely they make the run: least squares at one best beta would pretend that
the bend of half a curve fixes its other half.
"""

import numpy as np

from .quantiles import t_share

EXPONENTS = np.geomspace(0.05, 2.0, 150)
"""Powers of tokens averaged over, evenly in their logarithm."""
RESOLVED = 8.0
"""Powers that must share the weight: where fewer do, the curve tells powers apart more finely than the grid."""
REFINEMENTS = 6
"""Finer grids tried at most: a curve without noise is told apart at any fineness."""
NEGLIGIBLE = 1e-7
"""Weight, relative to the likeliest power, below which a power is left out of a finer grid."""
MEMORIES = (0.01, 0.05, 0.1, 0.2, 1 / 3)
"""How long noise lasts, in lengths of the run seen (in log tokens): what lasts longer is the curve itself."""
BINS = 60
"""Denser logs are averaged into this many bins of log tokens."""


def one_run(tokens: np.ndarray, loss: np.ndarray, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (points,), covariance (points, points) and degrees of freedom of the loss at tokens ahead."""
    x = np.log(tokens)
    every = np.log(np.concatenate([tokens, ahead])) - x.mean()
    weight, means, scales = _resolved(every, loss, np.array(MEMORIES) * float(np.ptp(x)))
    mean = weight @ means
    between = (weight[:, None] * (means - mean)).T @ (means - mean)
    return mean, np.einsum("c,cij->ij", weight, scales) + between, float(len(x) - 2)


def _resolved(every: np.ndarray, loss: np.ndarray, memories: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight, mean and scale of every memory and power, on a grid of powers fine enough for the curve."""
    exponents = EXPONENTS
    found = _weighed(every, loss, memories, exponents)
    for _ in range(REFINEMENTS):
        of_power = found[0].reshape(len(memories), -1).sum(0)
        if 1 / (of_power**2).sum() >= RESOLVED:
            break
        exponents = _finer(exponents, of_power)
        found = _weighed(every, loss, memories, exponents)
    return found


def _finer(exponents: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """As many powers between the outermost that have weight, and two more on either side."""
    kept = np.flatnonzero(weight > NEGLIGIBLE * weight.max())
    low, high = max(kept[0] - 2, 0), min(kept[-1] + 2, len(exponents) - 1)
    return np.geomspace(exponents[low], exponents[high], len(exponents))


def _weighed(
    every: np.ndarray, loss: np.ndarray, memories: np.ndarray, exponents: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight (summing to 1), mean and scale of every memory and power, memory by memory."""
    parts = [_given(every, loss, memory, exponents) for memory in memories.tolist()]
    likelihood, means, scales = (np.concatenate(part) for part in zip(*parts, strict=True))
    weight = np.exp(likelihood - likelihood.max())
    return weight / weight.sum(), means, scales


def _given(
    every: np.ndarray, y: np.ndarray, memory: float, exponents: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For one memory of the noise and each exponent: log likelihood (up to a constant), mean, scale of the t."""
    n, count, beta = len(y), len(exponents), exponents[:, None]
    falls = np.expm1(-beta * every) / beta
    noise = np.exp(-np.abs(every[:, None] - every[None, :]) / memory)
    root = np.linalg.cholesky(noise[:n, :n] + 1e-9 * np.eye(n))
    white = np.linalg.solve(root, np.column_stack([np.ones(n), falls[:, :n].T, y, noise[:n, n:]]))
    target, carried = white[:, count + 1], white[:, count + 2 :]
    basis = np.stack(np.broadcast_arrays(white[:, :1], white[:, 1 : count + 1])).transpose(2, 1, 0)  # (exponents, n, 2)
    information = basis.transpose(0, 2, 1) @ basis
    inverse = np.linalg.inv(information)
    at = np.einsum("bij,bnj,n->bi", inverse, basis, target)
    rest = target - np.einsum("bnj,bj->bn", basis, at)
    variance = np.maximum((rest**2).sum(1) / (n - 2), 1e-18)
    ahead = np.stack(np.broadcast_arrays(1.0, falls[:, n:]), axis=-1)
    unseen = ahead - carried.T @ basis
    mean = (unseen @ at[:, :, None])[:, :, 0] + carried.T @ target
    known = noise[n:, n:] - carried.T @ carried
    scale = variance[:, None, None] * (known + unseen @ inverse @ unseen.transpose(0, 2, 1))
    likelihood = -0.5 * ((n - 2) * np.log(variance) + np.linalg.slogdet(information)[1])
    return (
        likelihood - np.log(np.diag(root)).sum() + _possible(exponents, at, variance[:, None, None] * inverse, n - 2),
        mean,
        scale,
    )


def _possible(exponents: np.ndarray, at: np.ndarray, covariance: np.ndarray, dof: int) -> np.ndarray:
    """Log probability, per exponent, that the loss falls, and to a level above zero."""
    slope = np.stack([np.zeros_like(exponents), np.ones_like(exponents)], 1)
    floor = np.stack([np.ones_like(exponents), -1 / exponents], 1)
    sides = [(c * at).sum(1) / np.sqrt(np.einsum("bi,bij,bj->b", c, covariance, c)) for c in (slope, floor)]
    return np.log(np.maximum(t_share(dof, np.stack(sides)), 1e-12)).sum(0)


def thinned(tokens: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A dense log averaged into bins of log tokens; a sparse one as it is. Tokens ascend."""
    if len(tokens) <= BINS:
        return tokens, loss
    x = np.log(tokens)
    code = np.minimum(((x - x[0]) / (x[-1] - x[0]) * BINS).astype(int), BINS - 1)
    code = np.unique(code, return_inverse=True)[1]
    count = np.bincount(code)
    return np.exp(np.bincount(code, x) / count), np.bincount(code, loss) / count
