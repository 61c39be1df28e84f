"""What a pruned start is worth, as a picture of scratch tokens against retraining tokens."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from . import _style as style

if TYPE_CHECKING:
    from ..plan.worth import Worth


def worth(found: "Worth", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Scratch tokens that reach the loss of the pruned model, against its retraining tokens, with intervals.

    An arrow marks an interval without an upper end: the scratch curve may never get there. Hollow points are
    extrapolated.

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
    equal = tokens if len(tokens) > 1 else tokens * [0.5, 2.0]  # a line, even beside a single point
    ax.plot(equal, equal, color=style.grey(ax), linewidth=1.0, linestyle=style.BASELINE, label="as many as retrained")
    seen, shade = np.isfinite(value), style.named(ax)[0]
    name = "worth" if seen.any() else None
    ax.plot(tokens[seen], value[seen], color=shade, marker="o", markersize=4, linewidth=1.4, label=name)
    style.hollow(ax, tokens, value, table["status"], shade)
    ends = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in (tokens, value, lower, upper)])
    bottom, top = ends.min() / 1.5, ends.max() * 3
    bounded = np.isfinite(lower)
    low, high = (np.clip(v[bounded], bottom, top) for v in (lower, upper))
    said = f"{100 * found.level:g} % interval" if bounded.any() else "_"
    ax.vlines(tokens[bounded], low, high, color=shade, alpha=0.45, linewidth=2, label=said)
    open_ended = np.isposinf(upper)
    never = np.isinf(value)
    label = "no upper end; without a point: never" if never.any() else "no upper end"
    arrows: dict[str, Any] = {"marker": "^", "linestyle": "", "label": label if open_ended.any() else None}
    ax.plot(tokens[open_ended], np.full(open_ended.sum(), top), color=shade, **arrows)
    ax.set_ylim(bottom, 1.2 * top)
    _dress(ax)
    if legend:
        ax.legend(fontsize="small", framealpha=0.85, loc="best")
    return ax


def _dress(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.count_ticks(ax.xaxis)
    style.count_ticks(ax.yaxis)
    ax.set_xlabel("retraining tokens")
    ax.set_ylabel("scratch tokens of the same loss")
    style.title(ax, "What the pruned start is worth")
    style.grid(ax)
