"""Local covariance of the constants: least-squares theory for squares, a sandwich clustered by run otherwise."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..solver import Batch, Problem, coordinates
from ..solver.problem import curvature, score
from ..solver.program import Frame
from ..solver.search import recentre

if TYPE_CHECKING:
    from ..result import Fit

NULL = 1e-10
"""Relative singular value below which a direction counts as exactly undetermined."""


@dataclass(frozen=True)
class Local:
    """Local uncertainty at an optimum: ``root @ root.T`` is the covariance of the raw constants."""

    root: np.ndarray
    """(parameters, r)."""
    null: np.ndarray
    """(parameters, d): directions the data leave exactly free."""
    dof: int
    """Degrees of freedom for t quantiles: rows minus parameters, or runs minus one where runs are clusters."""

    def variance(self, gradient: np.ndarray) -> np.ndarray:
        """Variance of quantities with these derivatives by the constants, (..., parameters) -> (...)."""
        along = np.linalg.norm(gradient @ self.null, axis=-1) if self.null.size else 0.0
        scale = np.linalg.norm(gradient * np.linalg.norm(self.null, axis=1), axis=-1) if self.null.size else 1.0
        finite = np.sum((gradient @ self.root) ** 2, axis=-1)
        return np.where(along > 1e-6 * scale, np.inf, finite)


def of_fit(fit: "Fit") -> Local:
    """Local uncertainty of a fit's constants."""
    problem = fit.problem()
    return local(problem, coordinates(problem.layout, problem.box, fit.params), fit.observations.run)


def local(problem: Problem, z: np.ndarray, run: np.ndarray) -> Local:
    """Local uncertainty at the optimum z (raw coordinates) of a problem; ``run`` labels the clusters.

    Squares with every row its own run: ``s² (J'WJ)^-1`` with ``s² = sum w r² / (n - k)``. Robust objectives, or several
    rows per run: the sandwich ``A^-1 B A^-1`` with scores summed within each run, times G/(G-1) (n-1)/(n-k).
    """
    batch = Batch(problem)
    frame, residual, jacobian = batch.linearise(z)
    free = problem.box.free & inside(problem, z)
    bent = curvature(problem, residual)
    design = np.sqrt(problem.weight * bent)[:, None] * jacobian[:, free]
    length = np.linalg.norm(design, axis=0)
    length = np.where(length > 0, length, 1.0)
    _, singular, right = np.linalg.svd(design / length, full_matrices=False)
    keep = singular > NULL * singular.max(initial=0.0)
    bread = right[keep].T / singular[keep]
    counted = problem.weight > 0
    n, k = int(counted.sum()), int(free.sum())
    codes = np.unique(run[counted], return_inverse=True)[1]
    clusters = int(codes.max()) + 1
    if np.isinf(problem.delta) and clusters == n:
        scale = np.sqrt(np.sum(problem.weight * residual**2) / max(n - k, 1))
        root, dof = scale * bread, n - k
    else:
        scores = np.zeros((clusters, int(free.sum())))
        each = (problem.weight * score(problem, residual))[:, None] * jacobian[:, free] / length
        np.add.at(scores, codes, each[counted])
        small = clusters / max(clusters - 1, 1) * (n - 1) / max(n - k, 1)
        root = np.sqrt(small) * bread @ (bread.T @ scores.T)
        dof = n - k if clusters == n else clusters - 1
    turn = raw_jacobian(problem, recentre(z, batch.frame, frame), frame)[:, free] / length
    return Local(turn @ root, turn @ right[~keep].T, dof)


def inside(problem: Problem, z: np.ndarray) -> np.ndarray:
    """Coordinates that are not at a bound."""
    return (z > problem.box.lower) & (z < problem.box.upper)


def raw_jacobian(problem: Problem, z: np.ndarray, frame: Frame) -> np.ndarray:
    """Derivative of the law's constants by the coordinates, (parameters, coordinates)."""
    layout, q = problem.layout, problem.layout.nonlinear
    size = np.exp(-(frame.shift + frame.slope @ z[:q]))
    by_coordinate = np.zeros((len(layout.scales), len(z)))
    for i, scale in enumerate(layout.scales):
        if scale == "log":
            by_coordinate[i, i] = np.exp(z[i])
        elif scale == "plain":
            by_coordinate[i, i] = frame.factor[i]
        else:
            unit = frame.factor[i] * size[i - q]
            by_coordinate[i, i] = unit
            by_coordinate[i, :q] = -unit * z[i] * frame.slope[i - q]
    return by_coordinate[list(layout.source)]
