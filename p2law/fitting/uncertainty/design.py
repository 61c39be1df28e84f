"""The local covariance in coordinates that can be compared: each in units of how far it may plausibly lie from neutral.

Exponents count in half their range of starts; amplitudes as the size of their term in the middle of the data, in units
of the typical response. An error of 1 means: the data say no more than the law's author knew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from ...data.columns import level_of
from ..fitted import FittedLaw, loss_gradient, points
from ..run_effect import Points
from ..solver import Batch, recentre
from ..solver.covariance import raw_jacobian
from .intervals import new_run_spread


@dataclass(frozen=True)
class ScaledCovariance:
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

    def gradient(self, fit: FittedLaw, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Derivative of the predicted loss by the scaled coordinates, (rows, free)."""
        return loss_gradient(fit, columns) @ self.raw


def scaled_covariance(fit: FittedLaw) -> ScaledCovariance:
    """The local uncertainty of a fit in scaled coordinates."""
    problem, covariance = fit.problem(), fit.covariance
    batch = Batch(problem)
    z = problem.to_coordinates(fit.params)
    scaling, _, _ = batch.linearise(z)
    free = problem.bounds.free
    unit = problem.plausible[free]
    raw = raw_jacobian(problem, recentre(z, batch.scaling, scaling), scaling)[:, free] * unit
    spread = covariance.inner @ covariance.root / unit[:, None]
    lost = np.linalg.qr(covariance.null / (covariance.length * unit)[:, None])[0]
    kept = np.linalg.svd(lost, full_matrices=True)[0][:, lost.shape[1] :] if lost.size else np.eye(len(spread))
    triangle = np.linalg.qr((kept.T @ spread).T, mode="r")  # k by k, whatever the number of runs
    _, errors, turned = np.linalg.svd(triangle, full_matrices=True)
    errors = np.pad(errors, (0, len(turned) - len(errors)))[::-1]
    names = tuple(" = ".join(problem.coordinates.owners(i)) for i in np.flatnonzero(free).tolist())
    return ScaledCovariance(
        names,
        raw,
        np.concatenate([kept @ turned.T[:, ::-1], lost], axis=1),
        np.concatenate([errors, np.full(lost.shape[1], np.inf)]),
    )


CHECKPOINTS = 10
"""Of a candidate run, where runs have several."""
LARGER = (2.0, 4.0)
"""Candidate sizes beyond the largest fitted one, as multiples of it."""


def optimal_design(fit: FittedLaw, local: ScaledCovariance) -> pd.DataFrame:
    """Candidate runs on and around the grid of the fitted runs, most informative first.

    Columns: the law's, ``tokens`` as their last checkpoint, and ``shrinks``.

    ``shrinks`` is the share by which the overall error of the constants falls (root of the summed variances in scaled
    coordinates, the plausible ranges taken as prior), by a Gaussian update at the fitted constants. Checkpoints of the
    candidate share its run's own level and slope as estimated by the run effect, so many of them are not many runs.
    """
    axes = {v.name: _candidate_values(fit, v.name, v.kind.role) for v in fit.law.variables if v.kind.role != "loss"}
    tokens = fit.law.variable("tokens")
    curves = tokens is not None and fit.has_run_effect
    if curves:
        del axes[str(tokens)]
    candidates = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    runs = [_rows(fit, at, str(tokens) if curves else None) for at in candidates]
    columns = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    gradient = local.gradient(fit, columns).reshape(len(runs), -1, len(local.errors))
    noise = _noise(fit, columns, len(runs), curves)
    before, prior = np.trace(local.covariance), local.covariance
    after = [np.trace(posterior_covariance(prior, g, n)) for g, n in zip(gradient, noise, strict=True)]
    out = pd.DataFrame(candidates).assign(shrinks=1 - np.sqrt(np.array(after) / before))
    return out.sort_values("shrinks", ascending=False, ignore_index=True)


def posterior_covariance(prior: np.ndarray, gradient: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Covariance after rows with this gradient (rows, k) and noise covariance (rows, rows) have been measured."""
    noise = noise + 1e-12 * np.trace(noise) * np.eye(len(noise))
    shared = gradient @ prior
    return prior - shared.T @ np.linalg.solve(shared @ gradient.T + noise, shared)


def _noise(fit: FittedLaw, columns: dict[str, np.ndarray], runs: int, curves: bool) -> np.ndarray:
    """Covariance of the rows of each candidate run about the law, (runs, rows, rows)."""
    if not curves:
        return (new_run_spread(fit, columns).error ** 2).reshape(runs, 1, 1)
    effect, at = fit.run_effect, points(fit, columns)
    parts = zip(np.split(at.log_tokens, runs), np.split(at.excess, runs), strict=True)
    return np.array([effect.covariance(*[Points(*part)] * 2) for part in parts])


def _candidate_values(fit: FittedLaw, name: str, role: str | None) -> np.ndarray:
    """Distinct fitted values of a column, the midpoints between them, and a step beyond."""
    fitted = np.unique(fit.observations.columns[name])
    fitted = fitted[np.diff(level_of(fitted), prepend=-1) > 0]
    if len(fitted) > 8:
        fitted = np.quantile(fitted, np.linspace(0, 1, 5))
    if role == "rate":
        inner = (fitted[:-1] + fitted[1:]) / 2
        return np.unique(np.concatenate([[fitted[0] / 2], fitted, inner, [(1 + fitted[-1]) / 2]]))
    if fitted[0] <= 0:
        return np.unique(np.concatenate([fitted, (fitted[:-1] + fitted[1:]) / 2]))
    inner = np.sqrt(fitted[:-1] * fitted[1:])
    beyond = fitted[-1] * np.array(LARGER) if role == "size" else fitted[-1:] * 2
    return np.unique(np.concatenate([[fitted[0] / 2], fitted, inner, beyond]))


def _rows(fit: FittedLaw, at: dict[str, float], tokens: str | None) -> dict[str, np.ndarray]:
    """The columns of a candidate run: one row, or checkpoints over the fitted range of tokens."""
    seen = fit.observations.columns
    count = CHECKPOINTS if tokens else 1
    columns = {name: np.full(count, value) for name, value in at.items()}
    if tokens:
        columns[tokens] = np.geomspace(seen[tokens].min(), seen[tokens].max(), CHECKPOINTS)
    base, size = fit.law.variable("loss"), fit.law.variable("size")
    if base is not None:
        nearest = np.argmin(np.abs(np.log(seen[size] / at[size]))) if size in at else 0
        columns[base] = np.full(count, seen[base][nearest])
    return {v.name: columns[v.name] for v in fit.law.variables}
