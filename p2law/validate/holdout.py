"""Fit a part of the table, predict the rest, and say how far off: ``p2law.holdout``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.arguments import check_level
from ..data.control import CONTROL
from ..data.observations import Observations, Table, observe
from ..errors import DataError, FitError, P2LawError, renamed_attribute
from ..fitting.fit import fit
from ..fitting.prediction import outside
from ..fitting.result import Fit
from ..fitting.uncertainty.intervals import predictions
from ..laws import Law, get
from . import scores
from .naive import baselines
from .splits import By, Split, splits

BEGUN = "run begun"


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
    outside_in (of which column), method, loss, predicted, lower, upper (nan for baselines), error = predicted - loss
    (nats per token), relative = error / loss."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The law first, then the law with runs begun where that applies, then the baselines."""
        return tuple(dict.fromkeys(self._rows["method"].tolist()))

    @property
    def error(self) -> float:
        """Mean absolute relative error of the law."""
        return float(scores.of_law(self)["absolute"])

    @property
    def generalises(self) -> bool:
        """Whether the held-out rms is at most three times that of the rows fitted."""
        return scores.generalises(self)

    carries = renamed_attribute("carries", "generalises")

    @property
    def coverage(self) -> float:
        """Share of the held-out rows inside the law's interval for a new run."""
        return float(scores.of_law(self)["coverage"])

    @property
    def findings(self) -> tuple[str, ...]:
        """What the test says, in sentences: does the law carry, do the intervals know, does anything simpler do it."""
        return scores.findings(self)

    def to_frame(self) -> pd.DataFrame:
        """One row per method.

        Columns: rows, runs; signed and absolute (mean relative error), rms (nats), worst (largest absolute relative
        error) and worst_run; r2; asd and asd_relative (slopes along tokens); coverage and reach (median half-width,
        nats) of the intervals; ratio (rms over that of the law on the same rows: above 1 the law is better).
        """
        return scores.by_method(self)

    def by_run(self, method: str | None = None) -> pd.DataFrame:
        """Errors per held-out run and split, worst first; ``method`` as in :attr:`methods`, default the law itself.

        Raises
        ------
        DataError
            If there is no such method.
        """
        return scores.by_run(self._of(method))

    def by_split(self, method: str | None = None) -> pd.DataFrame:
        """Errors per split (for a rolling origin, or one value held out after the other)."""
        return scores.by_group(self._of(method), ["fold"])

    def _of(self, method: str | None) -> pd.DataFrame:
        if method is not None and method not in self.methods:
            raise DataError(f"method={method!r}: choose one of {', '.join(self.methods)}.")
        return scores.rows_of(self, method)

    def _report(self) -> Report:
        return Report(f"{self.law.title}: hold-out test", self.findings, ["", scores.shown(self).to_string()])

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": scores.shown(self)}


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
) -> Holdout:
    """Fit a part of the table and predict the rest, to see whether the law carries to larger scale.

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
        known, as the parent's L0 is with ``"fixed"``; both hold for the baselines too.

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
    if baseline == "control":
        made = _resolved(made, law)
    by = law.variable("tokens") if by is None else by
    if by is None:
        raise DataError(f"{law.name} has no column of tokens: say what to hold out, e.g. by='run'.")
    options = {"run": run, "baseline": baseline, **fit_options}
    folds, parts, failed, remedies = [], [], [], ()
    for split in splits(law, made, by, fraction, run):
        try:
            fitted = fit(law, made.frame[split.seen], **options)
        except P2LawError as error:
            failed.append(f"{split.label}: {error}")
            remedies = remedies or error.remedies
            continue
        folds.append(Fold(split.label, fitted, int(split.held.sum())))
        parts.append(_predicted(fitted, made.rows(split.seen), made.rows(split.held), split, level))
    if not folds:
        raise DataError(f"no split leaves rows that can be fitted. {failed[0]}", remedies=remedies)
    return Holdout(law, baseline, level, tuple(folds), tuple(failed), pd.concat(parts, ignore_index=True))


def _resolved(rows: Observations, law: Law) -> Observations:
    """Rows that carry their control's loss, so that a part of them can be fitted without the control's own rows."""
    return replace(rows, frame=rows.frame.assign(**{CONTROL: rows.columns[str(law.variable("loss"))]}))


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
    found = {fitted.law.name: own}
    found |= _begun(fitted, seen, held, level)
    for name, predicted in baselines(fitted.law, seen, held).items():
        found[name] = pd.DataFrame({"loss": predicted, "lower": np.nan, "upper": np.nan})
    parts = [
        base.assign(
            method=name, predicted=f["loss"].to_numpy(), lower=f["lower"].to_numpy(), upper=f["upper"].to_numpy()
        )
        for name, f in found.items()
    ]
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
    return {f"{fitted.law.name}, {BEGUN}": out}
