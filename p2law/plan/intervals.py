"""What plans share: intervals on a stack of quantities, and sentences on how far an answer can be trusted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.arguments import check_level
from ..data.quantities import format_quantity
from ..fitting.prediction import FAR, outside
from ..fitting.uncertainty.estimate import estimate
from ..fitting.uncertainty.intervals import Method
from ..laws import Constants, Law

if TYPE_CHECKING:
    import pandas as pd

    from ..fitting.result import Fit


@dataclass(frozen=True, eq=False)
class Bounds:
    """A quantity with its interval, one entry per row."""

    value: np.ndarray
    lower: np.ndarray
    """nan where no interval can be given."""
    upper: np.ndarray

    def columns(self, name: str) -> dict[str, np.ndarray]:
        """As columns of a table."""
        return {name: self.value, f"{name}_lower": self.lower, f"{name}_upper": self.upper}


def bounds(
    source: "Fit | Constants",
    quantities: Callable[[Mapping[str, float]], Mapping[str, np.ndarray]],
    *,
    level: float,
    method: Method | None,
    plain: tuple[str, ...] = (),
) -> dict[str, Bounds]:
    """Intervals of several positive quantities, on their logarithm; those named in ``plain`` on themselves.

    Published constants give values only: without the correlations of their errors no interval follows.
    """
    check_level(level)
    names = list(quantities(source.params))

    def stacked(params: Mapping[str, float]) -> np.ndarray:
        found = quantities(params)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([found[name] if name in plain else np.log(found[name]) for name in names])

    if isinstance(source, Constants):
        value = stacked(source.params)
        lower = upper = np.full_like(value, np.nan)
    else:
        with np.errstate(invalid="ignore"):  # quantities that do not exist are nan, and stay nan
            around = estimate(stacked, source, level=level, method=method)
        value, lower, upper = around.value, around.lower, around.upper
    out = {}
    for name, ends in zip(names, zip(value, lower, upper, strict=True), strict=True):
        with np.errstate(over="ignore"):
            out[name] = Bounds(*(end if name in plain else np.exp(end) for end in ends))
    return out


def support(source: "Fit | Constants", columns: Mapping[str, np.ndarray], known: np.ndarray) -> list[str]:
    """A sentence per row on what the answer rests on; ``known`` says where an interval exists."""
    rows = len(known)
    if isinstance(source, Constants):
        return ["from published constants: no interval, the correlations of their errors are unknown"] * rows
    factors = {name: np.broadcast_to(f, (rows,)) for name, f in outside(source, columns).items()}
    return [_sentence({name: float(f[i]) for name, f in factors.items()}, bool(known[i])) for i in range(rows)]


def _sentence(factors: Mapping[str, float], known: bool) -> str:
    far = [f"{name} {factor:.3g} times" for name, factor in factors.items() if factor > FAR]
    where = f"extrapolated: {' and '.join(far)} outside the fitted range" if far else "inside the fitted range"
    return where if known else f"undetermined: these data leave it free; {where}"


def trained_params(law: Law, at: "Mapping[str, Any] | pd.Series") -> Any:
    """Parameters that are trained: N, or N0 (1 - rho) for a pruned model; None if the law knows no size."""
    size, rate = law.variable("size"), law.variable("rate")
    if size is None:
        return None
    return at[size] * (1 - at[rate] if rate else 1.0)


def known(ends: Bounds) -> np.ndarray:
    """Where an interval is more than all positive numbers."""
    return np.isfinite(ends.upper) & (ends.lower > 0)


def between(value: float, lower: float, upper: float, write: Callable[[float], str] = format_quantity) -> str:
    """``7B [5B, 9B]``; without the bracket where there is no interval."""
    return write(value) + ("" if np.isnan(lower) else f" [{write(lower)}, {write(upper)}]")


def nats(value: float) -> str:
    """A loss as text."""
    return f"{value:.4f}"
