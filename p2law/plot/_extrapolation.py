"""Curves of models that were not trained."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..checks import require
from ..errors import FitError
from ..prediction import FAR
from . import _style as style
from ._along_tokens import LOSS, band, dress, model_names, shades, two_part

if TYPE_CHECKING:
    from ..plan.larger import Extrapolation

MOST = 8


def extrapolation(
    plan: "Extrapolation", ax: Axes | None = None, *, measured: pd.DataFrame | None = None, legend: bool = True
) -> Axes:
    """Forecast curves with the interval of the law (dark) and of a run of its own (light).

    Dashed outside the fitted range of tokens, size or rate, which the title names; a single number of tokens is drawn
    as a point with bars, hollow outside.

    Parameters
    ----------
    plan : Extrapolation
        From :func:`p2law.extrapolate`; eight models at most.
    ax : Axes, optional
        Where to draw; default: a new figure.
    measured : DataFrame, optional
        What was measured there after all: tokens and loss, drawn as points.
    legend : bool
        Draw the legend; beside the axes where there are several models.

    Returns
    -------
    Axes

    Raises
    ------
    FitError
        If there are more than eight models.
    """
    style.check(plan, "Extrapolation", "p2law.extrapolate")
    ax = style.axes_of(ax)
    table, name = plan.table, plan.tokens
    curves = [rows for _, rows in table.groupby(list(plan.models), sort=False)] if plan.models else [table]
    if len(curves) > MOST:
        raise FitError(f"{len(curves)} models are too many to tell apart: draw {MOST} at most.")
    names = model_names(pd.DataFrame([rows.iloc[0] for rows in curves])[list(plan.models)])
    for rows, label, shade in zip(curves, names, shades(ax, len(curves)), strict=True):
        ordered = rows.sort_values(name)
        x = ordered[name].to_numpy(dtype=float)
        two_part(ax, x, ordered["loss"].to_numpy(dtype=float), _inside(ordered), shade, label or None)
        band(ax, x, ordered["new_lower"], ordered["new_upper"], shade, alpha=0.12)
        band(ax, x, ordered["lower"], ordered["upper"], shade, alpha=0.25)
    key: list[Artist] = [
        Patch(color=style.grey(ax), alpha=0.5, label="the law"),
        Patch(color=style.grey(ax), alpha=0.2, label="a new run"),
    ]
    if measured is not None:
        key.append(_points(ax, measured, name))
    dress(ax, name, LOSS)
    style.title(ax, _title(plan))
    if legend:
        style.place_legend(ax, [*ax.get_legend_handles_labels()[0], *key], inside=len(curves) == 1)
    return ax


def _inside(rows: pd.DataFrame) -> np.ndarray:
    """Where every column lies inside the fitted range, as the report says it."""
    factors = rows[[c for c in rows.columns if c.startswith("outside_")]].to_numpy(dtype=float)
    return np.asarray((factors <= FAR).all(axis=1))


def _points(ax: Axes, measured: pd.DataFrame, name: str) -> Line2D:
    for column in (name, "loss"):
        require(measured, column, "measured= needs tokens and loss")
    dots: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "color": style.ink(ax)}
    ax.plot(measured[name], measured["loss"], zorder=3, **dots)
    return Line2D([], [], label="measured", **dots)


def _title(plan: "Extrapolation") -> str:
    far = {
        c.removeprefix("outside_"): float(plan.table[c].max()) for c in plan.table.columns if c.startswith("outside_")
    }
    words = ", ".join(f"{name} ×{factor:.3g}" for name, factor in far.items() if factor > FAR)
    outside = f"; dashed: beyond the fitted range: {words}" if words else ""
    return f"{plan.fit.law.title}, {plan.baseline}, {100 * plan.level:g} %{outside}"
