"""Global search: screen many exponents, polish a few starts, go on until several agree."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .batch import RIDGE, Batch, Rest, columns_at, log_size, raw_constants, recentre
from .coordinates import Box, Layout
from .curvature import curvature
from .inputs import Frame
from .problem import Problem, huber, score

# Starts: low-discrepancy points over the exponents, amplitudes from a small least-squares problem each.
#
# Given the nonlinear parameters a law is linear in the rest (variable projection), so only the exponents need searching
# and every start already has the best amplitudes that go with it. Coordinates here are raw (no centring frame).


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


AGREEMENT = 1e-6
"""Two objectives closer than this (relative) count as the same optimum."""
CONVERGED = 1e-6
"""Largest scale-free gradient of a point that has come to rest."""
TOGETHER = 4
"""Starts polished before the search asks whether enough of them agree."""
FLAT = 1e-3
"""Relative curvature, over a parameter's plausible range, below which a valley counts as flat for the search."""


@dataclass(frozen=True)
class Rival:
    """Another local optimum: how much worse it is and what it looks like."""

    gap: float
    """(its objective - best) / best."""
    params: tuple[float, ...]


@dataclass(frozen=True)
class Solution:
    """The best optimum found and what the search saw on the way."""

    z: np.ndarray
    """Optimum in the centred coordinates of ``frame``."""
    frame: Frame
    params: tuple[float, ...]
    objective: float
    gradient: float
    """Scale-free gradient, max_j |J_j' psi| / (|J_j| |psi|) over coordinates not pressed against a bound."""
    residual: np.ndarray
    jacobian: np.ndarray
    """(rows, coordinates): derivative of the residual by the coordinates."""
    objectives: np.ndarray
    """Objective of every start that was polished, best first."""
    rival: Rival | None
    """The next best optimum, if the starts found another."""
    rounding: float
    """An objective this small is a perfect fit: residuals of rounding size."""

    @property
    def agreed(self) -> tuple[int, int]:
        """How many polished starts reached the best objective, of how many."""
        return _agreeing(self.objectives, self.rounding), len(self.objectives)


def search(problem: Problem, *, starts: int, rng: np.random.Generator, given: Sequence[np.ndarray] = ()) -> Solution:
    """Minimise the objective.

    At least ``starts`` starts are polished; more, up to four times as many, while fewer than three agree on the best.
    ``given`` starts (raw coordinates) replace the screening.
    """
    batch = Batch(problem)
    compiling = batch.prepare()
    candidates, frame = (np.stack(given), None) if given else _candidates(batch, rng)
    if compiling is not None:
        compiling.join()
    found: list[tuple[Frame, Rest]] = []
    objectives = np.zeros(0)
    for begin in range(0, len(candidates), TOGETHER):
        starts_now = candidates[begin : begin + TOGETHER]
        found += batch.settle(starts_now, None if frame is None else [frame] * len(starts_now))
        objectives = np.sort([rest.objective for _, rest in found])
        enough = _agreeing(objectives, batch.rounding) >= 3 or len(found) >= 4 * starts
        if len(found) >= starts and enough:
            break
    found.sort(key=lambda pair: pair[1].objective)
    best = _point(batch, *found[0])
    return _solution(batch, _neutral(batch, best), objectives, _rival(batch, found))


def sharpen(problem: Problem, solution: Solution) -> Solution:
    """Go on from a solution to the optimum of a neighbouring objective (a smaller delta)."""
    batch = Batch(problem)
    found = batch.settle(recentre(solution.z, solution.frame, batch.frame)[None])[0]
    return _solution(batch, _point(batch, *found), solution.objectives, solution.rival)


@dataclass(frozen=True)
class _Point:
    """A point come to rest with its residuals (rows,) and their derivatives (coordinates, rows)."""

    frame: Frame
    rest: Rest
    residual: np.ndarray
    jacobian: np.ndarray


def _point(batch: Batch, frame: Frame, rest: Rest) -> _Point:
    residual, jacobian = batch.residuals([(frame, rest)])
    return _Point(frame, rest, residual[0], jacobian[0])


def _candidates(batch: Batch, rng: np.random.Generator) -> tuple[np.ndarray, Frame | None]:
    found, frame = screen(batch, rng)
    return (spread_out(found, batch.problem.layout, batch.problem.box) if len(found) else found), frame


def _neutral(batch: Batch, best: _Point) -> _Point:
    """In a flat valley, where starts come to rest depends on where they began: move to its neutral point.

    A strong ridge finds that point whatever the start; letting go of it in steps returns to the optimum of everything
    the data do determine.
    """
    if best.rest.objective <= batch.rounding or _flattest(batch, best) > FLAT:
        return best
    frame, rest = best.frame, best.rest
    for ridge in (1e-2, 1e-3, 1e-4, 1e-6, RIDGE):
        frame, rest = batch.settle(recentre(rest.z, frame, batch.frame)[None], ridge=ridge)[0]
    kept = rest.objective <= best.rest.objective * (1 + AGREEMENT)
    return _point(batch, frame, rest) if kept else best


def _flattest(batch: Batch, at: _Point) -> float:
    """Smallest curvature of the objective over the parameters' plausible ranges, relative to the objective."""
    problem, z = batch.problem, at.rest.z
    inside = problem.box.free & (z > problem.box.lower) & (z < problem.box.upper)
    if not inside.any():
        return np.inf
    if inside.sum() > problem.rows:
        return 0.0
    bent = problem.weight * curvature(problem, at.residual, problem.rows)
    scaled = at.jacobian[inside] * problem.plausible[inside, None] * np.sqrt(bent)
    return float(np.linalg.svd(scaled, compute_uv=False)[-1] ** 2 / at.rest.objective)


OPEN = 0.5
"""Standard error of a combination of parameters, in units of its plausible range, from which data leave it open."""


def _agreeing(objectives: np.ndarray, rounding: float) -> int:
    return int((objectives <= objectives.min() * (1 + AGREEMENT) + rounding).sum())


def _solution(batch: Batch, at: _Point, objectives: np.ndarray, rival: Rival | None) -> Solution:
    return Solution(
        z=at.rest.z,
        frame=at.frame,
        params=raw_constants(batch.problem, at.rest.z, at.frame),
        objective=at.rest.objective,
        gradient=_gradient(batch, at),
        residual=at.residual,
        jacobian=at.jacobian.T,
        objectives=objectives,
        rival=rival,
        rounding=batch.rounding,
    )


def _gradient(batch: Batch, at: _Point) -> float:
    """Scale-free gradient; zero for a perfect fit, whose residuals of rounding size point anywhere."""
    if at.rest.objective <= batch.rounding:
        return 0.0
    return scale_free_gradient(batch.problem, at.rest.z, at.residual, at.jacobian.T)


def _rival(batch: Batch, found: list[tuple[Frame, Rest]]) -> Rival | None:
    """The first start, in order of objective, that came to rest elsewhere."""
    best = found[0][1].objective
    for frame, rest in found[1:]:
        gap = rest.objective / best - 1 if best > batch.rounding else np.inf
        elsewhere = AGREEMENT < gap < np.inf and rest.objective > batch.rounding
        if elsewhere and _gradient(batch, _point(batch, frame, rest)) < CONVERGED:
            return Rival(float(gap), raw_constants(batch.problem, rest.z, frame))
    return None


def scale_free_gradient(problem: Problem, z: np.ndarray, residual: np.ndarray, jacobian: np.ndarray) -> float:
    """max_j |J_j' psi| / (|J_j| |psi|): below 1e-6 at every true optimum, whatever the units or the weights."""
    psi = score(problem, residual)
    root = np.sqrt(problem.weight)
    size = np.linalg.norm(root * psi) * np.linalg.norm(root[:, None] * jacobian, axis=0)
    slope = jacobian.T @ (problem.weight * psi)
    box = problem.box
    pressed = ~box.free | ((z <= box.lower) & (slope > 0)) | ((z >= box.upper) & (slope < 0))
    ratio = np.where(pressed | (size == 0), 0.0, np.abs(slope) / np.where(size == 0, 1.0, size))
    return float(ratio.max())
