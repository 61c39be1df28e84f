"""Runs that might be trained next: their checkpoints as rows of the law's columns, and what each costs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..checks import array
from ..errors import DataError
from ..flops import training_flops
from ..observations import Table, as_frame, check_column
from .answer import trained_params

if TYPE_CHECKING:
    from ..result import Fit

Cost = str | Callable[[pd.Series], float] | Any


@dataclass(frozen=True, eq=False)
class Candidate:
    """A run that might be trained."""

    label: Any
    last: pd.Series
    """Its columns at its last checkpoint."""
    columns: dict[str, np.ndarray]
    """The law's columns at its checkpoints."""
    cost: float


def candidate_runs(fit: "Fit", table: Table, cost: Cost | None) -> tuple[list[Candidate], str]:
    """Candidates from a table, and the coin of their cost; see :func:`p2law.plan.next_runs.next_runs`."""
    frame = as_frame(table)
    frame = frame if frame.index.is_unique else frame.reset_index(drop=True)  # the index labels the candidates
    if len(frame) == 0:
        raise DataError("there are no candidates: give a row per run that might be trained.")
    runs = list(_runs(fit, frame))
    columns = [law_columns(fit, rows) for _, rows in runs]
    lasts = [_last(fit, rows) for _, rows in runs]
    costs, coin = _costs(fit, lasts, cost)
    wrong = np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))
    if wrong.size:
        raise DataError(f"candidate {runs[wrong[0]][0]!r} costs {costs[wrong[0]]:g}: give a positive cost.")
    found = [
        Candidate(label, last, own, float(price))
        for (label, _), last, own, price in zip(runs, lasts, columns, costs, strict=True)
    ]
    return found, coin


def law_columns(fit: "Fit", frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The law's columns of a table; a baseline loss may be missing, since no derivative by a constant depends on it."""
    base = fit.law.variable("loss")
    if base is not None and base not in frame.columns:
        frame = frame.assign(**{base: float(np.median(fit.observations.columns[base]))})
    return {v.name: check_column(frame, v, fit.law) for v in fit.law.variables}


def _runs(fit: "Fit", frame: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Label and checkpoints of each candidate: as given by a column of runs, else as the fitted runs were logged."""
    tokens = fit.law.variable("tokens")
    if fit.options.run in frame.columns:
        yield from frame.groupby(fit.options.run, sort=False)
        return
    curves = tokens is not None and fit.run_count < fit.n
    if curves:
        check_column(frame, next(v for v in fit.law.variables if v.name == tokens), fit.law)
    for i in range(len(frame)):
        row = frame.iloc[[i]]
        yield frame.index[i], (_checkpoints(fit, str(tokens), row) if curves else row)


def _checkpoints(fit: "Fit", tokens: str, row: pd.DataFrame) -> pd.DataFrame:
    """As many checkpoints as the fitted runs have, from where they begin to this run's end."""
    count = round(fit.n / fit.run_count)
    first, last = float(fit.observations.columns[tokens].min()), float(row[tokens].iloc[0])
    if last <= first:
        return row
    repeated = row.loc[row.index.repeat(count)]
    return repeated.assign(**{tokens: np.geomspace(first, last, count)})


def _last(fit: "Fit", rows: pd.DataFrame) -> pd.Series:
    tokens = fit.law.variable("tokens")
    return rows.iloc[int(np.argmax(rows[tokens].to_numpy())) if tokens in rows.columns else -1]


def _costs(fit: "Fit", lasts: list[pd.Series], cost: Cost | None) -> tuple[np.ndarray, str]:
    if callable(cost):
        return array("cost(row)", _called(cost, lasts)), "cost"
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
    return _training(fit, lasts)


def _called(cost: Callable[..., Any], lasts: list[pd.Series]) -> list[Any]:
    try:
        return [cost(last) for last in lasts]
    except KeyError as error:
        raise DataError(f"cost asks for a column {error.args[0]!r}; there are {list(lasts[0].index)}.") from error


def _training(fit: "Fit", lasts: list[pd.Series]) -> tuple[np.ndarray, str]:
    """6 N D with N the parameters left after pruning; tokens, or runs, where the law knows no more."""
    tokens = fit.law.variable("tokens")
    if tokens is None:
        return np.ones(len(lasts)), "runs"
    drawn = np.array([float(last[tokens]) for last in lasts])
    if fit.law.variable("size") is None:
        return drawn, "tokens"
    left = np.array([float(trained_params(fit.law, last)) for last in lasts])
    return np.asarray(training_flops(left, drawn)), "FLOPs"
