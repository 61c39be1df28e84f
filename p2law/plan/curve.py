"""The loss as a function of tokens with everything else given, and where a measure of it meets a level.

Laws whose tokens enter as one power, L = floor + b * D^-beta, register the closed form ``tokens_power``; others go
through numerics. A test holds the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import numpy as np

from ..laws import Law
from ..precision import float64
from .criteria import Criterion, Measure, Price, Recovered, Remaining, Slope, Target

FOREVER = 1e30
"""Tokens that stand for infinity where no closed form is known."""


@dataclass(frozen=True)
class Curve:
    """Loss against tokens at one point of the other columns."""

    law: Law
    at: Mapping[str, float]
    """The other columns."""
    params: Mapping[str, float]

    @property
    def tokens(self) -> str:
        return str(self.law.variable("tokens"))

    def loss(self, tokens: float | np.ndarray) -> np.ndarray:
        """Loss after these tokens."""
        return np.asarray(self.law(**{self.tokens: tokens}, **self.at, **self.params))

    def power(self) -> tuple[float, float, float] | None:
        """(floor, b, beta) if the law is a power of tokens above a floor."""
        form = self.law.closed_forms.get("tokens_power")
        return None if form is None else form(**self.at, **self.params)

    def floor(self) -> float:
        """Loss that training for ever would reach."""
        power = self.power()
        return float(self.loss(FOREVER)) if power is None else float(power[0])

    def measure(self, kind: Measure, tokens: np.ndarray) -> np.ndarray:
        """A measure of the curve after these tokens; all of them fall with tokens."""
        if kind == "loss":
            return self.loss(tokens)
        if kind == "remaining":
            return self.loss(tokens) - self.floor()
        if kind == "doubling":
            return self.loss(tokens) - self.loss(2 * tokens)
        return -self.derivative(tokens)

    def derivative(self, tokens: np.ndarray) -> np.ndarray:
        """dL/dD, nats per token per token."""
        values = np.atleast_1d(np.asarray(tokens, dtype=float))
        with float64():
            slope = jax.vmap(jax.grad(lambda d: self.law.function(**{self.tokens: d}, **self.at, **self.params)))
            return np.asarray(slope(values)).reshape(np.shape(tokens))


def level(criterion: Criterion, curve: Curve) -> tuple[Measure, float]:
    """Which measure must come down to which level."""
    if isinstance(criterion, Slope):
        if criterion.per == "doubling":
            return "doubling", criterion.value
        return "slope", criterion.value / (1e9 if criterion.per == "1e9 tokens" else 1.0)
    if isinstance(criterion, Remaining):
        return "remaining", criterion.value
    if isinstance(criterion, Recovered):
        whole = float(curve.loss(criterion.start)) - curve.floor()
        return "remaining", (1 - criterion.fraction) * whole
    if isinstance(criterion, Price):
        return "slope", criterion.token_cost(remaining_parameters(curve)) / criterion.per_nat
    assert isinstance(criterion, Target)
    return "loss", criterion.value


def remaining_parameters(curve: Curve) -> float | None:
    """Parameters that are trained: N, or N0 (1 - rho) for a pruned model."""
    size, rate = curve.law.variable("size"), curve.law.variable("rate")
    if size is None:
        return None
    return float(curve.at[size]) * (1 - float(curve.at[rate]) if rate else 1.0)


def meets(curve: Curve, kind: Measure, height: float) -> float:
    """Tokens after which the measure is down to ``height``; inf if it never is, nan if the curve does not fall."""
    power = curve.power()
    if power is None:
        return meets_numerically(curve, kind, height)
    floor, b, beta = power
    if not b > 0:
        return np.nan
    if kind == "loss":
        height = height - floor
        if height <= 0:
            return np.inf
    with np.errstate(over="ignore"):
        if kind == "slope":
            return float((beta * b / height) ** (1 / (beta + 1)))
        share = 1 - 2.0**-beta if kind == "doubling" else 1.0
        return float((b * share / height) ** (1 / beta))


def meets_numerically(curve: Curve, kind: Measure, height: float) -> float:
    """:func:`meets` for any law, by root finding in log tokens."""
    from scipy.optimize import brentq

    def gap(log_tokens: float) -> float:
        return float(curve.measure(kind, np.asarray(np.exp(log_tokens)))) - height

    low, high = np.log(1.0), np.log(FOREVER)
    first, last = gap(low), gap(high)
    if not (np.isfinite(first) and np.isfinite(last)) or first <= 0:
        return np.nan if not np.isfinite(first) else 1.0
    if last >= 0:
        return np.inf
    return float(np.exp(brentq(gap, low, high, xtol=1e-13, rtol=1e-14)))


Solver = Callable[[Curve, Measure, float], float]
