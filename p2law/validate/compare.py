"""Which law? Hold-out error first, then what a criterion of information says: ``p2law.compare``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.columns import level_of
from ..data.observations import Table, as_frame
from ..errors import DataError, P2LawError
from ..fitting.fit import fit
from ..fitting.objective import threshold
from ..fitting.result import Fit
from ..laws import Law, get
from . import scores
from .holdout import Holdout, holdout
from .splits import By

# AICc and BIC of fits to the same rows: the likelihood behind each objective, and how many rows count.
#
# A fit that minimises ``sum w rho(r)`` is the maximum-likelihood fit of residuals with density proportional to
# exp(-w rho(r) / tau): Gaussian for squares, Laplace for absolute residuals, a Gaussian core with exponential tails for
# Huber's loss. tau is profiled out and counts as one constant. Checkpoints of a run are not independent: the log
# likelihood is scaled to n_eff = n / (1 + (m - 1) icc) rows, with m the checkpoints per run and icc the intraclass
# correlation of the residuals by run (Kish's design effect), allowing for the levels of runs that the constants absorb.


def free_constants(fit: Fit) -> int:
    """Constants fitted: without fixed and held ones, tied ones once."""
    return int(fit.problem().box.free.sum())


def deviance(fit: Fit) -> float:
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


def effective_rows(fit: Fit) -> float:
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


def criteria(fit: Fit, n_eff: float) -> tuple[float, float]:
    """AICc and BIC at this many effective rows; AICc is infinite with fewer than two more rows than constants."""
    k = free_constants(fit) + 1
    scaled = deviance(fit) * n_eff / int((fit.observations.weight > 0).sum())
    spare = n_eff - k - 1
    aicc = scaled + 2 * k + 2 * k * (k + 1) / spare if spare > 0 else np.inf
    return aicc, scaled + k * np.log(n_eff)


SUPPORT = 2.0
"""Differences of AICc below this are no preference (Burnham and Anderson 2002)."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Record):
    """Laws held against each other on the same rows, best first. Made by :func:`p2law.compare`."""

    _table: pd.DataFrame
    fits: Mapping[str, Fit]
    """Fits to all rows, by law."""
    holdouts: Mapping[str, Holdout]
    failed: Mapping[str, str]
    """Laws that could not be fitted, each with the reason."""
    rows: int
    effective_rows: float
    """Rows that the criteria count, given that checkpoints of a run are correlated."""
    table = Copied("_table")
    """One row per law that could be fitted, best first: error (mean absolute relative error held out), rms (nats),
    worst (largest absolute relative error), coverage, constants (fitted), delta_aicc and delta_bic (above the best
    law's), warnings (of the fit to all rows), converged."""

    def __post_init__(self) -> None:
        for name in ("fits", "holdouts", "failed"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def best(self) -> str:
        """Law with the smallest held-out error."""
        return str(self._table.index[0])

    @property
    def findings(self) -> tuple[str, ...]:
        """Which law, by how much, and how far to believe it, in sentences."""
        return (_winner(self), *_information(self), *(f"{law} is left out: {why}" for law, why in self.failed.items()))

    def _report(self) -> Report:
        return Report("Laws compared, best on held-out rows first", self.findings, ["", _shown(self).to_string()])

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": _shown(self)}


def compare(
    laws: Sequence[str | Law],
    table: Table,
    *,
    by: By | None = None,
    fraction: float | Sequence[float] = 0.8,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
    **fit_options: Any,
) -> Comparison:
    """Hold laws against each other on the same rows.

    Parameters
    ----------
    laws : sequence of str or Law
        At least two laws for the same response.
    table : DataFrame, mapping or path
        As for :func:`p2law.fit`, with the columns of all laws.
    by, fraction, level
        As for :func:`p2law.holdout`. Default: the largest sizes from the smaller where the table has three sizes or
        more, else the end of each run.
    columns, **fit_options
        As for :func:`p2law.fit`, the same for all laws.

    Returns
    -------
    Comparison
        ``findings``, ``best``, ``to_frame()``; ``fits`` and ``holdouts`` by law.

    Raises
    ------
    DataError
        With fewer than two laws, two of one name, different responses, or if none can be fitted (the message says why).

    Notes
    -----
    Laws that cannot be fitted are listed in ``failed``, not raised. AICc and BIC belong to the likelihood whose maximum
    the objective is (squares: Gaussian; Huber: Gaussian core, exponential tails; absolute: Laplace), scaled to the
    effective number of rows of the best-fitting law's residuals, see ``p2law.validate.information``. They compare
    laws within the rows; only the hold-out error speaks of scale.
    """
    laws = [laws] if isinstance(laws, str | Law) else laws
    if not isinstance(laws, list | tuple):
        raise DataError(f"laws={laws!r}: give two laws or more, by name or as Law.")
    chosen = [get(law) for law in laws]
    if len(chosen) < 2 or len({law.name for law in chosen}) < len(chosen):
        raise DataError(f"compare needs two laws or more, of different names; got {[law.name for law in chosen]}.")
    if len({law.response.name for law in chosen}) > 1:
        raise DataError("these laws predict different columns, so their errors cannot be compared.")
    frame = as_frame(table, columns)
    by = _default(chosen, frame) if by is None else by
    fits, holdouts, failed, remedies = {}, {}, {}, []
    for law in chosen:
        try:
            tried = fit(law, frame, **fit_options)
            holdouts[law.name] = holdout(law, frame, by=by, fraction=fraction, level=level, **fit_options)
            fits[law.name] = tried
        except P2LawError as error:
            failed[law.name] = str(error)
            remedies += error.remedies
    if not fits:
        why = " ".join(f"{law}: {message}" for law, message in failed.items())
        raise DataError(f"no law can be fitted. {why}", remedies=remedies)
    n_eff = effective_rows(min(fits.values(), key=lambda f: f.objective_value))
    rows = _table(fits, holdouts, n_eff)
    return Comparison(rows, fits, holdouts, failed, next(iter(fits.values())).n, n_eff)


def _default(laws: list[Law], frame: pd.DataFrame) -> str | None:
    """The size to hold out by, if there are enough of them; None leaves it to the tokens."""
    for name in dict.fromkeys(law.variable("size") for law in laws):
        if name in frame.columns and frame[name].dtype.kind in "fiu" and level_of(frame[name].to_numpy()).max() >= 2:
            return str(name)
    return None


def _table(fits: dict[str, Fit], holdouts: dict[str, Holdout], n_eff: float) -> pd.DataFrame:
    found = {name: criteria(each, n_eff) for name, each in fits.items()}
    least = np.min(list(found.values()), axis=0)
    common = _common(holdouts)
    out = {}
    for name, each in fits.items():
        held = _own(holdouts[name]).loc[common]
        above = [value - low if np.isfinite(value) else np.inf for value, low in zip(found[name], least, strict=True)]
        out[name] = {
            "error": float(held["relative"].abs().mean()),
            "rms": float(np.sqrt((held["error"] ** 2).mean())),
            "worst": float(held["relative"].abs().max()),
            "coverage": float(scores.inside(held).mean()),
            "constants": free_constants(each),
            "delta_aicc": above[0],
            "delta_bic": above[1],
            "warnings": len(each.warnings),
            "converged": each.converged,
        }
    table = pd.DataFrame.from_dict(out, orient="index").infer_objects()
    return table.sort_values("error", kind="stable").rename_axis("law")


def _own(result: Holdout) -> pd.DataFrame:
    """The law's own predictions by split and row."""
    return scores.rows_of(result).set_index(["fold", "row"])


def _common(holdouts: dict[str, Holdout]) -> pd.MultiIndex:
    """Held-out rows that every law predicts: a split that one cannot fit counts for none."""
    indices = [_own(result).index for result in holdouts.values()]
    out = indices[0]
    for index in indices[1:]:
        out = out.intersection(index)
    if len(out) == 0:
        raise DataError("the laws have no held-out row in common: each fails on splits that the others can fit.")
    return out  # type: ignore[return-value]


def _winner(result: Comparison) -> str:
    table = result.table
    first = f"{result.best} predicts the held-out rows best: mean error {100 * table['error'].iloc[0]:.3g} %"
    if len(table) == 1:
        return f"{first}; no other law could be fitted."
    second = str(table.index[1])
    common = _common(dict(result.holdouts))
    pair = [_own(result.holdouts[name]).loc[common] for name in (result.best, second)]
    errors = [rows.groupby(["fold", "run"])["relative"].apply(lambda r: r.abs().mean()) for rows in pair]
    closer, runs = int((errors[0] < errors[1]).sum()), len(errors[0])
    return (
        f"{first}, against {100 * table['error'].iloc[1]:.3g} % for {second}; it is closer on {closer} of {runs} "
        f"held-out runs{_doubt(closer, runs)}."
    )


def _doubt(closer: int, runs: int) -> str:
    """What a sign test makes of so many runs."""
    from scipy.stats import binomtest

    if runs < 6:
        return ", too few to prefer it for that alone"
    return "" if binomtest(closer, runs, alternative="greater").pvalue < 0.05 else ", which chance alone may do"


def _information(result: Comparison) -> list[str]:
    table = result.table
    defined = table[np.isfinite(table["delta_aicc"])]
    note = ""
    if result.effective_rows < result.rows:
        few = f"{result.rows} rows as {result.effective_rows:.3g}"
        note = f" (counting {few}, since checkpoints of a run are correlated)"
    if defined.empty:
        return [f"AICc is not defined: more constants than the rows are worth{note}."]
    near = list(defined.index[defined["delta_aicc"] <= SUPPORT])
    which = f"prefers {near[0]}" if len(near) == 1 else f"does not decide between {', '.join(near)}"
    out = [f"On the rows fitted AICc {which}{note}."]
    if len(near) == 1 and near[0] != result.best:
        out.append("The two disagree: fitting the rows at hand and carrying to larger scale are different things.")
    return out


def _shown(result: Comparison) -> pd.DataFrame:
    table = result.table
    percent = {"error": "mean |error|", "worst": "worst |error|", "coverage": "covered"}
    out = pd.DataFrame({title: [f"{100 * v:.3g} %" for v in table[c]] for c, title in percent.items()}, table.index)
    out.insert(1, "rms (nats)", [f"{v:.3g}" for v in table["rms"]])
    out["constants"] = table["constants"].astype(str)
    for column, title in (("delta_aicc", "ΔAICc"), ("delta_bic", "ΔBIC")):
        out[title] = [f"{v:.1f}" if np.isfinite(v) else "not defined" for v in table[column]]
    out["warnings"] = table["warnings"].astype(str)
    out["converged"] = ["yes" if c else "NO" for c in table["converged"]]
    return out.rename_axis(None)
