"""Pictures of plans that are a short list of answers: ways to prune, sizes off the optimum, sparse twins, parabolas."""

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..data.quantities import format_quantity
from ..errors import DataError
from ..schedules import LoggedSchedule, PruningSchedule
from . import _style as style

if TYPE_CHECKING:
    from ..plan.isoflop import ParabolaBias, SizeCost
    from ..plan.next_runs import NextRuns
    from ..plan.pruning import Ranking
    from ..plan.sparse import SparsePlan


def ranking(found: "Ranking", ax: Axes | None = None) -> Axes:
    """Loss of every way to a model, best on top, with intervals. From :func:`p2law.best_pruning`.

    What is extrapolated, rests on no support or is impossible says so; an arrow marks an interval without an end.
    """
    style.check(found, "Ranking", "p2law.best_pruning")
    table = found.to_frame()
    ways = [f"{row['method']} from {row['parent']}" if row["parent"] else row["method"] for _, row in table.iterrows()]
    names = ["\n".join(wrap(way, 32)) for way in ways]
    ax = _listed(ax, names, *(table[c].to_numpy(dtype=float) for c in ("loss", "lower", "upper")))
    for place, (loss, status) in enumerate(zip(table["loss"], table["status"], strict=True)):
        word = str(status or "").split(":")[0]
        if np.isfinite(loss):
            style.beside(ax, word, (loss, place), 7)
        else:
            ax.text(0.02, place, word, transform=ax.get_yaxis_transform(), fontsize="small", va="center")
    style.title(ax, f"{format_quantity(found.size)} parameters, {found.budget}")
    return ax


def sparse(found: "SparsePlan", ax: Axes | None = None) -> Axes:
    """Loss of the sparse plan and of its dense twins. From :func:`p2law.plan.sparse_pretraining`."""
    style.check(found, "SparsePlan", "plan.sparse_pretraining")
    table = found.to_frame()
    names = [f"{name}\n{format_quantity(float(n))} on average" for name, n in table["N_avg"].items()]
    ax = _listed(ax, names, *(table[c].to_numpy(dtype=float) for c in ("loss", "loss_lower", "loss_upper")))
    style.title(ax, f"C = {found.C:.3g} FLOPs")
    return ax


def _listed(ax: Axes | None, names: list[str], value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Axes:
    """Losses with intervals, one line each."""
    ax = style.axes_of(ax)
    places = np.arange(len(names))
    shade = style.named(ax)[0]
    seen = np.concatenate([v[np.isfinite(v)] for v in (value, lower, upper)])
    margin = 0.06 * (float(np.ptp(seen)) or 0.1)
    ends = float(seen.min()) - margin, float(seen.max()) + margin
    ax.plot(value, places, color=shade, marker="D", markersize=6, linestyle="")
    ax.hlines(places, np.clip(lower, *ends), np.clip(upper, *ends), color=shade, linewidth=3, alpha=0.4)
    for end, marker, open_ended in ((ends[0], "<", np.isneginf(lower)), (ends[1], ">", np.isposinf(upper))):
        ax.plot(np.full(open_ended.sum(), end), places[open_ended], color=shade, marker=marker, linestyle="", alpha=0.7)
    ax.set_xlim(ends[0] - margin, ends[1] + margin)
    ax.set_yticks(places, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("loss (nats/token)")
    ax.grid(axis="x", alpha=0.25)
    return ax


def sizes(found: "SizeCost", ax: Axes | None = None) -> Axes:
    """Loss given up by models of other sizes than the optimum, against size. From :func:`p2law.plan.overtraining`."""
    style.check(found, "SizeCost", "plan.overtraining")
    ax = style.axes_of(ax)
    for (cost, part), colour in zip(found.to_frame().assign(C=found.C).groupby("C"), style.named(ax), strict=False):
        part = part.sort_values("N")
        ax.plot(part["N"], part["penalty"], color=colour, marker="o", linewidth=1.4, label=f"C = {cost:.3g} FLOPs")
        style.hollow(ax, part["N"].to_numpy(), part["penalty"].to_numpy(), part["status"], colour)
        ax.fill_between(part["N"], part["penalty_lower"], part["penalty_upper"], color=colour, alpha=0.15, linewidth=0)
    _sizes_along(ax)
    ax.set_ylabel("loss above the optimum's (nats/token)")
    ax.legend(fontsize="small", framealpha=0.85)
    return ax


def parabola(found: "ParabolaBias", ax: Axes | None = None) -> Axes:
    """Optimal size read off parabolas against the law's own, per budget. From :func:`p2law.plan.parabola_bias`."""
    style.check(found, "ParabolaBias", "plan.parabola_bias")
    ax = style.axes_of(ax)
    table = found.to_frame()
    ax.plot(table["N"], 100 * (table["ratio"] - 1), color=style.named(ax)[0], marker="o", linewidth=1.4)
    ax.axhline(0.0, color=style.grey(ax), linewidth=0.9)
    _sizes_along(ax)
    ax.set_xlabel("optimal parameters by the law")
    ax.set_ylabel("size by the parabola, off by (%)")
    return ax


def _sizes_along(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_xlabel("parameters")
    style.count_ticks(ax.xaxis)
    ax.grid(alpha=0.25)


# What each candidate run tells about a forecast, as a picture of cost against the interval's width.


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


# A pruning schedule: density over training, and the compute spent on the way.


def schedule(
    schedule: PruningSchedule | LoggedSchedule, ax: Axes | None = None, *, compute: bool = True, legend: bool = True
) -> Axes:
    """Density of the prunable parameters over training steps, its average, and the share of compute spent.

    Parameters
    ----------
    schedule : PruningSchedule or LoggedSchedule
        What to draw.
    ax : Axes, optional
        Where to draw; default: a new figure.
    compute : bool
        Draw the share of compute spent.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    if not isinstance(schedule, PruningSchedule | LoggedSchedule):
        raise DataError(f"cannot draw {schedule!r:.60}: give a PruningSchedule, or what schedules.from_log returns.")
    ax = style.axes_of(ax)
    t = np.linspace(0.0, 1.0, 1001)
    mean = schedule.average_density()
    if isinstance(schedule, PruningSchedule):
        begin, finish = schedule.window
        ax.axvspan(begin, finish, color=style.ink(ax), alpha=0.06, linewidth=0, label="pruning")
        t = np.unique(np.concatenate([t, [begin, finish]]))
    ax.plot(t, schedule.density(t), color=style.named(ax)[0], linewidth=1.6, label="density")
    ax.axhline(mean, color=style.named(ax)[0], linewidth=1.0, linestyle=style.EXTRAPOLATED, label=f"average {mean:.3f}")
    if compute:
        spent = np.asarray(schedule.compute_share(t))
        ax.plot(t, spent, color=style.named(ax)[1], linewidth=1.2, label="compute spent")
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.03)
    ax.set_xlabel("fraction of training steps")
    ax.set_ylabel("fraction")
    style.title(ax, schedule.summary().splitlines()[0])
    style.grid(ax)
    if legend:
        ax.legend(fontsize="small", loc="best", framealpha=0.85)
    return ax
