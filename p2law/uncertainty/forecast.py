"""The rest of a run already begun, from its own checkpoints and the law together.

The law knows what such curves look like across sizes and rates, the run's checkpoints know this run's level and slope.
Both are put together as one Gaussian: the law with the uncertainty of its constants, the run's offset and tilt and the
noise along tokens as estimated from the fitted runs (run_effect), conditioned on what has been seen of this run. Far
from its checkpoints the forecast returns to the law; a run not begun gets the law itself.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..checks import array, check_level, number
from ..errors import DataError
from ..observations import Table, as_frame, check_column
from ..prediction import loss_at, prediction_columns, unsupported
from .quantiles import t_reach, t_share
from .quantity import loss_gradient
from .run_effect import points

if TYPE_CHECKING:
    from ..result import Fit


@dataclass(frozen=True, eq=False)
class Forecast:
    """Loss of one run at tokens ahead: mean and covariance."""

    tokens: np.ndarray
    loss: np.ndarray
    covariance: np.ndarray
    """(points, points), nats squared."""
    dof: float
    unsupported: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=bool))
    """Points at another value of a column that had one level among the rows fitted: nothing is known there."""

    def interval(self, level: float = 0.95) -> pd.DataFrame:
        """Columns tokens, loss, lower, upper."""
        check_level(level)
        reach = t_reach(self.dof, level) * np.sqrt(np.diag(self.covariance))
        reach = np.where(self.unsupported, np.inf, reach)
        return pd.DataFrame(
            {"tokens": self.tokens, "loss": self.loss, "lower": self.loss - reach, "upper": self.loss + reach}
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


def forecast(fit: "Fit", begun: Table, tokens: Any, *, control: "Fit | Any | None" = None) -> Forecast:
    """Forecast a run already begun; see :meth:`p2law.result.Fit.forecast`."""
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
    root = loss_gradient(fit, columns) @ fit.around.turn @ fit.around.root
    covariance = root @ root.T + fit.run_effect.covariance(at, at)
    n = len(loss)
    known = covariance[:n, :n] + 1e-10 * np.trace(covariance[:n, :n]) / n * np.eye(n)
    weights = np.linalg.solve(known, covariance[:n, n:]).T
    left = covariance[n:, n:] - weights @ covariance[:n, n:]
    ahead_loss, spread = mean[n:] + weights @ (loss - mean[:n]), 0.5 * (left + left.T)
    return Forecast(future[name], ahead_loss, spread, float(fit.run_effect.dof), unsupported(fit, future))


def _ahead(fit: "Fit", seen: pd.DataFrame, name: str, tokens: Any, control: Any) -> pd.DataFrame:
    """The run's other columns repeated at the tokens asked for."""
    from ..baseline import CONTROL

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
