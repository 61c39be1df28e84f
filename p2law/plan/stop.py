"""Stop or go on: what the rest of a running curve would still bring."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.arguments import check_level, number
from ..data.columns import finite, refuse, require
from ..data.control import CONTROL
from ..data.observations import Table, as_frame
from ..data.quantities import format_probability, format_quantity
from ..errors import DataError, FitError
from ..fitting.fitted import require_fit
from ..fitting.result import Fit
from ..fitting.solver.quantiles import t_half_width, t_quantile
from ..fitting.uncertainty.forecast import Forecast, binned, one_run

POINTS = 41
"""Tokens looked at between the last checkpoint and the end, evenly in their logarithm."""
LEAST_ROWS = 5
"""Fewest checkpoints for a run's own power law."""


@dataclass(frozen=True, eq=False, repr=False)
class StopPlan(Record):
    """What a run begun would gain by going on to the tokens planned."""

    _seen: pd.DataFrame
    ahead: Forecast
    """Loss from the last checkpoint (first point) to the planned end (last point)."""
    eps: float
    """Smallest loss improvement worth training for, nats per token."""
    level: float
    """Confidence level of the intervals, and the probability from which on the advice is to stop."""
    basis: str
    """What the forecast rests on."""
    seen = Copied("_seen")
    """Checkpoints so far: tokens, loss."""

    @property
    def now(self) -> float:
        """Tokens of the last checkpoint."""
        return float(self.ahead.tokens[0])

    @property
    def planned(self) -> float:
        """Tokens planned."""
        return float(self.ahead.tokens[-1])

    @property
    def gain(self) -> float:
        """Fall of the loss expected from here to the planned end, nats per token."""
        return float(self.ahead.gap()[0][0])

    @cached_property
    def gain_interval(self) -> tuple[float, float]:
        """Interval of the gain."""
        gap, spread = self.ahead.gap()
        half_width = float(t_half_width(self.ahead.dof, self.level) * spread[0])
        return float(gap[0]) - half_width, float(gap[0]) + half_width

    @property
    def probability(self) -> float:
        """Probability that stopping now loses no more than eps."""
        return float(self.ahead.probability(self.eps)[0])

    @property
    def stop(self) -> bool:
        """Whether that probability reaches the level."""
        return self.probability >= self.level

    @property
    def advice(self) -> str:
        """In words: stop, go on, or first find out why the loss is forecast to rise."""
        return "Look at the run first" if self.gain < 0 else "Stop" if self.stop else "Go on"

    def enough(self, probability: float = 0.5) -> float:
        """Least tokens from which on the loss is within eps of its planned end with this probability."""
        number("probability", probability, low=0, high=1)
        gap, spread = self.ahead.gap()
        spare = self.eps - gap - t_quantile(self.ahead.dof, probability) * spread
        short = np.flatnonzero(spare[:-1] < 0)
        if not short.size:
            return self.now
        around = slice(short[-1], short[-1] + 2)
        return float(np.exp(np.interp(0.0, spare[around], np.log(self.ahead.tokens[around]))))

    def to_frame(self) -> pd.DataFrame:
        """The rest of the curve: tokens, loss, lower, upper, and the probability of being within eps of the end."""
        return self.ahead.interval(self.level).assign(within_eps=self.ahead.probability(self.eps))

    def _report(self) -> Report:
        low, high = self.gain_interval
        done = f"{format_quantity(self.now)} of {format_quantity(self.planned)} tokens"
        likely = format_probability(self.probability)
        more = f"within {self.eps:g} nats of the end from about {format_quantity(self.enough())} tokens on"
        sure = f"with {100 * self.level:g} % probability from {format_quantity(self.enough(self.level))}"
        rising = ["  the loss is forecast to rise: find out why before going on or stopping"] if self.gain < 0 else []
        return Report(
            f"{self.advice}: {done} done, forecast from {self.basis}, at a constant learning rate on fresh text",
            sentences=[
                f"  gain left: {self.gain:.4f} nats per token, {100 * self.level:g} % interval {low:.4f} to {high:.4f}",
                f"  probability that stopping now loses {self.eps:g} nats or less: {likely}",
                f"  {more}, {sure}",
                *rising,
            ],
        )

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {}


def stop_rule(
    run: Table,
    *,
    tokens: float,
    eps: float,
    fit: Fit | None = None,
    control: Fit | None = None,
    columns: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> StopPlan:
    """Forecast the rest of a run and say whether going on is worth it.

    Parameters
    ----------
    run : DataFrame, mapping or path
        The checkpoints so far of one run, at a constant learning rate and without its warm-up: column D (tokens) and
        the loss, with ``fit`` also the law's other columns.
    tokens : float
        Tokens the run is planned for.
    eps : float
        Smallest loss improvement worth training for, nats per token.
    fit : Fit, optional
        A law fitted to other runs: the forecast puts it together with the run's own checkpoints
        (:meth:`p2law.Fit.forecast`). Without it the run's own power law is extrapolated, its exponent and the noise
        averaged over what the checkpoints allow.
    control : Fit, optional
        For ``baseline="control"``: a fit of law ``power`` to the unpruned control's curve. Without it the rows need
        ``L_control``, and its last value is held for the rest of the run.
    columns : mapping, optional
        The names above to the table's: ``{"D": "tokens"}``.
    level : float
        Confidence level, and the probability from which on the advice is to stop.

    Returns
    -------
    StopPlan
        ``gain``, ``gain_interval``, ``probability``, ``stop``, ``enough(probability)``; draw it with
        ``p2law.plot.stop``. Losses are as measured on the run's own validation set, a checkpoint's noise included.

    Raises
    ------
    DataError
        If rows are missing or wrong, or the run is already at the planned end.
    FitError
        If an option makes no sense, or the fit has too few runs to know how runs differ.
    """
    check_level(level)
    number("eps", eps, low=0, must="give a positive loss in nats per token, e.g. 0.01")
    if fit is not None:
        require_fit("fit", fit)
    if control is not None:
        require_fit("control", control)
    if fit is None and control is not None:
        raise FitError("control= goes with a fit whose baseline is 'control'; this call has no fit.")
    name = "D" if fit is None else str(fit.law.variable("tokens"))
    frame = _one_run(as_frame(run, columns), name)
    last = float(frame[name].iloc[-1])
    ahead_of = f"the run has {last:g} tokens already; give the tokens planned in all"
    number("tokens", tokens, low=last, must=ahead_of, error=DataError)
    ahead = np.geomspace(last, float(tokens), POINTS)
    ahead[[0, -1]] = last, float(tokens)
    seen = frame[[name, "loss"]].set_axis(["tokens", "loss"], axis=1)
    if fit is None:
        return StopPlan(seen, _alone(seen, ahead), eps, level, "the run's own power law")
    under: Any = control
    if fit.baseline == "control" and control is None:  # the control's last loss, held
        why = "this fit measures from the control: give its loss at the rows' tokens, or control=<fit>"
        require(frame, CONTROL, why, remedies=("control",))
        under = float(frame[CONTROL].iloc[-1])
    forecast = fit.forecast(frame, ahead, control=under)
    if forecast.unsupported.any():
        raise DataError(
            f"{fit.law.name} was fitted to runs that say nothing of this one (another rate or size than the only one "
            "it knows): leave fit out, to ask the run's own power law."
        )
    return StopPlan(seen, forecast, eps, level, f"{fit.law.name} and the run's own checkpoints")


def _one_run(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The checkpoints of a single run, fewest tokens first; refuses what is none."""
    for column in (name, "loss"):
        require(frame, column, "the stop rule needs tokens and loss")
        values = finite(frame, column)
        refuse(frame, column, values, values <= 0, "is not positive", "drop the row")
    if "run" in frame.columns and frame["run"].nunique() > 1:
        raise DataError(
            f"the table holds {frame['run'].nunique()} runs: ask about one, e.g. table[table.run == '...'].",
            remedies=["run"],
        )
    if frame[name].duplicated().any():
        raise DataError(f"column {name!r} has a value twice: give one run, one row per checkpoint.")
    if len(frame) == 0:
        raise DataError("the run has no rows.")
    return frame.sort_values(name)


def _alone(seen: pd.DataFrame, ahead: np.ndarray) -> Forecast:
    """The run's own power law extrapolated to the tokens ahead, (points,)."""
    if len(seen) < LEAST_ROWS:
        raise DataError(f"{len(seen)} checkpoints: a curve's own power law needs {LEAST_ROWS}; log more, or give fit=.")
    mean, covariance, dof = one_run(*binned(*seen.to_numpy(dtype=float).T), ahead)
    return Forecast(ahead, mean, covariance, dof)
