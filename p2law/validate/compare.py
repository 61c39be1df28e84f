"""Which law? Hold-out error first, then AICc and BIC: ``p2law.compare``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.columns import level_of
from ..data.observations import Table, as_frame
from ..errors import DataError, P2LawError
from ..fitting.fit import fit_law
from ..fitting.objective import threshold
from ..fitting.result import Fit
from ..laws import FrozenDict, Law, get
from . import scores
from .holdout import Holdout, holdout
from .splits import By

SUPPORT = 2.0
"""Differences of AICc below this are no preference (Burnham and Anderson 2002)."""


def compare(
    laws: Sequence[str | Law],
    table: Table,
    *,
    by: By | None = None,
    fraction: float | Sequence[float] = 0.8,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
    **fit_options: Any,
) -> "Comparison":
    """Compare laws on the same rows: held-out error first, then AICc and BIC.

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
    Laws that cannot be fitted are listed in ``failed``, not raised. AICc and BIC use the likelihood implied by the
    objective (squares: Gaussian; Huber: Gaussian core, exponential tails; absolute: Laplace), scaled to the effective
    number of rows of the best-fitting law's residuals. They compare laws within the fitted rows; only the hold-out
    error tests the extrapolation.
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
    by = _default_split(chosen, frame) if by is None else by
    fits, holdouts, failed, remedies = {}, {}, {}, []
    for law in chosen:
        try:
            tried = fit_law(law, frame, **fit_options)
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


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Record):
    """Laws compared on the same rows, best first. Made by :func:`p2law.compare`."""

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
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    @property
    def best(self) -> str:
        """Law with the smallest held-out error."""
        return str(self._table.index[0])

    @property
    def preferred(self) -> tuple[str, ...]:
        """Laws within 2 of the least AICc on the fitted rows, best on held-out rows first; empty if it is undefined."""
        return tuple(map(str, self._table.index[self._table["delta_aicc"] <= SUPPORT]))

    @property
    def findings(self) -> tuple[str, ...]:
        """Which law, by how much, and how far to believe it, in sentences."""
        return (_winner(self), *_information(self), *(f"{law} is left out: {why}" for law, why in self.failed.items()))

    def _report(self) -> Report:
        return Report("Laws compared, best on held-out rows first", self.findings, ["", _shown(self).to_string()])

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": _shown(self)}


def _default_split(laws: list[Law], frame: pd.DataFrame) -> str | None:
    """The size to hold out by, if there are three or more; None leaves it to the tokens."""
    for name in dict.fromkeys(law.variable("size") for law in laws):
        if name in frame.columns and frame[name].dtype.kind in "fiu" and level_of(frame[name].to_numpy()).max() >= 2:
            return str(name)
    return None


def _held_out(holdouts: Mapping[str, Holdout]) -> dict[str, pd.DataFrame]:
    """Each law's own predictions by split and row, where every law has one: splits that one cannot fit are left out."""
    own = {name: each.rows_of().set_index(["fold", "row"]) for name, each in holdouts.items()}
    common = next(iter(own.values())).index
    for rows in own.values():
        common = common.intersection(rows.index)
    if len(common) == 0:
        raise DataError("the laws have no held-out row in common: each fails on splits that the others can fit.")
    return {name: rows.loc[common] for name, rows in own.items()}


def _table(fits: Mapping[str, Fit], holdouts: Mapping[str, Holdout], n_eff: float) -> pd.DataFrame:
    """See :attr:`Comparison.table`."""
    found = {name: criteria(each, n_eff) for name, each in fits.items()}
    least = np.min(list(found.values()), axis=0)
    held_out, out = _held_out(holdouts), {}
    for name, each in fits.items():
        held = held_out[name]
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


def _winner(result: Comparison) -> str:
    """The law with the smallest held-out error, and whether the runs support it against the second (sign test)."""
    from scipy.stats import binomtest

    error = 100 * result._table["error"]
    first = f"{result.best} predicts the held-out rows best: mean |error| {error.iloc[0]:.3g} %"
    if len(error) == 1:
        return f"{first}; no other law could be fitted."
    second, held_out = str(error.index[1]), _held_out(result.holdouts)
    relative = [held_out[name].set_index("run", append=True)["relative"].abs() for name in (result.best, second)]
    by_run = [errors.groupby(["fold", "run"]).mean() for errors in relative]
    closer, runs = int((by_run[0] < by_run[1]).sum()), len(by_run[0])
    doubt = ", too few to prefer it for that alone" if runs < 6 else ""
    if not doubt and binomtest(closer, runs, alternative="greater").pvalue >= 0.05:
        doubt = ", which is not significant"
    return (
        f"{first}, against {error.iloc[1]:.3g} % for {second}; it is closer on {closer} of {runs} held-out runs{doubt}."
    )


def _information(result: Comparison) -> list[str]:
    """What AICc says, and whether it agrees with the held-out error."""
    preferred, note = result.preferred, ""
    if result.effective_rows < result.rows:
        counted = f"{result.rows} rows as {result.effective_rows:.3g}"
        note = f" (counting {counted}, since checkpoints of a run are correlated)"
    if not preferred:
        return [f"AICc is undefined: there are more constants than effective rows{note}."]
    which = f"prefers {preferred[0]}" if len(preferred) == 1 else f"does not decide between {', '.join(preferred)}"
    out = [f"On the fitted rows AICc {which}{note}."]
    if len(preferred) == 1 and preferred[0] != result.best:
        out.append("The two disagree: a better fit to the rows at hand does not imply a better extrapolation.")
    return out


def _shown(result: Comparison) -> pd.DataFrame:
    """The table as text."""
    table = result._table
    percent = {name: [f"{100 * v:.3g} %" for v in table[name]] for name in ("error", "worst", "coverage")}
    above = {n: [f"{v:.1f}" if np.isfinite(v) else "undefined" for v in table[n]] for n in ("delta_aicc", "delta_bic")}
    columns = {
        "mean |error|": percent["error"],
        "RMSE (nats)": [f"{v:.3g}" for v in table["rms"]],
        "worst |error|": percent["worst"],
        "covered": percent["coverage"],
        "constants": table["constants"].astype(str),
        "ΔAICc": above["delta_aicc"],
        "ΔBIC": above["delta_bic"],
        "warnings": table["warnings"].astype(str),
        "converged": ["yes" if c else "NO" for c in table["converged"]],
    }
    return pd.DataFrame(columns, table.index).rename_axis(None)


# AICc and BIC of fits to the same rows: the likelihood behind each objective, and how many rows count.
#
# A fit that minimises ``sum w rho(r)`` is the maximum-likelihood fit of residuals with density proportional to
# exp(-w rho(r) / tau): Gaussian for squares, Laplace for absolute residuals, a Gaussian core with exponential tails for
# Huber's loss. tau is profiled out and counts as one constant. Checkpoints of a run are not independent: the log
# likelihood is scaled to n_eff = n / (1 + (m - 1) icc) rows, with m the checkpoints per run and icc the intraclass
# correlation of the residuals by run (Kish's design effect), allowing for the levels of runs that the constants absorb.


def free_constants(fit: Fit) -> int:
    """Constants fitted: without fixed and held ones, tied ones once."""
    return int(fit.problem().bounds.free.sum())


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
    """Rows that the residuals count for: one per row where each is its own run, down to one per run.

    The constants absorb part of the differences between runs; with as many constants as runs they absorb all of it,
    and each run counts as one row.
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
