"""A problem padded to its shape bucket, ready to be evaluated and descended from any number of points."""

from collections.abc import Sequence
from threading import Thread
from typing import NamedTuple

import numpy as np

from ...laws.precision import float64
from .coordinates import Layout
from .inputs import LANES, MAX_ITERATIONS, Frame, Lane, Rows, Settings, constants, stacked
from .problem import Problem, bucket, pad

RIDGE = 1e-8
"""Relative weight of the pull towards the neutral values: it settles directions the data leave exactly free and moves
an identified optimum by far less than its own rounding."""
ROUNDS = 20
"""A point that has not come to rest is centred anew where it stands and goes on, this many times at most."""
THIN = 128
"""Rows used for screening and centring."""
_COMPILED: set[tuple[Layout, int]] = set()


class Rest(NamedTuple):
    """Where a point came to rest."""

    z: np.ndarray
    objective: float
    """Without ridge; infinite if the law is undefined there."""
    iterations: int


class Batch:
    """A problem padded to its shape bucket."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.size = bucket(problem.rows)
        self.rows = padded_rows(problem, self.size)
        self.weight = pad(problem.weight, self.size, 0.0)
        self.target = pad(problem.target * (1.0 if problem.log_space else problem.scale), self.size)
        self.frame = raw_frame(problem)
        height = np.abs(self.target).max() + np.median(np.abs(problem.y)) * problem.scale.max()
        perfect = 0.5 * (1e-15 * height) ** 2 * problem.weight.sum()
        self.rounding = 1e4 * perfect
        """An objective this small is a perfect fit: residuals of rounding size."""
        delta = pad(np.broadcast_to(problem.delta, problem.y.shape).astype(float), self.size)
        self.settings = Settings(
            problem.log_space, delta, RIDGE, problem.box.centre, problem.plausible**-2.0, float(perfect)
        )

    def prepare(self) -> Thread | None:
        """Start compiling the descent, if that is still to be done; join the thread before descending."""
        key = (self.problem.layout, self.size)
        if key in _COMPILED:
            return None
        _COMPILED.add(key)
        nowhere = np.zeros(len(self.problem.layout.scales))
        pinned = self.lane(nowhere, self.frame, lower=nowhere, upper=nowhere)
        thread = Thread(target=self.descend, args=([pinned],))
        thread.start()
        return thread

    def model(self, z: np.ndarray, frames: Frame) -> tuple[np.ndarray, np.ndarray]:
        """Predictions in the residuals' space and their derivatives, (points, rows) and (points, k, rows).

        ``frames`` is one per point, stacked.
        """
        value, slope = evaluate(self.problem.layout, z, frames, self.rows)
        n, scale = self.problem.rows, self.problem.scale
        value, slope = value[:, :n], slope[..., :n]
        if not self.problem.log_space:
            return value * scale, slope * scale
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(value), slope / value[:, None]

    def lane(self, z: np.ndarray, frame: Frame, **own: np.ndarray) -> Lane:
        """A point to descend from; ``own`` replaces lower, upper (k,), weight or target (padded rows)."""
        box = self.problem.box
        shared = {"lower": box.lower, "upper": box.upper, "weight": self.weight, "target": self.target}
        lane = Lane(z=z, frame=frame, **{**shared, **own})
        return lane._replace(z=np.clip(z, lane.lower, lane.upper))

    def descend(self, lanes: Sequence[Lane], *, ridge: float = RIDGE) -> list[Rest]:
        """Descend from up to LANES points."""
        from .descent import polish  # here, so that JAX loads with the first fit and not with the package

        idle = lanes[0]._replace(lower=lanes[0].z, upper=lanes[0].z)  # comes to rest at once
        together = stacked([*lanes, *[idle] * (LANES - len(lanes))])
        with float64():
            found = polish(self.problem.layout)(together, self.rows, self.settings._replace(ridge=ridge))
        z, objective, count = (np.asarray(part)[: len(lanes)] for part in found)
        objective = np.where(np.isfinite(objective), objective, np.inf)
        return [Rest(*one) for one in zip(z, objective.tolist(), count.tolist(), strict=True)]

    def run(self, z: np.ndarray, frames: Sequence[Frame], *, ridge: float = RIDGE, **own: np.ndarray) -> list[Rest]:
        """Where points (in their frames' coordinates) come to rest; ``own`` as for :meth:`lane`, one row per point."""
        each = [{name: values[i] for name, values in own.items()} for i in range(len(z))]
        lanes = [self.lane(point, frame, **extra) for point, frame, extra in zip(z, frames, each, strict=True)]
        chunks = [lanes[i : i + LANES] for i in range(0, len(lanes), LANES)]
        return [rest for chunk in chunks for rest in self.descend(chunk, ridge=ridge)]

    def settle(
        self, starts: np.ndarray, frames: Sequence[Frame] | None = None, *, ridge: float = RIDGE
    ) -> list[tuple[Frame, Rest]]:
        """Descend from raw coordinates, each point centred where it starts and again where it got stuck."""
        frames = self.frames_at(starts) if frames is None else frames
        rests = self.run(self._centred(starts, frames), frames, ridge=ridge)
        for _ in range(ROUNDS - 1):
            moved = np.stack([recentre(rest.z, frame, self.frame) for rest, frame in zip(rests, frames, strict=True)])
            if all(rest.iterations < MAX_ITERATIONS for rest in rests) or not np.isfinite(moved).all():
                break
            frames = self.frames_at(moved)
            rests = self.run(self._centred(moved, frames), frames, ridge=ridge)
        return list(zip(frames, rests, strict=True))

    def _centred(self, z: np.ndarray, frames: Sequence[Frame]) -> np.ndarray:
        return np.stack([recentre(point, self.frame, frame) for point, frame in zip(z, frames, strict=True)])

    def residuals(self, found: Sequence[tuple[Frame, Rest]]) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (points, rows) and their derivatives (points, k, rows) where points came to rest."""
        value, slope = self.model(np.stack([rest.z for _, rest in found]), stacked([frame for frame, _ in found]))
        return self.target[: self.problem.rows] - value, -slope

    def linearise(self, z: np.ndarray) -> tuple[Frame, np.ndarray, np.ndarray]:
        """Frame centred at z (raw coordinates), residuals there and their derivative (rows, coordinates)."""
        frame = self.frames_at(z[None])[0]
        residual, jacobian = self.residuals([(frame, Rest(recentre(z, self.frame, frame), 0.0, 0))])
        return frame, residual[0], jacobian[0].T

    def thinned(self) -> tuple[Problem, Rows]:
        """At most THIN rows, evenly taken, padded to the smallest bucket."""
        p, n = self.problem, self.problem.rows
        keep = np.unique(np.linspace(0, n - 1, min(n, THIN)).round().astype(int))
        small = p.with_(
            columns=tuple(c[keep] for c in p.columns), y=p.y[keep], weight=p.weight[keep], scale=p.scale[keep]
        )
        return small, padded_rows(small, bucket(len(keep)))

    def frames_at(self, z: np.ndarray) -> list[Frame]:
        """For each point (raw coordinates) the frame that centres the amplitudes near it.

        By differences of the log sizes of their columns in the nonlinear coordinates.
        """
        layout = self.problem.layout
        q, count = layout.nonlinear, len(z)
        if q == len(layout.scales):
            return [self.frame] * count
        h = 1e-4
        stencil = np.concatenate([np.zeros((1, q)), h * np.eye(q), -h * np.eye(q)])
        points = (z[:, None, :q] + stencil).reshape(count * (2 * q + 1), q)
        small, rows = self.thinned()
        size = log_size(columns_at(layout, points, self.frame, rows)[1][..., : small.rows])
        size = size.reshape(count, 2 * q + 1, len(layout.scales) - q)
        size = np.where(np.isfinite(size), size, 0.0)
        slope = ((size[:, 1 : q + 1] - size[:, q + 1 :]) / (2 * h)).transpose(0, 2, 1)
        shift = size[:, 0] - np.einsum("smq,sq->sm", slope, z[:, :q])
        return [self.frame._replace(shift=s, slope=g) for s, g in zip(shift, slope, strict=True)]


def evaluate(layout: Layout, z: np.ndarray, frames: Frame, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The law and its derivatives at any number of points, through a program compiled for one size of batch."""
    from .descent import linearised

    count, size = len(z), 16
    program, values, slopes = linearised(layout), [], []
    with float64():
        for begin in range(0, count, size):
            part = np.arange(begin, begin + size).clip(max=count - 1)
            value, slope = program(z[part], Frame(*(f[part] for f in frames)), rows)
            values.append(value)
            slopes.append(slope)
    return np.concatenate(values)[:count], np.concatenate(slopes)[:count]


def columns_at(layout: Layout, theta: np.ndarray, frame: Frame, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """``(f0, B)``: given theta the law is ``f0 + amplitudes @ B`` at the rows; (points, rows), (points, m, rows)."""
    q = layout.nonlinear
    z = np.concatenate([theta, np.zeros((len(theta), len(layout.scales) - q))], axis=1)
    value, slope = evaluate(layout, z, stacked([frame] * len(z)), rows)
    return value, slope[:, q:]


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


def raw_frame(problem: Problem) -> Frame:
    """Frame without centring: amplitudes in raw units."""
    q = problem.layout.nonlinear
    m = len(problem.layout.scales) - q
    return Frame(problem.box.offset, problem.box.factor, np.zeros(m), np.zeros((m, q)))


def recentre(z: np.ndarray, old: Frame, new: Frame) -> np.ndarray:
    """The same constants in the coordinates of another frame."""
    m, q = np.shape(old.slope)
    theta, amplitude = z[:q], z[len(z) - m :] if m else z[:0]
    stretch = np.exp(new.shift - old.shift + (new.slope - old.slope) @ theta)
    return np.concatenate([z[: len(z) - m], amplitude * stretch])


def raw_constants(problem: Problem, z: np.ndarray, frame: Frame) -> tuple[float, ...]:
    """Constants of the law at a point, in raw units and the order of the law's parameters."""
    return tuple(float(c) for c in constants(problem.layout, z, frame, np.exp))


def padded_rows(problem: Problem, size: int) -> Rows:
    """The columns and, where they are positive, their logarithms, padded."""
    columns = tuple(pad(c, size) for c in problem.columns)
    positive = [v.kind.lower >= 0 for v in problem.layout.law.variables]
    logs = tuple(np.log(c) if yes else None for c, yes in zip(columns, positive, strict=True))
    return Rows(columns, logs, pad(problem.scale, size))
