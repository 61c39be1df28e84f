"""Loss against tokens, and from how many tokens on a metric of it stays at or below a value.

Laws whose tokens enter as one power, L = floor + b * D^-beta, register the closed form ``tokens_power``; others go
through numerics. A test holds the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..data.arguments import array
from ..errors import DataError, FitError
from ..fitting.prediction import EXTRAPOLATION_FACTOR, given_rows, refuse_unknown
from ..fitting.source import Origin, ParamsOf, Source, as_source, fitted_params
from ..laws import Law
from ..laws.precision import float64
from .cost import Parent
from .criteria import Criterion, CurveMetric, Price, Recovered, Remaining, Slope
from .intervals import trained_params

FOREVER = 1e300
"""Tokens that stand for infinity where no closed form is known: even D^-0.05 is down to 1e-15 there."""


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Loss against tokens at some values of the law's other columns, for one model or for several at once."""

    source: Source
    at: Mapping[str, Any]
    """The law's columns but tokens, and but the baseline where that moves: a number each, or (models,) each."""
    control: "LossCurve | None" = None
    """Curve of the unpruned control, where it stands in for the law's baseline loss."""
    models: int | None = None
    """Number of models where the columns are arrays. Then losses are (models,) for one number of tokens or one per
    model, and (models, points) for tokens of that shape; otherwise they have the shape of the tokens."""

    @property
    def law(self) -> Law:
        return self.source.law

    @property
    def tokens(self) -> str:
        """Name of the law's column of tokens."""
        return str(self.law.variable("tokens"))

    @property
    def curves(self) -> "tuple[LossCurve, ...]":
        """Itself, and the control's curve where there is one."""
        return (self,) if self.control is None else (self, self.control)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the constants come from: the law's, and the control's."""
        return tuple(curve.source for curve in self.curves)

    def some(self, rows: Sequence[int] | np.ndarray) -> "LossCurve":
        """The curves of some of the models."""
        at = {name: column[rows] for name, column in self.at.items()}
        return replace(self, at=at, control=self.control and self.control.some(rows), models=len(rows))

    def loss(self, tokens: Any, of: ParamsOf = fitted_params) -> np.ndarray:
        """Loss after these tokens, nats per token, by the fitted constants or those that ``of`` gives."""
        tokens, columns = self._columns(tokens)
        if self.control is not None:
            columns[str(self.law.variable("loss"))] = self.control.loss(tokens, of)
        with np.errstate(all="ignore"):
            loss = np.asarray(self.law(**{self.tokens: tokens}, **columns, **of(self.source)), dtype=float)
        return loss if self.models is None else np.broadcast_to(loss, tokens.shape)

    def derivative(self, tokens: Any, of: ParamsOf = fitted_params) -> np.ndarray:
        """dL/dD after these tokens, nats per token per token."""
        tokens = self._columns(tokens)[0]
        columns = [curve._columns(tokens)[1] for curve in self.curves]
        constants = [dict(of(source)) for source in self.sources]
        with float64():
            slope = _compiled_slope(*(source.law for source in self.sources))
            return np.asarray(slope(tokens, columns, constants))

    def _columns(self, tokens: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Tokens as an array, and the other columns in shapes that go with it."""
        tokens = np.asarray(tokens, dtype=float)
        if self.models is None:
            return tokens, dict(self.at)
        tokens = np.broadcast_to(tokens, (self.models,)) if tokens.ndim < 2 else tokens
        return tokens, {name: v.reshape(-1, *[1] * (tokens.ndim - 1)) for name, v in self.at.items()}

    def power(self, of: ParamsOf = fitted_params) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """(floor, b, beta), one each per model, if the law is a power of tokens above a floor."""
        form = self.law.closed_forms.get("tokens_power")
        if form is None or self.control is not None:
            return None
        floor, b, beta = form(**self.at, **of(self.source))
        return self._each(floor), self._each(b), self._each(beta)

    def floor(self, of: ParamsOf = fitted_params) -> np.ndarray:
        """Loss that training for ever tends to, one per model."""
        form, at = self.law.closed_forms.get("tokens_power"), dict(self.at)
        if form is None:
            return self.loss(FOREVER, of)
        if self.control is not None:
            at[str(self.law.variable("loss"))] = self.control.floor(of)
        return self._each(form(**at, **of(self.source))[0])

    def _each(self, value: Any) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, dtype=float), () if self.models is None else (self.models,))

    def metric(self, kind: CurveMetric, tokens: Any, of: ParamsOf = fitted_params) -> np.ndarray:
        """A metric of the curve after these tokens; all of them fall with tokens."""
        if kind == "slope":
            return -self.derivative(tokens, of)
        loss = self.loss(tokens, of)
        if kind == "remaining":
            return loss - self.floor(of).reshape(-1, *[1] * (loss.ndim - 1))
        return loss - self.loss(2 * np.asarray(tokens), of) if kind == "doubling" else loss

    def fitted_tokens(self) -> tuple[float, float] | None:
        """Least and most tokens fitted; None for published constants."""
        seen = self.source.observations
        fitted = None if seen is None else seen.columns[self.tokens]
        return None if fitted is None else (float(fitted.min()), float(fitted.max()))

    def unsupported(self, tokens: Any) -> np.ndarray:
        """Where the curve is asked at another value of a column that had one level among the rows fitted."""
        found = [curve.source.unsupported(curve._point(tokens)) for curve in self.curves]
        return np.any(found, axis=0).reshape(np.shape(tokens))

    def no_support(self, tokens: Any) -> str:
        """Why the curve has no support at some of these tokens; empty where it has."""
        reasons = [curve.source.no_support(curve._point(tokens)) for curve in self.curves]
        return "; ".join(reason for reason in reasons if reason)

    def outside(self, tokens: Any) -> dict[str, float]:
        """Largest factor by which each column lies outside the fitted range, for those that do."""
        factors = self.source.outside(self._point(tokens))
        return {name: float(factor.max()) for name, factor in factors.items() if factor.max() > EXTRAPOLATION_FACTOR}

    def _point(self, tokens: Any) -> dict[str, np.ndarray]:
        """The law's columns at these tokens, (points,) each: of a single model, or one point per model.

        A baseline that moves is 1: its range does not matter.
        """
        at = {**self.at, self.tokens: np.ravel(np.asarray(tokens, dtype=float))}
        return {v.name: np.broadcast_to(at.get(v.name, 1.0), at[self.tokens].shape) for v in self.law.variables}


@lru_cache(maxsize=64)
def _compiled_slope(law: Law, control: Law | None = None) -> Callable[..., Any]:
    """Derivative of the loss by tokens; the control's loss in the place of the baseline where there is one."""
    import jax
    import jax.numpy as jnp

    base = law.variable("loss")

    def at(law: Law, tokens: Any, columns: Any, params: Any) -> Any:
        return law.function(**{str(law.variable("tokens")): tokens}, **columns, **params)

    def loss(tokens: Any, columns: Any, params: Any) -> Any:
        under = {} if control is None else {base: at(control, tokens, columns[1], params[1])}
        return jnp.broadcast_to(at(law, tokens, {**columns[0], **under}, params[0]), tokens.shape)

    return jax.jit(lambda d, columns, params: jax.jvp(lambda x: loss(x, columns, params), (d,), (jnp.ones_like(d),))[1])


def metric_target(
    criterion: Criterion, curve: LossCurve, of: ParamsOf = fitted_params
) -> tuple[CurveMetric, np.ndarray]:
    """Which metric must come down to which value, (models,)."""
    every = np.ones(curve.models or 1)
    if isinstance(criterion, Slope):
        if criterion.per == "doubling":
            return "doubling", criterion.value * every
        return "slope", criterion.value / (1e9 if criterion.per == "1e9 tokens" else 1.0) * every
    if isinstance(criterion, Remaining):
        return "remaining", criterion.value * every
    if isinstance(criterion, Recovered):
        return "remaining", (1 - criterion.fraction) * (curve.loss(criterion.start, of) - curve.floor(of))
    if isinstance(criterion, Price):
        return "slope", criterion.token_cost(trained_params(curve.law, curve.at)) / criterion.per_nat * every
    return "loss", criterion.value * every


def tokens_needed(criterion: Criterion, curve: LossCurve, of: ParamsOf = fitted_params) -> np.ndarray:
    """Tokens from which on the criterion holds, (models,); inf if it never does, nan if the curve does not fall."""
    return tokens_until(curve, *metric_target(criterion, curve, of), of)


def tokens_until(curve: LossCurve, kind: CurveMetric, value: np.ndarray, of: ParamsOf = fitted_params) -> np.ndarray:
    """Tokens (at least one) from which on the metric is at or below ``value``, (models,)."""
    power = curve.power(of)
    if power is None:
        return tokens_until_numerically(curve, kind, value, of)
    floor, b, beta = power
    left = value - floor if kind == "loss" else value
    with np.errstate(all="ignore"):
        if kind == "slope":
            tokens = (beta * b / left) ** (1 / (beta + 1))
        else:
            share = -np.expm1(-beta * np.log(2)) if kind == "doubling" else 1.0
            tokens = (b * share / left) ** (1 / beta)
    met = np.where((left > 0) & (tokens < FOREVER), np.maximum(tokens, 1.0), np.inf)
    return np.where(b > 0, met, np.nan)


def tokens_until_numerically(
    curve: LossCurve, kind: CurveMetric, value: np.ndarray, of: ParamsOf = fitted_params
) -> np.ndarray:
    """:func:`tokens_until` for any law: the last point of a grid above the value, then ever finer grids behind it."""
    grid, models = np.arange(0.0, np.log(FOREVER)), curve.models or 1
    low, width = np.zeros(models), 1.0
    never, first = np.zeros(models, dtype=bool), np.zeros(models, dtype=bool)
    for zoom in range(11):
        inside = grid if zoom == 0 else np.linspace(0.0, 1.0, 33)
        points = low[:, None] + width * inside
        above = curve.metric(kind, np.exp(points), of) > value[:, None]
        last = np.where(above.any(1), len(inside) - 1 - np.argmax(above[:, ::-1], axis=1), 0)
        if zoom == 0:
            never, first = above[:, -1], ~above.any(1)
        low = points[np.arange(len(points)), last]
        width *= 1.0 if zoom == 0 else 1 / 32
    tokens = np.where(never, np.inf, np.where(first, 1.0, np.exp(low + 0.5 * width)))
    return np.where(curve.loss(1.0, of) > curve.floor(of), tokens, np.nan)


def loss_curve(
    name: str, value: "Origin | Source", at: Mapping[str, Any], *, parent: Parent | None = None
) -> LossCurve:
    """The curve of argument ``name`` at these columns; the parent's size and loss stand in where the law wants them.

    Raises
    ------
    DataError, FitError
        If a column is missing or impossible, or the law predicts no loss or knows no tokens.
    """
    source = as_source(name, value)
    law, control, given = source.law, None, dict(at)
    if law.variable("tokens") is None or law.response.name != "loss":
        raise FitError(f"{name} = a fit of {law.name}: a law of the loss in tokens is needed.")
    base, size, rate = law.variable("loss"), law.variable("size"), law.variable("rate")
    if not isinstance(parent, Parent | None):
        raise DataError(f"parent={parent!r}: give a p2law.plan.Parent, e.g. Parent(size=8e9, loss=2.1).")
    if parent is not None and rate is not None and parent.params is not None:
        given.setdefault(str(size), parent.params)
    if parent is not None and base is not None and parent.curve is not None:
        control = LossCurve(parent.curve, {})
    elif source.baseline == "control":
        raise DataError(
            f"{name} measures the excess from the control at equal tokens (baseline='control'), so the parent's loss "
            "is a curve: parent=Parent(loss=<fit of law 'power' to the control's curve>).",
            remedies=["parent"],
        )
    elif parent is not None and base is not None and parent.loss is not None:
        given.setdefault(base, parent.loss)
    moving = (law.variable("tokens"), base if control is not None else None)
    needed = [v.name for v in law.variables if v.name not in moving]
    columns = {column: value for column, value in given.items() if column in needed}
    several = [column for column, value in columns.items() if np.ndim(value)]
    if several:
        raise DataError(f"{several[0]}={columns[several[0]]!r}: give one number; ask for each model in turn.")
    frame = given_rows(law, columns, needed=needed, purpose=f" ({name})")
    return LossCurve(source, {column: float(frame[column].iloc[0]) for column in needed}, control)


def loss_curves(
    pruned: Origin, scratch: Origin, parent: Parent | None, at: Mapping[str, Any]
) -> tuple[LossCurve, LossCurve]:
    """The curves of both sides; every column given must belong to one of the laws."""
    sides = as_source("pruned", pruned), as_source("scratch", scratch)
    columns = [{v.name for v in source.law.variables} - {source.law.variable("tokens")} for source in sides]
    refuse_unknown([source.law for source in sides], at, columns[0] | columns[1], " beside tokens")
    own, other = ({name: value for name, value in at.items() if name in side} for side in columns)
    first = loss_curve("pruned", sides[0], own, parent=parent)
    left, size = trained_params(first.law, first.at), sides[1].law.variable("size")
    if size is not None and left is not None and sides[1].law.variable("rate") is None:
        other.setdefault(size, left)
    return first, loss_curve("scratch", sides[1], other)


def token_range(of: LossCurve, given: tuple[float, float] | None) -> tuple[float, float]:
    """The tokens to look at: as given, or as fitted."""
    if given is None:
        seen = of.fitted_tokens()
        if seen is None or not seen[0] < seen[1]:
            raise DataError("these constants have no measured range: give range=(1e9, 1e12), in retraining tokens.")
        return seen
    ends = np.ravel(array("range", given, error=FitError))
    if not (len(ends) == 2 and 0 < ends[0] < ends[1] < np.inf):
        raise FitError(f"range={given!r}: give two numbers of retraining tokens, the smaller first, e.g. (1e9, 1e12).")
    return float(ends[0]), float(ends[1])
