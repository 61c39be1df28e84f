"""Pictures of budgets: isoFLOP profiles, lines of equal loss, prune or train from scratch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from .. import plan
from ..data.arguments import positives
from ..data.flops import TRAINING
from ..data.quantities import format_quantity
from ..fitting.prediction import EXTRAPOLATION_FACTOR
from ..fitting.source import Source, as_source
from ..plan.crossing import indistinguishable
from ..plan.surface import surface
from . import _style as style

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..laws import Constants

UNDECIDED: dict[str, Any] = {"facecolor": "none", "hatch": "///", "linewidth": 0, "alpha": 0.3}
"""Looks of budgets at which the data cannot tell two curves apart."""


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
    reach : float
        Sizes from this factor below to this factor above each budget's optimum.
    near : float
        Measured runs within this factor of a budget are drawn with it.
    level : float
        Confidence level of the bars at the lowest points (fits only).
    ax, legend
        As for :func:`p2law.plot.curves`.
    **at : float
        The law's other columns.
    """
    budgets, origin = np.sort(positives("C", C)), as_source("source", source)
    ax = style.axes_of(ax)
    found = plan.isoflop(source, budgets, reach=reach, **at)
    best = plan.compute_optimal(source, budgets, level=level, **at)
    colours = style.gradient(ax, len(budgets))
    names = [f"C = {cost:.3g} FLOPs" for cost in budgets]
    for (_, curve), colour, name in zip(found.table.groupby("C", sort=True), colours, names, strict=False):
        size, tokens, loss = (curve[column].to_numpy() for column in ("N", "D", "loss"))
        style.two_part(ax, size, loss, _inside(origin, size, tokens, at), colour, None).set_label(name)
    for row, colour in zip(best.table.to_dict("records"), colours, strict=False):
        if np.isfinite(row["N_lower"]):
            ax.plot([row["N_lower"], row["N_upper"]], [row["loss"]] * 2, color=colour, linewidth=4, alpha=0.35)
        ax.plot(row["N"], row["loss"], marker="D", color=colour, markersize=6, markeredgecolor="white")
    ax.plot(best.N, best.loss, color=style.grey(ax), linewidth=1.0, linestyle=style.DASHED, zorder=1.5)
    if origin.fits:
        _draw_runs(ax, origin, budgets, colours, near)
    law = origin.law
    style.format_axis(ax.xaxis, f"{law.variable('size')} (parameters)")
    ax.set_ylabel(style.label_of(law.response))
    lines = [Line2D([], [], color=c, linewidth=1.5, label=n) for c, n in zip(colours, names, strict=True)]
    key = _isoflop_key(ax, level, fitted=bool(origin.fits))
    handles = [*style.truncate_legend(lines, spread=True), *key]
    style.finish(
        ax, f"{law.title} · isoFLOP profiles of the fitted surface", legend=legend, handles=handles, beside=True
    )
    return ax


def _inside(origin: Source, size: np.ndarray, tokens: np.ndarray, at: Mapping[str, Any]) -> np.ndarray:
    """Where all lies inside the fitted range, (points,); everywhere for constants, whose range is not known."""
    factors = origin.outside(surface(origin, at).columns(size, tokens))
    return np.all(
        [np.ones(size.shape), *(np.broadcast_to(f <= EXTRAPOLATION_FACTOR, size.shape) for f in factors.values())],
        axis=0,
    )


def _draw_runs(ax: Axes, origin: Source, budgets: np.ndarray, colours: Sequence[ColorType], near: float) -> None:
    """Draw measured runs, each in the colour of the nearest budget, (budgets,), FLOPs, if that is ``near`` enough."""
    size, tokens, loss = _measured(origin)
    distance = np.abs(np.log(TRAINING * size * tokens)[:, None] - np.log(budgets))
    nearest = np.argmin(distance, axis=1)
    close = distance.min(axis=1) <= np.log(near)
    for i in np.unique(nearest[close]):
        rows = close & (nearest == i)
        ax.scatter(size[rows], loss[rows], s=16, color=colours[i], alpha=0.75, linewidths=0, zorder=2.5)


def _measured(origin: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Size, tokens and loss of the fitted rows, (rows,) each; none for published constants."""
    seen = origin.observations
    if seen is None:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    size, tokens = (seen.columns[str(origin.law.variable(role))] for role in ("size", "tokens"))
    return size, tokens, seen.response


def _isoflop_key(ax: Axes, level: float, *, fitted: bool) -> list[Artist]:
    grey = style.grey(ax)
    optimal = Line2D([], [], color=grey, marker="D", linestyle=style.DASHED, label="compute-optimal")
    if not fitted:
        return [optimal]
    return [
        Line2D([], [], color=grey, linewidth=1.1, linestyle=style.DASHED, label="extrapolated"),
        optimal,
        Line2D([], [], color=grey, linewidth=4, alpha=0.35, label=f"its {100 * level:g} % interval"),
        Line2D([], [], color=grey, marker="o", linestyle="", markersize=4, label="measured, about this C"),
    ]


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
    N, D : (float, float), optional
        Range of sizes and of tokens; default: a little beyond the fitted rows (constants: 1e8 to 1e12 parameters, 1e9
        to 1e14 tokens).
    lines : int
        About how many lines.
    ax, legend
        As for :func:`p2law.plot.curves`.
    **at : float
        The law's other columns.
    """
    ax = style.axes_of(ax)
    origin = as_source("source", source)
    on, (fitted_N, fitted_D, _) = surface(origin, at), _measured(origin)
    sizes = _ends("N", N, fitted_N, usual=(1e8, 1e12))
    tokens = _ends("D", D, fitted_D, usual=(1e9, 1e14))
    grid_N, grid_D = np.geomspace(*sizes, 121), np.geomspace(*tokens, 121)
    loss = on.loss(grid_N[:, None], grid_D[None, :])
    # Heights closer together where the surface is flat: quantiles of the loss, rounded.
    heights = np.unique(np.round(np.quantile(loss, np.linspace(0.02, 0.98, lines)), 2))
    ax.set(xscale="log", yscale="log", xlim=sizes, ylim=tokens)  # first: labels of contours are placed on the axes
    contours = ax.contour(grid_N, grid_D, loss.T, levels=heights, cmap=style.colour_map(ax), linewidths=1.1)
    ax.clabel(contours, fmt="%.2f", fontsize="small", inline_spacing=2)
    budgets = TRAINING * np.geomspace(sizes[0] * tokens[0], sizes[1] * tokens[1], 41)  # from corner to corner
    best, ink = plan.compute_optimal(source, budgets, **at), style.foreground(ax)
    ax.plot(best.N, best.D, color=ink, linewidth=1.4, label="compute-optimal")
    for i, end in enumerate(best.interval("N")):  # each end along its own budget's line
        if np.isfinite(end).any():
            label = f"its {100 * best.level:g} % interval" if i == 0 else None
            ax.plot(end, best.C / (TRAINING * end), color=ink, linewidth=0.9, linestyle=":", label=label)
    if len(fitted_N):
        crowded = len(fitted_N) > style.CROWD
        size, alpha, order = (3, 0.3, 1.5) if crowded else (10, 0.6, 2.5)
        looks: dict[str, Any] = {"s": size, "alpha": alpha, "zorder": order, "linewidths": 0}
        ax.scatter(fitted_N, fitted_D, color=style.grey(ax), label="measured", **looks)
    style.format_axis(ax.xaxis, f"{source.law.variable('size')} (parameters)")
    style.format_axis(ax.yaxis, f"{source.law.variable('tokens')} (tokens)")
    style.finish(ax, f"{source.law.title} · lines of equal loss (nats/token)", legend=legend, beside=True)
    return ax


def _ends(
    name: str, given: tuple[float, float] | None, fitted: np.ndarray, *, usual: tuple[float, float]
) -> tuple[float, float]:
    """Ends of an axis: those given, else a little beyond the fitted values, (rows,), else the usual ones."""
    if given is not None:
        low, high = np.sort(positives(name, given))
        return float(low), float(high)
    return usual if not len(fitted) else (float(fitted.min()) / 2, float(fitted.max()) * 4)


def worth(found: "plan.Worth", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Scratch tokens that reach the loss of the pruned model, against its retraining tokens, with intervals.

    An arrow marks an interval without an upper end: the scratch curve may never get there. Hollow points are
    extrapolated. From :func:`p2law.effective_tokens`.
    """
    style.check(found, "Worth", "p2law.effective_tokens")
    ax = style.axes_of(ax)
    table, colour = found.to_frame(), style.palette(ax)[0]
    tokens, value, lower, upper = (table[name].to_numpy() for name in ("tokens", "effective", "lower", "upper"))
    equal = tokens if len(tokens) > 1 else tokens * [0.5, 2.0]  # a line, even beside a single point
    ax.plot(equal, equal, color=style.grey(ax), linewidth=1.0, linestyle=style.DOTTED, label="as many as retrained")
    seen = np.isfinite(value)
    name = "worth" if seen.any() else None
    ax.plot(tokens[seen], value[seen], color=colour, marker="o", markersize=4, linewidth=1.4, label=name)
    style.hollow(ax, tokens, value, found.extrapolated, colour)
    ends = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in (tokens, value, lower, upper)])
    bottom, top = ends.min() / 1.5, ends.max() * 3
    bounded, open_ended = np.isfinite(lower), np.isposinf(upper)
    low, high = (np.clip(v[bounded], bottom, top) for v in (lower, upper))
    interval = f"{100 * found.level:g} % interval" if bounded.any() else "_"
    ax.vlines(tokens[bounded], low, high, color=colour, alpha=0.45, linewidth=2, label=interval)
    never = "no upper end; without a point: never" if np.isinf(value).any() else "no upper end"
    arrows: dict[str, Any] = {"marker": "^", "linestyle": "", "label": never if open_ended.any() else None}
    ax.plot(tokens[open_ended], np.full(open_ended.sum(), top), color=colour, **arrows)
    ax.set_ylim(bottom, 1.2 * top)
    style.format_axis(ax.xaxis, "retraining tokens")
    style.format_axis(ax.yaxis, "scratch tokens of the same loss")
    style.finish(ax, "What the pruned start is worth", legend=legend)
    return ax


def crossover(found: "plan.Crossover", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Loss of the pruned model minus that from scratch at equal cost, with its interval. From :func:`p2law.crossover`.

    Below zero the pruned model is better. Where the band holds zero the data cannot tell them apart; those budgets
    are hatched.
    """
    style.check(found, "Crossover", "p2law.crossover")
    ax = style.axes_of(ax)
    tokens, gap, lower, upper = (found.table[c].to_numpy() for c in ("tokens", "difference", "lower", "upper"))
    ink, grey, colours = style.foreground(ax), style.grey(ax), style.palette(ax)
    ax.axhline(0.0, color=ink, linewidth=0.8)
    stretches = indistinguishable(tokens, lower, upper)
    for stretch in stretches:
        ax.axvspan(*np.clip(stretch, tokens[0], tokens[-1]), edgecolor=ink, **UNDECIDED)
    ax.fill_between(tokens, lower, upper, color=grey, alpha=0.25, linewidth=0)
    ax.plot(tokens, np.where(gap <= 0, gap, np.nan), color=colours[0], linewidth=1.8)
    ax.plot(tokens, np.where(gap >= 0, gap, np.nan), color=colours[1], linewidth=1.8)
    for at in found.crossings["tokens"]:
        ax.plot([at], [0.0], marker="o", markersize=6, color=ink, zorder=3)
    ax.set_xlim(tokens[0], tokens[-1])
    style.format_axis(ax.xaxis, "retraining tokens")
    ax.set_ylabel("pruned − scratch loss (nats/token)")
    for at in found.crossings["tokens"]:
        style.annotate(ax, format_quantity(at), (at, 0.0), 6)
    interval = f"{100 * found.level:g} % interval"
    entries: list[tuple[bool, Artist]] = [
        (bool((gap < 0).any()), Line2D([], [], color=colours[0], linewidth=2, label="pruned better")),
        (bool((gap > 0).any()), Line2D([], [], color=colours[1], linewidth=2, label="scratch better")),
        (not np.isnan(lower).all(), Patch(color=grey, alpha=0.25, linewidth=0, label=interval)),
        (len(found.crossings) > 0, Line2D([], [], color=ink, marker="o", linestyle="", label="fitted curves meet")),
        (len(stretches) > 0, Patch(edgecolor=ink, label="the data cannot tell", **UNDECIDED)),
    ]
    handles = [handle for drawn, handle in entries if drawn]
    style.finish(ax, f"Prune or train from scratch · {found.cost}", legend=legend, handles=handles)
    return ax
