"""Global search: screen many exponents, polish a few starts, go on until several agree."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .batch import RIDGE, Batch, Optimum, columns_at, log_size, raw_constants, recentre
from .coordinates import Bounds, Coordinates
from .curvature import expected_curvature
from .inputs import STARTS_PER_CALL, Scaling
from .problem import Problem, huber, score

# Starts: low-discrepancy points over the exponents, amplitudes from a small least-squares problem each.
#
# Given the nonlinear parameters a law is linear in the rest (variable projection), so only the exponents need searching
# and every start already has the best amplitudes that go with it. Coordinates here are raw (not centred).


MAX_STARTS = 64
"""Screened starts that may be polished."""
_SCREENED = {0: 1, 1: 16, 2: 32, 3: 96, 4: 256}


def screen(batch: Batch, rng: np.random.Generator) -> tuple[np.ndarray, Scaling | None]:
    """Starts in order of promise, (count, coordinates), and the scaling that centres all of them, if there is one."""
    problem, rows = batch.thinned()
    coordinates, bounds, n = problem.coordinates, problem.bounds, problem.rows
    q = coordinates.nonlinear
    span = bounds.start[:q]
    theta = span[:, 0] + low_discrepancy(_SCREENED.get(q, 512), q, rng) * (span[:, 1] - span[:, 0])
    base, columns = (part[..., :n] for part in columns_at(coordinates, theta, batch.scaling, rows))
    with np.errstate(all="ignore"):
        logs = log_size(columns)
        size = np.exp(logs)
        columns = columns / size[..., None]
        importance = problem.weight * (problem.y**-2.0 if problem.log_space else problem.scale**2)
        amplitudes = _amplitudes(base, columns, problem.y, importance, bounds.lower[q:])
        value = base + np.matmul(amplitudes[:, None, :], columns)[:, 0]
        residual = problem.target - np.log(value) if problem.log_space else (problem.y - value) * problem.scale
        score = (problem.weight * huber(residual, problem.delta)).sum(1)
        starts = np.concatenate([theta, amplitudes / size], 1)
    usable = np.all(np.isfinite(starts), axis=1)
    order = np.argsort(np.where(usable & np.isfinite(score), score, np.inf), kind="stable")
    return starts[order[usable[order]]], _common_scaling(batch.scaling, theta, logs, usable)


def _common_scaling(raw: Scaling, theta: np.ndarray, size: np.ndarray, usable: np.ndarray) -> Scaling | None:
    """One scaling for all starts, where the columns' log sizes are linear in theta, as they are for power laws."""
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


def spread_out(starts: np.ndarray, coordinates: Coordinates, bounds: Bounds) -> np.ndarray:
    """The best starts with near copies of a better one put last: the first few sample different basins."""
    q = coordinates.nonlinear
    if q == 0:
        return starts[:1]
    best = starts[:MAX_STARTS]
    scaled = best[:, :q] / (2 * bounds.spread[:q])
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
FLAT_CURVATURE = 1e-3
"""Relative curvature, over a parameter's plausible range, below which a valley counts as flat for the search."""


@dataclass(frozen=True)
class LocalOptimum:
    """Another local optimum: how much worse it is and what it looks like."""

    gap: float
    """(its objective - best) / best."""
    params: tuple[float, ...]


@dataclass(frozen=True)
class Solution:
    """The best optimum found and what the search saw on the way."""

    z: np.ndarray
    """Optimum in the centred coordinates of ``scaling``."""
    scaling: Scaling
    params: tuple[float, ...]
    objective: float
    gradient: float
    """Scale-free gradient, max_j |J_j' psi| / (|J_j| |psi|) over coordinates not pressed against a bound."""
    residual: np.ndarray
    jacobian: np.ndarray
    """(rows, coordinates): derivative of the residual by the coordinates."""
    objectives: np.ndarray
    """Objective of every start that was polished, best first."""
    second: LocalOptimum | None
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
    candidates, scaling = (np.stack(given), None) if given else _candidates(batch, rng)
    if compiling is not None:
        compiling.join()
    found: list[tuple[Scaling, Optimum]] = []
    objectives = np.zeros(0)
    for begin in range(0, len(candidates), STARTS_PER_CALL):
        starts_now = candidates[begin : begin + STARTS_PER_CALL]
        found += batch.descend(starts_now, None if scaling is None else [scaling] * len(starts_now))
        objectives = np.sort([optimum.objective for _, optimum in found])
        enough = _agreeing(objectives, batch.rounding) >= 3 or len(found) >= 4 * starts
        if len(found) >= starts and enough:
            break
    found.sort(key=lambda pair: pair[1].objective)
    best = _point(batch, *found[0])
    return _solution(batch, _neutral(batch, best), objectives, _second_optimum(batch, found))


def refine(problem: Problem, solution: Solution) -> Solution:
    """Go on from a solution to the optimum of a neighbouring objective (a smaller delta)."""
    batch = Batch(problem)
    found = batch.descend(recentre(solution.z, solution.scaling, batch.scaling)[None])[0]
    return _solution(batch, _point(batch, *found), solution.objectives, solution.second)


@dataclass(frozen=True)
class _Point:
    """A point come to rest with its residuals (rows,) and their derivatives (coordinates, rows)."""

    scaling: Scaling
    optimum: Optimum
    residual: np.ndarray
    jacobian: np.ndarray


def _point(batch: Batch, scaling: Scaling, optimum: Optimum) -> _Point:
    residual, jacobian = batch.residuals([(scaling, optimum)])
    return _Point(scaling, optimum, residual[0], jacobian[0])


def _candidates(batch: Batch, rng: np.random.Generator) -> tuple[np.ndarray, Scaling | None]:
    found, scaling = screen(batch, rng)
    return (spread_out(found, batch.problem.coordinates, batch.problem.bounds) if len(found) else found), scaling


def _neutral(batch: Batch, best: _Point) -> _Point:
    """In a flat valley, where starts come to rest depends on where they began: move to its neutral point.

    A strong ridge finds that point whatever the start; letting go of it in steps returns to the optimum of everything
    the data do determine.
    """
    if best.optimum.objective <= batch.rounding or _flattest(batch, best) > FLAT_CURVATURE:
        return best
    scaling, optimum = best.scaling, best.optimum
    for ridge in (1e-2, 1e-3, 1e-4, 1e-6, RIDGE):
        scaling, optimum = batch.descend(recentre(optimum.z, scaling, batch.scaling)[None], ridge=ridge)[0]
    kept = optimum.objective <= best.optimum.objective * (1 + AGREEMENT)
    return _point(batch, scaling, optimum) if kept else best


def _flattest(batch: Batch, at: _Point) -> float:
    """Smallest curvature of the objective over the parameters' plausible ranges, relative to the objective."""
    problem, z = batch.problem, at.optimum.z
    inside = problem.bounds.free & (z > problem.bounds.lower) & (z < problem.bounds.upper)
    if not inside.any():
        return np.inf
    if inside.sum() > problem.rows:
        return 0.0
    row_curvature = problem.weight * expected_curvature(problem, at.residual, problem.rows)
    scaled = at.jacobian[inside] * problem.plausible[inside, None] * np.sqrt(row_curvature)
    return float(np.linalg.svd(scaled, compute_uv=False)[-1] ** 2 / at.optimum.objective)


UNDETERMINED_SE = 0.5
"""Standard error of a combination of parameters, in units of its plausible range, from which data leave it open."""


def _agreeing(objectives: np.ndarray, rounding: float) -> int:
    return int((objectives <= objectives.min() * (1 + AGREEMENT) + rounding).sum())


def _solution(batch: Batch, at: _Point, objectives: np.ndarray, second: LocalOptimum | None) -> Solution:
    return Solution(
        z=at.optimum.z,
        scaling=at.scaling,
        params=raw_constants(batch.problem, at.optimum.z, at.scaling),
        objective=at.optimum.objective,
        gradient=_gradient(batch, at),
        residual=at.residual,
        jacobian=at.jacobian.T,
        objectives=objectives,
        second=second,
        rounding=batch.rounding,
    )


def _gradient(batch: Batch, at: _Point) -> float:
    """Scale-free gradient; zero for a perfect fit, whose residuals of rounding size point anywhere."""
    if at.optimum.objective <= batch.rounding:
        return 0.0
    return scale_free_gradient(batch.problem, at.optimum.z, at.residual, at.jacobian.T)


def _second_optimum(batch: Batch, found: list[tuple[Scaling, Optimum]]) -> LocalOptimum | None:
    """The first start, in order of objective, that came to rest elsewhere."""
    best = found[0][1].objective
    for scaling, optimum in found[1:]:
        gap = optimum.objective / best - 1 if best > batch.rounding else np.inf
        elsewhere = AGREEMENT < gap < np.inf and optimum.objective > batch.rounding
        if elsewhere and _gradient(batch, _point(batch, scaling, optimum)) < CONVERGED:
            return LocalOptimum(float(gap), raw_constants(batch.problem, optimum.z, scaling))
    return None


def scale_free_gradient(problem: Problem, z: np.ndarray, residual: np.ndarray, jacobian: np.ndarray) -> float:
    """max_j |J_j' psi| / (|J_j| |psi|): below 1e-6 at every true optimum, whatever the units or the weights."""
    psi = score(problem, residual)
    root = np.sqrt(problem.weight)
    size = np.linalg.norm(root * psi) * np.linalg.norm(root[:, None] * jacobian, axis=0)
    slope = jacobian.T @ (problem.weight * psi)
    bounds = problem.bounds
    pressed = ~bounds.free | ((z <= bounds.lower) & (slope > 0)) | ((z >= bounds.upper) & (slope < 0))
    ratio = np.where(pressed | (size == 0), 0.0, np.abs(slope) / np.where(size == 0, 1.0, size))
    return float(ratio.max())
