"""The rest of a run already begun, from its own checkpoints and the law together.

The law gives the shape of such curves across sizes and rates, the run's checkpoints its own level and slope. Both are
one Gaussian: the law with the uncertainty of its constants, the run's offset and tilt and the noise along tokens as
estimated from the fitted runs (run_effect), conditioned on the run's checkpoints. Far from them the forecast returns to
the law.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...data.arguments import array, check_level, number
from ...data.control import CONTROL
from ...data.observations import Table, as_frame, check_column
from ...errors import DataError
from ..fitted import FittedLaw, loss_at, loss_gradient, points
from ..prediction import prediction_columns, unsupported
from ..solver.quantiles import t_half_width, t_share


@dataclass(frozen=True, eq=False)
class Forecast:
    """Loss of one run at tokens ahead: mean and covariance."""

    tokens: np.ndarray
    """(points,)."""
    loss: np.ndarray
    """(points,), nats per token."""
    covariance: np.ndarray
    """(points, points), nats squared."""
    dof: float
    unsupported: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=bool))
    """Points at another value of a column that had one level among the rows fitted: nothing is known there."""

    def interval(self, level: float = 0.95) -> pd.DataFrame:
        """Columns tokens, loss, lower, upper."""
        check_level(level)
        half_width = t_half_width(self.dof, level) * np.sqrt(np.diag(self.covariance))
        half_width = np.where(self.unsupported, np.inf, half_width)
        return pd.DataFrame(
            {"tokens": self.tokens, "loss": self.loss, "lower": self.loss - half_width, "upper": self.loss + half_width}
        )

    def gap(self, of: int = -1) -> tuple[np.ndarray, np.ndarray]:
        """Loss at each point above that at point ``of``, nats, and its standard error."""
        variance = np.diag(self.covariance) + self.covariance[of, of] - 2 * self.covariance[:, of]
        return self.loss - self.loss[of], np.sqrt(np.maximum(variance, 0.0))

    def probability(self, within: float, of: int = -1) -> np.ndarray:
        """Probability that the loss at each point is at most ``within`` nats above that at point ``of``."""
        number("within", within)
        gap, spread = self.gap(of)
        certain = spread <= 1e-12 * np.abs(self.loss)
        safe = np.where(certain, 1.0, spread)
        return np.where(certain, (gap <= within).astype(float), t_share(self.dof, (within - gap) / safe))


def forecast(fit: FittedLaw, begun: Table, tokens: Any, *, control: FittedLaw | Any | None = None) -> Forecast:
    """Forecast a run already begun; see :meth:`p2law.Fit.forecast`."""
    name = fit.law.variable("tokens")
    if name is None:
        raise DataError(f"{fit.law.name} has no column of tokens to forecast along.")
    seen = as_frame(begun)
    if len(seen) == 0:
        raise DataError("the run begun has no rows: use predict_interval(kind='new') for a run not begun.")
    loss = check_column(seen, fit.law.response, fit.law)
    ahead = _ahead(fit, seen, name, tokens, control)
    curve = control if hasattr(control, "law") else None
    (past, _), (future, _) = (prediction_columns(fit, rows, control=curve) for rows in (seen, ahead))
    columns = {k: np.concatenate([past[k], future[k]]) for k in past}
    mean, at = loss_at(fit, columns), points(fit, columns)
    root = loss_gradient(fit, columns) @ fit.covariance.basis @ fit.covariance.root
    covariance = root @ root.T + fit.run_effect.covariance(at, at)
    n = len(loss)
    known = covariance[:n, :n] + 1e-10 * np.trace(covariance[:n, :n]) / n * np.eye(n)
    weights = np.linalg.solve(known, covariance[:n, n:]).T
    left = covariance[n:, n:] - weights @ covariance[:n, n:]
    ahead_loss, spread = mean[n:] + weights @ (loss - mean[:n]), 0.5 * (left + left.T)
    return Forecast(future[name], ahead_loss, spread, float(fit.run_effect.dof), unsupported(fit, future))


def _ahead(fit: FittedLaw, seen: pd.DataFrame, name: str, tokens: Any, control: Any) -> pd.DataFrame:
    """The run's other columns repeated at the tokens asked for."""
    if isinstance(tokens, pd.DataFrame):
        return tokens
    others = [v.name for v in fit.law.variables if v.name != name and v.kind.role != "loss"]
    for column in others:
        if column in seen.columns and seen[column].nunique() > 1:
            raise DataError(f"the rows of the run begun differ in {column!r}: a run has one; forecast each run alone.")
    positions = np.atleast_1d(array("tokens", tokens))
    base = fit.law.variable("loss")
    kept = [c for c in (*others, base) if c in seen.columns]
    ahead = pd.DataFrame({c: np.repeat(seen[c].iloc[-1], len(positions)) for c in kept}).assign(**{name: positions})
    if control is not None and not hasattr(control, "law"):
        held = array("control", control)
        if held.size not in (1, len(positions)):
            raise DataError(f"control has {held.size} values for {len(positions)} tokens: give one, or as many.")
        ahead[CONTROL] = np.broadcast_to(held, positions.shape)
    return ahead


# The rest of a run from its own checkpoints alone: a power law of tokens with all the freedom one curve leaves it.
#
# The curve is ``a - s * (1 - (D / D_c)^-beta) / beta`` (level and slope in the middle of what was seen; the logarithm
# as beta tends to 0) plus noise correlated along tokens (Ornstein-Uhlenbeck in log D). Given beta and the correlation
# length all else is linear and solved exactly (universal kriging, flat priors on level, slope and log variance). Beta
# and correlation length are averaged over, weighted by their likelihood: least squares at one best beta would pretend
# that the bend of half a curve fixes its other half.


EXPONENTS = np.geomspace(0.05, 2.0, 150)
"""Exponents of tokens averaged over, evenly in their logarithm."""
RESOLVED = 8.0
"""Effective number of exponents that must share the weight: where fewer do, the grid is too coarse for the curve."""
REFINEMENTS = 6
"""Finer grids tried at most: for a curve without noise no grid is fine enough."""
NEGLIGIBLE = 1e-7
"""Weight, relative to the likeliest exponent, below which an exponent is left out of a finer grid."""
CORRELATION_LENGTHS = (0.01, 0.05, 0.1, 0.2, 1 / 3)
"""Of the noise, in lengths of the run seen (in log tokens): what is correlated over longer is the curve itself."""
BINS = 60
"""Denser logs are averaged into this many bins of log tokens."""


def one_run(tokens: np.ndarray, loss: np.ndarray, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (points,), covariance (points, points) and degrees of freedom of the loss at tokens ahead."""
    x = np.log(tokens)
    log_tokens = np.log(np.concatenate([tokens, ahead])) - x.mean()
    lengths, exponents = np.array(CORRELATION_LENGTHS) * float(np.ptp(x)), EXPONENTS
    weight, means, scales = _weighed(log_tokens, loss, lengths, exponents)
    for _ in range(REFINEMENTS):
        by_exponent = weight.reshape(len(lengths), -1).sum(0)
        if 1 / (by_exponent**2).sum() >= RESOLVED:
            break
        # As many exponents between the outermost that have weight, and two more on either side.
        kept = np.flatnonzero(by_exponent > NEGLIGIBLE * by_exponent.max())
        low, high = max(kept[0] - 2, 0), min(kept[-1] + 2, len(exponents) - 1)
        exponents = np.geomspace(exponents[low], exponents[high], len(exponents))
        weight, means, scales = _weighed(log_tokens, loss, lengths, exponents)
    mean = weight @ means
    between = (weight[:, None] * (means - mean)).T @ (means - mean)
    return mean, np.einsum("c,cij->ij", weight, scales) + between, float(len(x) - 2)


def _weighed(
    log_tokens: np.ndarray, loss: np.ndarray, lengths: np.ndarray, exponents: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight (summing to 1), mean and scale of every correlation length and exponent, length by length."""
    parts = [_given(log_tokens, loss, length, exponents) for length in lengths.tolist()]
    likelihood, means, scales = (np.concatenate(part) for part in zip(*parts, strict=True))
    weight = np.exp(likelihood - likelihood.max())
    return weight / weight.sum(), means, scales


def _given(
    log_tokens: np.ndarray, y: np.ndarray, length: float, exponents: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For one correlation length and each exponent: log likelihood (up to a constant), mean, scale of the t."""
    n, count, beta = len(y), len(exponents), exponents[:, None]
    falls = np.expm1(-beta * log_tokens) / beta
    noise = np.exp(-np.abs(log_tokens[:, None] - log_tokens[None, :]) / length)
    root = np.linalg.cholesky(noise[:n, :n] + 1e-9 * np.eye(n))
    white = np.linalg.solve(root, np.column_stack([np.ones(n), falls[:, :n].T, y, noise[:n, n:]]))
    target, carried = white[:, count + 1], white[:, count + 2 :]
    basis = np.stack(np.broadcast_arrays(white[:, :1], white[:, 1 : count + 1])).transpose(2, 1, 0)  # (exponents, n, 2)
    information = basis.transpose(0, 2, 1) @ basis
    inverse = np.linalg.inv(information)
    at = np.einsum("bij,bnj,n->bi", inverse, basis, target)
    rest = target - np.einsum("bnj,bj->bn", basis, at)
    variance = np.maximum((rest**2).sum(1) / (n - 2), 1e-18)
    ahead = np.stack(np.broadcast_arrays(1.0, falls[:, n:]), axis=-1)
    unseen = ahead - carried.T @ basis
    mean = (unseen @ at[:, :, None])[:, :, 0] + carried.T @ target
    known = noise[n:, n:] - carried.T @ carried
    scale = variance[:, None, None] * (known + unseen @ inverse @ unseen.transpose(0, 2, 1))
    likelihood = -0.5 * ((n - 2) * np.log(variance) + np.linalg.slogdet(information)[1])
    return (
        likelihood - np.log(np.diag(root)).sum() + _possible(exponents, at, variance[:, None, None] * inverse, n - 2),
        mean,
        scale,
    )


def _possible(exponents: np.ndarray, at: np.ndarray, covariance: np.ndarray, dof: int) -> np.ndarray:
    """Log probability, per exponent, that the loss falls, and to a level above zero."""
    slope = np.stack([np.zeros_like(exponents), np.ones_like(exponents)], 1)
    floor = np.stack([np.ones_like(exponents), -1 / exponents], 1)
    sides = [(c * at).sum(1) / np.sqrt(np.einsum("bi,bij,bj->b", c, covariance, c)) for c in (slope, floor)]
    return np.log(np.maximum(t_share(dof, np.stack(sides)), 1e-12)).sum(0)


def binned(tokens: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A dense log averaged into bins of log tokens; a sparse one as it is. Tokens ascend."""
    if len(tokens) <= BINS:
        return tokens, loss
    x = np.log(tokens)
    code = np.minimum(((x - x[0]) / (x[-1] - x[0]) * BINS).astype(int), BINS - 1)
    code = np.unique(code, return_inverse=True)[1]
    count = np.bincount(code)
    return np.exp(np.bincount(code, x) / count), np.bincount(code, loss) / count
