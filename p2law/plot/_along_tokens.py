"""What pictures of planned curves share: an axis of tokens, bands, the names of models."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..quantities import format_quantity
from . import _style as style

LOSS = "loss (nats/token)"


def shades(ax: Axes, count: int) -> list[Any]:
    """Colour of each model, in their order."""
    return [style.named(ax)[0]] if count == 1 else [style.ordered(ax)(f) for f in np.linspace(0, 1, count)]


def model_names(models: pd.DataFrame) -> list[str]:
    """Name of each model (row): the columns in which it differs from the others, or all for one."""
    telling = [c for c in models.columns if len(models) == 1 or models[c].nunique() > 1]
    texts = {c: [f"{c} = {format_quantity(float(v))}" for v in models[c]] for c in telling}
    return [", ".join(texts[c][i] for c in telling) for i in range(len(models))]


def band(ax: Axes, x: np.ndarray, lower: Any, upper: Any, shade: Any, *, alpha: float = 0.18) -> None:
    """A shaded interval along the curve; a bar at a single point."""
    low, high = np.asarray(lower), np.asarray(upper)
    if len(x) > 1:
        ax.fill_between(x, low, high, color=shade, alpha=alpha, linewidth=0)
    elif np.isfinite([low, high]).all():
        ax.vlines(x, low, high, color=shade, alpha=alpha, linewidth=7)


def two_part(ax: Axes, x: np.ndarray, y: np.ndarray, inside: np.ndarray, shade: Any, label: str | None) -> Line2D:
    """A curve, solid where it is inside the fitted range and dashed outside; a single point as a point.

    Returns the whole curve.
    """
    if len(x) == 1:
        hollow: dict[str, Any] = {} if inside.all() else {"markerfacecolor": "none"}
        return ax.plot(x, y, color=shade, marker="o", markersize=6, linestyle="", label=label, **hollow)[0]
    looks: dict[str, Any] = {"linestyle": style.EXTRAPOLATED, "linewidth": 1.1, "alpha": 0.8, "zorder": 1.9}
    (whole,) = ax.plot(x, y, color=shade, label=None if inside.any() else label, **looks)
    if inside.any():
        ax.plot(x, np.where(inside, y, np.nan), color=shade, linewidth=1.5, label=label)
    return whole


def dress(ax: Axes, name: str, ylabel: str) -> None:
    """Logarithmic axis of tokens with readable ticks, labels, a light grid."""
    ax.set_xscale("log")
    ax.set_xlabel(f"{name} (tokens)")
    ax.set_ylabel(ylabel)
    style.count_ticks(ax.xaxis)
    style.grid(ax)
