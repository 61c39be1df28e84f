"""One way to spend tokens, and intervals of what follows from several of them.

An arm is a law at one point of its other columns: its loss against tokens, under the fitted constants or under any
draw of them. Arms that share a fit share its uncertainty, which then cancels where it should.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from ..checks import array, check_level, require_fit
from ..errors import DataError, FitError
from ..laws import Constants
from ..observations import check_column
from ..prediction import FAR, no_support, outside, unsupported
from ..uncertainty.estimate import Estimate, estimate
from .answer import trained_params
from .bills import Parent
from .curve import FOREVER

if TYPE_CHECKING:
    from ..result import Fit

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
            "is a curve: parent=Parent(loss=<fit of law 'power' to the control's curve>)."
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
