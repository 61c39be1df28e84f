"""Evaluate a problem and descend from any number of points at a time, through compiled programs."""

from collections.abc import Sequence
from threading import Thread
from typing import NamedTuple

import numpy as np

from ...laws.precision import float64
from .coordinates import Coordinates
from .inputs import MAX_ITERATIONS, STARTS_PER_CALL, Rows, Scaling, Settings, Start, constants, stacked
from .problem import Problem, bucket, pad

RIDGE = 1e-8
"""Relative weight of the pull towards the neutral values: it settles directions the data leave exactly free and moves
an identified optimum by far less than its own rounding."""
MAX_RECENTRINGS = 20
"""A point that has not come to rest is centred anew where it stands and goes on, this many times at most."""
MAX_SCREENED_ROWS = 128
"""Rows used for screening and centring."""
_COMPILED: set[tuple[Coordinates, int]] = set()


class Optimum(NamedTuple):
    """Where a point came to rest."""

    z: np.ndarray
    objective: float
    """Without ridge; infinite if the law is undefined there."""
    iterations: int


class Batch:
    """A problem padded to its shape bucket, with what evaluations and descents from any point share."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.size = bucket(problem.rows)
        self.rows = padded_rows(problem, self.size)
        self.weight = pad(problem.weight, self.size, 0.0)
        self.target = pad(problem.target * (1.0 if problem.log_space else problem.scale), self.size)
        q, m = problem.coordinates.nonlinear, problem.coordinates.amplitudes
        self.scaling = Scaling(problem.bounds.offset, problem.bounds.factor, np.zeros(m), np.zeros((m, q)))
        """Of raw coordinates: amplitudes in raw units."""
        height = np.abs(self.target).max() + np.median(np.abs(problem.y)) * problem.scale.max()
        perfect = 0.5 * (1e-15 * height) ** 2 * problem.weight.sum()
        self.rounding = 1e4 * perfect
        """An objective this small is a perfect fit: residuals of rounding size."""
        delta = pad(np.broadcast_to(problem.delta, problem.y.shape).astype(float), self.size)
        self.settings = Settings(
            problem.log_space, delta, RIDGE, problem.bounds.centre, problem.plausible**-2.0, float(perfect)
        )

    def prepare(self) -> Thread | None:
        """Start compiling the descent, if that is still to be done; join the thread before descending."""
        key = (self.problem.coordinates, self.size)
        if key in _COMPILED:
            return None
        _COMPILED.add(key)
        nowhere = np.zeros(len(self.problem.coordinates))
        pinned = self.start(nowhere, self.scaling, lower=nowhere, upper=nowhere)
        thread = Thread(target=self.minimise, args=([pinned],))
        thread.start()
        return thread

    def start(self, z: np.ndarray, scaling: Scaling, **own: np.ndarray) -> Start:
        """A point to descend from; ``own`` replaces lower, upper (k,), weight or target (padded rows)."""
        bounds = self.problem.bounds
        shared = {"lower": bounds.lower, "upper": bounds.upper, "weight": self.weight, "target": self.target}
        start = Start(z=z, scaling=scaling, **{**shared, **own})
        return start._replace(z=np.clip(z, start.lower, start.upper))

    def minimise(self, starts: Sequence[Start], *, ridge: float = RIDGE) -> list[Optimum]:
        """The local optimum that each start descends to."""
        from .descent import compiled_descent  # here, so that JAX loads with the first fit and not with the package

        program, settings, optima = compiled_descent(self.problem.coordinates), self.settings._replace(ridge=ridge), []
        for begin in range(0, len(starts), STARTS_PER_CALL):
            chunk = starts[begin : begin + STARTS_PER_CALL]
            idle = chunk[0]._replace(lower=chunk[0].z, upper=chunk[0].z)  # stops at once
            with float64():
                found = program(stacked([*chunk, *[idle] * (STARTS_PER_CALL - len(chunk))]), self.rows, settings)
            z, objective, count = (np.asarray(part)[: len(chunk)] for part in found)
            objective = np.where(np.isfinite(objective), objective, np.inf)
            optima += [Optimum(*one) for one in zip(z, objective.tolist(), count.tolist(), strict=True)]
        return optima

    def descend(
        self, starts: np.ndarray, scalings: Sequence[Scaling] | None = None, *, ridge: float = RIDGE
    ) -> list[tuple[Scaling, Optimum]]:
        """The optimum that each start, (starts, coordinates), raw, descends to, and the scaling it is given in.

        Each is centred where it starts, or as ``scalings`` say, and again where it ran out of iterations.
        """
        scalings = self.scalings_at(starts) if scalings is None else scalings
        optima = self.minimise(self._centred(starts, scalings), ridge=ridge)
        for _ in range(MAX_RECENTRINGS - 1):
            moved = np.stack([recentre(at.z, s, self.scaling) for at, s in zip(optima, scalings, strict=True)])
            if all(optimum.iterations < MAX_ITERATIONS for optimum in optima) or not np.isfinite(moved).all():
                break
            scalings = self.scalings_at(moved)
            optima = self.minimise(self._centred(moved, scalings), ridge=ridge)
        return list(zip(scalings, optima, strict=True))

    def _centred(self, z: np.ndarray, scalings: Sequence[Scaling]) -> list[Start]:
        """Starts at raw coordinates, (points, coordinates), each in its own scaling."""
        return [self.start(recentre(point, self.scaling, s), s) for point, s in zip(z, scalings, strict=True)]

    def residuals(self, scalings: Sequence[Scaling], z: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Residuals, (points, rows), and their derivatives by the coordinates, (points, coordinates, rows)."""
        n, scale = self.problem.rows, self.problem.scale
        value, slope = evaluate(self.problem.coordinates, np.stack(z), stacked(scalings), self.rows)
        value, slope = value[:, :n], slope[..., :n]
        if self.problem.log_space:
            with np.errstate(invalid="ignore", divide="ignore"):
                value, slope = np.log(value), slope / value[:, None]
        else:
            value, slope = value * scale, slope * scale
        return self.target[:n] - value, -slope

    def linearise(self, z: np.ndarray) -> tuple[Scaling, np.ndarray, np.ndarray]:
        """Scaling centred at z (raw), residuals there, (rows,), and their derivative, (rows, coordinates)."""
        scaling = self.scalings_at(z[None])[0]
        residual, jacobian = self.residuals([scaling], [recentre(z, self.scaling, scaling)])
        return scaling, residual[0], jacobian[0].T

    def thinned(self) -> tuple[Problem, Rows]:
        """At most MAX_SCREENED_ROWS rows, evenly taken, padded to the smallest bucket."""
        p, n = self.problem, self.problem.rows
        keep = np.unique(np.linspace(0, n - 1, min(n, MAX_SCREENED_ROWS)).round().astype(int))
        small = p.with_(
            columns=tuple(c[keep] for c in p.columns), y=p.y[keep], weight=p.weight[keep], scale=p.scale[keep]
        )
        return small, padded_rows(small, bucket(len(keep)))

    def scalings_at(self, z: np.ndarray) -> list[Scaling]:
        """For each point, (points, coordinates), raw, the scaling that centres the amplitudes near it.

        Its slope comes from differences of the columns' log sizes in the nonlinear coordinates.
        """
        coordinates, count = self.problem.coordinates, len(z)
        q, m = coordinates.nonlinear, coordinates.amplitudes
        if m == 0:
            return [self.scaling] * count
        h = 1e-4
        stencil = np.concatenate([np.zeros((1, q)), h * np.eye(q), -h * np.eye(q)])
        points = (z[:, None, :q] + stencil).reshape(count * (2 * q + 1), q)
        small, rows = self.thinned()
        size = log_size(columns_at(coordinates, points, self.scaling, rows)[1][..., : small.rows])
        size = size.reshape(count, 2 * q + 1, m)
        size = np.where(np.isfinite(size), size, 0.0)
        slope = ((size[:, 1 : q + 1] - size[:, q + 1 :]) / (2 * h)).transpose(0, 2, 1)
        shift = size[:, 0] - np.einsum("smq,sq->sm", slope, z[:, :q])
        return [self.scaling._replace(shift=s, slope=g) for s, g in zip(shift, slope, strict=True)]


def evaluate(coordinates: Coordinates, z: np.ndarray, scalings: Scaling, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The law, (points, rows), and its derivatives, (points, coordinates, rows), through a program for 16 points.

    ``scalings`` is one per point, stacked; ``rows`` count as padded.
    """
    from .descent import compiled_derivatives

    count, size = len(z), 16
    program, values, slopes = compiled_derivatives(coordinates), [], []
    with float64():
        for begin in range(0, count, size):
            part = np.arange(begin, begin + size).clip(max=count - 1)
            value, slope = program(z[part], Scaling(*(f[part] for f in scalings)), rows)
            values.append(value)
            slopes.append(slope)
    return np.concatenate(values)[:count], np.concatenate(slopes)[:count]


def columns_at(
    coordinates: Coordinates, theta: np.ndarray, scaling: Scaling, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """``(f0, B)``: given theta the law is ``f0 + amplitudes @ B`` at the rows; (points, rows), (points, m, rows)."""
    z = np.concatenate([theta, np.zeros((len(theta), coordinates.amplitudes))], axis=1)
    value, slope = evaluate(coordinates, z, stacked([scaling] * len(z)), rows)
    return value, slope[:, coordinates.nonlinear :]


def log_size(columns: np.ndarray) -> np.ndarray:
    """Log of the geometric mean of each column's magnitude over the rows it touches, (points, amplitudes)."""
    if columns.shape[1] == 0:
        return np.zeros(columns.shape[:2])
    size = np.abs(columns)
    largest = size.max(2, keepdims=True)
    largest = np.where(largest > 0, largest, 1.0)  # a fixed amplitude has no column
    with np.errstate(all="ignore"):
        logs = np.log(np.maximum(size, 1e-9 * largest))
    touched = (size > 0) | (size.max(2, keepdims=True) == 0)
    return np.where(touched, logs, 0.0).sum(2) / touched.sum(2)


def recentre(z: np.ndarray, old: Scaling, new: Scaling) -> np.ndarray:
    """The same constants in the coordinates of another scaling, (coordinates,)."""
    m, q = np.shape(old.slope)
    theta, amplitude = z[:q], z[len(z) - m :] if m else z[:0]
    stretch = np.exp(new.shift - old.shift + (new.slope - old.slope) @ theta)
    return np.concatenate([z[: len(z) - m], amplitude * stretch])


def raw_constants(problem: Problem, z: np.ndarray, scaling: Scaling) -> tuple[float, ...]:
    """Constants of the law at a point, in raw units and the order of the law's parameters."""
    return tuple(float(c) for c in constants(problem.coordinates, z, scaling))


def padded_rows(problem: Problem, size: int) -> Rows:
    """The columns and, where they are positive, their logarithms, padded."""
    columns = tuple(pad(c, size) for c in problem.columns)
    positive = [v.kind.lower >= 0 for v in problem.coordinates.law.variables]
    logs = tuple(np.log(c) if yes else None for c, yes in zip(columns, positive, strict=True))
    return Rows(columns, logs, pad(problem.scale, size))
