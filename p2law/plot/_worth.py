"""What a pruned start is worth, as a picture of scratch tokens against retraining tokens."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from . import _style as style

if TYPE_CHECKING:
    from ..plan.worth import Worth


def worth(found: "Worth", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Scratch tokens that reach the loss of the pruned model, against its retraining tokens, with intervals.

    An arrow marks an interval without an upper end: the scratch curve may never get there.

    Parameters
    ----------
    found : Worth
        From :func:`p2law.effective_tokens`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    style.check(found, "Worth", "p2law.effective_tokens")
    ax = style.axes_of(ax)
    table = found.to_frame()
    tokens, value, lower, upper = (table[name].to_numpy() for name in ("tokens", "effective", "lower", "upper"))
    ax.plot(tokens, tokens, color=style.GREY, linewidth=1.0, linestyle=style.BASELINE, label="as many as retrained")
    seen = np.isfinite(value)
    ax.plot(tokens[seen], value[seen], color=style.NAMED[0], marker="o", markersize=4, linewidth=1.4, label="worth")
    ends = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in (tokens, value, lower, upper)])
    bottom, top = ends.min() / 1.5, ends.max() * 3
    bounded = ~np.isnan(lower)
    ax.vlines(
        tokens[bounded],
        np.clip(lower[bounded], bottom, top),
        np.clip(upper[bounded], bottom, top),
        color=style.NAMED[0],
        alpha=0.45,
        linewidth=2,
        label=f"{100 * found.level:g} % interval",
    )
    open_ended = bounded & np.isinf(upper)
    ax.plot(tokens[open_ended], np.full(open_ended.sum(), top), color=style.NAMED[0], marker="^", linestyle="")
    ax.set_ylim(bottom, 1.2 * top)
    _dress(ax)
    if legend:
        ax.legend(fontsize="small", framealpha=0.85, loc="best")
    return ax


def _dress(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.count_ticks(ax.xaxis, *ax.get_xlim())
    style.count_ticks(ax.yaxis, *ax.get_ylim())
    ax.set_xlabel("retraining tokens")
    ax.set_ylabel("scratch tokens of the same loss")
    ax.set_title("What the pruned start is worth", fontsize="medium")
    style.grid(ax)
