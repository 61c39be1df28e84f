"""AICc and BIC of fits to the same rows: the likelihood behind each objective, and how many rows count.

A fit that minimises ``sum w rho(r)`` is the maximum-likelihood fit of residuals with density proportional to
exp(-w rho(r) / tau): Gaussian for squares, Laplace for absolute residuals, a Gaussian core with exponential tails for
Huber's loss. tau is profiled out and counts as one constant. Checkpoints of a run are not independent: the log
likelihood is scaled to n_eff = n / (1 + (m - 1) icc) rows, with m the checkpoints per run and icc the intraclass
correlation of the residuals by run (Kish's design effect), allowing for the levels of runs that the constants absorb.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..objective import threshold

if TYPE_CHECKING:
    from ..result import Fit


def free_constants(fit: "Fit") -> int:
    """Constants fitted: without fixed and held ones, tied ones once."""
    return int(fit.problem().box.free.sum())


def deviance(fit: "Fit") -> float:
    """-2 log likelihood at the fit, with the scale of the residuals profiled out."""
    from scipy.optimize import minimize_scalar

    weight = fit.observations.weight[fit.observations.weight > 0]
    delta, total = threshold(fit.objective), max(fit.objective_value, 1e-300)
    middle = np.log(total / len(weight))

    def at(log_tau: float) -> float:
        return 2 * total / np.exp(log_tau) + 2 * float(np.sum(_log_normaliser(np.exp(log_tau) / weight, delta)))

    return float(minimize_scalar(at, bounds=(middle - 8, middle + 8), method="bounded", options={"xatol": 1e-8}).fun)


def _log_normaliser(tau: np.ndarray, delta: float) -> np.ndarray:
    """Logarithm of the integral of exp(-rho(r) / tau)."""
    from scipy.special import erf

    if delta == 0:
        return np.log(2 * tau)
    if np.isinf(delta):
        return 0.5 * np.log(2 * np.pi * tau)
    core, tails = np.sqrt(2 * np.pi * tau) * erf(delta / np.sqrt(2 * tau)), 2 * tau / delta
    return np.log(core + tails * np.exp(-(delta**2) / (2 * tau)))


def effective_rows(fit: "Fit") -> float:
    """Rows the residuals are worth: one per row where each is its own run, down to one per run.

    The constants absorb part of the differences between runs; all of it with as many constants as runs, which are then
    worth one row each.
    """
    residual = fit.objective_residuals
    code, sizes = np.unique(fit.observations.run, return_inverse=True, return_counts=True)[1:]
    n, runs = len(residual), len(sizes)
    if runs in (1, n):
        return float(n)
    spare = runs - free_constants(fit)
    if spare <= 0:
        return float(runs)
    means = np.bincount(code, weights=residual) / sizes
    between = np.sum(sizes * (means - residual.mean()) ** 2) / spare
    within = np.sum((residual - means[code]) ** 2) / (n - runs)
    size = (n - np.sum(sizes**2) / n) / (runs - 1)
    spread = between + (size - 1) * within
    icc = float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else 0.0
    return n / (1 + (size - 1) * icc)


def criteria(fit: "Fit", n_eff: float) -> tuple[float, float]:
    """AICc and BIC at this many effective rows; AICc is infinite with fewer than two more rows than constants."""
    k = free_constants(fit) + 1
    scaled = deviance(fit) * n_eff / int((fit.observations.weight > 0).sum())
    spare = n_eff - k - 1
    aicc = scaled + 2 * k + 2 * k * (k + 1) / spare if spare > 0 else np.inf
    return aicc, scaled + k * np.log(n_eff)
