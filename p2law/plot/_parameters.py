"""Constants with their intervals, each in units of its own estimate or on its own scale."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from ..checks import require_fit
from . import _style as style

if TYPE_CHECKING:
    from ..result import Fit

WIDEST = 3.0
"""Half the width of the picture, in estimates; what lies beyond is drawn as an arrow."""


def parameters(fit: "Fit", ax: Axes | None = None, *, level: float = 0.95, legend: bool = True) -> Axes:
    """Intervals of the constants relative to their estimates, by every method at hand (Wald; draws where made).

    Parameters
    ----------
    fit : Fit
        A fit; with bootstrap draws their percentiles are drawn beside the local intervals.
    ax : Axes, optional
        Where to draw; default: a new figure.
    level : float
        Confidence level.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    require_fit("fit", fit)
    ax = style.axes_of(ax)
    methods = ("wald", "bootstrap") if fit.draws is not None else ("wald",)
    names, reach = [p.name for p in fit.law.parameters], 0.05
    known = np.zeros(len(names), dtype=bool)
    for i, method in enumerate(methods):
        table = fit.intervals(level, method=method)
        size = np.where(table["estimate"] != 0, np.abs(table["estimate"]), 1.0)
        low, high = (((table[end] - table["estimate"]) / size).to_numpy() for end in ("lower", "upper"))
        y = np.arange(len(names)) + 0.22 * (i - (len(methods) - 1) / 2)
        colour = style.named(ax)[i]
        known |= np.isfinite(low) & np.isfinite(high) & (high > low)
        reach = max(reach, *np.abs(np.clip(np.concatenate([low, high]), -WIDEST, WIDEST)))
        ax.hlines(y, np.maximum(low, -WIDEST), np.minimum(high, WIDEST), color=colour, linewidth=2.5, label=method)
        for side, ends, mark in ((-1, low, "<"), (1, high, ">")):
            beyond = side * ends > WIDEST
            ax.plot(np.full(beyond.sum(), side * WIDEST), y[beyond], mark, color=colour, markersize=6)
    ax.axvline(0.0, color=style.grey(ax), linewidth=0.8)
    ax.plot(np.zeros(len(names)), range(len(names)), "D", color=style.ink(ax), markersize=3.5, zorder=3)
    ax.set_yticks(range(len(names)), [f"{name} = {fit.params[name]:.4g}" for name in names])
    for place in np.flatnonzero(~known).tolist():
        word = fit.to_frame()["treatment"].iloc[place].split(":")[0]
        style.beside(ax, "no interval" if word == "free" else f"{word}, no interval", (0.0, place), 5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-1.1 * reach, 1.1 * reach)
    ax.set_xlabel("distance from the estimate / its size")
    style.title(ax, f"{fit.law.title} · {100 * level:g} % intervals of the constants")
    if legend:
        style.place_legend(ax, ax.get_legend_handles_labels()[0])
    return ax
