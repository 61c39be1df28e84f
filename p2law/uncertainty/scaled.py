"""The local covariance in coordinates that can be compared: each in units of how far it may plausibly lie from neutral.

Exponents count in half their range of starts; amplitudes as the size of their term in the middle of the data, in units
of the typical response. An error of 1 means: the data say no more than the law's author knew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..solver import Batch, coordinates, recentre
from .quantity import loss_gradient
from .wald import raw_jacobian

if TYPE_CHECKING:
    from ..result import Fit


@dataclass(frozen=True)
class Scaled:
    """Independent directions of the free coordinates and the error of each."""

    names: tuple[str, ...]
    """Of the free coordinates: the parameters read from each."""
    raw: np.ndarray
    """(parameters, free): derivative of the raw constants by the scaled coordinates."""
    directions: np.ndarray
    """(free, free): orthonormal columns, best determined first."""
    errors: np.ndarray
    """(free,): standard error along each, infinite where the data leave it exactly free."""

    @property
    def covariance(self) -> np.ndarray:
        """(free, free): covariance after the plausible ranges, as a prior of one unit each, have been put to it."""
        with np.errstate(divide="ignore"):
            left = 1 / (1 + 1 / np.square(self.errors))
        return (self.directions * left) @ self.directions.T

    def gradient(self, fit: "Fit", columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Derivative of the predicted loss by the scaled coordinates, (rows, free)."""
        return loss_gradient(fit, columns) @ self.raw


def scaled(fit: "Fit") -> Scaled:
    """The local uncertainty of a fit in scaled coordinates."""
    problem, around = fit.problem(), fit.around
    batch = Batch(problem)
    z = coordinates(problem.layout, problem.box, fit.params)
    frame, _, _ = batch.linearise(z)
    free = problem.box.free
    unit = problem.plausible[free]
    raw = raw_jacobian(problem, recentre(z, batch.frame, frame), frame)[:, free] * unit
    spread = around.inner @ around.root / unit[:, None]
    lost = np.linalg.qr(around.null / (around.length * unit)[:, None])[0]
    kept = np.linalg.svd(lost, full_matrices=True)[0][:, lost.shape[1] :] if lost.size else np.eye(len(spread))
    triangle = np.linalg.qr((kept.T @ spread).T, mode="r")  # k by k, whatever the number of runs
    _, errors, turned = np.linalg.svd(triangle, full_matrices=True)
    errors = np.pad(errors, (0, len(turned) - len(errors)))[::-1]
    names = tuple(" = ".join(problem.layout.owners(i)) for i in np.flatnonzero(free).tolist())
    return Scaled(
        names,
        raw,
        np.concatenate([kept @ turned.T[:, ::-1], lost], axis=1),
        np.concatenate([errors, np.full(lost.shape[1], np.inf)]),
    )
