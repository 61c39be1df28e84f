"""Global search: screen many exponents, polish a few starts, go on until several agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..precision import float64
from .problem import Problem, bucket, pad
from .program import LANES, MAX_ITERATIONS, Frame, Outcome, Rows, Settings, constants, pack, polish, unpack
from .starts import SCREEN_ROWS, frames_at, screen, spread_out

AGREEMENT = 1e-6
"""Two objectives closer than this (relative) count as the same optimum."""
RIDGE = 1e-8
"""Relative weight of the pull towards the neutral values: it settles directions the data leave exactly free and moves
an identified optimum by far less than its own rounding."""
ROUNDS = 5
"""A lane that has not come to rest is centred anew where it stands and goes on, this many times at most."""


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
    """(rows, free): derivative of the residual by the coordinates."""
    objectives: np.ndarray
    """Objective of every start that was polished, best first."""
    rival: "Rival | None"
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
    with float64():
        batch = Batch(problem)
        candidates = np.stack(given) if given else _candidates(batch, rng)
        outcomes: list[tuple[Outcome, int, Frame]] = []
        objectives = np.zeros(0)
        for begin in range(0, len(candidates), LANES):
            lanes = candidates[begin : begin + LANES]
            frames, outcome = batch.settle(lanes)
            outcomes += [(outcome, i, frames[i]) for i in range(len(lanes))]
            objectives = np.sort([o.objective[i] for o, i, _ in outcomes])
            enough = _agreeing(objectives, batch.rounding) >= 3 or len(outcomes) >= 4 * starts
            if len(outcomes) >= starts and enough:
                break
        outcomes.sort(key=lambda o: o[0].objective[o[1]])
        outcome, lane, frame = outcomes[0]
        return _solution(batch, frame, outcome, lane, objectives, _rival(batch, outcomes))


def sharpen(problem: Problem, solution: Solution) -> Solution:
    """Go on from a solution to the optimum of a neighbouring objective (a smaller delta)."""
    with float64():
        batch = Batch(problem)
        start = recentre(solution.z, solution.frame, batch.frame)
        frames, outcome = batch.settle(start[None])
        return _solution(batch, frames[0], outcome, 0, solution.objectives, solution.rival)


def raw_frame(problem: Problem) -> Frame:
    """Frame without centring: amplitudes in raw units."""
    q = problem.layout.nonlinear
    m = len(problem.layout.scales) - q
    return Frame(problem.box.offset, problem.box.factor, np.zeros(m), np.zeros((m, q)))


def raw_constants(problem: Problem, z: np.ndarray, frame: Frame) -> tuple[float, ...]:
    """Constants of the law at a point, in raw units and the order of the law's parameters."""
    return tuple(float(c) for c in constants(problem.layout, z, frame, np.exp))


class Batch:
    """A problem padded to its shape bucket, ready to be run lane by lane."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.size = bucket(problem.rows)
        self.rows = _rows(problem, self.size)
        self.weight = pad(problem.weight, self.size, 0.0)
        self.target = pad(problem.target * (1.0 if problem.log_space else problem.scale), self.size)
        self.frame = raw_frame(problem)
        box, amplitude = problem.box, np.array([s == "amplitude" for s in problem.layout.scales])
        typical = np.median(np.abs(problem.y)) or 1.0
        stiffness = np.where(amplitude, typical, box.spread) ** -2.0
        height = np.abs(self.target).max() + np.median(np.abs(problem.y)) * problem.scale.max()
        perfect = 0.5 * (1e-15 * height) ** 2 * problem.weight.sum()
        self.rounding = 1e4 * perfect
        delta = pad(np.broadcast_to(problem.delta, problem.y.shape).astype(float), self.size)
        self.settings = Settings(delta, RIDGE, box.centre, stiffness, perfect)

    def thinned(self) -> tuple[Problem, Rows]:
        """At most SCREEN_ROWS rows, evenly taken, for screening and centring."""
        p, n = self.problem, self.problem.rows
        keep = np.unique(np.linspace(0, n - 1, min(n, SCREEN_ROWS)).round().astype(int))
        small = p.with_(
            columns=tuple(c[keep] for c in p.columns), y=p.y[keep], weight=p.weight[keep], scale=p.scale[keep]
        )
        return small, _rows(small, SCREEN_ROWS)

    def run(self, z: np.ndarray, frames: Sequence[Frame], **lane: np.ndarray) -> Outcome:
        """Polish up to LANES starts, given in the coordinates of their frames.

        ``lane`` overrides, per lane, ``lower``, ``upper`` (free,), ``weight``, ``target`` (padded rows).
        """
        box = self.problem.box
        lower, upper = lane.get("lower", box.lower), lane.get("upper", box.upper)
        weight, target = lane.get("weight", self.weight), lane.get("target", self.target)
        lanes = pack(np.clip(z, lower, upper), (lower, upper), weight, target, frames)
        compiled = polish(self.problem.layout, self.problem.log_space)
        packed = np.asarray(compiled(lanes, self.rows, self.settings))
        return unpack(packed[: len(z)], len(box.lower))

    def linearise(self, z: np.ndarray) -> tuple[Frame, np.ndarray, np.ndarray]:
        """Frame centred at z (raw coordinates), residuals there and their derivative (rows, coordinates)."""
        with float64():
            small, rows = self.thinned()
            frame = frames_at(z[None], self.problem.layout, rows, self.frame, small.rows)[0]
            here = recentre(z, self.frame, frame)[None]
            outcome = self.run(here, [frame], lower=here, upper=here)
        n = self.problem.rows
        return frame, outcome.residual[0][:n], outcome.jacobian[0][:, :n].T

    def settle(self, starts: np.ndarray) -> tuple[list[Frame], Outcome]:
        """Polish starts given in raw coordinates, each centred where it starts and again where it got stuck."""
        frames, outcome = self._round(starts)
        for _ in range(ROUNDS - 1):
            moved = np.stack([recentre(s, f, self.frame) for s, f in zip(outcome.z, frames, strict=True)])
            if (outcome.iterations < MAX_ITERATIONS).all() or not np.isfinite(moved).all():
                break
            frames, outcome = self._round(moved)
        return frames, outcome

    def _round(self, starts: np.ndarray) -> tuple[list[Frame], Outcome]:
        small, rows = self.thinned()
        frames = frames_at(starts, self.problem.layout, rows, self.frame, small.rows)
        z = [recentre(start, self.frame, frame) for start, frame in zip(starts, frames, strict=True)]
        return frames, self.run(np.stack(z), frames)


def recentre(z: np.ndarray, old: Frame, new: Frame) -> np.ndarray:
    """The same constants in the coordinates of another frame."""
    m, q = np.shape(old.slope)
    theta, amplitude = z[:q], z[len(z) - m :] if m else z[:0]
    stretch = np.exp(new.shift - old.shift + (new.slope - old.slope) @ theta)
    return np.concatenate([z[: len(z) - m], amplitude * stretch])


def _candidates(batch: Batch, rng: np.random.Generator) -> np.ndarray:
    found = screen(*batch.thinned(), batch.frame, rng)
    return spread_out(found, batch.problem.layout, batch.problem.box) if len(found) else found


def _rows(problem: Problem, size: int) -> Rows:
    columns = tuple(pad(c, size) for c in problem.columns)
    positive = [v.kind.lower >= 0 for v in problem.layout.law.variables]
    logs = tuple(np.log(c) if yes else None for c, yes in zip(columns, positive, strict=True))
    return Rows(columns, logs, pad(problem.scale, size))


def _agreeing(objectives: np.ndarray, rounding: float) -> int:
    return int((objectives <= objectives.min() * (1 + AGREEMENT) + rounding).sum())


def _solution(
    batch: Batch, frame: Frame, outcome: Outcome, lane: int, objectives: np.ndarray, rival: Rival | None
) -> Solution:
    problem = batch.problem
    z, residual, jacobian = _rows_of(problem, outcome, lane)
    return Solution(
        z=z,
        frame=frame,
        params=raw_constants(problem, z, frame),
        objective=float(outcome.objective[lane]),
        gradient=_gradient(batch, outcome, lane),
        residual=residual,
        jacobian=jacobian,
        objectives=objectives,
        rival=rival,
        rounding=batch.rounding,
    )


def _gradient(batch: Batch, outcome: Outcome, lane: int) -> float:
    """Scale-free gradient of a lane; zero for a perfect fit, whose residuals of rounding size point anywhere."""
    if outcome.objective[lane] <= batch.rounding:
        return 0.0
    return scale_free_gradient(batch.problem, *_rows_of(batch.problem, outcome, lane))


def _rows_of(problem: Problem, outcome: Outcome, lane: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = problem.rows
    return outcome.z[lane], outcome.residual[lane][:n], outcome.jacobian[lane][:, :n].T


def _rival(batch: Batch, outcomes: list[tuple[Outcome, int, Frame]]) -> Rival | None:
    """The first start, in order of objective, that came to rest elsewhere."""
    best = outcomes[0][0].objective[outcomes[0][1]]
    for outcome, lane, frame in outcomes[1:]:
        gap = outcome.objective[lane] / best - 1 if best > batch.rounding else np.inf
        if gap > AGREEMENT and outcome.objective[lane] > batch.rounding and _gradient(batch, outcome, lane) < 1e-6:
            return Rival(float(gap), raw_constants(batch.problem, outcome.z[lane], frame))
    return None


def scale_free_gradient(problem: Problem, z: np.ndarray, residual: np.ndarray, jacobian: np.ndarray) -> float:
    """max_j |J_j' psi| / (|J_j| |psi|): below 1e-6 at every true optimum, whatever the units or the weights."""
    psi = np.clip(residual, -problem.delta, problem.delta)
    root = np.sqrt(problem.weight)
    size = np.linalg.norm(root * psi) * np.linalg.norm(root[:, None] * jacobian, axis=0)
    slope = jacobian.T @ (problem.weight * psi)
    box = problem.box
    pressed = ~box.free | ((z <= box.lower) & (slope > 0)) | ((z >= box.upper) & (slope < 0))
    ratio = np.where(pressed | (size == 0), 0.0, np.abs(slope) / np.where(size == 0, 1.0, size))
    return float(ratio.max())
