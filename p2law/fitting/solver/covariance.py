"""Local covariance of the constants: textbook for least squares of independent rows, CR2 sandwich by run otherwise.

Rows of one run are correlated, and the usual number of runs is small (3 to 20). The plain sandwich is then far too
narrow: on 9 runs its 95 % interval for a larger model's loss covers 75 %. The bias-reduced one (CR2, Bell and McCaffrey
2002) with its own degrees of freedom per question (Satterthwaite's, Pustejovsky and Tipton 2018) covers 95 to 97 %
(benchmarks/coverage.py). For robust objectives the same algebra runs on the scores psi(r), with the curvature of
:func:`p2law.fitting.solver.curvature.expected_curvature` in place of one.
"""

from dataclasses import dataclass

import numpy as np

from .batch import Batch, recentre
from .curvature import expected_curvature
from .inputs import Scaling
from .problem import Problem, score
from .search import UNDETERMINED_SE
from .working_covariance import WorkingCovariance, working_covariance

# CR2: scores scaled up for what the fit took from each run, so that the sandwich is unbiased as assumed.
#
# Bell and McCaffrey (2002); under a working covariance Pustejovsky and Tipton (2018).


_LEAST_EIGENVALUE = 1e-2
"""A run that alone determines a direction has no residual there: its inflation is capped at ten."""


def hc2_factors(design: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """The multiplier where each row is its own run: a number per row."""
    leverage = np.einsum("ni,ni->n", design, design)
    core = 1 - 2 * curvature * leverage + curvature**2 * np.einsum("ni,ij,nj->n", design, design.T @ design, design)
    return 1 / np.sqrt(np.maximum(core, _LEAST_EIGENVALUE))


def cr2_adjust(
    design: np.ndarray, curvature: np.ndarray, codes: np.ndarray, residual: np.ndarray, assumed: WorkingCovariance
) -> tuple[np.ndarray, np.ndarray]:
    """``design`` and the residuals multiplied within each run.

    With bread I and scores ``psi_hat = (I - W M) psi``, ``M = design design'``, a run's block of their covariance is
    ``V = P - W M P - P M W + W M P M W`` with P the assumed one. The multiplier ``P^1/2 (P^-1/2 V P^-1/2)^-1/2 P^-1/2``
    takes it back to P. In units of S it differs from the identity only in the span of u, S J and W J / S.
    """
    inner = assumed.scale[:, None] * design
    outer = curvature[:, None] * design / assumed.scale[:, None]
    gram = covered(inner, codes, assumed.level)
    out_design, out_residual = np.empty_like(design), np.empty_like(residual)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        scale = assumed.scale[rows]
        span, multiplier = _multiplier(inner[rows], outer[rows], assumed.level[rows], gram)
        out_design[rows] = (inner[rows] + span @ (multiplier.T @ (span.T @ inner[rows]))) / scale[:, None]
        own = residual[rows] / scale
        out_residual[rows] = (own + span @ (multiplier @ (span.T @ own))) * scale
    return out_design, out_residual


def covered(inner: np.ndarray, codes: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Sum over runs of ``inner' (I + u u') inner``."""
    own = np.zeros((int(codes.max()) + 1, inner.shape[1]))
    np.add.at(own, codes, level[:, None] * inner)
    return inner.T @ inner + own.T @ own


def _multiplier(
    inner: np.ndarray, outer: np.ndarray, level: np.ndarray, gram: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal span and, in its coordinates, the multiplier minus the identity.

    The columns spanned may depend on each other. All directions of the factorisation are kept even so: those too many
    meet an identity, while a direction whose own column depends on the ones before may carry parts of the ones after.
    """
    span = np.linalg.qr(np.column_stack([level, inner, outer]))[0]
    a, b, u = span.T @ inner, span.T @ outer, span.T @ level
    size, one = float(u @ u), np.eye(span.shape[1])
    turned = np.outer(u, u) / size if size > 0 else 0 * one
    assumed = one + size * turned
    root = one + (np.sqrt(1 + size) - 1) * turned
    back = one + (1 / np.sqrt(1 + size) - 1) * turned
    reached = assumed @ a @ b.T
    block = assumed - reached - reached.T + b @ gram @ b.T
    values, vectors = np.linalg.eigh(back @ block @ back)
    values = np.maximum(values, _LEAST_EIGENVALUE)
    return span, root @ (vectors / np.sqrt(values)) @ vectors.T @ back - one


RANK_TOLERANCE = 1e-10
"""Relative singular value below which a direction counts as exactly undetermined."""
MAX_CLUSTERS = 400
"""Clusters beyond which degrees of freedom are simply clusters minus parameters (as for independent rows)."""


@dataclass(frozen=True)
class Clusters:
    """What Satterthwaite's degrees of freedom need, in the coordinates where the bread is the identity."""

    own: np.ndarray
    """(G, k, k): Z_g' Z_g with Z_g the adjusted influence of cluster g."""
    plain: np.ndarray
    """(G, k, k): J_g' Z_g."""
    curvature: np.ndarray
    """(G, k, k): J_g' W_g Z_g."""
    gram: np.ndarray
    """(k, k): J'J."""

    def dof(self, gradient: np.ndarray) -> float:
        """Degrees of freedom of one contrast."""
        p, q = self.plain @ gradient, self.curvature @ gradient
        cross = p @ q.T
        omega = np.diag(np.einsum("i,gij,j->g", gradient, self.own, gradient)) - cross - cross.T + q @ self.gram @ q.T
        return float(np.trace(omega) ** 2 / np.sum(omega**2))


@dataclass(frozen=True)
class LocalCovariance:
    """Local uncertainty at an optimum, asked through derivatives of a quantity by the law's raw constants."""

    basis: np.ndarray
    """(parameters, k): derivative of the raw constants by the internal directions."""
    root: np.ndarray
    """(k, r): covariance of the internal directions is ``root @ root.T``, bounded by the plausible ranges."""
    unbounded_root: np.ndarray
    """The same, not bounded."""
    raw: np.ndarray
    """(parameters, free): derivative of raw constants by free coordinates, each in units of its own leverage."""
    null: np.ndarray
    """(free, d): unit directions the data leave exactly free."""
    inner: np.ndarray
    """(free, k): derivative of the free coordinates by the internal directions."""
    length: np.ndarray
    """(free,): leverage of each coordinate, the units of ``raw`` and ``null``."""
    rows_dof: int
    clusters: Clusters | None
    inflated: np.ndarray
    """(rows,): residuals scaled up for the leverage of their run, as wild bootstraps want them."""

    def variance(self, gradient: np.ndarray, *, bounded: bool = True) -> float:
        """Variance of a quantity with this derivative by the constants, (parameters,); infinite if undetermined.

        ``bounded=False``: with the errors of open directions as they are, for the constants themselves. That a constant
        cannot be further off than its plausible range makes a forecast better known, not the constant.
        """
        asked = gradient @ self.raw
        if np.any(asked) and (self.rows_dof < 1 or np.any(np.abs(asked @ self.null) > 1e-6 * np.linalg.norm(asked))):
            return np.inf
        return float(np.sum((gradient @ self.basis @ (self.root if bounded else self.unbounded_root)) ** 2))

    def inflation(self, gradient: np.ndarray) -> float:
        """Variance of a quantity over what unit independent residuals would give it: the scale of the objective.

        For a quantity that hangs on a direction left open, whose own value means nothing, that of a typical direction.
        """
        inner = gradient @ self.basis
        plain, unbounded = float(inner @ inner), float(np.sum((inner @ self.unbounded_root) ** 2))
        if plain == 0 or float(np.sum((inner @ self.root) ** 2)) < 0.5 * unbounded:
            return float(np.median(np.sum(self.unbounded_root**2, axis=1)))
        return unbounded / plain

    def dof(self, gradient: np.ndarray) -> float:
        """Degrees of freedom for the t quantile of this quantity."""
        return self.inner_dof(gradient @ self.basis)

    def inner_dof(self, inner: np.ndarray) -> float:
        """The same for a quantity with this derivative by the internal directions, (k,)."""
        if self.clusters is None or not np.any(inner):
            return float(max(self.rows_dof, 1))
        return self.clusters.dof(inner)


def local_covariance(problem: Problem, z: np.ndarray, run: np.ndarray, excess: np.ndarray) -> LocalCovariance:
    """Local uncertainty at the optimum z (raw coordinates) of a problem; ``run`` labels the clusters, see `excess`.

    Parameters pressed against a bound are kept in: leaving them out would pretend that the bound is known to hold.
    """
    batch = Batch(problem)
    scaling, residual, jacobian = batch.linearise(z)
    counted = problem.weight > 0
    free = problem.bounds.free
    root_weight = np.sqrt(problem.weight[counted])
    design = root_weight[:, None] * jacobian[counted][:, free]
    codes = np.unique(run[counted], return_inverse=True)[1]
    curvature = expected_curvature(problem, residual, int(codes.max()) + 1)[counted]
    length, half_bread, null = _bread(np.sqrt(curvature)[:, None] * design)
    raw = raw_jacobian(problem, recentre(z, batch.scaling, scaling), scaling)[:, free] / length
    rows = _Rows(
        design=design / length @ half_bread,
        curvature=curvature,
        psi=root_weight * score(problem, residual)[counted],
        residual=root_weight * residual[counted],
        codes=codes,
    )
    inflated = residual.copy()
    if rows.runs == len(curvature):
        unbounded, factor = _of_rows(rows, problem.delta)
        dof, clusters, inflated[counted] = len(curvature) - rows.design.shape[1], None, residual[counted] * factor
    else:
        assumed = working_covariance(
            rows.design, rows.residual, rows.codes, excess[counted], root_weight, problem.delta
        )
        unbounded, dof, clusters, weighted = _of_runs(rows, assumed)
        inflated[counted] = weighted / root_weight
    inner = half_bread / length[:, None]
    root = bounded_root(unbounded, inner / problem.plausible[free][:, None])
    return LocalCovariance(raw @ half_bread, root, unbounded, raw, null, inner, length, dof, clusters, inflated)


@dataclass(frozen=True)
class _Rows:
    """Weighted rows in the coordinates where the bread is the identity."""

    design: np.ndarray
    curvature: np.ndarray
    psi: np.ndarray
    residual: np.ndarray
    codes: np.ndarray

    @property
    def runs(self) -> int:
        return int(self.codes.max()) + 1

    def spread(self) -> float:
        """Standard error of a unit direction if the rows are independent and equal."""
        n, k = self.design.shape
        return float(np.sqrt(np.sum(self.psi**2) / self.curvature.mean() / max(n - k, 1)))


def _bread(design: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Length of each column, half of the bread's inverse in units of it, and directions exactly undetermined."""
    length = np.linalg.norm(design, axis=0)
    length = np.where(length > 0, length, 1.0)
    _, singular, right = np.linalg.svd(design / length, full_matrices=False)
    keep = singular > RANK_TOLERANCE * singular.max(initial=0.0)
    return length, right[keep].T / singular[keep], right[~keep].T


def _of_rows(rows: _Rows, delta: float) -> tuple[np.ndarray, np.ndarray]:
    """Errors where each row is its own run: textbook for squares, else the sandwich; what inflates the residuals."""
    factor = hc2_factors(rows.design, rows.curvature)
    if np.isinf(delta) or rows.runs == 1:
        return rows.spread() * np.eye(rows.design.shape[1]), factor
    return (rows.psi[:, None] * rows.design * factor[:, None]).T, factor


def _of_runs(rows: _Rows, assumed: WorkingCovariance) -> tuple[np.ndarray, int, Clusters | None, np.ndarray]:
    """Errors from the scores of whole runs, rows' or runs' degrees of freedom, each question's own; residuals."""
    n, k = rows.design.shape
    turned, residual = cr2_adjust(rows.design, rows.curvature, rows.codes, rows.residual, assumed)
    if rows.runs == 1:
        return rows.spread() * _persistence(rows.psi) * np.eye(k), n - k, None, residual
    root = np.zeros((rows.runs, k))
    np.add.at(root, rows.codes, rows.psi[:, None] * turned)
    if rows.runs > MAX_CLUSTERS:
        return root.T, n - k, None, residual
    return root.T, rows.runs - 1, _clusters(rows, turned, assumed), residual


def bounded_root(root: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """Errors held within the parameters' plausible ranges, in which ``scaled`` gives the coordinates.

    A direction the data leave open has a linear error of many times what the parameter could ever be, and carried on
    linearly it would drown every forecast. Errors below half a range are not touched.
    """
    _, errors, turned = np.linalg.svd(scaled @ root, full_matrices=False)
    shrunk = np.where(
        errors > UNDETERMINED_SE,
        UNDETERMINED_SE * (1 + np.tanh(np.maximum(errors - UNDETERMINED_SE, 0.0) / UNDETERMINED_SE)),
        errors,
    )
    return root + (root @ turned.T * (shrunk / np.where(errors > 0, errors, 1.0) - 1)) @ turned


def _persistence(series: np.ndarray) -> float:
    """By how much residuals correlated along one run widen an error computed as if they were independent."""
    lag = float(series[1:] @ series[:-1] / max(series @ series, 1e-300)) if len(series) > 2 else 0.0
    lag = min(max(lag + 2 / len(series), 0.0), 0.98)  # fitting pulls the correlation down by about that much
    return float(np.sqrt((1 + lag) / (1 - lag)))


def _clusters(rows: _Rows, turned: np.ndarray, assumed: WorkingCovariance) -> Clusters:
    """What the degrees of freedom need; ``turned`` is the adjusted design."""
    count, k = rows.runs, rows.design.shape[1]
    inner, own = (assumed.scale[:, None] * values for values in (rows.design, turned))
    levels = np.zeros((2, count, k))
    for out, values in zip(levels, (inner, own), strict=True):
        np.add.at(out, rows.codes, assumed.level[:, None] * values)

    def summed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        out = np.zeros((count, k, k))
        np.add.at(out, rows.codes, left[:, :, None] * right[:, None, :])
        return out

    return Clusters(
        own=summed(own, own) + levels[1][:, :, None] * levels[1][:, None, :],
        plain=summed(inner, own) + levels[0][:, :, None] * levels[1][:, None, :],
        curvature=summed(rows.curvature[:, None] * rows.design, turned),
        gram=covered(inner, rows.codes, assumed.level),
    )


def raw_jacobian(problem: Problem, z: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Derivative of the law's constants by the coordinates, (parameters, coordinates)."""
    coordinates, q = problem.coordinates, problem.coordinates.nonlinear
    size = np.exp(-(scaling.shift + scaling.slope @ z[:q]))
    by_coordinate = np.zeros((len(z), len(z)))
    for i, scale in enumerate(coordinates.transforms):
        if scale == "log":
            by_coordinate[i, i] = np.exp(z[i])
        elif scale == "plain":
            by_coordinate[i, i] = scaling.factor[i]
        else:
            unit = scaling.factor[i] * size[i - q]
            by_coordinate[i, i] = unit
            by_coordinate[i, :q] = -unit * z[i] * scaling.slope[i - q]
    return by_coordinate[list(coordinates.source)]
