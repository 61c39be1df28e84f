"""Global search: screen many exponents, polish a few starts, go on until several agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .batch import RIDGE, Batch, Rest, raw_constants, recentre
from .curvature import curvature
from .problem import Problem, score
from .program import Frame
from .starts import screen, spread_out

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
