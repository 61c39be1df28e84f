"""Starts: low-discrepancy points over the exponents, amplitudes from a small least-squares problem each.

Given the nonlinear parameters a law is linear in the rest (variable projection), so only the exponents need searching
and every start already has the best amplitudes that go with it. Coordinates here are raw (no centring frame).
"""

import itertools

import numpy as np

from .batch import Batch, columns_at, log_size
from .layout import Box, Layout
from .problem import huber
from .program import Frame

KEPT = 64
"""Screened starts that may be polished."""
_SCREENED = {0: 1, 1: 16, 2: 32, 3: 96, 4: 256}


def screen(batch: Batch, rng: np.random.Generator) -> tuple[np.ndarray, Frame | None]:
    """Starts in order of promise, (count, coordinates), and the frame that centres all of them, if there is one."""
    problem, rows = batch.thinned()
    layout, box, n = problem.layout, problem.box, problem.rows
    q = layout.nonlinear
    span = box.start[:q]
    theta = span[:, 0] + low_discrepancy(_SCREENED.get(q, 512), q, rng) * (span[:, 1] - span[:, 0])
    base, columns = (part[..., :n] for part in columns_at(layout, theta, batch.frame, rows))
    with np.errstate(all="ignore"):
        logs = log_size(columns)
        size = np.exp(logs)
        columns = columns / size[..., None]
        importance = problem.weight * (problem.y**-2.0 if problem.log_space else problem.scale**2)
        amplitudes = _amplitudes(base, columns, problem.y, importance, box.lower[q:])
        value = base + np.matmul(amplitudes[:, None, :], columns)[:, 0]
        residual = problem.target - np.log(value) if problem.log_space else (problem.y - value) * problem.scale
        score = (problem.weight * huber(residual, problem.delta)).sum(1)
        starts = np.concatenate([theta, amplitudes / size], 1)
    usable = np.all(np.isfinite(starts), axis=1)
    order = np.argsort(np.where(usable & np.isfinite(score), score, np.inf), kind="stable")
    return starts[order[usable[order]]], _common_frame(batch.frame, theta, logs, usable)


def _common_frame(raw: Frame, theta: np.ndarray, size: np.ndarray, usable: np.ndarray) -> Frame | None:
    """One frame for all starts, where the columns' log sizes are linear in theta, as they are for power laws."""
    design, size = np.c_[np.ones(usable.sum()), theta[usable]], size[usable]
    if len(design) <= design.shape[1]:
        return None
    coefficients = np.linalg.lstsq(design, size, rcond=None)[0]
    if np.abs(design @ coefficients - size).max(initial=0.0) > 1e-6:
        return None
    return raw._replace(shift=coefficients[0], slope=coefficients[1:].T)


def low_discrepancy(count: int, dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` well-spread points in the unit cube (Roberts' R-sequence with a random shift)."""
    golden = 1.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (dimensions + 1))
    steps = golden ** -np.arange(1, dimensions + 1)
    return (np.arange(1, count + 1)[:, None] * steps + rng.random(dimensions)) % 1.0


def spread_out(starts: np.ndarray, layout: Layout, box: Box) -> np.ndarray:
    """The best starts with near copies of a better one put last: the first few sample different basins."""
    q = layout.nonlinear
    if q == 0:
        return starts[:1]
    best = starts[:KEPT]
    scaled = best[:, :q] / (2 * box.spread[:q])
    close = np.abs(scaled[:, None] - scaled).max(2) <= 0.15
    apart: list[int] = []
    for i, near in enumerate(close.tolist()):
        if not any(near[j] for j in apart):
            apart.append(i)
    return np.concatenate([starts[apart], np.delete(best, apart, axis=0)])


def _amplitudes(
    base: np.ndarray, columns: np.ndarray, y: np.ndarray, importance: np.ndarray, lower: np.ndarray
) -> np.ndarray:
    """Weighted least squares for the amplitudes at every theta, those with a lower bound kept at or above it.

    With at most a handful of amplitudes the best active set is found by trying them all.
    """
    m = columns.shape[1]
    if m == 0:
        return np.zeros((len(base), 0))
    weighted = columns * importance
    gram = np.matmul(weighted, columns.transpose(0, 2, 1))
    right = np.matmul(weighted, (y - base)[..., None])[..., 0]
    gram = gram + 1e-12 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(m)
    best = _solve(gram, right)
    broken = np.flatnonzero((best < lower).any(1))
    bounded = np.flatnonzero(np.isfinite(lower))[:6].tolist()
    score = np.full(len(broken), np.inf)
    for count in range(1, len(bounded) + 1) if broken.size else ():
        for zeros in itertools.combinations(bounded, count):
            on = np.array([j for j in range(m) if j not in zeros], dtype=int)
            candidate = np.zeros((len(broken), m))
            candidate[:, on] = _solve(gram[broken[:, None, None], on[:, None], on], right[broken[:, None], on])
            slope = np.matmul(gram[broken], candidate[..., None])[..., 0]
            value = (candidate * (0.5 * slope - right[broken])).sum(1)
            better = (candidate >= lower).all(1) & (value < score)
            best[broken[better]], score[better] = candidate[better], value[better]
    return best


def _solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    broken = ~(np.all(np.isfinite(gram), axis=(1, 2)) & np.all(np.isfinite(right), axis=1))
    gram, right = np.where(broken[:, None, None], np.eye(gram.shape[1]), gram), np.where(broken[:, None], 0.0, right)
    try:
        solved = np.linalg.solve(gram, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        solved = np.matmul(np.linalg.pinv(gram), right[..., None])[..., 0]
    solved[broken] = np.nan
    return solved
