"""What plans share: intervals of several quantities at once, and sentences on what an answer rests on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..data.answer import Method
from ..data.quantities import format_quantity
from ..fitting.prediction import describe_outside
from ..fitting.source import Source, estimate_from
from ..laws import Law
from .surface import Surface

PUBLISHED = "from published constants"
"""What rests on constants without rows."""
ENDS = ("", "_lower", "_upper")
"""A quantity's columns in a table: its name for the value, with these for its interval."""


def intervals(
    source: Source,
    surface: Surface,
    quantities: Callable[[Surface], Mapping[str, np.ndarray]],
    *,
    level: float,
    method: Method | None,
    plain: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Intervals of positive quantities of a surface, on their logarithm; those named in ``plain`` on themselves.

    Returns a table with columns ``name``, ``name_lower`` and ``name_upper`` for each quantity. Published constants give
    values only (nan for the ends): without the correlations of their errors no interval follows.
    """
    names = list(quantities(surface))

    def stacked(params: Mapping[str, float]) -> np.ndarray:
        found = quantities(replace(surface, params=params))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([found[name] if name in plain else np.log(found[name]) for name in names])

    with np.errstate(invalid="ignore", over="ignore"):  # quantities that do not exist are nan, and stay nan
        around = estimate_from(lambda of: stacked(of(source)), [source], level=level, method=method)
        ends = {
            f"{name}{end}": values[i] if name in plain else np.exp(values[i])
            for i, name in enumerate(names)
            for end, values in zip(ENDS, (around.value, around.lower, around.upper), strict=True)
        }
    return pd.DataFrame(ends)


def is_bounded(table: pd.DataFrame, name: str) -> np.ndarray:
    """Where the interval of a positive quantity is bounded on both sides, (rows,) of bool."""
    return np.isfinite(table[f"{name}_upper"].to_numpy()) & (table[f"{name}_lower"].to_numpy() > 0)


class Support(NamedTuple):
    """What an answer rests on."""

    text: str
    extrapolated: bool
    """Whether a column lies outside the fitted range."""


def support(source: Source, columns: Mapping[str, np.ndarray], known: np.ndarray) -> list[Support]:
    """What each row rests on; ``known`` says where an interval exists, (rows,)."""
    if not source.fits:
        text = f"{PUBLISHED}: no interval, the correlations of their errors are unknown"
        return [Support(text, extrapolated=False)] * len(known)
    factors = {name: np.broadcast_to(f, known.shape) for name, f in source.outside(columns).items()}
    out = []
    for i, determined in enumerate(known.tolist()):
        far = describe_outside({name: float(f[i]) for name, f in factors.items()})
        where = f"extrapolated: {far}" if far else "inside the fitted range"
        text = where if determined else f"undetermined: these data leave it free; {where}"
        out.append(Support(text, extrapolated=bool(far)))
    return out


def trained_params(law: Law, at: Mapping[str, Any] | pd.Series) -> Any:
    """Parameters that are trained: N, or N0 (1 - rho) for a pruned model; None if the law knows no size."""
    size, rate = law.variable("size"), law.variable("rate")
    if size is None:
        return None
    return at[size] * (1 - at[rate] if rate else 1.0)


def between(value: float, lower: float, upper: float, write: Callable[[float], str] = format_quantity) -> str:
    """``7B [5B, 9B]``; without the bracket where there is no interval."""
    return write(value) + ("" if np.isnan(lower) else f" [{write(lower)}, {write(upper)}]")


def between_columns(row: Mapping[Any, Any], name: str, write: Callable[[float], str] = format_quantity) -> str:
    """The same of a quantity in a row of a table; its interval may be missing."""
    return between(row[name], row.get(f"{name}_lower", np.nan), row.get(f"{name}_upper", np.nan), write)


def nats(value: float) -> str:
    """A loss as text."""
    return f"{value:.4f}"
