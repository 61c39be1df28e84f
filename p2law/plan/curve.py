"""Loss against tokens for one model or many, and where a measure of it comes down to a level for good.

Laws whose tokens enter as one power, L = floor + b * D^-beta, register the closed form ``tokens_power``; others go
through numerics. A test holds the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..laws import Law
from ..precision import float64
from .answer import trained_params
from .criteria import Criterion, Measure, Price, Recovered, Remaining, Slope

FOREVER = 1e300
"""Tokens that stand for infinity where no closed form is known: even D^-0.05 is down to 1e-15 there."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Loss against tokens at some values of the other columns, one per model."""

    law: Law
    at: Mapping[str, np.ndarray]
    """The other columns, (models,) each."""
    params: Mapping[str, float]
    control: "Curve | None" = None
    """Curve of the unpruned control, where it stands in for the law's baseline loss."""

    @property
    def tokens(self) -> str:
        """Name of the law's column of tokens."""
        return str(self.law.variable("tokens"))

    @property
    def models(self) -> int:
        return max((len(column) for column in self.at.values()), default=1)

    def loss(self, tokens: Any) -> np.ndarray:
        """Loss after these tokens: a number, one per model, or (models, points)."""
        return self._evaluate(tokens)[0]

    def derivative(self, tokens: Any) -> np.ndarray:
        """dL/dD after these tokens, nats per token per token."""
        return self._evaluate(tokens)[1]

    def _evaluate(self, tokens: Any) -> tuple[np.ndarray, np.ndarray]:
        given = np.asarray(tokens, dtype=float)
        points = np.broadcast_to(given, (self.models,)) if given.ndim < 2 else given
        under = self.control
        columns = [{k: v.reshape(-1, *[1] * (points.ndim - 1)) for k, v in c.at.items()} for c in (self, under) if c]
        constants = [dict(c.params) for c in (self, under) if c]
        with float64():
            loss, slope = _compiled(self.law, under.law if under else None)(points, columns, constants)
            return np.asarray(loss), np.asarray(slope)

    def power(self) -> tuple[np.ndarray, ...] | None:
        """(floor, b, beta), one each per model, if the law is a power of tokens above a floor."""
        form = self.law.closed_forms.get("tokens_power")
        if form is None or self.control is not None:
            return None
        return tuple(
            np.broadcast_to(np.asarray(v, dtype=float), (self.models,)) for v in form(**self.at, **self.params)
        )

    def floor(self) -> np.ndarray:
        """Loss that training for ever would reach, (models,)."""
        power = self.power()
        return self.loss(FOREVER) if power is None else power[0]

    def measure(self, kind: Measure, tokens: Any) -> np.ndarray:
        """A measure of the curve after these tokens; all of them fall with tokens."""
        if kind == "slope":
            return -self.derivative(tokens)
        loss = self.loss(tokens)
        if kind == "remaining":
            return loss - self.floor().reshape(-1, *[1] * (loss.ndim - 1))
        return loss - self.loss(2 * np.asarray(tokens)) if kind == "doubling" else loss


@lru_cache(maxsize=64)
def _compiled(law: Law, control: Law | None) -> Callable[..., Any]:
    """Loss and its derivative by tokens; of the control in the place of the baseline where there is one."""
    base = law.variable("loss")

    def at(law: Law, tokens: Any, columns: Any, params: Any) -> Any:
        return law.function(**{str(law.variable("tokens")): tokens}, **columns, **params)

    def loss(tokens: Any, columns: Any, params: Any) -> Any:
        under = {} if control is None else {base: at(control, tokens, columns[1], params[1])}
        return jnp.broadcast_to(at(law, tokens, {**columns[0], **under}, params[0]), tokens.shape)

    return jax.jit(lambda d, columns, params: jax.jvp(lambda x: loss(x, columns, params), (d,), (jnp.ones_like(d),)))


def level(criterion: Criterion, curve: Curve) -> tuple[Measure, np.ndarray]:
    """Which measure must come down to which level, (models,)."""
    every = np.ones(curve.models)
    if isinstance(criterion, Slope):
        if criterion.per == "doubling":
            return "doubling", criterion.value * every
        return "slope", criterion.value / (1e9 if criterion.per == "1e9 tokens" else 1.0) * every
    if isinstance(criterion, Remaining):
        return "remaining", criterion.value * every
    if isinstance(criterion, Recovered):
        return "remaining", (1 - criterion.fraction) * (curve.loss(criterion.start) - curve.floor())
    if isinstance(criterion, Price):
        return "slope", criterion.token_cost(trained_params(curve.law, curve.at)) / criterion.per_nat * every
    return "loss", criterion.value * every


def enough(criterion: Criterion, curve: Curve) -> np.ndarray:
    """Tokens from which on the criterion holds, (models,); inf if it never does, nan if the curve does not fall."""
    kind, height = level(criterion, curve)
    return meets(curve, kind, height)


def meets(curve: Curve, kind: Measure, height: np.ndarray) -> np.ndarray:
    """Tokens (at least one) from which on the measure is down to ``height``, (models,)."""
    power = curve.power()
    if power is None:
        return meets_numerically(curve, kind, height)
    floor, b, beta = power
    left = height - floor if kind == "loss" else height
    with np.errstate(all="ignore"):
        if kind == "slope":
            tokens = (beta * b / left) ** (1 / (beta + 1))
        else:
            share = -np.expm1(-beta * np.log(2)) if kind == "doubling" else 1.0
            tokens = (b * share / left) ** (1 / beta)
    met = np.where((left > 0) & (tokens < FOREVER), np.maximum(tokens, 1.0), np.inf)
    return np.where(b > 0, met, np.nan)


def meets_numerically(curve: Curve, kind: Measure, height: np.ndarray) -> np.ndarray:
    """:func:`meets` for any law: the last point of a grid above the height, then ever finer grids behind it."""
    grid = np.arange(0.0, np.log(FOREVER))
    low, width = np.zeros(curve.models), 1.0
    never, first = np.zeros(curve.models, dtype=bool), np.zeros(curve.models, dtype=bool)
    for zoom in range(11):
        inside = grid if zoom == 0 else np.linspace(0.0, 1.0, 33)
        points = low[:, None] + width * inside
        above = curve.measure(kind, np.exp(points)) > height[:, None]
        last = np.where(above.any(1), len(inside) - 1 - np.argmax(above[:, ::-1], axis=1), 0)
        if zoom == 0:
            never, first = above[:, -1], ~above.any(1)
        low = points[np.arange(len(points)), last]
        width *= 1.0 if zoom == 0 else 1 / 32
    tokens = np.where(never, np.inf, np.where(first, 1.0, np.exp(low + 0.5 * width)))
    return np.where(curve.loss(1.0) > curve.floor(), tokens, np.nan)
