"""The immutable result of a fit. Data here; what can be asked of it lives in the modules it delegates to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.observations import Observations, Table
from ..errors import FitError
from ..laws import Law
from .objective import Objective, residuals
from .options import Options, make_problem
from .solver import Problem

if TYPE_CHECKING:
    from .group import Part
    from .run_effect import RunEffect
    from .solver.covariance import Local
    from .uncertainty.forecast import Forecast
    from .uncertainty.identifiability import Identifiability
    from .uncertainty.intervals import Method
    from .uncertainty.profile import Profile
    from .uncertainty.resampling import Draws, Scheme


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law. Made by :func:`p2law.fit`; every field is read-only."""

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
    warnings: tuple[str, ...]
    """What to know before trusting the constants, in plain sentences."""
    starts_agreed: tuple[int, int]
    """(starts that reached this optimum, starts polished)."""
    options: Options
    observations: Observations = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    resampled: "Draws | None" = field(default=None, repr=False)
    """Bootstrap draws, once :meth:`bootstrap` has made them."""
    part: "Part | None" = field(default=None, repr=False)
    """Of which joint fit this is one group; its intervals are the joint fit's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

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

    def problem(self) -> Problem:
        """The numerical problem this fit solved, for the solver and the uncertainty of its solution."""
        if self.part is not None:
            return self.part.problem()
        return make_problem(self.law, self.observations, self.objective, self.options)

    @property
    def table(self) -> pd.DataFrame:
        """The rows fitted (a copy), with the baseline they were fitted with."""
        return self.observations.frame.copy()

    @cached_property
    def fitted(self) -> np.ndarray:
        """The law at the fitted rows, (n,)."""
        columns = [self.observations.columns[v.name] for v in self.law.variables]
        return np.broadcast_to(self.law(*columns, **self.params), (self.n,))

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
        from .report import measures

        return MappingProxyType(measures(self))

    def by_run(self) -> pd.DataFrame:
        """Residuals per run, worst first: rows, bias (mean residual) and rmse in nats per token."""
        frame = pd.DataFrame({"run": self.observations.run, "residual": self.residuals})
        grouped = frame.groupby("run", sort=False)["residual"]
        out = pd.DataFrame(
            {
                "rows": grouped.size(),
                "bias": grouped.mean(),
                "rmse": grouped.apply(lambda r: float(np.sqrt((r**2).mean()))),
            }
        )
        return out.sort_values("rmse", ascending=False)

    @cached_property
    def standard_errors(self) -> Mapping[str, float]:
        """Local standard error of each constant (zero if fixed, infinite where the data leave it free).

        From the curvature at the optimum, clustered by run; for squares with independent rows it is the textbook one.
        Far from the last word in a curved valley: see ``warnings``.
        """
        around, names = self.around, [p.name for p in self.law.parameters]
        units = zip(names, np.eye(len(names)), strict=True)
        return MappingProxyType({name: around.variance(unit, held=False) ** 0.5 for name, unit in units})

    @cached_property
    def around(self) -> "Local":
        """Local uncertainty in the solver's own form; every interval starts from it."""
        from .solver.covariance import computed

        return computed(self) if self.part is None else self.part.around

    @property
    def draws(self) -> pd.DataFrame | None:
        """Bootstrap draws of the constants, one row each, or None before :meth:`bootstrap`."""
        return None if self.resampled is None else self.resampled.table.copy()

    def bootstrap(self, n: int = 1000, *, rng: int | np.random.Generator = 0, scheme: "Scheme | None" = None) -> "Fit":
        """Resample whole runs and refit; returns this fit with ``draws``.

        Parameters
        ----------
        n : int
            Number of draws.
        rng : int or numpy Generator
            Seed.
        scheme : {"runs", "wild", "residual"}, optional
            ``"runs"``: whole runs with replacement (pairs where each row is its own run); the default for rows without
            runs and from 30 runs on.
            ``"wild"``: the residuals of each run times a random sign and size (Webb), which keeps every size and rate
            in every sample; the default for fewer runs. ``"residual"``: runs exchange their residuals.

        Raises
        ------
        FitError
            With a single run, or if every draw fails. Failed draws are counted in ``resampled.failed``.
        """
        from .uncertainty.resampling import bootstrap

        return replace(self, resampled=bootstrap(self, n, rng=rng, scheme=scheme))

    def intervals(self, level: float = 0.95, *, method: "Method | None" = None) -> pd.DataFrame:
        """Confidence intervals of the constants.

        Parameters
        ----------
        level : float
            Confidence level.
        method : {"wald", "bootstrap", "bca", "profile"}, optional
            ``"wald"`` (default): t quantiles on the local covariance, CR2 by run with its own degrees of freedom.
            ``"bootstrap"`` (default once there are draws): percentiles, stretched for few runs. ``"bca"``:
            bias-corrected and accelerated. ``"profile"``: where the profile of the objective crosses its threshold;
            follows curved and flat valleys, open ends are infinite.

        Returns
        -------
        DataFrame
            Columns parameter, estimate, lower, upper. Fixed and held parameters have no width.
        """
        from .uncertainty.intervals import parameters

        return parameters(self, level=level, method=method)

    def predict_interval(
        self,
        table: Table | None = None,
        *,
        level: float = 0.95,
        kind: str = "mean",
        method: "Method | None" = None,
        columns: Mapping[str, str] | None = None,
        control: "Fit | None" = None,
        **at: Any,
    ) -> pd.DataFrame:
        """Interval of the predicted loss.

        Parameters
        ----------
        table, columns, control, **at
            As for :meth:`predict`.
        level : float
            Confidence level.
        kind : {"mean", "new"}
            ``"mean"``: the law itself. ``"new"``: a run not seen yet, which also differs from the law as the fitted
            runs do (run effect and noise); of fits to one run alone, by the noise along it only.
        method : {"wald", "bootstrap", "profile"}, optional
            As for :meth:`intervals`.

        Returns
        -------
        DataFrame
            Columns loss, lower, upper; one row per row asked for.
        """
        from .prediction import prediction_columns, warn_outside
        from .uncertainty.intervals import predictions

        values, _ = prediction_columns(self, table, columns=columns, control=control, at=at)
        warn_outside(self, values)
        return predictions(self, values, level=level, kind=kind, method=method)

    def forecast(self, begun: Table, tokens: Any, *, control: "Fit | Any | None" = None) -> "Forecast":
        """The rest of a run already begun, from its own checkpoints and the law together.

        Parameters
        ----------
        begun : DataFrame, mapping or path
            The run's checkpoints so far, with the law's columns and the measured loss.
        tokens : array_like
            Tokens ahead at which its loss is wanted.
        control : Fit or array_like, optional
            For ``baseline="control"``: a fit of the control's curve, or its loss at ``tokens``. A ``control`` fit also
            serves the rows begun if they carry no ``L_control``.

        Returns
        -------
        Forecast
            ``interval(level)``, ``probability(within)``.
        """
        from .uncertainty.forecast import forecast

        return forecast(self, begun, tokens, control=control)

    def identifiability(self, *, level: float = 0.95, method: "Method" = "profile") -> "Identifiability":
        """What the data fix: parameters, combinations of them and predictions, and which further run would tell most.

        Parameters
        ----------
        level : float
            Confidence level of the intervals.
        method : {"profile", "wald", "bootstrap", "bca"}
            Of the parameters' intervals; profiles see a flat valley as flat.
        """
        from .uncertainty.identifiability import identifiability

        return identifiability(self, level=level, method=method)

    def influence(self, **at: Any) -> pd.DataFrame:
        """What leaving out each run does, most influential first.

        Without arguments: change of every constant in units of its standard error, nan for a constant that these data
        do not determine (:meth:`identifiability`), whose change means nothing. With the law's columns
        (``N0=8e9, D=1e9, ...``): the loss forecast there without the run, its change, and that in standard errors.

        Raises
        ------
        FitError
            With a single run.
        """
        from .uncertainty.identifiability import influence

        return influence(self, **at)

    @cached_property
    def run_effect(self) -> "RunEffect":
        """How the fitted runs differ from the law: spread of levels and slopes, noise within a run, and its floor.

        Raises
        ------
        FitError
            With fewer than three runs, or without several checkpoints per run.
        """
        from .run_effect import computed

        return computed(self)

    def profile(self, parameter: str | None = None, *, level: float = 0.95, **at: float) -> "Profile":
        """Profile of one constant, or of the loss predicted at ``N0=..., D=..., ...``; plot with ``plot.profile``.

        Raises
        ------
        FitError
            If there is no such parameter, or it was fixed or held.
        """
        from .prediction import one_point, prediction_columns
        from .uncertainty.profile import profile, profile_loss

        if (parameter is None) == (not at):
            raise FitError("profile one constant, fit.profile('alpha'), or one loss, fit.profile(N=7e9, D=2e12).")
        if parameter is not None:
            return profile(self, parameter, level=level)
        return profile_loss(self, one_point(prediction_columns(self, at=at)[0]), level=level)

    def predict(
        self,
        table: Table | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        control: "Fit | None" = None,
        **at: Any,
    ) -> np.ndarray | float:
        """Predicted loss at the rows of a table, or at columns given by keyword.

        Parameters
        ----------
        table : DataFrame, mapping or path, optional
            Rows with the law's columns.
        columns : mapping, optional
            The law's names to the table's: ``{"N0": "params"}``.
        control : Fit, optional
            For fits with ``baseline="control"``: a fit of the new parent's own control curve in tokens (law ``power``),
            used where the rows carry no ``L_control``.
        **at : float or array_like
            ``fit.predict(N0=8e9, D=1e9, rho=0.25, L0=2.1)``; scalars and arrays are broadcast together. With
            ``baseline="control"`` give ``L_control`` (the control's loss at the same tokens) in place of ``L0``.

        Returns
        -------
        ndarray of shape (rows,), or float if only scalars were given
            Loss in nats per token.

        Warns
        -----
        ExtrapolationWarning
            Naming each variable outside the fitted range, and by which factor.
        """
        from .prediction import predict

        return predict(self, table, columns, control, at)

    def summary(self) -> str:
        """Report as text: status, constants with errors, quality, worst runs, warnings."""
        from .report import text

        return text(self)

    def _repr_html_(self) -> str:
        from .report import html

        return html(self)

    __str__ = summary

    def to_frame(self) -> pd.DataFrame:
        """Constants as a table: value, standard error, treatment (free, fixed, held, tied)."""
        from .report import parameters

        return parameters(self)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Save the fit and its rows as JSON, exact to the last bit; returns the text, writes it if a path is given."""
        from .saved import to_json

        return to_json(self, path)

    @classmethod
    def from_json(cls, source: str | PathLike[str], *, law: Law | None = None) -> "Fit":
        """Load a saved fit from a path or its text. A law of your own must be passed as ``law=``.

        Raises
        ------
        FitError
            If the file is no fit, of an unknown format, or its law is not known here.
        """
        from .saved import from_json

        return from_json(source, law=law)
