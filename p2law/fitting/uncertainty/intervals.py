"""Intervals on constants, predictions and anything that follows from them.

Two routes: the local one (t quantiles on a CR2 covariance by run, see wald) and bootstrap draws. Positive constants
are treated on their logarithm. With few runs percentiles of draws are too narrow: they are stretched about the estimate
as far as the t distribution with the question's own degrees of freedom is wider than the normal one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...data.answer import Method
from ...data.arguments import check_level
from ...errors import FitError
from ...laws import Parameter
from ..fitted import FittedLaw, loss_at, loss_gradient, points
from ..prediction import unbounded, unsupported
from ..solver.covariance import LocalCovariance
from ..solver.quantiles import LEAST_DOF, normal_quantile, normal_share, t_half_width
from .resampling import leave_one_run_out


@dataclass(frozen=True)
class Spread:
    """Local uncertainty of a set of quantities: standard errors and degrees of freedom."""

    error: np.ndarray
    dof: np.ndarray

    def half_width(self, level: float) -> np.ndarray:
        """Half-width of the interval at this level."""
        return t_half_width(self.dof, level) * self.error


def spread_of(covariance: LocalCovariance, gradients: np.ndarray, *, bounded: bool = True) -> Spread:
    """Spread of quantities with these derivatives by the constants, (quantities, parameters); as of LocalCovariance."""
    error = np.sqrt([covariance.variance(g, bounded=bounded) for g in gradients])
    dof = np.array([covariance.dof(g) if np.isfinite(e) else LEAST_DOF for g, e in zip(gradients, error, strict=True)])
    return Spread(error, dof)


def method_of(method: Method | None, *fits: FittedLaw) -> str:
    """The method asked for; by default draws, once every fit has them."""
    return method or ("bootstrap" if all(fit.resampled is not None for fit in fits) else "wald")


def parameters(fit: FittedLaw, *, level: float, method: Method | None) -> pd.DataFrame:
    """See :meth:`p2law.Fit.intervals`."""
    check_level(level)
    chosen = method_of(method, fit)
    if chosen == "profile":
        from .profile import profile

        found = {p.name: profile(fit, p.name, level=level) for p in fit.law.parameters if is_free(fit, p.name)}
        limits = {name: (p.lower, p.upper) for name, p in found.items()}
    elif chosen == "wald":
        limits = _wald(fit, level)
    elif chosen in ("bootstrap", "bca"):
        limits = _percentiles(fit, level, corrected=chosen == "bca")
    else:
        raise FitError(f"method={method!r}: choose 'wald', 'bootstrap', 'bca' or 'profile'.")
    rows = [
        (p.name, fit.params[p.name], *limits.get(p.name, (fit.params[p.name], fit.params[p.name])))
        for p in fit.law.parameters
    ]
    return pd.DataFrame(rows, columns=pd.Index(["parameter", "estimate", "lower", "upper"]))


def is_free(fit: FittedLaw, name: str) -> bool:
    """Whether a parameter was neither fixed nor held."""
    return name not in fit.options.fixed and name not in fit.options.held


def _wald(fit: FittedLaw, level: float) -> dict[str, tuple[float, float]]:
    """Local intervals of the free constants, within their domains."""
    spread = spread_of(fit.covariance, np.eye(len(fit.law.parameters)), bounded=False)
    out = {}
    for parameter, half_width in zip(fit.law.parameters, spread.half_width(level), strict=True):
        value = fit.params[parameter.name]
        if is_free(fit, parameter.name):
            ends = interval_ends(np.array(value), half_width, log=parameter.kind.lower >= 0 and value > 0)
            out[parameter.name] = _within(fit, parameter, *ends)
    return out


def interval_ends(value: np.ndarray, half_width: np.ndarray, *, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """The ends of intervals from their half-widths; ``log``: on the logarithm, for positive quantities."""
    with np.errstate(all="ignore"):
        if not log:
            return value - half_width, value + half_width
        factor = np.exp(half_width / value)
        return np.where(np.isfinite(factor), value / factor, 0.0), value * factor


def _within(fit: FittedLaw, parameter: Parameter, lower: Any, upper: Any) -> tuple[float, float]:
    """An interval cut off where the parameter's domain ends."""
    low, high = domain(fit, parameter)
    return max(float(lower), low), min(float(upper), high)


def domain(fit: FittedLaw, parameter: Parameter) -> tuple[float, float]:
    """Limits a parameter was fitted within: the user's, or the law's own."""
    low, high = fit.options.bounds.get(parameter.name, (parameter.kind.lower, parameter.kind.upper))
    return (-np.inf if low is None else low), (np.inf if high is None else high)


def draws_of(fit: FittedLaw) -> pd.DataFrame:
    """The fit's bootstrap draws, or a sentence on how to get them."""
    if fit.draws is None:
        raise FitError(
            "this fit has no bootstrap draws: call fit = fit.bootstrap(n=1000) first, or use method='wald'.",
            remedies=["draws"],
        )
    return fit.draws


def _percentiles(fit: FittedLaw, level: float, *, corrected: bool) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the free constants (``corrected``: BCa), within their domains."""
    draws = draws_of(fit)
    out = {}
    for parameter, unit in zip(fit.law.parameters, np.eye(len(fit.law.parameters)), strict=True):
        if not is_free(fit, parameter.name):
            continue
        values = draws[parameter.name].to_numpy()
        bias, acceleration = bca_terms(fit, parameter.name, values) if corrected else (0.0, 0.0)
        ends = percentile(
            values,
            level,
            fit.covariance.dof(unit),
            estimate=fit.params[parameter.name],
            log=parameter.kind.lower >= 0,
            bias=bias,
            acceleration=acceleration,
        )
        out[parameter.name] = _within(fit, parameter, *ends)
    return out


def percentile(
    values: np.ndarray,
    level: float,
    dof: float,
    *,
    estimate: float,
    log: bool = False,
    bias: float = 0.0,
    acceleration: float = 0.0,
) -> tuple[float, float]:
    """Percentile interval of draws (BCa with bias and acceleration), stretched about the estimate by t over z.

    With few degrees of freedom draws are as narrow as a normal distribution where t is wide; their extreme quantiles,
    which would make up for it, are too few to be known. ``log``: stretch the logarithm, for positive quantities.
    """
    if len(values) < 1 / (1 - level):
        raise FitError(f"{len(values)} draws are too few for a {100 * level:g} % interval: bootstrap(n=1000).")
    z = float(normal_quantile(0.5 + level / 2))
    ends = np.array([-z, z]) + bias
    shares = np.clip(normal_share(bias + ends / (1 - acceleration * ends)), 0.0, 1.0)
    stretch = float(t_half_width(dof, level)) / z
    if not (np.isfinite(values).all() and np.isfinite(estimate)):
        # Infinite values (a target never met) cannot be stretched: ask for more extreme ones instead.
        shares = normal_share(np.clip(normal_quantile(shares), -40, 40) * stretch)
        low, high = np.quantile(values, shares, method="closest_observation")
        return float(low), float(high)
    low, high = np.quantile(values, shares)
    if log and low >= 0 and estimate > 0:
        with np.errstate(over="ignore", divide="ignore"):
            low, high = (estimate * np.exp(stretch * np.log(end / estimate)) for end in (low, high))
    else:
        low, high = (estimate + stretch * (end - estimate) for end in (low, high))
    return float(low), float(high)


def bca_terms(fit: FittedLaw, name: str, values: np.ndarray) -> tuple[float, float]:
    """Bias correction z0 from the draws and acceleration from leaving out one run at a time."""
    below = np.clip(np.mean(values < fit.params[name]), 1 / len(values), 1 - 1 / len(values))
    left = leave_one_run_out(fit)[name].to_numpy()
    away = left.mean() - left
    size = np.sum(away**2)
    acceleration = float(np.sum(away**3) / (6 * size**1.5)) if size > 0 else 0.0
    return float(normal_quantile(below)), acceleration


def predictions(
    fit: FittedLaw, columns: Mapping[str, np.ndarray], *, level: float, kind: str, method: Method | None
) -> pd.DataFrame:
    """See :meth:`p2law.Fit.predict_interval`."""
    check_level(level)
    if kind not in ("mean", "new"):
        raise FitError(f"kind={kind!r}: choose 'mean' (the law itself) or 'new' (a run not seen yet).")
    chosen = method_of(method, fit)
    if chosen not in ("wald", "bootstrap", "profile"):
        raise FitError(f"method={method!r}: choose 'wald', 'bootstrap' or 'profile' for a predicted loss.")
    loss = loss_at(fit, columns)
    lower, upper = _mean_interval(fit, columns, loss, level, chosen)
    if kind == "new":
        extra = new_run_spread(fit, columns).half_width(level)
        lower, upper = loss - np.hypot(loss - lower, extra), loss + np.hypot(upper - loss, extra)
    lower, upper = unbounded(unsupported(fit, columns), lower, upper)
    return pd.DataFrame({"loss": loss, "lower": lower, "upper": upper})


def _mean_interval(
    fit: FittedLaw, columns: Mapping[str, np.ndarray], loss: np.ndarray, level: float, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the law itself."""
    if method == "profile":
        from .profile import profile_loss

        limits = [
            profile_loss(fit, {k: float(v[i]) for k, v in columns.items()}, level=level) for i in range(len(loss))
        ]
        lower, upper = np.array([(p.lower, p.upper) for p in limits]).T
        return lower, upper
    spread = spread_of(fit.covariance, loss_gradient(fit, columns))
    if method == "wald":
        half_width = spread.half_width(level)
        return loss - half_width, loss + half_width
    lost = np.isinf(spread.error)  # draws all start from the neutral values of a free direction
    return unbounded(lost, *_drawn(fit, columns, loss, level, spread.dof))


def _drawn(
    fit: FittedLaw, columns: Mapping[str, np.ndarray], loss: np.ndarray, level: float, dof: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of percentile intervals of predicted losses, each (rows,)."""
    draws = draws_of(fit)
    names = [p.name for p in fit.law.parameters]
    constants = {n: draws[n].to_numpy()[:, None] for n in names}
    with np.errstate(all="ignore"):
        losses = np.asarray(fit.law(**{k: v[None, :] for k, v in columns.items()}, **constants))
    losses = np.broadcast_to(losses, (len(draws), len(dof)))
    ends = [percentile(v, level, d, estimate=m) for v, d, m in zip(losses.T, dof, loss.tolist(), strict=True)]
    return np.array([e[0] for e in ends]), np.array([e[1] for e in ends])


def new_run_spread(fit: FittedLaw, columns: Mapping[str, np.ndarray]) -> Spread:
    """How far a checkpoint of a new run may lie from the law, beside the uncertainty of the law itself."""
    rows = len(next(iter(columns.values())))
    # A group of few runs borrows the run effect of all groups.
    source = next((each for each in (fit, fit.root) if each.has_run_effect), None)
    if source is not None:
        at = points(fit, columns)
        spread = np.sqrt(np.diag(source.run_effect.covariance(at, at)))
        return Spread(spread, np.full(rows, float(source.run_effect.dof)))
    dof = max(fit.n - len(fit.law.parameters), 1)
    scale = fit.observations.response if fit.objective.space == "log" else np.ones(fit.n)
    relative = np.sqrt(np.average((fit.residuals / scale) ** 2, weights=fit.observations.weight) * fit.n / dof)
    loss = loss_at(fit, columns) if fit.objective.space == "log" else np.ones(rows)
    return Spread(relative * loss, np.full(rows, float(dof)))
