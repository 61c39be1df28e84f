"""IsoFLOP profiles and lines of equal loss, from the fitted surface."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.arguments import positives
from ..data.flops import TRAINING
from ..data.quantities import format_quantity
from ..fitting.prediction import FAR, outside
from ..laws.published import Constants
from ..plan.compute import ComputePlan, compute_optimal
from ..plan.isoflop import isoflop as profiles
from ..plan.meeting import undecided
from ..plan.surface import surface
from . import _style as style
from ._tokens import two_part

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..plan.crossover import Crossover
    from ..plan.transfer import Worth


def isoflop(
    source: "Fit | Constants",
    C: Any,
    ax: Axes | None = None,
    *,
    reach: float = 10.0,
    near: float = 1.15,
    level: float = 0.95,
    legend: bool = True,
    **at: Any,
) -> Axes:
    """Loss against size at fixed budgets from the fitted surface, their lowest points, and the runs of these budgets.

    Dashed where size or tokens leave the fitted range (fits only).

    Parameters
    ----------
    source : Fit or Constants
        A law of size and tokens.
    C : float or array_like
        Budgets in FLOPs, one curve each.
    ax : Axes, optional
        Where to draw; default: a new figure.
    reach : float
        Sizes from this factor below to this factor above each budget's optimum.
    near : float
        Measured runs within this factor of a budget are drawn with it.
    level : float
        Confidence level of the bars at the lowest points (fits only).
    legend : bool
        Draw the legend.
    **at : float
        The law's other columns.

    Returns
    -------
    Axes
    """
    budgets = np.sort(positives("C", C))
    ax = style.axes_of(ax)
    found, best = profiles(source, budgets, reach=reach, **at), compute_optimal(source, budgets, level=level, **at)
    colours = [style.ordered(ax)(f) for f in np.linspace(0, 1, max(len(budgets), 2))]
    for (cost, curve), colour in zip(found.table.groupby("C", sort=True), colours, strict=False):
        inside = _inside(source, curve["N"].to_numpy(), curve["D"].to_numpy(), at)
        whole = two_part(ax, curve["N"].to_numpy(), curve["loss"].to_numpy(), inside, colour, None)
        whole.set_label(f"C = {cost:.3g} FLOPs")
    rows = best.table.to_dict("records")
    for row, colour in zip(rows, colours, strict=False):
        if np.isfinite(row["N_lower"]):
            ax.plot([row["N_lower"], row["N_upper"]], [row["loss"]] * 2, color=colour, linewidth=4, alpha=0.35)
        ax.plot(row["N"], row["loss"], marker="D", color=colour, markersize=6, markeredgecolor="white")
    ax.plot(best.N, best.loss, color=style.grey(ax), linewidth=1.0, linestyle=style.EXTRAPOLATED, zorder=1.5)
    _runs(ax, source, budgets, colours, near)
    law = source.law
    ax.set_xscale("log")
    _log_axis(ax.xaxis, f"{law.variable('size')} (parameters)")
    ax.set_ylabel(style.label_of(law.response))
    style.title(ax, f"{law.title} · isoFLOP profiles of the fitted surface")
    style.grid(ax)
    if legend:
        names = [f"C = {cost:.3g} FLOPs" for cost in budgets]
        lines = [Line2D([], [], color=c, linewidth=1.5, label=n) for c, n in zip(colours, names, strict=False)]
        style.place_legend(ax, [*style.few(lines, spread=True), *_key(ax, source, level)])
    return ax


def _runs(ax: Axes, source: "Fit | Constants", budgets: np.ndarray, colours: list[Any], near: float) -> None:
    """Measured runs, each with the nearest budget."""
    if isinstance(source, Constants):
        return
    columns, loss = source.observations.columns, source.observations.response
    size, tokens = (columns[str(source.law.variable(role))] for role in ("size", "tokens"))
    far = np.log(TRAINING * size * tokens)[:, None] - np.log(budgets)
    nearest = np.argmin(np.abs(far), axis=1)
    close = np.abs(far[np.arange(len(size)), nearest]) <= np.log(near)
    for i in np.unique(nearest[close]):
        rows = close & (nearest == i)
        ax.scatter(size[rows], loss[rows], s=16, color=colours[i], alpha=0.75, linewidths=0, zorder=2.5)


def _inside(source: "Fit | Constants", size: np.ndarray, tokens: np.ndarray, at: Mapping[str, Any]) -> np.ndarray:
    """Where all lies inside the fitted range; everywhere for constants, whose range is not known."""
    if isinstance(source, Constants):
        return np.full(size.shape, True)
    factors = outside(source, surface(source, at).columns(size, tokens))
    return np.all([np.broadcast_to(factor <= FAR, size.shape) for factor in factors.values()], axis=0)


def _key(ax: Axes, source: "Fit | Constants", level: float) -> list[Line2D]:
    grey = style.grey(ax)
    key = [Line2D([], [], color=grey, marker="D", linestyle=style.EXTRAPOLATED, label="compute-optimal")]
    if not isinstance(source, Constants):
        beyond = Line2D([], [], color=grey, linewidth=1.1, linestyle=style.EXTRAPOLATED, label="extrapolated")
        bar = Line2D([], [], color=grey, linewidth=4, alpha=0.35, label=f"its {100 * level:g} % interval")
        dots = Line2D([], [], color=grey, marker="o", linestyle="", markersize=4, label="measured, about this C")
        key = [beyond, *key, bar, dots]
    return key


def isoloss(
    source: "Fit | Constants",
    ax: Axes | None = None,
    *,
    N: tuple[float, float] | None = None,
    D: tuple[float, float] | None = None,
    lines: int = 12,
    legend: bool = True,
    **at: Any,
) -> Axes:
    """Lines of equal loss over size and tokens, the compute-optimal path, and the measured runs.

    Parameters
    ----------
    source : Fit or Constants
        A law of size and tokens.
    ax : Axes, optional
        Where to draw; default: a new figure.
    N, D : (float, float), optional
        Range of sizes and of tokens; default: a little beyond the fitted rows (constants: 1e8 to 1e12 parameters, 1e9
        to 1e14 tokens).
    lines : int
        About how many lines.
    legend : bool
        Draw the legend.
    **at : float
        The law's other columns.

    Returns
    -------
    Axes
    """
    ax = style.axes_of(ax)
    on = surface(source, at)
    sizes, tokens = (_range(source, role, given) for role, given in (("size", N), ("tokens", D)))
    grid_N, grid_D = np.geomspace(*sizes, 121), np.geomspace(*tokens, 121)
    loss = on.loss(grid_N[:, None], grid_D[None, :])
    ax.set(xscale="log", yscale="log", xlim=sizes, ylim=tokens)  # first: labels of contours are placed on the axes
    contours = ax.contour(grid_N, grid_D, loss.T, levels=_levels(loss, lines), cmap=style.ordered(ax), linewidths=1.1)
    ax.clabel(contours, fmt="%.2f", fontsize="small", inline_spacing=2)
    _path(ax, compute_optimal(source, _budgets(sizes, tokens), **at))
    if not isinstance(source, Constants):
        columns = source.observations.columns
        x, y = (columns[str(source.law.variable(role))] for role in ("size", "tokens"))
        looks: dict[str, Any] = {"s": 10, "alpha": 0.6, "zorder": 2.5}
        if len(x) > style.CROWD:
            looks = {"s": 3, "alpha": 0.3, "zorder": 1.5}
        ax.scatter(x, y, color=style.grey(ax), linewidths=0, label="measured", **looks)
    _log_axis(ax.xaxis, f"{source.law.variable('size')} (parameters)")
    _log_axis(ax.yaxis, f"{source.law.variable('tokens')} (tokens)")
    style.title(ax, f"{source.law.title} · lines of equal loss (nats/token)")
    style.grid(ax)
    if legend:
        style.place_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


def _budgets(sizes: tuple[float, float], tokens: tuple[float, float]) -> np.ndarray:
    """Budgets from the lower left to the upper right corner."""
    return TRAINING * np.geomspace(sizes[0] * tokens[0], sizes[1] * tokens[1], 41)


def _path(ax: Axes, best: ComputePlan) -> None:
    """Compute-optimal sizes and tokens, each end of the interval along its own budget's line."""
    ax.plot(best.N, best.D, color=style.ink(ax), linewidth=1.4, label="compute-optimal")
    for i, end in enumerate(best.interval("N")):
        if np.isfinite(end).any():
            label = f"its {100 * best.level:g} % interval" if i == 0 else None
            ax.plot(end, best.C / (TRAINING * end), color=style.ink(ax), linewidth=0.9, linestyle=":", label=label)


def _range(source: "Fit | Constants", role: str, given: tuple[float, float] | None) -> tuple[float, float]:
    if given is not None:
        low, high = np.sort(positives("N" if role == "size" else "D", given))
        return float(low), float(high)
    if isinstance(source, Constants):
        return (1e8, 1e12) if role == "size" else (1e9, 1e14)
    values = source.observations.columns[str(source.law.variable(role))]
    return float(values.min()) / 2, float(values.max()) * 4


def _levels(loss: np.ndarray, lines: int) -> np.ndarray:
    """Heights closer together where the surface is flat: quantiles of the loss, rounded."""
    return np.unique(np.round(np.quantile(loss, np.linspace(0.02, 0.98, lines)), 2))


def _log_axis(axis: Axis, label: str) -> None:
    style.count_ticks(axis)
    axis.set_label_text(label)


# What a pruned start is worth, as a picture of scratch tokens against retraining tokens.


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
    _dress_transfer(ax)
    if legend:
        ax.legend(fontsize="small", framealpha=0.85, loc="best")
    return ax


def _dress_transfer(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    style.count_ticks(ax.xaxis)
    style.count_ticks(ax.yaxis)
    ax.set_xlabel("retraining tokens")
    ax.set_ylabel("scratch tokens of the same loss")
    style.title(ax, "What the pruned start is worth")
    style.grid(ax)


# Prune or train from scratch, as a picture of the difference in loss.


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
