"""What pictures of planned curves share: an axis of tokens, bands, the names of models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..quantities import format_quantity
from . import _style as style

LOSS = "loss (nats/token)"


def shades(count: int) -> list[Any]:
    """Colour of each model, in their order."""
    return [style.NAMED[0]] if count == 1 else [style.ORDERED(f) for f in np.linspace(0, 1, count)]


def model_names(models: pd.DataFrame) -> list[str]:
    """Name of each model (row): the columns in which it differs from the others, or all for one."""
    telling = [c for c in models.columns if len(models) == 1 or models[c].nunique() > 1]
    texts = {c: [f"{c} = {format_quantity(float(v))}" for v in models[c]] for c in telling}
    return [", ".join(texts[c][i] for c in telling) for i in range(len(models))]


def band(ax: Axes, x: np.ndarray, lower: Any, upper: Any, shade: Any, *, alpha: float = 0.18) -> None:
    """A shaded interval along the curve."""
    ax.fill_between(x, np.asarray(lower), np.asarray(upper), color=shade, alpha=alpha, linewidth=0)


def two_part(ax: Axes, x: np.ndarray, y: np.ndarray, ends: Sequence[float], shade: Any, label: str | None) -> None:
    """A curve, solid within the tokens measured (``ends``) and dashed outside."""
    inside = (x >= ends[0] * (1 - 1e-9)) & (x <= ends[1] * (1 + 1e-9))
    ax.plot(x, np.where(inside, y, np.nan), color=shade, linewidth=1.5, label=label)
    ax.plot(x, y, color=shade, linewidth=1.1, linestyle=style.EXTRAPOLATED, alpha=0.8, zorder=1.9)


def dress(ax: Axes, name: str, ylabel: str) -> None:
    """Logarithmic axis of tokens with readable ticks, labels, a light grid."""
    ax.set_xscale("log")
    ax.set_xlabel(f"{name} (tokens)")
    ax.set_ylabel(ylabel)
    style.count_ticks(ax.xaxis, *ax.get_xlim())
    style.grid(ax)
