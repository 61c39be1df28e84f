"""Pictures of plans that are a short list of answers, of candidate runs, and of a pruning schedule."""

from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes

from .. import plan
from ..data.quantities import format_quantity
from ..errors import DataError
from ..schedules import LoggedSchedule, PruningSchedule
from . import _style as style


def ranking(found: "plan.Ranking", ax: Axes | None = None) -> Axes:
    """Loss of every way to a model, best on top, with intervals. From :func:`p2law.best_pruning`.

    What is extrapolated, rests on no support or is impossible says so; an arrow marks an interval without an end.
    """
    style.check(found, "Ranking", "p2law.best_pruning")
    table = found.to_frame()
    ways = [f"{row['method']} from {row['parent']}" if row["parent"] else row["method"] for _, row in table.iterrows()]
    names = ["\n".join(wrap(way, 32)) for way in ways]
    ax = _listed(ax, names, *(table[c].to_numpy(dtype=float) for c in ("loss", "lower", "upper")))
    words = {"inside": "", "published": "from published constants"}
    for place, (loss, kind) in enumerate(zip(table["loss"], found.kinds, strict=True)):
        word = words.get(kind, kind)
        if np.isfinite(loss):
            style.annotate(ax, word, (loss, place), 7)
        else:
            ax.text(0.02, place, word, transform=ax.get_yaxis_transform(), fontsize="small", va="center")
    style.title(ax, f"{format_quantity(found.size)} parameters, {found.budget}")
    return ax


def sparse(found: "plan.SparsePlan", ax: Axes | None = None) -> Axes:
    """Loss of the sparse plan and of its dense twins. From :func:`p2law.plan.sparse_pretraining`."""
    style.check(found, "SparsePlan", "plan.sparse_pretraining")
    table = found.to_frame()
    names = [f"{name}\n{format_quantity(float(n))} on average" for name, n in table["N_avg"].items()]
    ax = _listed(ax, names, *(table[c].to_numpy(dtype=float) for c in ("loss", "loss_lower", "loss_upper")))
    style.title(ax, f"C = {found.C:.3g} FLOPs")
    return ax


def _listed(ax: Axes | None, names: list[str], value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Axes:
    """Draw losses with intervals, (names,) each, one line each."""
    ax = style.axes_of(ax)
    places, colour = np.arange(len(names)), style.palette(ax)[0]
    seen = np.concatenate([v[np.isfinite(v)] for v in (value, lower, upper)])
    margin = 0.06 * (float(np.ptp(seen)) or 0.1)
    ends = float(seen.min()) - margin, float(seen.max()) + margin
    ax.plot(value, places, color=colour, marker="D", markersize=6, linestyle="")
    ax.hlines(places, np.clip(lower, *ends), np.clip(upper, *ends), color=colour, linewidth=3, alpha=0.4)
    for end, marker, open_ended in ((ends[0], "<", np.isneginf(lower)), (ends[1], ">", np.isposinf(upper))):
        at = np.full(open_ended.sum(), end)
        ax.plot(at, places[open_ended], color=colour, marker=marker, linestyle="", alpha=0.7)
    ax.set_xlim(ends[0] - margin, ends[1] + margin)
    ax.set_yticks(places, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(style.LOSS)
    ax.grid(axis="x", alpha=0.25)
    return ax


def sizes(found: "plan.SizeCost", ax: Axes | None = None) -> Axes:
    """Loss given up by models of other sizes than the optimum, against size. From :func:`p2law.plan.overtraining`."""
    style.check(found, "SizeCost", "plan.overtraining")
    ax = style.axes_of(ax)
    table, colour = found.to_frame().assign(extrapolated=found.extrapolated).sort_values("N"), style.palette(ax)[0]
    size, penalty = table["N"].to_numpy(), table["penalty"].to_numpy()
    ax.plot(size, penalty, color=colour, marker="o", linewidth=1.4, label=f"C = {found.C:.3g} FLOPs")
    style.hollow(ax, size, penalty, table["extrapolated"].to_numpy(), colour)
    ax.fill_between(size, table["penalty_lower"], table["penalty_upper"], color=colour, alpha=0.15, linewidth=0)
    style.format_axis(ax.xaxis, "parameters")
    ax.set_ylabel("loss above the optimum's (nats/token)")
    ax.grid(alpha=0.25)
    style.draw_legend(ax)
    return ax


def parabola(found: "plan.ParabolaBias", ax: Axes | None = None) -> Axes:
    """Optimal size read off parabolas against the law's own, per budget. From :func:`p2law.plan.parabola_bias`."""
    style.check(found, "ParabolaBias", "plan.parabola_bias")
    ax = style.axes_of(ax)
    table = found.to_frame()
    ax.plot(table["N"], 100 * (table["ratio"] - 1), color=style.palette(ax)[0], marker="o", linewidth=1.4)
    ax.axhline(0.0, color=style.grey(ax), linewidth=0.9)
    style.format_axis(ax.xaxis, "optimal parameters by the law")
    ax.set_ylabel("size by the parabola, off by (%)")
    ax.grid(alpha=0.25)
    return ax


def next_runs(found: "plan.NextRuns", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Width of the forecast's interval after each candidate alone against its cost, and after the picks one by one.

    From :func:`p2law.next_runs`.
    """
    style.check(found, "NextRuns", "p2law.next_runs")
    ax = style.axes_of(ax)
    table, picks, (blue, orange) = found.ranking, found.picks, style.palette(ax)[:2]
    if np.isfinite(found.now):
        ax.axhline(found.now, color=style.grey(ax), linewidth=1.0, linestyle=style.DASHED, label="now")
    ax.scatter(table["cost"], table["width"], s=16, color=blue, alpha=0.75, linewidths=0, label="one candidate")
    spent, width = picks["spent"].to_numpy(), picks["width"].to_numpy()
    ax.plot(spent, width, color=orange, marker="o", markersize=5, linewidth=1.2, label="picks")
    ax.set_xscale("log")
    ax.set_ylim(bottom=0.0)
    for i, run in enumerate(picks["run"]):
        if i < 3 or i == len(picks) - 1:
            style.annotate(ax, style.short(str(run), 24), (spent[i], width[i]), -13)
    if found.unit != "FLOPs":
        style.format_ticks(ax.xaxis)
    ax.set_xlabel("cost" if found.unit == "cost" else f"cost ({found.unit})")
    ax.set_ylabel(f"width of the {100 * found.level:g} % interval")
    style.finish(ax, "What to train next · expected interval of the forecast", legend=legend)
    return ax


def schedule(
    schedule: PruningSchedule | LoggedSchedule, ax: Axes | None = None, *, compute: bool = True, legend: bool = True
) -> Axes:
    """Density of the prunable parameters over training steps, its average, and the share of compute spent.

    Parameters
    ----------
    schedule : PruningSchedule or LoggedSchedule
        What to draw.
    compute : bool
        Draw the share of compute spent.
    ax, legend
        As for :func:`p2law.plot.curves`.
    """
    if not isinstance(schedule, PruningSchedule | LoggedSchedule):
        raise DataError(f"cannot draw {schedule!r:.60}: give a PruningSchedule, or what schedules.from_log returns.")
    ax = style.axes_of(ax)
    blue, orange = style.palette(ax)[:2]
    t = np.linspace(0.0, 1.0, 1001)
    if isinstance(schedule, PruningSchedule):
        begin, finish = schedule.window
        ax.axvspan(begin, finish, color=style.foreground(ax), alpha=0.06, linewidth=0, label="pruning")
        t = np.unique(np.concatenate([t, [begin, finish]]))
    ax.plot(t, schedule.density(t), color=blue, linewidth=1.6, label="density")
    mean = schedule.average_density()
    ax.axhline(mean, color=blue, linewidth=1.0, linestyle=style.DASHED, label=f"average {mean:.3f}")
    if compute:
        ax.plot(t, np.asarray(schedule.compute_share(t)), color=orange, linewidth=1.2, label="compute spent")
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.03)
    ax.set_xlabel("fraction of training steps")
    ax.set_ylabel("fraction")
    style.finish(ax, schedule.summary().splitlines()[0], legend=legend)
    return ax
