"""A profile: how much worse the fit becomes as one constant, or one predicted loss, is held elsewhere."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from . import _style as style

if TYPE_CHECKING:
    from ..uncertainty.profile import Profile

HIGHEST = 4.0
"""Drawn up to this many times the threshold."""


def profile(found: "Profile", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Rise of the objective against the value held, the threshold and the interval. A flat valley is drawn flat.

    Parameters
    ----------
    found : Profile
        From :meth:`p2law.Fit.profile`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    style.check(found, "Profile", "fit.profile")
    ax = style.axes_of(ax)
    points = found.points
    shown = points[points["rise"] <= HIGHEST * found.threshold]
    share = shown["rise"].to_numpy() / found.threshold
    value = shown["value"].to_numpy()
    ax.plot(value, share, color=style.named(ax)[0], marker="o", markersize=4, linewidth=1.4, label="profile")
    ax.axhline(
        1.0, color=style.grey(ax), linestyle=style.BASELINE, linewidth=1.0, label=f"{100 * found.level:g} % limit"
    )
    ax.axvline(found.estimate, color=style.named(ax)[1], linewidth=1.0, label="estimate")
    low, high = (float(np.clip(end, value.min(), value.max())) for end in (found.lower, found.upper))
    ax.axvspan(low, high, color=style.named(ax)[0], alpha=0.12, linewidth=0, label="interval")
    _scale(ax, value)
    ax.set_ylim(-0.05, min(HIGHEST, max(1.5, 1.1 * share.max())))
    ax.set_xlabel(found.name)
    ax.set_ylabel("rise of the objective / threshold")
    style.title(ax, "the data set no limit on one side or both" if found.flat else "", loc="left")
    if legend:
        ax.legend(fontsize="small", framealpha=0.85, loc="best")
    return ax


def _scale(ax: Axes, value: np.ndarray) -> None:
    """Logarithmic where values span decades; where they pass zero, linear around it."""
    size = np.sort(np.abs(value[value != 0]))
    if value.min() > 0 and size[-1] > 20 * size[0]:
        ax.set_xscale("log")
        style.count_ticks(ax.xaxis)
    elif value.min() < 0 < value.max() and size[-1] > 20 * np.median(size):
        ax.set_xscale("asinh", linear_width=float(np.median(size)))
