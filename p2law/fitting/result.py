"""The immutable result of a fit: the questions that users ask of it, each answered by the module it delegates to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Method
from ..data.observations import Table
from ..errors import FitError
from ..laws import Law
from . import report, saved
from .fitted import FittedLaw, Scheme
from .prediction import one_point, predict, prediction_columns, warn_outside
from .uncertainty import intervals
from .uncertainty.forecast import Forecast, forecast
from .uncertainty.identifiability import Identifiability, identifiability, influence
from .uncertainty.profile import Profile, profile, profile_loss
from .uncertainty.resampling import bootstrap


@dataclass(frozen=True, eq=False, repr=False)
class Fit(FittedLaw):
    """A fitted law. Made by :func:`p2law.fit`; every field is read-only."""

    def bootstrap(self, n: int = 1000, *, rng: int | np.random.Generator = 0, scheme: Scheme | None = None) -> "Fit":
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
        return replace(self, resampled=bootstrap(self, n, rng=rng, scheme=scheme))

    def intervals(self, level: float = 0.95, *, method: Method | None = None) -> pd.DataFrame:
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
        return intervals.parameters(self, level=level, method=method)

    def predict_interval(
        self,
        table: Table | None = None,
        *,
        level: float = 0.95,
        kind: str = "mean",
        method: Method | None = None,
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
        values, _ = prediction_columns(self, table, columns=columns, control=control, at=at)
        warn_outside(self, values)
        return intervals.predictions(self, values, level=level, kind=kind, method=method)

    def forecast(self, begun: Table, tokens: Any, *, control: "Fit | Any | None" = None) -> Forecast:
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
        return forecast(self, begun, tokens, control=control)

    def identifiability(self, *, level: float = 0.95, method: Method = "profile") -> Identifiability:
        """What the data fix: parameters, combinations of them and predictions, and which further run would tell most.

        Parameters
        ----------
        level : float
            Confidence level of the intervals.
        method : {"profile", "wald", "bootstrap", "bca"}
            Of the parameters' intervals; profiles see a flat valley as flat.
        """
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
        return influence(self, **at)

    def profile(self, parameter: str | None = None, *, level: float = 0.95, **at: float) -> Profile:
        """Profile of one constant, or of the loss predicted at ``N0=..., D=..., ...``; plot with ``plot.profile``.

        Raises
        ------
        FitError
            If there is no such parameter, or it was fixed or held.
        """
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
        return predict(self, table, columns, control, at)

    def summary(self) -> str:
        """Report as text: status, constants with errors, quality, worst runs, warnings."""
        return report.text(self)

    def _repr_html_(self) -> str:
        return report.html(self)

    __str__ = summary

    def to_frame(self) -> pd.DataFrame:
        """Constants as a table: value, standard error, treatment (free, fixed, held, tied)."""
        return report.parameters(self)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Save the fit and its rows as JSON, exact to the last bit; returns the text, writes it if a path is given."""
        return saved.to_json(self, path)

    @classmethod
    def from_json(cls, source: str | PathLike[str], *, law: Law | None = None) -> "Fit":
        """Load a saved fit from a path or its text. A law of your own must be passed as ``law=``.

        Raises
        ------
        FitError
            If the file is no fit, of an unknown format, or its law is not known here.
        """
        return cls(**saved.from_json(source, law=law))
