"""What each run does to the fit: leave one out and refit."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import FitError
from ..solver import coordinates
from .bootstrap import refit

if TYPE_CHECKING:
    from ..result import Fit


def leave_one_run_out(fit: "Fit") -> pd.DataFrame:
    """Constants without each run in turn, indexed by the run left out."""
    codes = pd.factorize(fit.observations.run)[0]
    runs = int(codes.max()) + 1
    if runs < 2:
        raise FitError("one run alone cannot be left out.")
    problem = fit.problem()
    start = coordinates(problem.layout, problem.box, fit.params)
    turn = iter(range(runs))

    def sample() -> dict[str, np.ndarray]:
        return {"weight": problem.weight * (codes != next(turn))}

    constants, _ = refit(problem, start, sample, runs)
    names = [p.name for p in fit.law.parameters]
    labels = pd.Index(pd.unique(pd.Series(fit.observations.run)), name="run left out")
    return pd.DataFrame(constants, index=labels, columns=pd.Index(names))


def influence(fit: "Fit", **at: Any) -> pd.DataFrame:
    """See :meth:`p2law.result.Fit.influence`."""
    from ..prediction import loss_at, prediction_columns
    from .identifiability import undetermined
    from .intervals import spread_of
    from .quantity import loss_gradient

    without = leave_one_run_out(fit)
    if not at:
        scale = pd.Series({name: error or np.inf for name, error in fit.standard_errors.items()})
        moved = (without - pd.Series(dict(fit.params))) / scale
        # An open constant wanders over decades, and its standard error is no measure of that.
        moved[list(undetermined(fit))] = np.nan
        return moved.iloc[np.argsort(-moved.abs().max(axis=1).fillna(0.0).to_numpy())]
    columns, _ = prediction_columns(fit, at=at)
    if len(next(iter(columns.values()))) != 1:
        raise FitError("influence on a forecast asks about one point: give single values.")
    now = float(loss_at(fit, columns)[0])
    losses = [float(np.ravel(fit.law(**columns, **dict(row)))[0]) for _, row in without.iterrows()]
    error = float(spread_of(fit.around, loss_gradient(fit, columns)).error[0])
    change = np.array(losses) - now
    share = change / error if np.isfinite(error) else np.full(len(change), np.nan)
    table = {fit.law.response.name: losses, "change": change, "in standard errors": share}
    return pd.DataFrame(table, index=without.index).iloc[np.argsort(-np.abs(change))]
