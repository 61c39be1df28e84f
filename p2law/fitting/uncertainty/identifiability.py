"""What the data fix: parameters, combinations of them, and predictions, in tables and as findings.

Kinds of findings: held, undetermined, roughly determined, undetermined combinations, determined, predictions, next run.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...data.answer import Copied, Method, Record, Report
from ...data.finding import Finding
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
DETERMINED_LOSS = 0.1
"""Half-width of a predicted loss, relative to it, up to which it is well determined."""


@dataclass(frozen=True, eq=False, repr=False)
class Identifiability(Record):
    """What the data fix and what they leave open."""

    _table: pd.DataFrame
    _combinations: pd.DataFrame
    _predictions: pd.DataFrame
    _next_runs: pd.DataFrame
    findings: tuple[Finding, ...]
    """What the tables say: records with ``kind``, ``names``, ``numbers`` and ``text``."""
    parameters = Copied("_table")
    """parameter, estimate, lower, upper, verdict: determined, roughly, not determined, fixed or held."""
    combinations = Copied("_combinations")
    """Independent combinations, best determined first: error (in units of the plausible range), of (the parameters that
    take part), verdict."""
    predictions = Copied("_predictions")
    """Predicted losses within and beyond the data, with intervals: where, the law's columns, loss, lower, upper."""
    next_runs = Copied("_next_runs")
    """Candidate runs, most informative first: columns, and the share by which the overall error shrinks."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """The findings as sentences."""
        return tuple(finding.text for finding in self.findings)

    def _report(self) -> Report:
        rows = []
        for title, table in self._tables().items():
            rows += ["", title, table.to_string(index=False, float_format=lambda v: f"{v:.4g}")]
        return Report("", self.sentences, rows)

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {
            "parameters": self._table,
            "combinations (error in units of the plausible range)": self._combinations,
            "predictions": self._predictions,
            "most informative next runs": self._next_runs.head(3),
        }


def identifiability(fit: FittedLaw, *, level: float = 0.95, method: Method = "profile") -> Identifiability:
    """See :meth:`p2law.Fit.identifiability`."""
    if fit.covariance.rows_dof < 1:
        raise FitError(
            "as many free parameters as rows: the fit is exact, and says nothing of what the data determine."
        )
    local = scaled_covariance(fit)
    table = _judged(fit, parameters(fit, level=level, method=method))
    combinations = _combinations(local)
    places = _predictions(fit, level)
    runs = optimal_design(fit, local)
    findings = (
        *(finding for finding in fit.findings if finding.kind == "held"),
        *_parameter_findings(table, combinations),
        _prediction_finding(table, places, level),
        _next_run_finding(runs),
    )
    return Identifiability(table, combinations, places, runs, findings)


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
    """Error of each independent combination, the parameters in it, and a verdict."""
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
    ranks = np.stack([np.argsort(np.argsort(v)) for v in seen.values()])
    middle = int(np.argmin(np.abs(ranks - len(ranks[0]) / 2).max(0)))  # nearest to the medians, in ranks
    places = {"in the middle of the data": _row(seen, middle)}
    along = size or tokens
    if along is not None:
        order = np.lexsort((seen[tokens] if tokens else seen[along], seen[along]))
        largest = _row(seen, int(order[-1]))
        what = "size" if size else "number of tokens"
        places[f"at the largest {what}"] = largest
        places[f"at twice that {what}"] = {**largest, along: 2 * largest[along]}
    columns = {v.name: np.array([at[v.name] for at in places.values()]) for v in law.variables}
    found = predictions(fit, columns, level=level, kind="mean", method="wald")
    for i in np.flatnonzero(~np.isfinite(found["upper"])).tolist():
        limits = profile_loss(fit, _row(columns, i), level=level)  # the domain of the constants bounds what is free
        found.loc[i, ["lower", "upper"]] = [limits.lower, limits.upper]
    return pd.concat([pd.DataFrame({"where": list(places), **columns}), found], axis=1)


def _row(columns: Mapping[str, np.ndarray], i: int) -> dict[str, float]:
    return {name: float(values[i]) for name, values in columns.items()}


def _parameter_findings(table: pd.DataFrame, combinations: pd.DataFrame) -> list[Finding]:
    """Parameters and combinations that the data leave open."""
    out = []
    for verdict, kind, words in (
        ("not determined", "undetermined", "not determined by these data"),
        ("roughly", "roughly determined", "roughly determined"),
    ):
        names = table["parameter"][table["verdict"] == verdict].tolist()
        if names:
            out.append(Finding(kind, f"{', '.join(names)}: {words}.", tuple(names)))
    free = combinations[combinations["verdict"] == "not determined"]
    known = int((combinations["verdict"] == "determined").sum())
    if len(free):
        text = (
            f"{known} of {len(combinations)} combinations of the free parameters are determined; not determined: "
            + "; ".join(free["of"])
            + " (parameters moving together in these proportions of their plausible ranges)."
        )
        out.append(Finding("undetermined combinations", text, numbers={"determined": known, "open": len(free)}))
    elif not out:
        out.append(Finding("determined", "Every parameter is determined by these data, assuming the law holds."))
    return out


def _prediction_finding(table: pd.DataFrame, places: pd.DataFrame, level: float) -> Finding:
    """How well the loss is known at each place, and whether it is although parameters are not."""
    half = (places["upper"] - places["lower"]) / 2
    numbers = dict(zip(places["where"].tolist(), half.tolist(), strict=True))
    widths = ", ".join(f"{f'± {h:.2g}' if np.isfinite(h) else 'unbounded'} {where}" for where, h in numbers.items())
    nonetheless = (table["verdict"] == "not determined").any() and (half <= DETERMINED_LOSS * places["loss"]).any()
    head = "Predictions are well determined nonetheless" if nonetheless else "Predictions"
    text = f"{head} ({100 * level:g} % half-widths, assuming the law holds): {widths}."
    return Finding("predictions", text, numbers=numbers)


def _next_run_finding(runs: pd.DataFrame) -> Finding:
    """The best candidate for a further run."""
    best = {str(name): float(value) for name, value in runs.iloc[0].items()}
    at = ", ".join(f"{name} = {format_quantity(value)}" for name, value in best.items() if name != "shrinks")
    text = f"Most informative next run among the candidates: {at} (the overall error shrinks by {best['shrinks']:.0%})."
    return Finding("next run", text, numbers=best)


def influence(fit: FittedLaw, **at: ArrayLike) -> pd.DataFrame:
    """What each run does to the fit: leave one out and refit; see :meth:`p2law.Fit.influence`."""
    without = leave_one_run_out(fit)
    if not at:
        scale = pd.Series({name: error or np.inf for name, error in fit.standard_errors.items()})
        moved = (without - pd.Series(dict(fit.params))) / scale
        # An undetermined constant wanders over decades, and its standard error is no measure of that.
        judged = _judged(fit, parameters(fit, level=0.95, method="wald"))
        moved[judged["parameter"][judged["verdict"] == "not determined"].tolist()] = np.nan
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
