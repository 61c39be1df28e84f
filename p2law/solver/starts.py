"""Starts: low-discrepancy points over the exponents, amplitudes from a small least-squares problem each.

Given the nonlinear parameters a law is linear in the rest (variable projection), so only the exponents need searching
and every start already has the best amplitudes that go with it. Coordinates here are raw (no centring frame).
"""

import itertools

import numpy as np

from .layout import Box, Layout
from .problem import Problem, huber
from .program import Frame, Rows, basis

SCREEN_ROWS = 128
_SCREENED = {0: 1, 1: 16, 2: 32, 3: 96, 4: 256}


def screened(layout: Layout) -> int:
    """How many points over the nonlinear parameters are tried."""
    return _SCREENED.get(layout.nonlinear, 512)


def screen(problem: Problem, rows: Rows, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Starts in order of promise, (count, free).

    ``rows`` are the problem's rows padded to ``SCREEN_ROWS``; ``frame`` is the raw one.
    """
    layout, box, n = problem.layout, problem.box, problem.rows
    q = layout.nonlinear
    span = box.start[:q]
    theta = span[:, 0] + low_discrepancy(screened(layout), q, rng) * (span[:, 1] - span[:, 0])
    base, columns = (np.asarray(part)[..., :n] for part in basis(layout)(theta, rows, frame))
    with np.errstate(all="ignore"):
        size = np.exp(log_size(columns))
        columns = columns / size[..., None]
        importance = problem.weight * (problem.y**-2.0 if problem.log_space else problem.scale**2)
        amplitudes = _amplitudes(base, columns, problem.y, importance, box.lower[q:])
        value = base + np.matmul(amplitudes[:, None, :], columns)[:, 0]
        residual = problem.target - np.log(value) if problem.log_space else (problem.y - value) * problem.scale
        score = (problem.weight * huber(residual, problem.delta)).sum(1)
        starts = np.concatenate([theta, amplitudes / size], 1)
    usable = np.all(np.isfinite(starts), axis=1)
    order = np.argsort(np.where(usable & np.isfinite(score), score, np.inf), kind="stable")
    return starts[order[usable[order]]]


def low_discrepancy(count: int, dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` well-spread points in the unit cube (Roberts' R-sequence with a random shift)."""
    golden = 1.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (dimensions + 1))
    steps = golden ** -np.arange(1, dimensions + 1)
    return (np.arange(1, count + 1)[:, None] * steps + rng.random(dimensions)) % 1.0


def spread_out(starts: np.ndarray, layout: Layout, box: Box, most: int = 64) -> np.ndarray:
    """The ``most`` best starts with near copies of a better one put last: the first few sample different basins."""
    q = layout.nonlinear
    if q == 0:
        return starts[:1]
    scaled = starts[:most, :q] / (2 * box.spread[:q])
    close = np.abs(scaled[:, None] - scaled).max(2) <= 0.15
    apart: list[int] = []
    for i, near in enumerate(close.tolist()):
        if not any(near[j] for j in apart):
            apart.append(i)
    return np.concatenate([starts[apart], np.delete(starts[:most], apart, axis=0)])


def frames_at(starts: np.ndarray, layout: Layout, rows: Rows, raw_frame: Frame, real: int) -> list[Frame]:
    """For each start the frame that centres the amplitudes near it (by differences of the columns' log sizes)."""
    q, count = layout.nonlinear, len(starts)
    if q == len(layout.scales):
        return [raw_frame] * count
    h = 1e-4
    stencil = np.concatenate([np.zeros((1, q)), h * np.eye(q), -h * np.eye(q)])
    points = (starts[:, None, :q] + stencil).reshape(count * (2 * q + 1), q)
    total = screened(layout)
    while total < len(points):
        total += screened(layout)
    padded = np.concatenate([points, np.repeat(points[:1], total - len(points), 0)])
    compiled = basis(layout)
    chunks = np.split(padded, total // screened(layout))
    columns = np.concatenate([np.asarray(compiled(chunk, rows, raw_frame)[1])[..., :real] for chunk in chunks])
    size = log_size(columns[: len(points)]).reshape(count, 2 * q + 1, -1)
    size = np.where(np.isfinite(size), size, 0.0)
    slope = ((size[:, 1 : q + 1] - size[:, q + 1 :]) / (2 * h)).transpose(0, 2, 1)
    shift = size[:, 0] - np.einsum("smq,sq->sm", slope, starts[:, :q])
    return [raw_frame._replace(shift=s, slope=g) for s, g in zip(shift, slope, strict=True)]


def log_size(columns: np.ndarray) -> np.ndarray:
    """Log of the geometric mean over the rows of each column's magnitude, (points, amplitudes)."""
    if columns.shape[1] == 0:
        return np.zeros(columns.shape[:2])
    size = np.abs(columns)
    largest = size.max(2, keepdims=True)
    largest = np.where(largest > 0, largest, 1.0)  # a fixed amplitude has no column
    with np.errstate(all="ignore"):
        return np.log(np.maximum(size, 1e-9 * largest)).mean(2)


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
