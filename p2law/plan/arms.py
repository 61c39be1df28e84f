"""One way to spend tokens, and intervals of what follows from several of them.

An arm is a law at one point of its other columns: its loss against tokens, under the fitted constants or under any
draw of them. Arms that share a fit share its uncertainty, which then cancels where it should.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from ..checks import check_level, require_fit
from ..errors import DataError, FitError
from ..laws import Constants
from ..observations import check_column
from ..prediction import no_support, outside, unsupported
from .bills import Parent

if TYPE_CHECKING:
    from ..result import Fit
    from ..uncertainty.estimate import Estimate

FOREVER = 1e300
"""Tokens that stand for infinity where no closed form is known."""
FAR = 1.01
"""From this factor outside the fitted range on a plan says so."""
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
    if parent is not None and base is not None and parent.loss is not None:
        if hasattr(parent.loss, "law"):
            control = _control(parent.loss)
        elif moving:
            raise DataError(_MOVING.format(name=name))
        else:
            given.setdefault(base, parent.loss)
    elif moving:
        raise DataError(_MOVING.format(name=name))
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


_MOVING = (
    "{name} measures the excess from the control at equal tokens (baseline='control'), so the parent's loss is a "
    "curve: parent=Parent(loss=<fit of law 'power' to the control's curve>)."
)


def _control(curve: Any) -> Any:
    if [v.name for v in curve.law.variables] != [curve.law.variable("tokens")]:
        raise FitError(f"Parent(loss=<fit of {curve.law.name}>): give a law in tokens alone, such as 'power'.")
    return curve


def params_left(made: Arm) -> float | None:
    """Parameters that are trained: N, or N0 (1 - rho) for a pruned model; None if the law knows no size."""
    size, rate = made.source.law.variable("size"), made.source.law.variable("rate")
    if size is None:
        return None
    return made.at[size] * (1 - made.at[rate] if rate else 1.0)


def estimated(
    quantity: Callable[[Lookup], Any], arms: tuple[Arm, ...], *, level: float, method: Any = None
) -> "Estimate":
    """Interval of a quantity of several arms; without one (nan) where every arm has published constants."""
    from ..uncertainty.estimate import Estimate, estimate

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
