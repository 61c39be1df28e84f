"""How many tokens are enough: for one model or many, with an interval and a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd

from ..data.answer import Column, Copied, Method, Record, Report
from ..data.arguments import check_level
from ..data.control import CONTROL
from ..data.observations import check_column
from ..data.quantities import format_quantity
from ..errors import DataError, FitError
from ..fitting.fitted import require_fit
from ..fitting.prediction import describe_outside, given_rows
from ..fitting.result import Fit
from ..fitting.source import Origin, ParamsOf, Source, as_source, estimate_from, fitted_params
from ..fitting.uncertainty.intervals import draws_of, method_of
from .criteria import Criterion, Price, Target
from .curve import LossCurve, tokens_needed
from .intervals import PUBLISHED, trained_params

UNDETERMINED_RATIO = 1e4
"""Upper over lower limit from which on an answer is called hardly determined."""
ANSWERS = ("tokens", "lower", "upper", "loss", "cost", "met", "status")


@dataclass(frozen=True, eq=False, repr=False)
class TokenPlan(Record):
    """Tokens from which on a criterion is met, one row per model."""

    criterion: Criterion
    level: float
    """Confidence level of the interval."""
    method: str
    """``"wald"``, ``"bootstrap"``, or ``"none"`` for published constants."""
    _table: pd.DataFrame
    source: Origin
    curve: LossCurve
    """The fitted curves of the models."""
    table = Copied("_table")
    """One row per model: its columns, tokens, lower, upper, loss, cost (for ``Price``), met (share of the draws in
    which the criterion is ever met, for draws) and status."""

    lower = Column()
    upper = Column()
    loss = Column()
    """Loss expected there, nats per token."""
    status = Column()

    @property
    def value(self) -> float:
        """Tokens, for a plan of one model."""
        return self._column("tokens")

    def _column(self, name: str) -> Any:
        if len(self._table) != 1:
            raise FitError(f"this plan is for {len(self._table)} models: use .to_frame().")
        return super()._column(name)

    def _report(self) -> Report:
        rows = []
        for row in self._table.to_dict("records"):
            at = ", ".join(f"{k} = {format_quantity(v)}" for k, v in row.items() if k not in ANSWERS)
            rows.append("  " + ": ".join(part for part in (at, _answered(row, self.criterion), row["status"]) if part))
        return Report(f"Tokens until {self.criterion} ({100 * self.level:g} % interval)", rows=rows)


def _answered(row: Mapping[Any, Any], criterion: Criterion) -> str:
    """Tokens, loss and cost of one model in words; empty where there is no answer."""
    if not np.isfinite(row["tokens"]):
        return ""
    between = f" [{format_quantity(row['lower'])}, {format_quantity(row['upper'])}]" if row["lower"] > 0 else ""
    loss = f", loss {row['loss']:.4g}" if np.isfinite(row["loss"]) else ""
    cost = f", cost {criterion.money(row['cost'])}" if isinstance(criterion, Price) else ""
    return f"{format_quantity(row['tokens'])} tokens{between}{loss}{cost}"


def optimal_tokens(
    source: Origin,
    *,
    criterion: Criterion,
    level: float = 0.95,
    method: Method | None = None,
    control: Fit | None = None,
    **at: Any,
) -> TokenPlan:
    """Tokens after which training on is no longer worth it, by a criterion of your choice.

    Parameters
    ----------
    source : Fit or published constants
        A fit whose law has tokens, or one of ``p2law.laws.published``.
    criterion : Slope, Remaining, Recovered, Target or Price
        From ``p2law.plan``: how flat is flat enough.
    level : float
        Confidence level of the interval.
    method : {"wald", "bootstrap"}, optional
        As for :func:`p2law.estimate`: local in log tokens, or percentiles of the fit's draws (default once it has
        them).
    control : Fit, optional
        For fits with ``baseline="control"``: a fit of law ``power`` to the unpruned control's curve. With it the
        criteria speak of the loss itself, without it of the excess over the control.
    **at : float or array_like
        The law's other columns (``N0=8e9, rho=0.25, L0=2.1``); arrays ask about many models at once. L0 matters only
        for ``Target`` and may be left out otherwise; with ``baseline="control"`` it is ``L_control``, the control's
        loss, held constant along tokens.

    Returns
    -------
    TokenPlan
        ``value``, ``lower``, ``upper``, ``loss`` and ``status`` for one model, ``to_frame()`` for many; draw it with
        ``p2law.plot.tokens``. Tokens are infinite where the criterion is never met.

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
    origin = as_source("source", source)
    if control is not None:
        require_fit("control", control)
    law = origin.law
    if law.variable("tokens") is None:
        raise FitError(f"{law.name} has no column of tokens to plan.")
    if not isinstance(criterion, get_args(Criterion)):
        raise FitError(f"criterion={criterion!r}: give Slope, Remaining, Recovered, Target or Price from p2law.plan.")
    check_level(level)
    under = None if control is None else as_source("control", control)
    models = _models(origin, criterion, under, at)
    curve = curve_of(origin, models, under)
    tokens = tokens_needed(criterion, curve)
    chosen, limits = _interval(criterion, curve, tokens, level, method)
    table = models[[name for name in models.columns if name in at]].assign(tokens=tokens, **limits)
    known = law.variable("loss") in (None, *at) or CONTROL in at or control is not None
    ends = np.where(np.isfinite(tokens), curve.loss(np.where(np.isfinite(tokens), tokens, 1.0)), curve.floor())
    table["loss"] = ends if known else np.nan  # unknown without L0; the tokens do not depend on it
    if isinstance(criterion, Price):
        table["cost"] = tokens * criterion.token_cost(trained_params(law, curve.at))
    table["status"] = [_status(criterion, curve.some([i]), row) for i, row in enumerate(table.to_dict("records"))]
    order = [c for c in table.columns if c not in ANSWERS] + [c for c in ANSWERS if c in table.columns]
    return TokenPlan(criterion, level, chosen, table[order], source, curve)


def curve_of(source: Source, models: pd.DataFrame, control: Source | None = None) -> LossCurve:
    """The fitted curves of some models, one per row."""
    law, count = source.law, len(models)
    columns = {str(name): models[name].to_numpy(dtype=float) for name in models.columns}
    if control is None and CONTROL in columns:
        columns[str(law.variable("loss"))] = columns[CONTROL]
    moving = (law.variable("tokens"), None if control is None else law.variable("loss"))
    at = {v.name: columns[v.name] for v in law.variables if v.name in columns and v.name not in moving}
    if control is None:
        return LossCurve(source, at, models=count)
    others = [v.name for v in control.law.variables if v.name != control.law.variable("tokens")]
    return LossCurve(source, at, LossCurve(control, {name: columns[name] for name in others}, models=count), count)


def _models(source: Source, criterion: Criterion, control: Source | None, at: dict[str, Any]) -> pd.DataFrame:
    """The other columns, one row per model, inside their domains."""
    law, moving = source.law, source.baseline == "control"
    tokens, base = law.variable("tokens"), law.variable("loss")
    if control is not None and not moving:
        raise FitError("control= is for fits with baseline='control'; this one measures from a fixed parent.")
    needed = [v.name for v in law.variables if v.name not in (tokens, base if control is not None else None)]
    if control is not None:
        needed += [v.name for v in control.law.variables if v.kind.role != "tokens" and v.name not in needed]
    optional = [CONTROL, str(base)] if moving and control is None else []
    given = dict(at)
    if optional and CONTROL in given:
        needed.remove(str(base))
    elif base in needed and base not in given:
        if not isinstance(criterion, Target):
            given[base] = 1.0  # shifts the curve, not its shape
        elif moving:
            raise DataError(
                "a target speaks of the loss itself, and this fit measures the excess over the unpruned control: give "
                f"control=<fit of law 'power' to the control's curve>, or {CONTROL} (the control's loss, held "
                "constant).",
                remedies=["control"],
            )
    frame = given_rows(law, given, needed=needed, optional=optional, purpose=" to plan for")
    if CONTROL in frame.columns:
        baseline = next(v for v in law.variables if v.name == base)
        check_column(frame, replace(baseline, name=CONTROL), law)
    return frame


def _interval(
    criterion: Criterion, curve: LossCurve, tokens: np.ndarray, level: float, method: Method | None
) -> tuple[str, dict[str, Any]]:
    """Limits of the tokens, and for draws the share of them in which the criterion is ever met."""
    nothing = np.full(len(tokens), np.nan)
    if not curve.source.fits:
        return "none", {"lower": nothing, "upper": nothing}
    fits = [fit for source in curve.sources for fit in source.fits]
    drawn = method_of(method, *fits) == "bootstrap"
    some = np.flatnonzero(~np.isnan(tokens) if drawn else np.isfinite(tokens))
    limits = {"lower": nothing.copy(), "upper": nothing.copy()} | ({"met": nothing.copy()} if drawn else {})
    if some.size:
        part = curve.some(some)

        def rate(of: ParamsOf) -> np.ndarray:
            """Inverse tokens: zero, not infinite, where the criterion is never met."""
            return 1 / tokens_needed(criterion, part, of)

        found = estimate_from(rate, curve.sources, level=level, method=method, log=True)
        with np.errstate(divide="ignore"):
            limits["lower"][some], limits["upper"][some] = np.maximum(1 / found.upper, 1.0), 1 / found.lower
        at, _ = part.fitted_tokens() or (1.0, 1.0)
        lost = some[part.unsupported(np.full(len(some), at))]
        limits["lower"][lost], limits["upper"][lost] = 1.0, np.inf
        if drawn:
            limits["met"][some] = _met(curve.source, rate)
    return "bootstrap" if drawn else "wald", limits


def _met(source: Source, rate: Callable[[ParamsOf], np.ndarray]) -> np.ndarray:
    """Share of the draws of the law's own fit in which the criterion is ever met."""
    names = [p.name for p in source.law.parameters]
    draws: list[Any] = draws_of(source.fits[0])[names].to_dict("records")
    under = (lambda each, draw=draw: draw if each is source else fitted_params(each) for draw in draws)
    return np.mean([rate(of) > 0 for of in under], axis=0)


def _status(criterion: Criterion, curve: LossCurve, row: Mapping[Any, Any]) -> str:
    """What the answer for one model rests on, or why there is none."""
    tokens, sometimes = row["tokens"], ""
    if row.get("met", 1.0) < 1:
        sometimes = f"; met in {100 * row['met']:.3g} % of the draws"
    if np.isnan(tokens):
        return "no answer: the fitted curve does not fall with tokens"
    if np.isinf(tokens):
        if isinstance(criterion, Target):
            return f"never: the target lies below the loss {row['loss']:.4g} that this model tends to{sometimes}"
        return f"never within any number of tokens{sometimes}"
    if not curve.source.fits:
        return PUBLISHED
    if row["upper"] > UNDETERMINED_RATIO * row["lower"]:
        sometimes += "; these data hardly determine it"
    if tokens <= 1.0:
        return f"met from the first token on{sometimes}"
    far = describe_outside(curve.outside(tokens))
    return (f"extrapolated: {far}" if far else "inside the fitted range") + sometimes
