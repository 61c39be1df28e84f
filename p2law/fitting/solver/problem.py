"""What is to be minimised: rows, weights, residual space and Huber threshold, as plain arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from .coordinates import Bounds, Coordinates, to_coordinates


@dataclass(frozen=True)
class Problem:
    """A weighted robust regression of one law.

    The objective is ``sum_i weight_i * rho(residual_i)`` with Huber's rho (threshold ``delta``; infinite for squares)
    and residual ``log y - log f`` (``log_space``) or ``(y - f) * scale``.
    """

    coordinates: Coordinates
    bounds: Bounds
    columns: tuple[np.ndarray, ...]
    """The law's columns, each (rows,)."""
    y: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    log_space: bool
    delta: float

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def target(self) -> np.ndarray:
        return np.log(self.y) if self.log_space else self.y

    @property
    def plausible(self) -> np.ndarray:
        """How far each coordinate may plausibly lie from neutral: half its starts, or the typical response."""
        typical = np.median(np.abs(self.y)) or 1.0
        return np.where([s == "amplitude" for s in self.coordinates.transforms], typical, self.bounds.spread)

    def to_coordinates(self, params: Mapping[str, float]) -> np.ndarray:
        """Coordinates of given constants, (coordinates,), amplitudes raw."""
        return to_coordinates(self.coordinates, self.bounds, params)

    def with_(self, **changes: object) -> "Problem":
        return replace(self, **changes)  # type: ignore[arg-type]


def bucket(rows: int) -> int:
    """Padded number of rows: tables of similar size share one compiled program."""
    size = 256
    while size < rows:
        size *= 2
    return size


def pad(values: np.ndarray, size: int, fill: float | None = None) -> np.ndarray:
    """Pad the last axis to ``size`` by repeating its first entry (or ``fill``), so that no new value is introduced."""
    extra = size - values.shape[-1]
    if extra == 0:
        return values
    edge = values[..., :1] if fill is None else np.full_like(values[..., :1], fill)
    return np.concatenate([values, np.repeat(edge, extra, axis=-1)], axis=-1)


def huber(residual: np.ndarray, delta: float) -> np.ndarray:
    """Huber's rho: half the square up to ``delta``, linear beyond; the absolute value for delta = 0."""
    size = np.abs(residual)
    if np.isinf(delta):
        return 0.5 * residual**2
    if delta == 0:
        return size
    return np.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta))


def score(problem: Problem, residual: np.ndarray) -> np.ndarray:
    """psi: derivative of rho at the residuals (the sign, for least absolute residuals)."""
    if problem.delta == 0:
        return np.sign(residual)
    return np.clip(residual, -problem.delta, problem.delta)


def least_absolute_stages(problem: Problem, residual: np.ndarray, fractions: Iterable[float]) -> list[Problem]:
    """Huber problems that approach least absolute residuals: thresholds are fractions of the median |residual|."""
    size = float(np.median(np.abs(residual))) or 1e-12
    return [problem.with_(delta=fraction * size) for fraction in fractions]
