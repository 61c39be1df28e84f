"""Where two curves known on a grid meet, and where an interval of their difference cannot tell them apart."""

from collections.abc import Callable

import numpy as np


def roots(gap: Callable[[float], float], tokens: np.ndarray, values: np.ndarray) -> list[float]:
    """Where a difference, known on a grid, changes its sign."""
    from scipy.optimize import brentq

    def at(log_tokens: float) -> float:
        return gap(float(np.exp(log_tokens)))

    out = tokens[values == 0].tolist()
    for i in np.flatnonzero(values[:-1] * values[1:] < 0):
        out.append(float(np.exp(brentq(at, np.log(tokens[i]), np.log(tokens[i + 1]), xtol=1e-13, rtol=1e-14))))
    return sorted(out)


def undecided(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of the grid where an interval holds zero, ends interpolated; 0 and inf where they leave the grid."""
    within = (lower <= 0) & (upper >= 0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], within, [False]]).astype(int)))
    out = []
    for start, stop in edges.reshape(-1, 2):
        low = 0.0 if start == 0 else _end(tokens, lower, upper, start - 1, start)
        high = np.inf if stop == len(tokens) else _end(tokens, lower, upper, stop, stop - 1)
        out.append((low, high))
    return sorted(out + _between(tokens, lower, upper))


def _between(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> list[tuple[float, float]]:
    """Stretches so short that they lie between two neighbours, on either side of which the order is known."""
    falls, rises = (lower[:-1] > 0) & (upper[1:] < 0), (upper[:-1] < 0) & (lower[1:] > 0)
    out = []
    for i in np.flatnonzero(falls | rises).tolist():
        steps = [ends[i] / (ends[i] - ends[i + 1]) for ends in (lower, upper)]
        low, high = sorted(float(tokens[i] * (tokens[i + 1] / tokens[i]) ** step) for step in steps)
        out.append((low, high))
    return out


def _end(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray, outer: int, inner: int) -> float:
    """Where, between two neighbours, the end of the interval that is nearer to zero passes it."""
    nearer = lower if lower[outer] > 0 else upper
    outside, inside = nearer[outer], nearer[inner]
    if not np.isfinite(inside):
        return float(tokens[outer])
    share = outside / (outside - inside)
    return float(tokens[outer] ** (1 - share) * tokens[inner] ** share)
