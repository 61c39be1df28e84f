"""What the data fix: parameters, combinations of them, and predictions, in a table and in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...data.answer import Copied, Record, Report
from ...data.quantities import format_quantity
from ...errors import FitError
from ..fitted import FittedLaw, loss_at, loss_gradient
from ..prediction import prediction_columns
from ..solver.search import UNDETERMINED_SE
from .design import ScaledCovariance, optimal_design, scaled_covariance
from .intervals import is_free, parameters, predictions, spread_of
from .profile import profile_loss
from .resampling import leave_one_run_out

DETERMINED_SE = 0.1
"""Error of a combination, in units of its plausible range, up to which it is determined."""


@dataclass(frozen=True, eq=False, repr=False)
class Identifiability(Record):
    """What the data fix and what they leave open."""

    _table: pd.DataFrame
    _combinations: pd.DataFrame
    _predictions: pd.DataFrame
    _next_runs: pd.DataFrame
    sentences: tuple[str, ...]
    parameters = Copied("_table")
    """parameter, estimate, lower, upper, verdict: determined, roughly, not determined, fixed or held."""
    combinations = Copied("_combinations")
    """Independent combinations, best known first: error (in units of the plausible range; 1 means the data say
    nothing), of (the parameters that take part), verdict."""
    predictions = Copied("_predictions")
    """Predicted losses within and beyond the data, with intervals: where, the law's columns, loss, lower, upper."""
    next_runs = Copied("_next_runs")
    """Candidate runs, most telling first: columns, and the share by which the overall error shrinks."""

    def _report(self) -> Report:
        rows = []
        for title, table in self._tables().items():
            rows += ["", title, table.to_string(index=False, float_format=lambda v: f"{v:.4g}")]
        return Report("", self.sentences, rows)

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {
            "parameters": self._table,
            "combinations (error 1: the data say nothing)": self._combinations,
            "predictions": self._predictions,
            "most telling next runs": self._next_runs.head(3),
        }


def identifiability(fit: FittedLaw, *, level: float = 0.95, method: str = "profile") -> Identifiability:
    """See :meth:`p2law.Fit.identifiability`."""
    if fit.covariance.rows_dof < 1:
        raise FitError(
            "as many free parameters as rows: the fit is exact, and says nothing of what the data determine."
        )
    local = scaled_covariance(fit)
    table = _judged(fit, parameters(fit, level=level, method=method))  # type: ignore[arg-type]
    combinations = _combinations(local)
    forecasts = _predictions(fit, level)
    runs = optimal_design(fit, local)
    said = (*_levels(fit), *_unknown(table, combinations), _predicted(fit, table, forecasts), _next(fit, runs))
    return Identifiability(table, combinations, forecasts, runs, tuple(s for s in said if s))


def undetermined(fit: FittedLaw) -> tuple[str, ...]:
    """Constants that the data do not determine, judged by their local 95 % intervals."""
    table = _judged(fit, parameters(fit, level=0.95, method="wald"))
    return tuple(table["parameter"][table["verdict"] == "not determined"].tolist())


def _judged(fit: FittedLaw, table: pd.DataFrame) -> pd.DataFrame:
    """The parameters' intervals with a verdict each."""
    kinds = {p.name: p.kind for p in fit.law.parameters}

    def verdict(row: pd.Series) -> str:
        name, low, high = row["parameter"], row["lower"], row["upper"]
        if not is_free(fit, name):
            return "fixed" if name in fit.options.fixed else "held"
        if not (np.isfinite(low) and np.isfinite(high)):
            return "not determined"
        if kinds[name].linear:
            ratio = max(high / low, low / high) if low * high > 0 else np.inf
            return "determined" if ratio <= 2 else "roughly" if ratio <= 10 else "not determined"
        start = kinds[name].start
        width = (high - low) / (start[1] - start[0])
        return "determined" if width <= 0.5 else "roughly" if width <= 1 else "not determined"

    return table.assign(verdict=[verdict(row) for _, row in table.iterrows()])


def _combinations(local: ScaledCovariance) -> pd.DataFrame:
    rows = []
    for direction, error in zip(local.directions.T, local.errors, strict=True):
        order = np.argsort(-np.abs(direction))
        part = ", ".join(f"{local.names[i]} {direction[i]:+.2f}" for i in order if abs(direction[i]) > 0.25)
        verdict = (
            "determined" if error <= DETERMINED_SE else "roughly" if error <= UNDETERMINED_SE else "not determined"
        )
        rows.append((error, part, verdict))
    return pd.DataFrame(rows, columns=pd.Index(["error", "of", "verdict"]))


def _predictions(fit: FittedLaw, level: float) -> pd.DataFrame:
    """Losses at a row in the middle of the data, at its largest size and twice that, with intervals."""
    seen, law = fit.observations.columns, fit.law
    size, tokens = law.variable("size"), law.variable("tokens")
    places = [("in the middle of the data", _row(seen, _middle(seen)))]
    along = size or tokens
    if along is not None:
        order = np.lexsort((seen[tokens] if tokens else seen[along], seen[along]))
        largest = _row(seen, int(order[-1]))
        what = "size" if size else "number of tokens"
        places += [
            (f"at the largest {what}", largest),
            (f"at twice that {what}", {**largest, along: 2 * largest[along]}),
        ]
    columns = {v.name: np.array([at[v.name] for _, at in places]) for v in law.variables}
    found = predictions(fit, columns, level=level, kind="mean", method="wald")
    for i in np.flatnonzero(~np.isfinite(found["upper"])).tolist():
        limits = profile_loss(fit, places[i][1], level=level)  # the domain of the constants bounds what is free
        found.loc[i, ["lower", "upper"]] = [limits.lower, limits.upper]
    return pd.concat([pd.DataFrame({"where": [w for w, _ in places], **columns}), found], axis=1)


def _row(columns: Mapping[str, np.ndarray], i: int) -> dict[str, float]:
    return {name: float(values[i]) for name, values in columns.items()}


def _middle(columns: Mapping[str, np.ndarray]) -> int:
    """The row nearest to the medians, in ranks."""
    ranks = np.stack([np.argsort(np.argsort(v)) for v in columns.values()])
    return int(np.argmin(np.abs(ranks - len(ranks[0]) / 2).max(0)))


def _levels(fit: FittedLaw) -> list[str]:
    """Held parameters, in the words of the fit's own warnings."""
    return [finding.text for finding in fit.findings if finding.kind == "held"]


def _unknown(table: pd.DataFrame, combinations: pd.DataFrame) -> list[str]:
    out = []
    for verdict, say in (("not determined", "not determined by these data"), ("roughly", "known roughly")):
        names = table["parameter"][table["verdict"] == verdict].tolist()
        if names:
            out.append(f"{', '.join(names)}: {say}.")
    open_ = combinations[combinations["verdict"] == "not determined"]
    known = int((combinations["verdict"] == "determined").sum())
    if len(open_):
        out.append(
            f"{known} of {len(combinations)} combinations of the free parameters are determined; the data leave open "
            + "; ".join(open_["of"])
            + " (parameters moving together in these proportions of their plausible ranges)."
        )
    elif not out:
        out.append("Every parameter is determined by these data, if the law is right.")
    return out


def _predicted(fit: FittedLaw, table: pd.DataFrame, forecasts: pd.DataFrame) -> str:
    half = (forecasts["upper"] - forecasts["lower"]) / 2
    said = ", ".join(
        f"{where} to ± {h:.2g}" if np.isfinite(h) else f"{where} not at all"
        for where, h in zip(forecasts["where"], half, strict=True)
    )
    but = "All the same, the" if (table["verdict"] == "not determined").any() and np.isfinite(half).any() else "The"
    return f"{but} {fit.law.response.name} is known {said}, if the law is right."


def _next(fit: FittedLaw, runs: pd.DataFrame) -> str:
    best = runs.iloc[0]
    at = ", ".join(f"{k} = {format_quantity(float(v))}" for k, v in best.items() if k != "shrinks")
    return (
        f"The most telling next run of those tried is {at}: it would shrink the overall error by {best['shrinks']:.0%}."
    )


# What each run does to the fit: leave one out and refit.


def influence(fit: FittedLaw, **at: Any) -> pd.DataFrame:
    """See :meth:`p2law.Fit.influence`."""
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
    error = float(spread_of(fit.covariance, loss_gradient(fit, columns)).error[0])
    change = np.array(losses) - now
    share = change / error if np.isfinite(error) else np.full(len(change), np.nan)
    table = {fit.law.response.name: losses, "change": change, "in standard errors": share}
    return pd.DataFrame(table, index=without.index).iloc[np.argsort(-np.abs(change))]
