"""Prune or train from scratch, as a picture of the difference in loss."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..plan.meeting import undecided
from ..quantities import format_quantity
from . import _style as style

if TYPE_CHECKING:
    from ..plan.crossover import Crossover

SIDES = {"pruned": 0, "scratch": 1}
"""Number of the colour of each side."""
UNDECIDED: dict[str, Any] = {"facecolor": "none", "hatch": "///", "linewidth": 0, "alpha": 0.3}


def crossover(found: "Crossover", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Loss of the pruned model minus that from scratch at equal cost, against retraining tokens, with its interval.

    Below zero the pruned model is better. Where the band holds zero the data cannot tell them apart; those budgets
    are hatched.

    Parameters
    ----------
    found : Crossover
        From :func:`p2law.crossover`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    style.check(found, "Crossover", "p2law.crossover")
    ax = style.axes_of(ax)
    table = found.to_frame()
    tokens, gap = table["tokens"].to_numpy(), table["difference"].to_numpy()
    ax.axhline(0.0, color=style.ink(ax), linewidth=0.8)
    for stretch in _undecided(found):
        ax.axvspan(*np.clip(stretch, tokens[0], tokens[-1]), edgecolor=style.ink(ax), **UNDECIDED)
    ax.fill_between(tokens, table["lower"], table["upper"], color=style.grey(ax), alpha=0.25, linewidth=0)
    for side, inside in (("pruned", gap <= 0), ("scratch", gap >= 0)):
        ax.plot(tokens, np.where(inside, gap, np.nan), color=style.named(ax)[SIDES[side]], linewidth=1.8)
    for at in found.crossings["tokens"]:
        ax.plot([at], [0.0], marker="o", markersize=6, color=style.ink(ax), zorder=3)
    _dress(ax, found, tokens)
    for at in found.crossings["tokens"]:
        style.beside(ax, format_quantity(at), (at, 0.0), 6)
    if legend:
        _legend(ax, found)
    return ax


def _undecided(found: "Crossover") -> list[tuple[float, float]]:
    return undecided(*(found.table[name].to_numpy() for name in ("tokens", "lower", "upper")))


def _dress(ax: Axes, found: "Crossover", tokens: np.ndarray) -> None:
    ax.set_xscale("log")
    ax.set_xlim(tokens[0], tokens[-1])
    style.count_ticks(ax.xaxis)
    ax.set_xlabel("retraining tokens")
    ax.set_ylabel("pruned − scratch loss (nats/token)")
    style.title(ax, f"Prune or train from scratch · {found.bill}")
    style.grid(ax)


def _legend(ax: Axes, found: "Crossover") -> None:
    gap = found.table["difference"]
    drawn = {"pruned": bool((gap < 0).any()), "scratch": bool((gap > 0).any())}
    entries: list[Line2D | Patch] = [
        Line2D([], [], color=style.named(ax)[SIDES[side]], linewidth=2, label=f"{side} better")
        for side in drawn
        if drawn[side]
    ]
    if found.table["lower"].notna().any():
        label = f"{100 * found.level:g} % interval"
        entries.append(Patch(color=style.grey(ax), alpha=0.25, linewidth=0, label=label))
    if len(found.crossings):
        entries.append(Line2D([], [], color=style.ink(ax), marker="o", linestyle="", label="fitted curves meet"))
    if _undecided(found):
        entries.append(Patch(edgecolor=style.ink(ax), label="the data cannot tell", **UNDECIDED))
    ax.legend(handles=entries, fontsize="small", framealpha=0.85, loc="best")
