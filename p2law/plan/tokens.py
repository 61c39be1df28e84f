"""How many tokens are enough: for one model or many, with an interval and a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataError, FitError
from ..laws import Law
from ..laws.published import Constants
from ..quantities import format_quantity
from .criteria import Criterion, Target
from .curve import Curve, level, meets

if TYPE_CHECKING:
    from ..result import Fit


@dataclass(frozen=True, eq=False)
class TokenPlan:
    """Tokens at which a criterion is met, one row per model asked about."""

    criterion: Criterion
    level: float
    """Confidence level of the interval."""
    table: pd.DataFrame = field(repr=False)
    """The models asked about with columns tokens, lower, upper, loss, status."""

    @property
    def value(self) -> float:
        """Tokens, for a plan of one model."""
        return float(self._single("tokens"))

    @property
    def lower(self) -> float:
        return float(self._single("lower"))

    @property
    def upper(self) -> float:
        return float(self._single("upper"))

    @property
    def loss(self) -> float:
        """Loss expected there, nats per token."""
        return float(self._single("loss"))

    @property
    def status(self) -> str:
        return str(self._single("status"))

    def _single(self, column: str) -> Any:
        if len(self.table) != 1:
            raise FitError(f"this plan is for {len(self.table)} models: use .to_frame().")
        return self.table[column].iloc[0]

    def to_frame(self) -> pd.DataFrame:
        """One row per model."""
        return self.table.copy()

    def summary(self) -> str:
        """Text: the criterion and a line per model."""
        lines = [f"Tokens until {self.criterion} ({100 * self.level:g} % interval)"]
        for row in self.table.to_dict("records"):
            answers = ("tokens", "lower", "upper", "loss", "status")
            at = ", ".join(f"{k} = {format_quantity(v)}" for k, v in row.items() if k not in answers)
            lines.append("  " + ": ".join(part for part in (at, _answered(row), row["status"]) if part))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<div><b>Tokens until {self.criterion}</b>{self.table.to_html()}</div>"

    def __str__(self) -> str:
        return self.summary()


def _tokens(row: Mapping[str, Any]) -> str:
    if not np.isfinite(row["tokens"]):
        return ""
    between = f" [{format_quantity(row['lower'])}, {format_quantity(row['upper'])}]" if row["lower"] > 0 else ""
    return f"{format_quantity(row['tokens'])} tokens{between}, loss {row['loss']:.4g}"


def _answered(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["tokens"]):
        return ""
    between = f" [{format_quantity(row['lower'])}, {format_quantity(row['upper'])}]" if row["lower"] > 0 else ""
    loss = f", loss {row['loss']:.4g}" if np.isfinite(row["loss"]) else ""
    return f"{format_quantity(row['tokens'])} tokens{between}{loss}"


def optimal_tokens(source: "Fit | Constants", *, criterion: Criterion, level: float = 0.95, **at: Any) -> TokenPlan:
    """Tokens after which further training is not worth it by the criterion you choose.

    Parameters
    ----------
    source : Fit or Constants
        A fitted law, or published constants (then without an interval).
    criterion : Slope, Remaining, Recovered, Target or Price
        From ``p2law.plan``: how flat is flat enough.
    level : float
        Confidence level of the interval.
    **at : float or array_like
        The law's other columns (``N0=8e9, rho=0.25, L0=2.1``); arrays ask about many models at once. L0 matters only
        for ``Target`` and may be left out otherwise. For a fit with ``baseline="control"`` the criteria speak of the
        excess over the control.

    Returns
    -------
    TokenPlan
        ``value``, ``lower``, ``upper``, ``loss`` and ``status`` for one model, ``to_frame()`` for many. Tokens are
        infinite where the criterion is never met. The interval is local (from the curvature of the fit), in log tokens.

    Raises
    ------
    DataError, FitError
        If a column is missing or unknown, or the law has no tokens.

    Examples
    --------
    >>> import p2law
    >>> from p2law.plan import Remaining
    >>> from p2law.laws.published import BESIROGLU_2024
    >>> plan = p2law.optimal_tokens(BESIROGLU_2024, criterion=Remaining(0.05), N=7e9)
    >>> f"{plan.value:.3g}"
    '4.27e+12'
    """
    law = source.law
    if law.variable("tokens") is None:
        raise FitError(f"{law.name} has no column of tokens to plan.")
    if not 0 < level < 1:
        raise FitError(f"level={level!r}: must lie between 0 and 1.")
    models = _models(law, criterion, at)
    shifts = _shifts(source)
    points = [dict(zip(models.columns, values, strict=True)) for values in models.to_numpy().tolist()]
    rows = [_answer(source, criterion, point, shifts, level) for point in points]
    if law.variable("loss") not in (None, *at):
        rows = [{**row, "loss": np.nan} for row in rows]  # the level is unknown without L0, the tokens are not
    asked = models[[name for name in models.columns if name in at]]
    return TokenPlan(criterion, level, pd.concat([asked, pd.DataFrame(rows)], axis=1))


def _models(law: Law, criterion: Criterion, at: Mapping[str, Any]) -> pd.DataFrame:
    """The other columns, one row per model."""
    tokens, base = law.variable("tokens"), law.variable("loss")
    needed = [v.name for v in law.variables if v.name != tokens]
    unknown = sorted(set(at) - set(needed))
    if unknown:
        raise DataError(f"{law.name} has no column {unknown[0]!r} to plan for; it has {', '.join(needed) or 'none'}.")
    given = dict(at)
    if base is not None and base not in given and not isinstance(criterion, Target):
        given[base] = 1.0  # shifts the curve, not its shape
    missing = [name for name in needed if name not in given]
    if missing:
        raise DataError(f"optimal_tokens needs {' and '.join(missing)} for the law {law.name}.")
    if not given:
        return pd.DataFrame(index=pd.RangeIndex(1))
    try:
        arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=float)) for v in given.values()))
    except ValueError as error:
        raise DataError(
            f"the columns do not go together: shapes { {k: np.shape(v) for k, v in given.items()} }."
        ) from error
    return pd.DataFrame({name: array.ravel() for name, array in zip(given, arrays, strict=True)})


def _shifts(source: "Fit | Constants") -> list[dict[str, float]]:
    """Constants moved by one local standard error along each independent direction."""
    if isinstance(source, Constants):
        return []
    from ..uncertainty.wald import of_fit

    names = [p.name for p in source.law.parameters]
    around = of_fit(source)
    root = around.turn @ around.root
    return [dict(zip(names, column.tolist(), strict=True)) for column in root.T]


def _answer(
    source: "Fit | Constants",
    criterion: Criterion,
    at: dict[str, float],
    shifts: list[dict[str, float]],
    confidence: float,
) -> dict[str, Any]:
    curve = Curve(source.law, at, source.params)
    kind, height = level(criterion, curve)
    tokens = meets(curve, kind, height)
    spread = _log_spread(source, criterion, at, shifts) if np.isfinite(tokens) else np.nan
    lower, upper = _interval(source, tokens, spread, confidence)
    loss = float(curve.loss(tokens)) if np.isfinite(tokens) else curve.floor()
    return {
        "tokens": tokens,
        "lower": lower,
        "upper": upper,
        "loss": loss,
        "status": _status(source, curve, criterion, tokens),
    }


def _log_spread(
    source: "Fit | Constants", criterion: Criterion, at: dict[str, float], shifts: list[dict[str, float]]
) -> float:
    """Local standard error of log tokens."""

    def log_tokens(params: dict[str, float]) -> float:
        curve = Curve(source.law, at, params)
        return float(np.log(meets(curve, *level(criterion, curve))))

    h, total = 1e-3, 0.0
    for shift in shifts:
        up, down = (log_tokens({k: v + s * h * shift[k] for k, v in source.params.items()}) for s in (1, -1))
        total += ((up - down) / (2 * h)) ** 2
    return float(np.sqrt(total)) if shifts else np.nan


def _interval(source: "Fit | Constants", tokens: float, spread: float, confidence: float) -> tuple[float, float]:
    if not np.isfinite(spread) or isinstance(source, Constants):
        return np.nan, np.nan
    from scipy.special import stdtrit

    from ..uncertainty.wald import of_fit

    reach = float(stdtrit(max(of_fit(source).rows_dof, 1), 0.5 + confidence / 2)) * spread
    with np.errstate(over="ignore"):
        return tokens * float(np.exp(-reach)), tokens * float(np.exp(reach))


def _status(source: "Fit | Constants", curve: Curve, criterion: Criterion, tokens: float) -> str:
    if np.isnan(tokens):
        return "no answer: the fitted curve does not fall with tokens"
    if np.isinf(tokens):
        if isinstance(criterion, Target):
            return f"never: the target lies below the level {curve.floor():.4g} that this model tends to"
        return "never within any number of tokens"
    if isinstance(source, Constants):
        return "from published constants"
    seen = source.observations.columns[curve.tokens]
    for name, value in curve.at.items():
        column = source.observations.columns[name]
        outside = max(value / column.max(), column.min() / value) if value > 0 and column.min() > 0 else 1.0
        if name != source.law.variable("loss") and outside > 1.01:
            return f"extrapolated: {name} lies {outside:.3g} times outside the fitted range" + _beyond(seen, tokens)
    return ("inside the fitted range" if not _beyond(seen, tokens) else "extrapolated") + _beyond(seen, tokens)


def _beyond(seen: np.ndarray, tokens: float) -> str:
    if tokens > seen.max() * 1.01:
        return f"; {tokens / seen.max():.3g} times the longest fitted run"
    if tokens < seen.min() * 0.99:
        return f"; {seen.min() / tokens:.3g} times below the shortest fitted checkpoint"
    return ""
