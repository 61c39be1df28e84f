"""Which runs to train next: those that narrow a chosen forecast most per unit of cost.

What the fitted runs say about the constants is taken as a Gaussian in scaled coordinates (the law linearised at the
fit, plausible ranges as prior), with checkpoints of a run correlated as the run effect found them: they share their
run's own level and slope, so that a hundred checkpoints of one run are not a hundred runs. A candidate is put to it as
if it had been measured; where its losses would lie does not matter for the information it adds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..data.answer import Copied, Record, Report
from ..data.arguments import array, check_level, number, whole_number
from ..data.flops import training_flops
from ..data.observations import Table, as_frame, check_column
from ..data.quantities import format_quantity
from ..errors import DataError, FitError, renamed_attribute
from ..fitting.fitted import FittedLaw, loss_gradient, points, require_fit
from ..fitting.result import Fit
from ..fitting.run_effect import RunEffect
from ..fitting.solver.quantiles import t_half_width
from ..fitting.uncertainty.design import posterior_covariance, scaled_covariance
from ..fitting.uncertainty.estimate import estimate, gradient_along
from ..fitting.uncertainty.intervals import new_run_spread, predictions
from .intervals import trained_params

Cost = str | Callable[[pd.Series], float] | ArrayLike


@dataclass(frozen=True, eq=False)
class Candidate:
    """A run that might be trained."""

    label: Any
    last: pd.Series
    """Its columns at its last checkpoint."""
    columns: dict[str, np.ndarray]
    """The law's columns at its checkpoints."""
    cost: float


def candidate_runs(fit: Fit, table: Table, cost: Cost | None) -> tuple[list[Candidate], str]:
    """Candidates from a table, and the unit of their cost; see :func:`p2law.next_runs`."""
    frame = as_frame(table)
    frame = frame if frame.index.is_unique else frame.reset_index(drop=True)  # the index labels the candidates
    if len(frame) == 0:
        raise DataError("there are no candidates: give a row per run that might be trained.")
    tokens = fit.law.variable("tokens")
    labels, runs = zip(*_runs(fit, frame), strict=True)
    lasts = [rows.iloc[int(np.argmax(rows[tokens])) if tokens in rows.columns else -1] for rows in runs]
    columns = [law_columns(fit, rows) for rows in runs]
    costs, unit = _costs(fit, lasts, cost)
    wrong = np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))
    if wrong.size:
        raise DataError(f"candidate {labels[wrong[0]]!r} costs {costs[wrong[0]]:g}: give a positive cost.")
    return [Candidate(*each) for each in zip(labels, lasts, columns, costs.tolist(), strict=True)], unit


def law_columns(fit: Fit, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The law's columns of a table; a baseline loss may be missing, since no derivative by a constant depends on it."""
    base = fit.law.variable("loss")
    if base is not None and base not in frame.columns:
        frame = frame.assign(**{base: float(np.median(fit.observations.columns[base]))})
    return {v.name: check_column(frame, v, fit.law) for v in fit.law.variables}


def _runs(fit: Fit, frame: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Label and checkpoints of each candidate: as given by a column of runs, else as the fitted runs were logged.

    In the latter case a row becomes as many checkpoints as the fitted runs have, from where they begin to its end.
    """
    if fit.options.run in frame.columns:
        yield from frame.groupby(fit.options.run, sort=False)
        return
    tokens, curves = str(fit.law.variable("tokens")), fit.law.variable("tokens") and fit.run_count < fit.n
    if curves:
        check_column(frame, next(v for v in fit.law.variables if v.name == tokens), fit.law)
    for i in range(len(frame)):
        row = frame.iloc[[i]]
        if curves:
            first, last = float(fit.observations.columns[tokens].min()), float(row[tokens].iloc[0])
            if last > first:
                row = row.loc[row.index.repeat(round(fit.n / fit.run_count))]
                row = row.assign(**{tokens: np.geomspace(first, last, len(row))})
        yield frame.index[i], row


def _costs(fit: Fit, lasts: list[pd.Series], cost: Cost | None) -> tuple[np.ndarray, str]:
    """Cost of each candidate, (candidates,), and its unit; ``lasts``: their last rows.

    By default 6 N D with N the parameters left after pruning; tokens, or runs, where the law knows no more.
    """
    if callable(cost):
        try:
            return array("cost(row)", [cost(last) for last in lasts]), "cost"
        except KeyError as error:
            raise DataError(f"cost asks for a column {error.args[0]!r}; there are {list(lasts[0].index)}.") from error
    if isinstance(cost, str) or (cost is None and "cost" in lasts[0].index):
        name = cost or "cost"
        if name not in lasts[0].index:
            raise DataError(f"cost={name!r}: the candidates have no such column; they have {list(lasts[0].index)}.")
        return array(f"column {name!r}", [last[name] for last in lasts]), name
    if cost is not None:
        given = array("cost", cost)
        if given.shape != (len(lasts),):
            raise DataError(f"cost has the shape {given.shape} for {len(lasts)} candidates: give one cost per run.")
        return given, "cost"
    tokens = fit.law.variable("tokens")
    if tokens is None:
        return np.ones(len(lasts)), "runs"
    drawn = np.array([float(last[tokens]) for last in lasts])
    if fit.law.variable("size") is None:
        return drawn, "tokens"
    left = np.array([float(trained_params(fit.law, last)) for last in lasts])
    return np.asarray(training_flops(left, drawn)), "FLOPs"


@dataclass(frozen=True, eq=False, repr=False)
class NextRuns(Record):
    """Candidate runs in the order of how much they narrow a forecast per unit of cost."""

    now: float
    """Width of the forecast's interval now (root mean square over several forecasts); inf where it is undetermined."""
    level: float
    unit: str
    """What cost is counted in: ``"FLOPs"``, ``"tokens"``, ``"runs"``, or the name of the cost's column."""
    _table: pd.DataFrame
    _picks: pd.DataFrame
    notes: tuple[str, ...] = ()
    ranking = Copied("_table")
    """Every candidate alone: run, the law's columns at its end, cost, width (expected), narrower (share of the width
    it takes away), per_cost (fall of the variance per unit of cost, relative to the best)."""
    coin = renamed_attribute("coin", "unit")
    picks = Copied("_picks")
    """Candidates to train, in order: run, cost, spent (so far), width (expected then)."""

    def _report(self) -> Report:
        lines = []
        for row in self._picks.to_dict("records"):
            at = self._table[self._table["run"] == row["run"]].iloc[0]
            at = at.drop(["run", "cost", "width", "narrower", "per_cost"])
            where = ", ".join(f"{k} = {format_quantity(v)}" for k, v in at.items())
            spent = f"{row['spent']:.3g}" if self.unit == "FLOPs" else format_quantity(row["spent"])
            lines.append(f"  then {row['run']} ({where}): {row['width']:.3g} wide, {spent} {self.unit} spent")
        if self._picks.empty:
            lines.append("  no candidate can be paid from the budget")
        title = f"Interval of the forecast now: {self.now:.3g} wide ({100 * self.level:g} %)"
        return Report(title, sentences=[*lines, *(f"  note: {note}" for note in self.notes)])


def next_runs(
    fit: Fit,
    candidates: Table,
    *,
    target: Table | Callable[[Mapping[str, float]], float],
    cost: Cost | None = None,
    budget: float | None = None,
    most: int | None = None,
    level: float = 0.95,
) -> NextRuns:
    """Rank candidate runs by how much they narrow the interval of a forecast, and pick some for a budget.

    Parameters
    ----------
    fit : Fit
        The law fitted to the runs there are.
    candidates : DataFrame, mapping or path
        The law's columns (a baseline loss may be left out). One row per run, with its tokens at the end: it is taken to
        log as many checkpoints as the fitted runs. Or one row per checkpoint, with the fit's column of runs. Each is
        picked once; list a run twice to allow its repetition.
    target : DataFrame, mapping or callable
        The forecast that matters: the law's columns at one point or several (the mean of their variances counts), or a
        function of the constants, ``lambda params: ...``, as for :func:`p2law.estimate`.
    cost : str, callable or array_like, optional
        Cost of each run: a column of the candidates, a function of its last row, or one number each. Default: column
        ``cost`` if there is one, else 6 N D with the parameters left after pruning.
    budget : float, optional
        Pick runs until it is spent, in units of the cost: greedily by the fall of the variance per cost or by the fall
        alone, whichever ends with the narrower interval (small runs can use up what one informative large run needs;
        Leskovec et al. 2007).
    most : int, optional
        Pick no more than this; default: three, or as many as a budget pays for.
    level : float
        Confidence level of the widths.

    Returns
    -------
    NextRuns

    Raises
    ------
    DataError, FitError
        If a column is missing or impossible, a cost is not positive, or nothing is asked for.

    Notes
    -----
    The width now is that of ``fit.predict_interval`` (the law itself, ``kind="mean"``); each candidate is expected to
    shrink it as it shrinks the Gaussian's. How far a single new run may lie from the law is not reduced by any run.
    """
    check_level(level)
    require_fit("fit", fit)
    if budget is not None:
        number("budget", budget, low=0)
    if most is not None:
        whole_number("most", most)
    runs, unit = candidate_runs(fit, candidates, cost)
    known = _Known.of(fit)
    gradient, now = _forecast(fit, known, target, level)
    rows = [(known.gradient(run.columns), known.noise(run.columns)) for run in runs]
    scale = 2 * float(t_half_width(fit.run_count - 1, level))  # where the fit itself can give no interval
    if np.isfinite(now):
        scale = now / _spread(known.covariance, gradient)

    def width(covariance: np.ndarray) -> float:
        return scale * _spread(covariance, gradient)

    def after(covariance: np.ndarray, i: int) -> np.ndarray:
        return posterior_covariance(covariance, *rows[i])

    alone = np.array([width(after(known.covariance, i)) for i in range(len(runs))])
    costs = [run.cost for run in runs]
    count = most or (3 if budget is None else len(runs))
    limit = np.inf if budget is None else budget * (1 + 1e-12)
    weights = [costs] if budget is None else [costs, [1.0] * len(runs)]
    ways = [_greedy(known.covariance, after, width, costs, weight, limit, count) for weight in weights]
    picked = min(ways, key=lambda way: way[-1][2] if way else np.inf)
    picks = pd.DataFrame(
        [(runs[i].label, runs[i].cost, spent, wide) for i, spent, wide in picked],
        columns=pd.Index(["run", "cost", "spent", "width"]),
    )
    return NextRuns(now, level, unit, _ranking(fit, runs, alone, width(known.covariance)), picks, _notes(fit, now))


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of the constants from the fitted runs, and how rows of a run are correlated."""

    fit: FittedLaw
    raw: np.ndarray
    """(parameters, free): derivative of the constants by the scaled coordinates."""
    effect: RunEffect | None
    covariance: np.ndarray

    @classmethod
    def of(cls, fit: Fit) -> "_Known":
        root = fit.root
        raw = scaled_covariance(root).raw
        effect = root.run_effect if root.has_run_effect else None
        prior = cls(root, raw, effect, np.eye(raw.shape[1]))
        information = np.eye(raw.shape[1])
        for label in pd.unique(root.observations.run):
            of_run = root.observations.run == label
            columns = {name: values[of_run] for name, values in root.observations.columns.items()}
            gradient = prior.gradient(columns)
            information += gradient.T @ np.linalg.solve(prior.noise(columns), gradient)
        order = list(root.params)
        rows = [order.index(name) for name in fit.names.values()]
        return cls(fit, raw[rows], effect, np.linalg.inv(information))

    def gradient(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Derivative of the loss by the scaled coordinates, (rows, free)."""
        return loss_gradient(self.fit, columns) @ self.raw

    def noise(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Covariance of a run's rows about the law, (rows, rows)."""
        if self.effect is None:
            return np.diag(new_run_spread(self.fit, columns).error ** 2)
        at = points(self.fit, columns)
        covariance = self.effect.covariance(at, at)
        return covariance + 1e-10 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))


def _forecast(fit: Fit, known: _Known, target: Any, level: float) -> tuple[np.ndarray, float]:
    """Derivative of the forecasts by the scaled coordinates, (forecasts, free), and the width of their interval now."""
    if callable(target):
        found = estimate(target, fit, level=level)
        gradient = np.atleast_2d(gradient_along(target, fit.params, known.raw))
        widths = np.ravel(found.upper) - np.ravel(found.lower)
    else:
        frame = as_frame({k: np.atleast_1d(v) for k, v in target.items()} if isinstance(target, Mapping) else target)
        columns = law_columns(fit, frame)
        gradient = known.gradient(columns)
        table = predictions(fit, columns, level=level, kind="mean", method=None)
        widths = (table["upper"] - table["lower"]).to_numpy()
    if not np.any(gradient):
        raise FitError("the forecast does not depend on any constant that was fitted: no run can narrow it.")
    return gradient, float(np.sqrt(np.mean(widths**2)))


def _spread(covariance: np.ndarray, gradient: np.ndarray) -> float:
    """Root mean square standard error of the forecasts."""
    return float(np.sqrt(np.mean(np.einsum("ij,jk,ik->i", gradient, covariance, gradient))))


def _greedy(
    covariance: np.ndarray,
    after: Callable[[np.ndarray, int], np.ndarray],
    width: Callable[[np.ndarray], float],
    costs: list[float],
    weights: list[float],
    limit: float,
    most: int,
) -> list[tuple[int, float, float]]:
    """Picks (candidate, spent, width): each the largest fall of the variance per weight among those still payable."""
    picked, spent, left = [], 0.0, list(range(len(costs)))
    while len(picked) < most:
        left = [i for i in left if spent + costs[i] <= limit]
        if not left:
            break
        gains = [(width(covariance) ** 2 - width(after(covariance, i)) ** 2) / weights[i] for i in left]
        best = left.pop(int(np.argmax(gains)))
        covariance, spent = after(covariance, best), spent + costs[best]
        picked.append((best, spent, width(covariance)))
    return picked


def _ranking(fit: Fit, runs: list[Candidate], alone: np.ndarray, now: float) -> pd.DataFrame:
    """Every candidate alone, most per cost first."""
    cost = np.array([run.cost for run in runs])
    gain = (now**2 - alone**2) / cost
    names = [v.name for v in fit.law.variables if v.kind.role != "loss"]
    table = pd.DataFrame([{"run": run.label, **{name: run.last[name] for name in names}} for run in runs])
    table = table.assign(cost=cost, width=alone, narrower=1 - alone / now, per_cost=gain / max(gain.max(), 1e-300))
    return table.sort_values("per_cost", ascending=False, ignore_index=True, kind="stable")


def _notes(fit: Fit, now: float) -> tuple[str, ...]:
    """What the widths leave out."""
    notes = []
    if fit.options.held:
        names = " and ".join(fit.options.held)
        notes.append(
            f"{names} was held for want of data and counts as known: runs that would determine it are not favoured"
        )
    if not np.isfinite(now):
        notes.append("the fitted runs leave this forecast undetermined; widths after a pick assume plausible constants")
    return tuple(notes)
