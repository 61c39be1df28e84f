"""A law with its fitted constants and the rows they were fitted to: what every later question works on.

Predictions, uncertainty, reports and saving take a :class:`FittedLaw`; :class:`p2law.Fit` puts the questions that users
ask on top of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..data.finding import Finding
from ..data.observations import Observations
from ..errors import FitError, renamed_attribute
from ..laws import Constants, FrozenDict, Law
from ..laws.precision import float64
from . import metrics
from .objective import Objective, residuals, threshold
from .options import Options, make_problem
from .run_effect import Points, RunEffect, estimate_run_effect
from .solver import Problem
from .solver.covariance import LocalCovariance, local_covariance
from .solver.problem import bucket, pad
from .solver.working_covariance import LEAST_RUNS

Scheme = Literal["runs", "wild", "residual"]


@dataclass(frozen=True, eq=False)
class Draws:
    """Bootstrap draws of the constants."""

    table: pd.DataFrame
    """One row per successful draw (its number as index), one column per parameter, and ``objective``: its optimum on
    its own sample."""
    scheme: Scheme
    failed: int
    """Draws that found no finite optimum; left out of the table."""
    seed: int | None

    def describe(self) -> str:
        """One line that says how the draws were made."""
        how = {
            "runs": "whole runs resampled with replacement",
            "wild": "residuals of whole runs multiplied by Webb's six-point weights (wild cluster bootstrap)",
            "residual": "whole runs' residuals exchanged between runs",
        }[self.scheme]
        return f"{len(self.table)} draws, {how}" + (f"; {self.failed} failed" if self.failed else "")


@dataclass(frozen=True, eq=False, repr=False)
class FittedLaw:
    """A law, its constants, the rows and options they were fitted with, and what was found about the fit."""

    law: Law
    params: Mapping[str, float]
    """Constants in raw units: N in parameters, D in tokens, losses in nats per token."""
    objective: Objective
    objective_value: float
    """Value of the named objective, a weighted sum over the rows."""
    gradient: float
    """Scale-free gradient at the solution; a converged fit is below 1e-6."""
    converged: bool
    status: str
    findings: tuple[Finding, ...]
    """What to know before trusting the constants: records with ``kind``, ``names``, ``numbers`` and ``text``."""
    starts_agreed: tuple[int, int]
    """(starts that reached this optimum, starts polished)."""
    options: Options
    observations: Observations = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    resampled: Draws | None = field(default=None, repr=False)
    """Bootstrap draws, once :meth:`p2law.Fit.bootstrap` has made them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", FrozenDict(self.params))
        object.__setattr__(self, "provenance", FrozenDict(self.provenance))

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        counts = f"{self.n} rows, {self.run_count} runs"
        return f"{type(self).__name__}({self.law.name}, {counts}, {state}, objective {self.objective_value:.6g})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """The findings as sentences."""
        return tuple(finding.text for finding in self.findings)

    @property
    def n(self) -> int:
        """Rows fitted."""
        return len(self.observations.response)

    @property
    def run_count(self) -> int:
        """Distinct runs among the rows."""
        return self.observations.run_count

    @property
    def baseline(self) -> str:
        """``"fixed"`` or ``"control"``: what the excess is measured from."""
        return self.options.baseline

    @property
    def table(self) -> pd.DataFrame:
        """The rows fitted (a copy), with the baseline they were fitted with."""
        return self.observations.frame.copy()

    @property
    def draws(self) -> pd.DataFrame | None:
        """Bootstrap draws of the constants, one row each, or None before :meth:`p2law.Fit.bootstrap`."""
        return None if self.resampled is None else self.resampled.table.copy()

    @property
    def root(self) -> "FittedLaw":
        """The fit whose optimisation found these constants: this one, or the joint fit of which it is a group."""
        return self

    @property
    def names(self) -> Mapping[str, str]:
        """The name in :attr:`root` of each constant."""
        return {name: name for name in self.params}

    def problem(self) -> Problem:
        """The numerical problem this fit solved, for the solver and the uncertainty of its solution."""
        return make_problem(self.law, self.observations, self.objective, self.options)

    @cached_property
    def fitted(self) -> np.ndarray:
        """The law at the fitted rows, (n,)."""
        return loss_at(self, self.observations.columns)

    @cached_property
    def residuals(self) -> np.ndarray:
        """Measured minus fitted loss, nats per token, (n,); read-only."""
        out = self.observations.response - self.fitted
        out.setflags(write=False)
        return out

    @cached_property
    def objective_residuals(self) -> np.ndarray:
        """Residuals in the space of the objective, (n,)."""
        seen, base = self.observations, self.law.variable("loss")
        return residuals(self.objective, seen.response, self.fitted, seen.columns[base] if base else None)

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """R², RMSE, mean relative error, Huber(1e-3) of log loss, ASD, share of rows in Huber's quadratic zone."""
        seen = self.observations
        y, predicted, weight = seen.response, self.fitted, seen.weight
        out = {
            "r2": metrics.r2(y, predicted, weight),
            "rmse": metrics.rmse(y, predicted, weight),
            "mean_relative_error": metrics.mean_relative_error(y, predicted, weight),
        }
        if self.law.response.name == "loss":
            out["huber"] = metrics.huber(y, predicted)
        tokens = self.law.variable("tokens")
        if tokens and self.run_count < self.n:
            x, run = seen.columns[tokens], seen.run
            out["asd"] = metrics.asd(y, predicted, x, run, relative=False)
            out["asd_relative"] = metrics.asd(y, predicted, x, run, relative=True)
        delta = threshold(self.objective)
        if 0 < delta < np.inf:
            inside = np.abs(self.objective_residuals) <= delta
            out["quadratic_share"] = float(np.average(inside, weights=weight))
        return FrozenDict(out)

    def by_run(self) -> pd.DataFrame:
        """Residuals per run, worst first: rows, bias (mean of measured minus predicted) and rmse, nats per token."""
        frame = pd.DataFrame({"run": self.observations.run, "residual": self.residuals})
        grouped = frame.groupby("run", sort=False)["residual"]
        rmse = grouped.apply(lambda r: float(np.sqrt((r**2).mean())))
        out = pd.DataFrame({"rows": grouped.size(), "bias": grouped.mean(), "rmse": rmse})
        return out.sort_values("rmse", ascending=False)

    @cached_property
    def covariance(self) -> LocalCovariance:
        """Local covariance of the constants; every interval starts from it."""
        problem, seen = self.problem(), self.observations
        run = np.zeros(self.n) if seen.identical_runs else seen.run
        z = problem.to_coordinates(self.params)
        return local_covariance(problem, z, run, self.excess_in_residual_units(problem))

    around = renamed_attribute("around", "covariance")

    def excess_in_residual_units(self, problem: Problem) -> np.ndarray:
        """Fitted excess of each row in units of the residuals, (n,); one nat for laws without a baseline."""
        base = self.law.variable("loss")
        nats = self.fitted - self.observations.columns[base] if base else np.ones(self.n)
        return nats / self.fitted if problem.log_space else nats * problem.scale

    @cached_property
    def standard_errors(self) -> Mapping[str, float]:
        """Local standard error of each constant (zero if fixed, infinite where the data leave it free).

        From the curvature at the optimum, clustered by run; for squares with independent rows it is the textbook one.
        It is not reliable in a curved valley: see ``warnings``.
        """
        names = [p.name for p in self.law.parameters]
        errors = (self.covariance.variance(unit, bounded=False) ** 0.5 for unit in np.eye(len(names)))
        return FrozenDict(zip(names, errors, strict=True))

    @property
    def has_run_effect(self) -> bool:
        """Whether enough runs have several checkpoints each to estimate how runs differ from the law."""
        if not LEAST_RUNS <= self.run_count < self.n:
            return False
        tokens = self.law.variable("tokens")
        if tokens is None:
            return True
        counted = pd.Series(self.observations.columns[tokens]).groupby(self.observations.run).nunique()
        return int((counted > 1).sum()) >= LEAST_RUNS

    @cached_property
    def run_effect(self) -> RunEffect:
        """How the fitted runs differ from the law: spread of levels and slopes, noise within a run, and its floor.

        Raises
        ------
        FitError
            With fewer than three runs, or without several checkpoints per run.
        """
        if not self.has_run_effect:
            raise FitError(
                "a run effect needs three runs or more with several checkpoints each; the number of runs is "
                f"{self.run_count}, for {self.n} rows. Name the curve of each row in a column 'run'."
            )
        seen = self.observations
        design = loss_gradient(self, seen.columns) @ self.covariance.basis
        along = self.law.variable("tokens") is not None
        return estimate_run_effect(points(self, seen.columns), seen.run_codes, self.residuals, design, along=along)


def loss_at(fit: FittedLaw, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The law under its fitted constants at checked columns, (rows,), nats per token."""
    ordered = [columns[v.name] for v in fit.law.variables]
    return np.broadcast_to(fit.law(*ordered, **fit.params), ordered[0].shape)


def loss_gradient(fit: FittedLaw, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Derivative of the predicted loss by the raw constants, (rows, parameters)."""
    rows = len(next(iter(columns.values())))
    padded = {name: pad(np.asarray(v, dtype=float), bucket(rows)) for name, v in columns.items()}
    with float64():
        slope = _jacobian(fit.law)(np.array(list(fit.params.values())), padded)
        return np.asarray(slope)[:rows]


@lru_cache(maxsize=64)
def _jacobian(law: Law) -> Callable[..., Any]:
    """The law's compiled Jacobian by its constants, (rows, parameters), for columns padded to a bucket."""
    import jax

    names = [p.name for p in law.parameters]

    def jacobian(values: Any, columns: Any) -> Any:
        def at(values: Any) -> Any:
            return law.function(**columns, **dict(zip(names, values, strict=True)))

        rows = len(next(iter(columns.values())))
        return jax.numpy.broadcast_to(jax.jacfwd(at)(values), (rows, len(names)))

    return jax.jit(jacobian)


def points(fit: FittedLaw, columns: Mapping[str, np.ndarray]) -> Points:
    """Log tokens and excess of a table's rows under a fit, each (rows,)."""
    base, tokens = fit.law.variable("loss"), fit.law.variable("tokens")
    rows = next(iter(columns.values())).shape
    excess = loss_at(fit, columns) - columns[base] if base else np.ones(rows)
    return Points(np.log(columns[tokens]) if tokens else np.zeros(rows), np.asarray(excess, dtype=float))


Quantity = Callable[..., Any]
"""From mappings of constants, one per fit, to a number or an array."""


def by_root(quantity: Quantity, fits: tuple[FittedLaw, ...]) -> tuple[Quantity, tuple[FittedLaw, ...]]:
    """The same quantity by the constants of the fits' roots, each once, so that what groups share cancels."""
    roots = [fit.root for fit in fits]
    place = [next(i for i, other in enumerate(roots) if other is root) for root in roots]
    if place == list(range(len(fits))) and all(root is fit for root, fit in zip(roots, fits, strict=True)):
        return quantity, fits
    kept = sorted(set(place))

    def of_roots(*constants: Mapping[str, float]) -> Any:
        given = dict(zip(kept, constants, strict=True))
        return quantity(
            *({mine: given[i][name] for mine, name in fit.names.items()} for fit, i in zip(fits, place, strict=True))
        )

    return of_roots, tuple(roots[i] for i in kept)


def require_fit(name: str, value: object, *, constants: bool = False) -> None:
    """Refuse what is no fit (``constants``: or published constants, which serve too)."""
    if isinstance(value, FittedLaw) or (constants and isinstance(value, Constants)):
        return
    groups = getattr(value, "groups", None)  # of a joint fit
    if groups:
        raise FitError(
            f"{name} is a joint fit of {', '.join(groups)}: name one, joint.of({groups[0]!r}).", remedies=["group"]
        )
    also = " or published constants (p2law.laws.published)" if constants else ""
    kind = "published constants, without rows" if isinstance(value, Constants) else type(value).__name__
    raise FitError(f"{name} is {value!r:.60} ({kind}): give a fit made by p2law.fit{also}.")
