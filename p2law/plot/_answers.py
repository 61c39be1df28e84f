"""Pictures of plans that are a short list of answers: ways to prune, sizes off the optimum, sparse twins, parabolas."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from ..quantities import format_quantity
from . import _style as style

if TYPE_CHECKING:
    from ..plan.best import Ranking
    from ..plan.overtraining import SizeCost
    from ..plan.parabola import ParabolaBias
    from ..plan.sparse import SparsePlan


def ranking(found: "Ranking", ax: Axes | None = None) -> Axes:
    """Loss of every way to a model, best on top, with intervals. From :func:`p2law.best_pruning`."""
    style.check(found, "Ranking", "p2law.best_pruning")
    table = found.to_frame().dropna(subset="loss")
    names = [f"{row['method']} from {row['parent']}" for _, row in table.iterrows()]
    ax = _listed(ax, names, *(table[c].to_numpy(dtype=float) for c in ("loss", "lower", "upper")))
    ax.set_title(f"{format_quantity(found.size)} parameters, {found.budget}", fontsize="medium")
    return ax


def sparse(found: "SparsePlan", ax: Axes | None = None) -> Axes:
    """Loss of the sparse plan and of its dense twins. From :func:`p2law.plan.sparse_pretraining`."""
    style.check(found, "SparsePlan", "plan.sparse_pretraining")
    table = found.to_frame()
    names = [f"{name}\n{format_quantity(float(n))} on average" for name, n in table["N_avg"].items()]
    ax = _listed(ax, names, *(table[c].to_numpy(dtype=float) for c in ("loss", "loss_lower", "loss_upper")))
    ax.set_title(f"C = {found.C:.3g} FLOPs", fontsize="medium")
    return ax


def _listed(ax: Axes | None, names: list[str], value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Axes:
    """Losses with intervals, one line each."""
    ax = style.axes_of(ax)
    places = np.arange(len(names))
    ax.hlines(places, lower, upper, color=style.NAMED[0], linewidth=3, alpha=0.4)
    ax.plot(value, places, color=style.NAMED[0], marker="D", markersize=6, linestyle="")
    ax.set_yticks(places, names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("loss (nats/token)")
    ax.grid(axis="x", alpha=0.25)
    return ax


def sizes(found: "SizeCost", ax: Axes | None = None) -> Axes:
    """Loss given up by models of other sizes than the optimum, against size. From :func:`p2law.plan.overtraining`."""
    style.check(found, "SizeCost", "plan.overtraining")
    ax = style.axes_of(ax)
    for (cost, part), colour in zip(found.to_frame().assign(C=found.C).groupby("C"), style.NAMED, strict=False):
        part = part.sort_values("N")
        ax.plot(part["N"], part["penalty"], color=colour, marker="o", linewidth=1.4, label=f"C = {cost:.3g} FLOPs")
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
    ax.plot(table["N"], 100 * (table["ratio"] - 1), color=style.NAMED[0], marker="o", linewidth=1.4)
    ax.axhline(0.0, color=style.GREY, linewidth=0.9)
    _sizes_along(ax)
    ax.set_xlabel("optimal parameters by the law")
    ax.set_ylabel("size by the parabola, off by (%)")
    return ax


def _sizes_along(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_xlabel("parameters")
    style.count_ticks(ax.xaxis, *ax.get_xlim())
    ax.grid(alpha=0.25)
