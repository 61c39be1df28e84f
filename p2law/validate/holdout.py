"""Fit a part of the table, predict the rest, and say how far off: ``p2law.holdout``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.arguments import check_level
from ..data.control import CONTROL
from ..data.observations import Observations, Table, observe
from ..data.quantities import format_quantity
from ..errors import DataError, FitError, P2LawError, renamed_attribute
from ..fitting.fit import fit_law
from ..fitting.prediction import EXTRAPOLATION_FACTOR, outside
from ..fitting.result import Fit
from ..fitting.uncertainty.intervals import predictions
from ..laws import Law, get
from . import scores
from .naive import naive_baselines
from .splits import By, Split, splits

FAILS = 3.0
"""A held-out RMSE above this multiple of that of the fitted rows: the law does not generalise."""


def holdout(
    law: str | Law,
    table: Table,
    *,
    by: By | None = None,
    fraction: float | Sequence[float] = 0.8,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
    run: str = "run",
    weights: Any = None,
    baseline: str = "fixed",
    min_tokens: float | None = None,
    **fit_options: Any,
) -> "Holdout":
    """Fit a part of the table and predict the rest, to see whether the law generalises to larger scale.

    Parameters
    ----------
    law : str or Law
        As for :func:`p2law.fit`.
    table : DataFrame, mapping or path
        As for :func:`p2law.fit`.
    by : str or callable, optional
        What is held out. A column of tokens (``"D"``, the default): the end of every run, predicted from the beginning
        of all (tables of single end points: the longest from the shorter). A size or rate (``"N0"``, ``"rho"``)
        or a column that rises with size times tokens (``"C"``): the highest levels, predicted from the lower. Any other
        column (``"run"``, ``"method"``, ``"family"``): each value in turn, predicted from all others. A function of the
        table: True for the rows held out, or a label per row, each held out in turn: ``by=lambda t: t["C"] > 1e21``.
    fraction : float or sequence of floats
        Share that is fitted: of each run's tokens, or of the levels of a size, rate or budget (at least one level is
        held out). Several fractions are a rolling origin, each predicting all that lies beyond it.
    level : float
        Confidence level of the intervals.
    columns, run, weights, baseline, min_tokens, **fit_options
        As for :func:`p2law.fit`. With ``baseline="control"`` the control's loss at the held-out tokens is taken as
        known, as the parent's L0 is with ``"fixed"``; both hold for the naive baselines too.

    Returns
    -------
    Holdout
        ``findings``, ``to_frame()`` (one row per method), ``by_run()``, ``rows``; drawn by ``p2law.plot.holdout``.

    Raises
    ------
    DataError
        If the table cannot be used or split, or no split leaves enough rows to fit.
    FitError
        If an option makes no sense.

    Notes
    -----
    Methods compared: the law, with its interval for a *new* run; where held-out rows continue runs already begun, the
    law together with the run's own checkpoints (:meth:`p2law.Fit.forecast`); and forecasts that know no law: the run's
    last value, a power law of the run alone, the nearest size or rate at the same tokens, a power law across sizes or
    rates at the same tokens. The first three protocols are those of Chen et al. 2025 (arXiv 2411.10272); they take
    the first 80 % of the *checkpoints*, this the first 80 % of the tokens, which is the same for even spacing.
    """
    law = get(law)
    check_level(level)
    made = observe(law, table, columns=columns, run=run, weights=weights, baseline=baseline, min_tokens=min_tokens)
    if baseline == "control":  # each row gets its control's loss, so that a part of them can be fitted without controls
        made = replace(made, frame=made.frame.assign(**{CONTROL: made.columns[str(law.variable("loss"))]}))
    by = law.variable("tokens") if by is None else by
    if by is None:
        raise DataError(f"{law.name} has no column of tokens: say what to hold out, e.g. by='run'.")
    options = {"run": run, "baseline": baseline, **fit_options}
    folds, parts, failed, remedies = [], [], [], ()
    for split in splits(law, made, by, fraction, run):
        try:
            fitted = fit_law(law, made.frame[split.seen], **options)
        except P2LawError as error:
            failed.append(f"{split.label}: {error}")
            remedies = remedies or error.remedies
            continue
        folds.append(Fold(split.label, fitted, int(split.held.sum())))
        parts.append(_predicted(fitted, made.rows(split.seen), made.rows(split.held), split, level))
    if not folds:
        raise DataError(f"no split leaves rows that can be fitted. {failed[0]}", remedies=remedies)
    return Holdout(law, baseline, level, tuple(folds), tuple(failed), pd.concat(parts, ignore_index=True))


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: what was fitted and how much was predicted."""

    label: str
    fit: Fit = field(repr=False)
    """The fit to the rows seen."""
    rows: int
    """Rows predicted."""


@dataclass(frozen=True, eq=False, repr=False)
class Holdout(Record):
    """Outcome of a hold-out test. Made by :func:`p2law.holdout`."""

    law: Law
    baseline: str
    level: float
    """Confidence level of the intervals."""
    folds: tuple[Fold, ...]
    failed: tuple[str, ...]
    """Splits that could not be fitted, each with the reason."""
    _rows: pd.DataFrame
    rows = Copied("_rows")
    """One line per held-out row and method: fold, run, the law's columns, outside (factor beyond the fitted range) and
    outside_in (of which column), method, loss, predicted, lower, upper (nan for naive baselines), error = predicted -
    loss (nats per token), relative = error / loss."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The law first, then the law with runs begun where that applies, then the naive baselines."""
        return tuple(self._scores.index)

    @property
    def error(self) -> float:
        """Mean absolute relative error of the law."""
        return float(self._scores_of()["absolute"])

    @property
    def fitted_rms(self) -> float:
        """RMSE of the fitted rows, nats per token, over the splits."""
        squares = [fold.fit.metrics["rmse"] ** 2 for fold in self.folds]
        return float(np.sqrt(np.average(squares, weights=[fold.rows for fold in self.folds])))

    @property
    def generalises(self) -> bool:
        """Whether the held-out RMSE is at most three times that of the fitted rows."""
        # Rows at the rounding of the fit have no scale to compare with.
        scale = max(self.fitted_rms, 1e-6 * float(np.abs(self._rows["loss"]).mean()))
        return bool(self._scores_of()["rms"] <= FAILS * scale)

    carries = renamed_attribute("carries", "generalises")

    @property
    def coverage(self) -> float:
        """Share of the held-out rows inside the law's interval for a new run."""
        return float(self._scores_of()["coverage"])

    @property
    def intervals(self) -> dict[str, scores.IntervalCheck]:
        """By method that has intervals: how many of the held-out rows and runs they cover."""
        methods = self._scores.index[self._scores["coverage"].notna()]
        return {method: scores.check_intervals(self.rows_of(method), self.level) for method in methods}

    @property
    def best_baseline(self) -> str | None:
        """The naive baseline with the smallest RMSE relative to the law's on the same rows; None if none applies."""
        naive = self._scores["coverage"].isna() & (self._scores.index != self.law.name)  # those without intervals
        return str(self._scores["ratio"][naive].idxmin()) if naive.any() else None

    @property
    def findings(self) -> tuple[str, ...]:
        """In sentences: does the law generalise, are its intervals wide enough, does a naive baseline do better."""
        return (*_setting(self), _verdict(self), *_coverage(self), *_comparison(self))

    def to_frame(self) -> pd.DataFrame:
        """One row per method.

        Columns: rows, runs; signed and absolute (mean relative error), rms (nats), worst (largest absolute relative
        error) and worst_run; r2; asd and asd_relative (slopes along tokens); coverage and reach (median half-width,
        nats) of the intervals; ratio (rms over that of the law on the same rows: above 1 the law is better).
        """
        return self._scores.copy()

    def by_run(self, method: str | None = None) -> pd.DataFrame:
        """Errors per held-out run and split, worst first; ``method`` as in :attr:`methods`, default the law itself.

        Columns: fold, run, rows, outside, bias (mean of predicted - measured, nats), rms, signed, coverage.

        Raises
        ------
        DataError
            If there is no such method.
        """
        return scores.by_run(self.rows_of(method))

    def by_split(self, method: str | None = None) -> pd.DataFrame:
        """Errors per split (for a rolling origin, or one value held out after the other)."""
        return scores.by_group(self.rows_of(method), ["fold"])

    def rows_of(self, method: str | None = None) -> pd.DataFrame:
        """Rows of one method, as in :attr:`methods`; default: the law itself."""
        if method is not None and method not in self.methods:
            raise DataError(f"method={method!r}: choose one of {', '.join(self.methods)}.")
        return self._rows[self._rows["method"] == (method or self.law.name)]

    @cached_property
    def _scores(self) -> pd.DataFrame:
        return scores.by_method(self._rows, self.law.name, self.law.variable("tokens"))

    def _scores_of(self, method: str | None = None) -> dict[Any, Any]:
        """Row of one method in :meth:`to_frame`; default: the law itself."""
        return self._scores.loc[method or self.law.name].to_dict()

    def _report(self) -> Report:
        return Report(f"{self.law.title}: hold-out test", self.findings, ["", _shown(self).to_string()])

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": _shown(self)}


def _predicted(fitted: Fit, seen: Observations, held: Observations, split: Split, level: float) -> pd.DataFrame:
    """Held-out rows with the prediction of every method."""
    factors = outside(fitted, held.columns)
    names, far = list(factors), np.array([*factors.values()])
    base = pd.DataFrame(held.columns).assign(
        fold=split.label,
        run=held.run,
        row=held.frame.index,
        outside=far.max(0) if names else 1.0,
        outside_in=np.where(far.max(0) > 1, np.array(names)[far.argmax(0)], "") if names else "",
        loss=held.response,
    )
    own = predictions(fitted, held.columns, level=level, kind="new", method="wald")
    found = {fitted.law.name: own, **_begun(fitted, seen, held, level)}
    for name, predicted in naive_baselines(fitted.law, seen, held).items():
        found[name] = pd.DataFrame({"loss": predicted, "lower": np.nan, "upper": np.nan})
    columns = {"predicted": "loss", "lower": "lower", "upper": "upper"}
    parts = [base.assign(method=n, **{k: f[c].to_numpy() for k, c in columns.items()}) for n, f in found.items()]
    out = pd.concat(parts, ignore_index=True).dropna(subset="predicted")
    return out.assign(error=out["predicted"] - out["loss"], relative=out["predicted"] / out["loss"] - 1)


def _begun(fitted: Fit, seen: Observations, held: Observations, level: float) -> dict[str, pd.DataFrame]:
    """The law and the run's own checkpoints together, for held-out rows of runs that have some."""
    begun = [run for run in dict.fromkeys(held.run.tolist()) if (seen.run == run).any()]
    if not begun or fitted.law.variable("tokens") is None:
        return {}
    out = pd.DataFrame(np.nan, index=range(len(held.response)), columns=["loss", "lower", "upper"])
    for run in begun:
        rows = held.run == run
        try:
            ahead = fitted.forecast(seen.frame[seen.run == run], held.frame[rows])
        except FitError:  # too few runs to know how runs differ
            return {}
        out.loc[rows] = ahead.interval(level)[["loss", "lower", "upper"]].to_numpy()
    return {f"{fitted.law.name}, run begun": out}


def _setting(result: Holdout) -> list[str]:
    """What was held out, how far it lies outside the fitted range, and what to beware of."""
    own, count = result.rows_of(), result._scores_of()["runs"]
    runs = "" if _unit(result) == "row" else f" of {count} run{'s' * (count > 1)}"
    label = result.folds[0].label if len(result.folds) == 1 else f"{len(result.folds)} splits"
    worst = int(np.argmax(own["outside"]))
    far, name = float(own["outside"].iloc[worst]), own["outside_in"].iloc[worst]
    where = (
        f"up to {far:.3g}× beyond the fitted range of {name}"
        if far > EXTRAPOLATION_FACTOR
        else "all inside the fitted range"
    )
    out = [f"{len(own)} rows{runs} held out ({label}), {where}."]
    if result.baseline == "control":
        out.append("The control's loss at the held-out tokens is taken as known.")
    bad = [fold.label for fold in result.folds if not fold.fit.converged]
    if bad:
        out.append(f"{len(bad)} of {len(result.folds)} fits did not converge ({bad[0]}): do not rely on these errors.")
    return out + [f"Left out: {sentence}" for sentence in result.failed]


def _verdict(result: Holdout) -> str:
    """Whether the law generalises, to which side it errs, and by how much."""
    own, before, unit = result._scores_of(), result.fitted_rms, _unit(result)
    times = f" ({own['rms'] / before:.2g}×)" if before > 0 else ""
    bias = result.by_run()["bias"]
    low, runs = int((bias < 0).sum()), len(bias)
    return (
        f"The law {'generalises' if result.generalises else 'does not generalise here'}: RMSE {own['rms']:.3g} nats "
        f"held out, {before:.3g} on the fitted rows{times}; predictions are too low on {low}, too high on {runs - low} "
        f"of {runs} held-out {unit}s; mean |error| {100 * own['absolute']:.2g} %, worst "
        f"{100 * own['worst']:.2g} % ({unit} {own['worst_run']})."
    )


def _coverage(result: Holdout) -> Iterator[str]:
    """How many held-out rows each kind of interval covers, and whether that is too few."""
    for method, check in result.intervals.items():
        own, line = method == result.law.name, result._scores_of(method)
        name = "new-run interval" if own else "interval for runs already begun"
        if check.unbounded:
            rows = check.unbounded
            yield f"For {rows} rows the {name} is unbounded: the fitted rows do not determine the loss there."
        count = f"{check.runs} {_unit(result)}{'s' * (check.runs != 1)}"
        verdict = ""
        if check.too_narrow == "misses runs":
            verdict = f": too narrow, it misses {check.missed} of {count}"
        elif check.too_narrow == "below level":
            verdict = ": too narrow, by more than sampling error"
        elif own and not result.generalises:
            verdict = f": wide enough for the law's errors there, as far as {count} can tell"
        wide = f"half-width {line['reach']:.2g} nats" if np.isfinite(line["reach"]) else "most are unbounded"
        error = f"sampling error with {count}: ± {100 * check.sampling_error:.2g} percentage points"
        covered = f"covers {100 * line['coverage']:.3g} % of the rows ({wide}; {error})"
        yield f"The {100 * result.level:g} % {name} {covered}{verdict}."


def _comparison(result: Holdout) -> list[str]:
    """The best naive baseline and the law with runs begun, against the law."""
    law, best = result.law.name, result.best_baseline
    if best is None:
        return ["No naive baseline applies: no held-out run was begun, no other size or rate has the same tokens."]
    line = result._scores_of(best)
    how = "beats" if line["ratio"] < 1 else "does worse than"
    out = [f"Best naive baseline ({best}) {how} {law}: RMSE {line['ratio']:.2g}× on the same {line['rows']} rows."]
    for method in [each for each in result.intervals if each != law]:
        begun = result._scores_of(method)
        together = f"RMSE {begun['rms']:.3g} nats, {begun['ratio']:.2g}× that of the law alone"
        out.append(f"Runs already begun, law and own checkpoints together: {together}.")
    return out


def _unit(result: Holdout) -> str:
    """What is counted: runs, or rows where each is its own run."""
    own = result.rows_of()
    return "row" if own["run"].nunique() == own["row"].nunique() else "run"


def _shown(result: Holdout) -> pd.DataFrame:
    """The table as text, percentages and nats."""
    table = result._scores

    def percent(name: str, digits: str) -> list[str]:
        return ["" if np.isnan(v) else f"{100 * v:{digits}} %" for v in table[name]]

    def quantity(name: str) -> list[str]:
        return ["" if np.isnan(v) else format_quantity(v) for v in table[name]]

    columns = {
        "rows": table["rows"].astype(str),
        "mean error": percent("signed", "+.2f"),
        "mean |error|": percent("absolute", ".2f"),
        "RMSE (nats)": quantity("rms"),
        "worst |error|": percent("worst", ".2f"),
        "R²": quantity("r2"),
        "slopes off by": percent("asd_relative", ".0f"),
        "covered": percent("coverage", ".0f"),
        "RMSE / law's": quantity("ratio"),
    }
    return pd.DataFrame(columns, table.index).rename_axis(None)
