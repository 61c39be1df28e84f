"""What each candidate run tells about a forecast, as a picture of cost against the interval's width."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..quantities import format_quantity
from . import _style as style

if TYPE_CHECKING:
    from ..plan.next_runs import NextRuns


def next_runs(found: "NextRuns", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Width of the forecast's interval after each candidate alone against its cost, and after the picks one by one.

    Parameters
    ----------
    found : NextRuns
        From :func:`p2law.next_runs`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    style.check(found, "NextRuns", "p2law.next_runs")
    ax = style.axes_of(ax)
    table, picks = found.ranking, found.picks
    if np.isfinite(found.now):
        ax.axhline(found.now, color=style.grey(ax), linewidth=1.0, linestyle=style.EXTRAPOLATED, label="now")
    ax.scatter(
        table["cost"], table["width"], s=16, color=style.named(ax)[0], alpha=0.75, linewidths=0, label="one candidate"
    )
    ax.plot(
        picks["spent"], picks["width"], color=style.named(ax)[1], marker="o", markersize=5, linewidth=1.2, label="picks"
    )
    ax.set_xscale("log")
    ax.set_ylim(bottom=0.0)
    for i, (spent, width) in enumerate(zip(picks["spent"], picks["width"], strict=True)):
        if i < 3 or i == len(picks) - 1:
            style.beside(ax, style.short(str(picks["run"].iloc[i]), 24), (spent, width), -13)
    if found.coin != "FLOPs":
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("cost" if found.coin == "cost" else f"cost ({found.coin})")
    ax.set_ylabel(f"width of the {100 * found.level:g} % interval")
    style.title(ax, "What to train next · expected interval of the forecast")
    style.grid(ax)
    if legend:
        ax.legend(fontsize="small", framealpha=0.85, loc="best")
    return ax
