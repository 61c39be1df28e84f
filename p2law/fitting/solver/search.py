"""Global search: screen many exponents, polish a few starts, go on until several agree.

Given its nonlinear parameters a law is linear in the rest (variable projection), so only the exponents need searching
and every start already has the best amplitudes that go with it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .batch import RIDGE, Batch, Optimum, columns_at, log_size, raw_constants, recentre
from .curvature import expected_curvature
from .inputs import STARTS_PER_CALL, Scaling
from .problem import Problem, huber, score

MAX_STARTS = 64
"""Screened starts that may be polished."""
_SCREENED = {0: 1, 1: 16, 2: 32, 3: 96, 4: 256}
"""Points screened, by the number of nonlinear parameters; 512 beyond these."""
AGREEMENT = 1e-6
"""Two objectives closer than this (relative) count as the same optimum."""
CONVERGED = 1e-6
"""Largest scale-free gradient of an optimum."""
FLAT_CURVATURE = 1e-3
"""Relative curvature, over a parameter's plausible range, below which a valley counts as flat for the search."""
UNDETERMINED_SE = 0.5
"""Standard error of a combination of parameters, in plausible ranges, from which the data do not determine it."""


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
    """(coordinates,): the optimum, in units of ``scaling``."""
    scaling: Scaling
    params: tuple[float, ...]
    objective: float
    gradient: float
    """Scale-free gradient, max_j |J_j' psi| / (|J_j| |psi|) over coordinates not pressed against a bound."""
    residual: np.ndarray
    """(rows,): residuals in the objective's space."""
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
    """Minimise the objective and return the best optimum found.

    At least ``starts`` starts are polished; more, up to four times as many, while fewer than three agree on the best.
    ``given`` starts (raw coordinates) replace the screening.
    """
    batch = Batch(problem)
    compiling = batch.prepare()
    candidates, scaling = (np.stack(given), None) if given else screen(batch, rng)
    if compiling is not None:
        compiling.join()
    found: list[tuple[Scaling, Optimum]] = []
    objectives = np.zeros(0)
    for begin in range(0, len(candidates), STARTS_PER_CALL):
        chunk = candidates[begin : begin + STARTS_PER_CALL]
        found += batch.descend(chunk, None if scaling is None else [scaling] * len(chunk))
        objectives = np.sort([optimum.objective for _, optimum in found])
        enough = _agreeing(objectives, batch.rounding) >= 3 or len(found) >= 4 * starts
        if len(found) >= starts and enough:
            break
    found.sort(key=lambda pair: pair[1].objective)
    best = _neutral(batch, _solution(batch, *found[0], objectives))
    return replace(best, second=_second_optimum(batch, found, objectives))


def refine(problem: Problem, solution: Solution) -> Solution:
    """Go on from a solution to the optimum of a neighbouring objective (a smaller delta)."""
    batch = Batch(problem)
    scaling, optimum = batch.descend(recentre(solution.z, solution.scaling, batch.scaling)[None])[0]
    return _solution(batch, scaling, optimum, solution.objectives, solution.second)


def screen(batch: Batch, rng: np.random.Generator) -> tuple[np.ndarray, Scaling | None]:
    """Starts in order of promise, (count, coordinates), raw; and the scaling that suits all of them, if there is one.

    Exponents are low-discrepancy points, amplitudes come from a small least-squares problem at each.
    """
    problem, rows = batch.thinned()
    bounds, q, n = problem.bounds, problem.coordinates.nonlinear, problem.rows
    span = bounds.start[:q]
    theta = span[:, 0] + low_discrepancy(_SCREENED.get(q, 512), q, rng) * (span[:, 1] - span[:, 0])
    base, columns = (part[..., :n] for part in columns_at(problem.coordinates, theta, batch.scaling, rows))
    with np.errstate(all="ignore"):
        logs = log_size(columns)
        size = np.exp(logs)
        columns = columns / size[..., None]
        importance = problem.weight * (problem.y**-2.0 if problem.log_space else problem.scale**2)
        amplitudes = _amplitudes(base, columns, problem.y, importance, bounds.lower[q:])
        value = base + np.matmul(amplitudes[:, None, :], columns)[:, 0]
        residual = problem.target - np.log(value) if problem.log_space else (problem.y - value) * problem.scale
        objective = (problem.weight * huber(residual, problem.delta)).sum(1)
        starts = np.concatenate([theta, amplitudes / size], 1)
    usable = np.all(np.isfinite(starts), axis=1)
    order = np.argsort(np.where(usable & np.isfinite(objective), objective, np.inf), kind="stable")
    return _spread_out(starts[order[usable[order]]], problem), _common_scaling(batch.scaling, theta, logs, usable)


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


def _spread_out(starts: np.ndarray, problem: Problem) -> np.ndarray:
    """The best starts with near copies of a better one put last: the first few sample different basins."""
    q = problem.coordinates.nonlinear
    if q == 0 or len(starts) == 0:
        return starts[:1]
    best = starts[:MAX_STARTS]
    scaled = best[:, :q] / (2 * problem.bounds.spread[:q])
    close = np.abs(scaled[:, None] - scaled).max(2) <= 0.15
    apart: list[int] = []
    for i, near in enumerate(close.tolist()):
        if not any(near[j] for j in apart):
            apart.append(i)
    return np.concatenate([starts[apart], np.delete(best, apart, axis=0)])


def _amplitudes(
    base: np.ndarray, columns: np.ndarray, y: np.ndarray, importance: np.ndarray, lower: np.ndarray
) -> np.ndarray:
    """Weighted least squares for the amplitudes at every theta, (points, amplitudes), at or above ``lower``.

    ``base`` is (points, rows) and ``columns`` (points, amplitudes, rows). With at most a handful of amplitudes the best
    active set is found by trying them all.
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
    least = np.full(len(broken), np.inf)
    for count in range(1, len(bounded) + 1) if broken.size else ():
        for zeros in itertools.combinations(bounded, count):
            on = np.array([j for j in range(m) if j not in zeros], dtype=int)
            candidate = np.zeros((len(broken), m))
            candidate[:, on] = _solve(gram[broken[:, None, None], on[:, None], on], right[broken[:, None], on])
            slope = np.matmul(gram[broken], candidate[..., None])[..., 0]
            value = (candidate * (0.5 * slope - right[broken])).sum(1)
            better = (candidate >= lower).all(1) & (value < least)
            best[broken[better]], least[better] = candidate[better], value[better]
    return best


def _solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of many small systems, (points, m); NaN where a system is not finite."""
    broken = ~(np.all(np.isfinite(gram), axis=(1, 2)) & np.all(np.isfinite(right), axis=1))
    gram, right = np.where(broken[:, None, None], np.eye(gram.shape[1]), gram), np.where(broken[:, None], 0.0, right)
    try:
        solved = np.linalg.solve(gram, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        solved = np.matmul(np.linalg.pinv(gram), right[..., None])[..., 0]
    solved[broken] = np.nan
    return solved


def _neutral(batch: Batch, best: Solution) -> Solution:
    """The solution itself, or the neutral point of a flat valley, where the end of a descent depends on its start.

    A strong ridge finds that point whatever the start; letting go of it in steps returns to the optimum of everything
    the data do determine.
    """
    if best.objective <= batch.rounding or _flattest(batch.problem, best) > FLAT_CURVATURE:
        return best
    optimum = Optimum(best.z, best.objective, 0)
    scaling = best.scaling
    for ridge in (1e-2, 1e-3, 1e-4, 1e-6, RIDGE):
        scaling, optimum = batch.descend(recentre(optimum.z, scaling, batch.scaling)[None], ridge=ridge)[0]
    kept = optimum.objective <= best.objective * (1 + AGREEMENT)
    return _solution(batch, scaling, optimum, best.objectives) if kept else best


def _flattest(problem: Problem, at: Solution) -> float:
    """Smallest curvature of the objective over the parameters' plausible ranges, relative to the objective."""
    bounds = problem.bounds
    inside = bounds.free & (at.z > bounds.lower) & (at.z < bounds.upper)
    if not inside.any():
        return np.inf
    if inside.sum() > problem.rows:
        return 0.0
    curvature = problem.weight * expected_curvature(problem, at.residual, problem.rows)
    scaled = at.jacobian.T[inside] * problem.plausible[inside, None] * np.sqrt(curvature)
    return float(np.linalg.svd(scaled, compute_uv=False)[-1] ** 2 / at.objective)


def _agreeing(objectives: np.ndarray, rounding: float) -> int:
    return int((objectives <= objectives.min() * (1 + AGREEMENT) + rounding).sum())


def _solution(
    batch: Batch, scaling: Scaling, optimum: Optimum, objectives: np.ndarray, second: LocalOptimum | None = None
) -> Solution:
    """The solution at an optimum; its gradient is zero for a perfect fit, where rounding decides the direction."""
    problem, z = batch.problem, optimum.z
    residual, jacobian = (part[0].T for part in batch.residuals([scaling], [z]))
    perfect = optimum.objective <= batch.rounding
    return Solution(
        z=z,
        scaling=scaling,
        params=raw_constants(problem, z, scaling),
        objective=optimum.objective,
        gradient=0.0 if perfect else scale_free_gradient(problem, z, residual, jacobian),
        residual=residual,
        jacobian=jacobian,
        objectives=objectives,
        second=second,
        rounding=batch.rounding,
    )


def _second_optimum(
    batch: Batch, found: Sequence[tuple[Scaling, Optimum]], objectives: np.ndarray
) -> LocalOptimum | None:
    """The first start, in order of objective, that reached another optimum than the best."""
    best = found[0][1].objective
    for scaling, optimum in found[1:]:
        gap = optimum.objective / best - 1 if best > batch.rounding else np.inf
        if AGREEMENT < gap < np.inf and optimum.objective > batch.rounding:
            other = _solution(batch, scaling, optimum, objectives)
            if other.gradient < CONVERGED:
                return LocalOptimum(float(gap), other.params)
    return None


def scale_free_gradient(problem: Problem, z: np.ndarray, residual: np.ndarray, jacobian: np.ndarray) -> float:
    """max_j |J_j' psi| / (|J_j| |psi|): below 1e-6 at every true optimum, whatever the units or the weights.

    ``residual`` is (rows,) and ``jacobian`` (rows, coordinates), its derivative at z.
    """
    psi = score(problem, residual)
    root = np.sqrt(problem.weight)
    size = np.linalg.norm(root * psi) * np.linalg.norm(root[:, None] * jacobian, axis=0)
    slope = jacobian.T @ (problem.weight * psi)
    bounds = problem.bounds
    pressed = ~bounds.free | ((z <= bounds.lower) & (slope > 0)) | ((z >= bounds.upper) & (slope < 0))
    ratio = np.where(pressed | (size == 0), 0.0, np.abs(slope) / np.where(size == 0, 1.0, size))
    return float(ratio.max())
