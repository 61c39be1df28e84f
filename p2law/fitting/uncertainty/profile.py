"""Profiles: the best objective with one constant, or one predicted loss, held at each of a range of values.

A profile follows the valley of the objective wherever it leads, so it shows a flat direction as flat and an asymmetric
one as asymmetric. Its threshold is scaled so that near the optimum it agrees with the sandwich covariance by run
(Chandler and Bate 2007): with squares and independent rows this is the usual F criterion, and it stays right for Huber
losses and correlated checkpoints.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...data.answer import Copied, Record, Report
from ...data.arguments import check_level
from ...errors import FitError
from ..fitted import FittedLaw, loss_at, loss_gradient
from ..solver import Batch, Problem, Scaling, raw_constants, recentre
from ..solver.batch import Optimum
from ..solver.covariance import LocalCovariance, local_covariance, raw_jacobian
from ..solver.problem import huber
from ..solver.quantiles import t_half_width
from .resampling import stages

STEPS = np.array([0.25, 0.5, 0.75, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0])
"""Where the profile is taken, in local half-widths on each side."""

SATURATED = "as many free parameters as rows: the fit is exact and nothing is left to judge its errors by."
POINTS_PER_START = 4
"""Points tried from the same start before going on from the last of them."""


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Record):
    """A profile and the interval it gives."""

    name: str
    estimate: float
    lower: float
    """Infinite where the profile stays under the threshold as far as it was followed: the data set no limit."""
    upper: float
    level: float
    threshold: float
    """Rise of the objective that bounds the interval."""
    _table: pd.DataFrame
    points = Copied("_table")
    """The points of the profile: columns value, rise (of the objective above its optimum), in order of value."""

    def _report(self) -> Report:
        ends = f"{self.estimate:.6g} [{self.lower:.6g}, {self.upper:.6g}]"
        open_ = ": flat, the data set no limit on one side or both" if self.flat else ""
        return Report(f"{self.name}: {ends} ({100 * self.level:g} % profile interval){open_}")

    @property
    def flat(self) -> bool:
        """Whether the data set no limit on at least one side: the domain does, or nothing."""
        ends = self._table["rise"].iloc[[0, -1]]
        return bool((ends <= self.threshold).any())


def profile(fit: FittedLaw, parameter: str, *, level: float = 0.95) -> Profile:
    """Profile of one constant.

    Raises
    ------
    FitError
        If there is no such parameter, or it was fixed or held.
    """
    check_level(level)
    names = [p.name for p in fit.law.parameters]
    if parameter not in names:
        raise FitError(f"{fit.law.name} has no parameter {parameter!r}; it has {', '.join(names)}.")
    if parameter in fit.options.fixed or parameter in fit.options.held:
        raise FitError(f"{parameter} was held at {fit.params[parameter]:g}: it has no profile.")
    setting = _Setting.of(fit)
    i = setting.problem.coordinates.index(parameter)
    unit = np.eye(len(names))[names.index(parameter)]
    low, high = _domain(setting.problem, i, fit.params[parameter])
    half = setting.half_width(unit, level)
    positive = low >= 0 and fit.params[parameter] > 0

    def values(side: int) -> np.ndarray:
        size = np.full_like(STEPS, np.inf) if not np.isfinite(half) else STEPS * half
        if positive:
            with np.errstate(over="ignore"):
                factor = np.exp(np.minimum(size / fit.params[parameter], np.log(1e6) * STEPS / STEPS[-1]))
            moved = fit.params[parameter] * factor**side
        else:
            moved = _signed(fit.params[parameter], side, size)
        return np.unique(np.clip(moved, low, high))[::side][: len(STEPS)]

    traced = (setting.pinned(i, values(-1), unit), setting.pinned(i, values(1), unit))
    threshold = setting.threshold(unit, level)
    return _assemble(parameter, fit.params[parameter], level, threshold, traced, (low, high))


def _signed(estimate: float, side: int, size: np.ndarray) -> np.ndarray:
    """Values of a constant of either sign, outwards: by its errors, or over decades where those exceed it."""
    if size[3] <= abs(estimate):
        return estimate + side * size
    if side * estimate >= 0:
        return estimate + side * np.maximum(abs(estimate), 1e-12) * np.geomspace(0.5, 1e12, len(size))
    shrunk = estimate * np.array([0.5, 0.1, 1e-2, 1e-4, 1e-8, 1e-16])
    return np.concatenate([shrunk, -estimate * np.array([1e-8, 1e-4, 1e-2, 1.0, 1e3, 1e9])])


def profile_loss(fit: FittedLaw, at: dict[str, float], *, level: float = 0.95) -> Profile:
    """Profile of the loss predicted at one point of the columns."""
    check_level(level)
    columns = {k: np.array([v]) for k, v in at.items()}
    estimate = float(loss_at(fit, columns)[0])
    setting = _Setting.of(fit)
    gradient = loss_gradient(fit, columns)[0]
    half = setting.half_width(gradient, level)
    if not np.isfinite(half):
        half = 0.1 * abs(estimate)
    values = (estimate + side * STEPS * half for side in (-1, 1))
    low, high = (setting.aimed(columns, gradient, v[v > 0] if setting.problem.log_space else v) for v in values)
    return _assemble("loss", estimate, level, setting.threshold(gradient, level), (low, high), (-np.inf, np.inf))


Traced = tuple[np.ndarray, np.ndarray]
"""Values of the profiled quantity, outwards from the optimum, and the rise of the objective there."""


@dataclass(frozen=True)
class _Setting:
    """What all profiles of a fit share."""

    problem: Problem
    z: np.ndarray
    covariance: LocalCovariance
    scaling: Scaling
    objective: float

    @classmethod
    def of(cls, fit: FittedLaw) -> "_Setting":
        if fit.covariance.rows_dof < 1:
            raise FitError(SATURATED)
        problem = fit.problem()
        z = problem.to_coordinates(fit.params)
        problem = stages(problem, z)[-1]
        scaling, residual, _ = Batch(problem).linearise(z)
        rho = float(np.sum(problem.weight * huber(residual, problem.delta)))
        return cls(
            problem,
            z,
            local_covariance(problem, z, fit.observations.run, fit.excess_in_residual_units(problem)),
            scaling,
            rho,
        )

    def half_width(self, gradient: np.ndarray, level: float) -> float:
        return float(t_half_width(self.covariance.dof(gradient), level) * np.sqrt(self.covariance.variance(gradient)))

    def threshold(self, gradient: np.ndarray, level: float) -> float:
        """Rise of the objective at the edge: t²/2 times the sandwich variance over the plain one."""
        return float(
            0.5 * t_half_width(self.covariance.dof(gradient), level) ** 2 * self.covariance.inflation(gradient)
        )

    def along(self, gradient: np.ndarray, here: np.ndarray) -> np.ndarray:
        """Direction in which the coordinates move as the quantity is moved, per unit of it, to first order."""
        inner = gradient @ self.covariance.basis
        size = float(inner @ inner)
        jacobian = raw_jacobian(self.problem, here, self.scaling)
        raw = self.covariance.basis @ inner / size if size > 0 else np.zeros(len(gradient))
        return np.linalg.lstsq(jacobian, raw, rcond=None)[0]

    def pinned(self, i: int, values: np.ndarray, unit: np.ndarray) -> Traced:
        """The profile with one coordinate held at raw values, outwards from the optimum."""
        problem = self.problem
        bounds, scale = problem.bounds, problem.coordinates.transforms[i]
        batch = Batch(problem)
        here = recentre(self.z, batch.scaling, self.scaling)
        step = self.along(unit, here)
        origin = float(unit @ _raw(problem, here, self.scaling))
        last, rises = here, []
        for chunk in _chunks(values):
            lower, upper = (np.repeat(edge[None], len(chunk), 0) for edge in (bounds.lower, bounds.upper))
            scalings = [self.scaling] * len(chunk)
            if scale == "amplitude":
                scalings = [_held(self.scaling, i, value) for value in chunk]
            else:
                place = np.log(chunk) if scale == "log" else (chunk - bounds.offset[i]) / bounds.factor[i]
                lower[:, i] = upper[:, i] = place
            best = _best(batch, (here + (chunk - origin)[:, None] * step, last), scalings, lower=lower, upper=upper)
            rises += [optimum.objective for optimum in best]
            last = best[-1].z if np.isfinite(rises[-1]) else last
        return values, np.array(rises) - self.objective

    def aimed(self, columns: dict[str, np.ndarray], gradient: np.ndarray, values: np.ndarray) -> Traced:
        """The profile with the loss at a point drawn to values, by one more row of great weight."""
        problem, law = self.problem, self.problem.coordinates.law
        extended = problem.with_(
            columns=tuple(np.append(c, columns[v.name]) for c, v in zip(problem.columns, law.variables, strict=True)),
            y=np.append(problem.y, 1.0),
            weight=np.append(problem.weight, 0.0),
            scale=np.append(problem.scale, 1.0),
            delta=np.append(np.broadcast_to(problem.delta, problem.y.shape), np.inf),
        )
        batch, n = Batch(extended), problem.rows
        here = recentre(self.z, batch.scaling, self.scaling)
        step = self.along(gradient, here)
        named = dict(zip((p.name for p in law.parameters), _raw(problem, here, self.scaling), strict=True))
        estimate = float(np.asarray(law(**columns, **named)).ravel()[0])
        plain = float(np.sum((gradient @ self.covariance.basis) ** 2))
        # In log space the extra residual is relative, so its pull must be that much stronger.
        pull = 100.0 * (estimate**2 if problem.log_space else 1.0) / max(plain, 1e-300)
        last, reached, objectives = here, [], []
        for chunk in _chunks(values):
            weight, target = (np.repeat(row[None], len(chunk), 0) for row in (batch.weight, batch.target))
            weight[:, n], target[:, n] = pull, np.log(chunk) if problem.log_space else chunk
            starts, scalings = (here + (chunk - estimate)[:, None] * step, last), [self.scaling] * len(chunk)
            best = _best(batch, starts, scalings, weight=weight, target=target)
            residual, _ = batch.residuals([self.scaling] * len(best), [optimum.z for optimum in best])
            missed = residual[:, n]
            reached.append(np.exp(-missed) if problem.log_space else 1.0 - missed)  # the extra row holds a one
            objectives.append((problem.weight * huber(residual[:, :n], problem.delta)).sum(1))
            last = best[-1].z if np.isfinite(objectives[-1][-1]) else last
        return np.concatenate(reached), np.concatenate(objectives) - self.objective


def _best(batch: Batch, starts: tuple[np.ndarray, np.ndarray], scalings: list[Scaling], **own: Any) -> list[Optimum]:
    """Local optima, the better of two ways: from where the valley points to, and from the last of them."""
    each = [{name: values[i] for name, values in own.items()} for i in range(len(scalings))]
    tried = []
    for start in starts:
        points = np.broadcast_to(start, (len(scalings), start.shape[-1]))
        ready = [batch.start(point, s, **extra) for point, s, extra in zip(points, scalings, each, strict=True)]
        tried.append(batch.minimise(ready))
    return [min(pair, key=lambda optimum: optimum.objective) for pair in zip(*tried, strict=True)]


def _held(scaling: Scaling, i: int, value: float) -> Scaling:
    """The scaling with an amplitude held at a raw value."""
    offset, factor = scaling.offset.copy(), scaling.factor.copy()
    offset[i], factor[i] = value, 0.0
    return scaling._replace(offset=offset, factor=factor)


def _assemble(
    name: str,
    estimate: float,
    level: float,
    threshold: float,
    traced: tuple[Traced, Traced],
    domain: tuple[float, float],
) -> Profile:
    """The interval from the two sides of a profile: all values that the data allow, and what lies between them."""
    ends, points = [], [(estimate, 0.0)]
    for side, (values, rise), edge in zip((-1, 1), traced, domain, strict=True):
        # A refit that failed says nothing; one that came out on the other side says nothing about this one.
        found = np.isfinite(rise) & (side * (values - estimate) > 0)
        order = np.argsort(side * values[found])
        values, rise = values[found][order], np.maximum(rise[found][order], 0.0)
        points += list(zip(values.tolist(), rise.tolist(), strict=True))
        crossing = _crossing(estimate, values, rise, threshold)
        ends.append(edge if np.isnan(crossing) else crossing)
    table = pd.DataFrame(points, columns=pd.Index(["value", "rise"])).sort_values("value", ignore_index=True)
    return Profile(name, estimate, float(ends[0]), float(ends[1]), level, threshold, table)


def _crossing(estimate: float, values: np.ndarray, rise: np.ndarray, threshold: float) -> float:
    """Where the signed root of the rise, nearly straight in the value, last passes the threshold; nan if never."""
    roots, edge = np.sqrt(np.concatenate([[0.0], rise])), np.sqrt(threshold)
    places = np.concatenate([[estimate], values])
    k = int(np.flatnonzero(roots <= edge)[-1])
    if k == len(roots) - 1:
        return np.nan
    share = (edge - roots[k]) / (roots[k + 1] - roots[k])
    return float(places[k] + share * (places[k + 1] - places[k]))


def _chunks(values: np.ndarray) -> list[np.ndarray]:
    return [values[i : i + POINTS_PER_START] for i in range(0, len(values), POINTS_PER_START)]


def _raw(problem: Problem, z: np.ndarray, scaling: Scaling) -> np.ndarray:
    return np.array(raw_constants(problem, z, scaling))


def _domain(problem: Problem, i: int, value: float) -> tuple[float, float]:
    """Raw limits of a coordinate."""
    bounds, scale = problem.bounds, problem.coordinates.transforms[i]
    ends = np.array([bounds.lower[i], bounds.upper[i]])
    if scale == "log":
        return float(np.exp(ends[0])), float(np.exp(ends[1]))
    raw = np.sort(bounds.offset[i] + bounds.factor[i] * ends)
    return float(raw[0]), float(raw[1])
