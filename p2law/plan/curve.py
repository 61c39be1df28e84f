"""Loss against tokens for one model or many, and where a measure of it comes down to a level for good.

Laws whose tokens enter as one power, L = floor + b * D^-beta, register the closed form ``tokens_power``; others go
through numerics. A test holds the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from ..data.arguments import array, check_level, require_fit
from ..data.observations import check_column
from ..errors import DataError, FitError
from ..fitting.prediction import FAR, no_support, outside, unsupported
from ..fitting.uncertainty.estimate import Estimate, estimate
from ..laws import Constants, Law
from ..laws.precision import float64
from .cost import Parent
from .criteria import Criterion, Measure, Price, Recovered, Remaining, Slope
from .intervals import trained_params

if TYPE_CHECKING:
    from ..fitting.result import Fit


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


# One way to spend tokens, and intervals of what follows from several of them.
#
# An arm is a law at one point of its other columns: its loss against tokens, under the fitted constants or under any
# draw of them. Arms that share a fit share its uncertainty, which then cancels where it should.


Lookup = Callable[[Any], Mapping[str, float]]
"""The constants of a source: its own, or those of a draw."""


@dataclass(frozen=True, eq=False)
class Arm:
    """Loss against tokens."""

    source: "Fit | Constants"
    at: Mapping[str, float]
    """The law's columns but tokens, and but the baseline where that moves with tokens."""
    control: "Fit | Constants | None" = None
    """The control's own curve in tokens, where the law measures its excess from it."""

    @property
    def sources(self) -> "tuple[Fit | Constants, ...]":
        return (self.source,) if self.control is None else (self.source, self.control)

    def loss(self, tokens: Any, of: Lookup) -> np.ndarray:
        """Loss after these tokens under constants looked up by source."""
        law, columns = self.source.law, dict(self.at)
        if self.control is not None:
            base = self.control.law(tokens, **of(self.control))
            columns[str(law.variable("loss"))] = base
        return np.asarray(law(**{str(law.variable("tokens")): tokens}, **columns, **of(self.source)), dtype=float)

    def best(self, tokens: Any) -> np.ndarray:
        """Loss after these tokens under the fitted constants."""
        return self.loss(tokens, own)

    def floor(self, of: Lookup) -> float:
        """Loss that training for ever tends to."""
        law, columns = self.source.law, dict(self.at)
        form = law.closed_forms.get("tokens_power")
        if form is None:
            return float(self.loss(FOREVER, of))
        if self.control is not None:
            columns[str(law.variable("loss"))] = Arm(self.control, {}).floor(of)
        return float(form(**columns, **of(self.source))[0])

    def measured(self) -> tuple[float, float] | None:
        """Least and most tokens fitted; None for published constants."""
        if isinstance(self.source, Constants):
            return None
        tokens = self.source.observations.columns[str(self.source.law.variable("tokens"))]
        return float(tokens.min()), float(tokens.max())

    def columns(self, tokens: Any) -> dict[str, np.ndarray]:
        """The law's columns at these tokens; the baseline, which no range is held against, is 1 where it moves."""
        positions = np.atleast_1d(np.asarray(tokens, dtype=float))
        values = {**self.at, str(self.source.law.variable("tokens")): positions}
        return {v.name: np.broadcast_to(values.get(v.name, 1.0), positions.shape) for v in self.source.law.variables}

    def unsupported(self, tokens: Any) -> np.ndarray:
        """Where the curve is asked at another value of a column that had one level among the rows fitted."""
        found = np.zeros(np.shape(tokens), dtype=bool)
        for source, columns in self._asked(np.ravel(tokens)):
            found = found | unsupported(source, columns).reshape(found.shape)
        return found

    def no_support(self, tokens: Any) -> str:
        """Why the curve has no support at some of these tokens; empty where it has."""
        said = [no_support(source, columns) for source, columns in self._asked(np.ravel(tokens))]
        return "; ".join(sentence for sentence in said if sentence)

    def _asked(self, tokens: np.ndarray) -> "list[tuple[Fit, dict[str, np.ndarray]]]":
        """The fits behind the curve, each with its columns."""
        control = [] if self.control is None else [Arm(self.control, {})]
        sides = [side for side in (self, *control) if not isinstance(side.source, Constants)]
        return [(cast("Fit", side.source), side.columns(tokens)) for side in sides]

    def beyond(self, tokens: Any) -> dict[str, float]:
        """Largest factor by which each column lies outside the fitted range, for those that do."""
        if isinstance(self.source, Constants):
            return {}
        factors = outside(self.source, self.columns(tokens))
        return {name: float(factor.max()) for name, factor in factors.items() if factor.max() > FAR}


def own(source: Any) -> Mapping[str, float]:
    """The constants of a source as fitted or published."""
    return source.params


def arm(source: "Fit | Constants", at: Mapping[str, Any], *, parent: Parent | None = None, name: str) -> Arm:
    """An arm of a law at these columns; the parent's size and loss stand in where the law wants them.

    Raises
    ------
    DataError, FitError
        If a column is missing or impossible, or the law predicts no loss or knows no tokens.
    """
    require_fit(name, source, constants=True)
    law, control = source.law, None
    if law.variable("tokens") is None or law.response.name != "loss":
        raise FitError(f"{name} = a fit of {law.name}: a law of the loss in tokens is needed.")
    given = dict(at)
    base, size, rate = law.variable("loss"), law.variable("size"), law.variable("rate")
    moving = getattr(source, "baseline", "fixed") == "control"
    if not isinstance(parent, Parent | None):
        raise DataError(f"parent={parent!r}: give a p2law.plan.Parent, e.g. Parent(size=8e9, loss=2.1).")
    if parent is not None and rate is not None and parent.params is not None:
        given.setdefault(str(size), parent.params)
    loss = None if parent is None or base is None else parent.loss
    if hasattr(loss, "law"):
        control = _control(loss)
    elif moving:
        raise DataError(
            f"{name} measures the excess from the control at equal tokens (baseline='control'), so the parent's loss "
            "is a curve: parent=Parent(loss=<fit of law 'power' to the control's curve>).",
            remedies=["parent"],
        )
    elif loss is not None:
        given.setdefault(str(base), loss)
    columns = {}
    for variable in law.variables:
        if variable.name == law.variable("tokens") or (variable.name == base and control is not None):
            continue
        if variable.name not in given:
            raise DataError(f"{name} is a fit of {law.name}, which needs {variable.name}: give {variable.name}=...")
        if np.ndim(given[variable.name]):
            raise DataError(f"{variable.name}={given[variable.name]!r}: give one number; ask for each model in turn.")
        frame = pd.DataFrame({variable.name: [given[variable.name]]})
        columns[variable.name] = float(check_column(frame, variable, law)[0])
    return Arm(source, columns, control)


def _control(curve: Any) -> Any:
    if [v.name for v in curve.law.variables] != [curve.law.variable("tokens")]:
        raise FitError(f"Parent(loss=<fit of {curve.law.name}>): give a law in tokens alone, such as 'power'.")
    return curve


def both_arms(
    pruned: "Fit | Constants", scratch: "Fit | Constants", parent: Parent | None, at: dict[str, Any]
) -> tuple[Arm, Arm]:
    """Both sides as arms; every column given must belong to one of the laws."""
    for name, source in (("pruned", pruned), ("scratch", scratch)):
        require_fit(name, source, constants=True)
    known = {v.name for source in (pruned, scratch) for v in source.law.variables} - {
        source.law.variable("tokens") for source in (pruned, scratch)
    }
    unknown = sorted(set(at) - known)
    if unknown:
        have = f"their columns beside tokens are {', '.join(sorted(known))}" if known else "they have tokens alone"
        raise DataError(f"neither {pruned.law.name} nor {scratch.law.name} has a column {unknown[0]!r}; {have}.")
    first = arm(pruned, {k: v for k, v in at.items() if _has(pruned, k)}, parent=parent, name="pruned")
    own_columns = {k: v for k, v in at.items() if _has(scratch, k)}
    left, column = trained_params(first.source.law, first.at), scratch.law.variable("size")
    if column is not None and left is not None and scratch.law.variable("rate") is None:
        own_columns.setdefault(column, left)
    return first, arm(scratch, own_columns, name="scratch")


def _has(source: "Fit | Constants", column: str) -> bool:
    return any(v.name == column for v in source.law.variables)


def limits(of: Arm, given: tuple[float, float] | None) -> tuple[float, float]:
    """The range of tokens to look at: as given, or as fitted."""
    if given is None:
        seen = of.measured()
        if seen is None or not seen[0] < seen[1]:
            raise DataError("these constants have no measured range: give range=(1e9, 1e12), in retraining tokens.")
        return seen
    ends = np.ravel(array("range", given, error=FitError))
    if not (len(ends) == 2 and 0 < ends[0] < ends[1] < np.inf):
        raise FitError(f"range={given!r}: give two numbers of retraining tokens, the smaller first, e.g. (1e9, 1e12).")
    return float(ends[0]), float(ends[1])


def estimated(
    quantity: Callable[[Lookup], Any], arms: tuple[Arm, ...], *, level: float, method: Any = None
) -> Estimate:
    """Interval of a quantity of several arms; without one (nan) where every arm has published constants."""
    check_level(level)
    sources = {id(s): s for each in arms for s in each.sources}
    fits = [s for s in sources.values() if not isinstance(s, Constants)]
    fitted = {key: s.params for key, s in sources.items()}

    def under(*constants: Mapping[str, float]) -> Any:
        drawn = fitted | {id(fit): params for fit, params in zip(fits, constants, strict=True)}
        return quantity(lambda source: drawn[id(source)])

    if fits:
        return estimate(under, *fits, level=level, method=method)
    value = under()
    nothing = np.full(np.shape(value), np.nan)
    return Estimate(value, nothing, nothing, level, "published constants")
