"""How many tokens are enough, and whether a running curve may stop."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.patches import Patch

from ..data.columns import require
from ..data.quantities import format_probability, format_quantity
from ..errors import FitError
from ..fitting.prediction import FAR
from ..plan.criteria import Price
from ..plan.tokens import ANSWERS, TokenPlan, optimal_tokens
from . import _style as style

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..laws.published import Constants
    from ..plan.criteria import Criterion
    from ..plan.extrapolation import Extrapolation
    from ..plan.stop import StopPlan


# What pictures of planned curves share: an axis of tokens, bands, the names of models.


LOSS = "loss (nats/token)"


def shades(ax: Axes, count: int) -> list[Any]:
    """Colour of each model, in their order."""
    return [style.named(ax)[0]] if count == 1 else [style.ordered(ax)(f) for f in np.linspace(0, 1, count)]


def model_names(models: pd.DataFrame) -> list[str]:
    """Name of each model (row): the columns in which it differs from the others, or all for one."""
    telling = [c for c in models.columns if len(models) == 1 or models[c].nunique() > 1]
    texts = {c: [f"{c} = {format_quantity(float(v))}" for v in models[c]] for c in telling}
    return [", ".join(texts[c][i] for c in telling) for i in range(len(models))]


def band(ax: Axes, x: np.ndarray, lower: Any, upper: Any, shade: Any, *, alpha: float = 0.18) -> None:
    """A shaded interval along the curve; a bar at a single point."""
    low, high = np.asarray(lower), np.asarray(upper)
    if len(x) > 1:
        ax.fill_between(x, low, high, color=shade, alpha=alpha, linewidth=0)
    elif np.isfinite([low, high]).all():
        ax.vlines(x, low, high, color=shade, alpha=alpha, linewidth=7)


def two_part(ax: Axes, x: np.ndarray, y: np.ndarray, inside: np.ndarray, shade: Any, label: str | None) -> Line2D:
    """A curve, solid where it is inside the fitted range and dashed outside; a single point as a point.

    Returns the whole curve.
    """
    if len(x) == 1:
        hollow: dict[str, Any] = {} if inside.all() else {"markerfacecolor": "none"}
        return ax.plot(x, y, color=shade, marker="o", markersize=6, linestyle="", label=label, **hollow)[0]
    looks: dict[str, Any] = {"linestyle": style.EXTRAPOLATED, "linewidth": 1.1, "alpha": 0.8, "zorder": 1.9}
    (whole,) = ax.plot(x, y, color=shade, label=None if inside.any() else label, **looks)
    if inside.any():
        ax.plot(x, np.where(inside, y, np.nan), color=shade, linewidth=1.5, label=label)
    return whole


def dress(ax: Axes, name: str, ylabel: str) -> None:
    """Logarithmic axis of tokens with readable ticks, labels, a light grid."""
    ax.set_xscale("log")
    ax.set_xlabel(f"{name} (tokens)")
    ax.set_ylabel(ylabel)
    style.count_ticks(ax.xaxis)
    style.grid(ax)


POINTS = 200
REACH = 30.0
"""How far beyond the answers and the measured tokens an interval is drawn at most."""


def tokens(
    plan: "TokenPlan | Fit | Constants",
    ax: Axes | None = None,
    *,
    criterion: "Criterion | None" = None,
    legend: bool = True,
    **at: Any,
) -> Axes:
    """The fitted curve, the tokens chosen with their interval, and what half or twice as many would change.

    One model also shows its fall per doubling (right axis, dotted) and the price of stopping elsewhere; several are
    told apart by colour; those that never get there have no point. Dashed outside the fitted tokens; an arrow marks an
    interval that goes on beyond the picture.

    Parameters
    ----------
    plan : TokenPlan, Fit or published constants
        From :func:`p2law.optimal_tokens`, or what to ask it about: ``plot.tokens(fit, criterion=..., N0=8e9, ...)``.
    ax : Axes, optional
        Where to draw; default: a new figure.
    criterion, **at
        As for :func:`p2law.optimal_tokens`, where ``plan`` is not a plan yet.
    legend : bool
        Draw the legend; beside the axes where there are several models.

    Returns
    -------
    Axes

    Raises
    ------
    FitError
        If there is no criterion, or a criterion for what is a plan already.
    """
    if isinstance(plan, TokenPlan) == (criterion is not None):
        raise FitError("draw a plan, plot.tokens(plan), or give a fit its criterion, plot.tokens(fit, criterion=...).")
    if not isinstance(plan, TokenPlan):
        plan = optimal_tokens(plan, criterion=criterion, **at)  # type: ignore[arg-type]
    ax = style.axes_of(ax)
    x, measured = _range(plan)
    known = bool(plan.table["loss"].notna().any())
    base = 0.0 if known or plan.source.law.variable("loss") is None else 1.0  # the placeholder for an unknown parent
    curves = plan.curve.loss(np.broadcast_to(x, (plan.curve.models, len(x)))) - base
    answers = plan.curve.loss(np.where(np.isfinite(plan.table["tokens"]), plan.table["tokens"], 1.0)) - base
    rows = plan.table.to_dict("records")
    style.title(ax, _title(plan))
    inside = (x >= measured[0] / FAR) & (x <= measured[1] * FAR)
    for row, curve, answer, name, shade in zip(rows, curves, answers, _names(plan), shades(ax, len(rows)), strict=True):
        two_part(ax, x, curve, inside, shade, name)
        _answer(ax, row, float(answer), shade, x, f"{100 * plan.level:g} % interval" if len(rows) == 1 else None)
    if len(rows) == 1:
        _elsewhere(ax, plan, float(answers[0]), base)
        _slope(ax, plan, x)
    dress(ax, plan.curve.tokens, LOSS if base == 0.0 else "loss above the baseline (nats/token)")
    if legend:
        lines = style.few(ax.get_legend_handles_labels()[0], spread=True)
        style.place_legend(ax, lines, inside=len(rows) == 1)
    return ax


def _names(plan: TokenPlan) -> list[str]:
    """Each model, and whether it never gets there."""
    names = model_names(plan.table[[c for c in plan.table.columns if c not in ANSWERS]])
    never = np.isinf(plan.table["tokens"]) & (len(names) > 1)
    return [f"{name or 'fitted curve'}{': never' * bool(no)}" for name, no in zip(names, never, strict=True)]


def _title(plan: TokenPlan) -> str:
    """The question, with the answer where it is no number, or what bars mean where no legend says so."""
    title = f"Tokens until {plan.criterion}"
    if len(plan.table) == 1:
        return title if np.isfinite(plan.value) else f"{title}: {plan.status}"
    bars = (plan.table["upper"] > 0).any()
    return f"{title}\nbars: {100 * plan.level:g} % intervals" if bars else title


def _range(plan: TokenPlan) -> tuple[np.ndarray, tuple[float, float]]:
    """Tokens to draw, and those measured."""
    found = plan.table["tokens"].to_numpy(dtype=float)
    found = found[np.isfinite(found)]
    seen = np.zeros(0)
    if hasattr(plan.source, "observations"):
        seen = plan.source.observations.columns[plan.curve.tokens]  # type: ignore[union-attr]
    anchors = np.concatenate([seen, found]) if seen.size + found.size else np.array([1e6, 1e12])
    measured = (float(seen.min()), float(seen.max())) if seen.size else (0.0, np.inf)  # constants have no range
    around = 2.5 if seen.size else 10.0
    low, high = float(anchors.min()) / around, float(anchors.max()) * around
    ends = plan.table[["lower", "upper"]].to_numpy(dtype=float)
    ends = ends[np.isfinite(ends)]
    if ends.size:
        low = min(low, max(float(ends.min()), low / REACH))
        high = max(high, min(float(ends.max()), high * REACH))
    return np.geomspace(max(low, 1.0), high, POINTS), measured


def _answer(ax: Axes, row: Any, loss: float, shade: Any, x: np.ndarray, label: str | None) -> None:
    if not np.isfinite(row["tokens"]):
        return
    if row["upper"] > 0:
        ends = np.clip([row["lower"], row["upper"]], x[0], x[-1])
        for end, asked, marker in ((x[0], row["lower"], CARETLEFT), (x[-1], row["upper"], CARETRIGHT)):
            if asked < end if marker == CARETLEFT else asked > end:
                ax.plot([end], [loss], marker=marker, markersize=7, color=shade, alpha=0.6, linestyle="")
        ax.plot(ends, [loss, loss], color=shade, linewidth=4, alpha=0.35, solid_capstyle="butt", label=label)
    ax.plot([row["tokens"]], [loss], marker="o", markersize=8, color=shade, markeredgecolor="#ffffff", linestyle="")


def _elsewhere(ax: Axes, plan: TokenPlan, loss: float, base: float) -> None:
    """What half and twice the tokens would change; in the legend, which finds room for words anywhere."""
    chosen = plan.value
    if not np.isfinite(chosen):
        return
    share = plan.table["cost"].iloc[0] / chosen if "cost" in plan.table else 0.0
    for factor, word, marker in ((0.5, "half", "<"), (1.0, "chosen", "o"), (2.0, "twice", ">")):
        at = factor * chosen
        there = float(plan.curve.loss(at)[0]) - base
        change = f"{there - loss:+.2g} nats" if factor != 1.0 else f"{loss:.4g} nats"
        money = f", cost {plan.criterion.money(share * at)}" if isinstance(plan.criterion, Price) else ""
        looks: dict[str, Any] = {"color": style.grey(ax), "markersize": 6}
        if factor == 1.0:
            looks = {"color": style.named(ax)[0], "markersize": 8, "markeredgecolor": "#ffffff"}
        text = f"{word}: {format_quantity(at)} tokens, {change}{money}"
        ax.plot([at], [there], marker=marker, linestyle="", label=text, **looks)


def _slope(ax: Axes, plan: TokenPlan, x: np.ndarray) -> None:
    right = ax.twinx()
    ax.set_zorder(right.get_zorder() + 1)  # the words stay above the dotted line
    ax.patch.set_visible(False)
    fall = plan.curve.measure("doubling", np.broadcast_to(x, (1, len(x))))[0]
    right.plot(x, fall, color=style.grey(ax), linestyle=style.BASELINE, linewidth=1.2)
    right.set_ylim(0.0, 2 * float(fall.max()))
    right.set_ylabel("fall per doubling (nats/token), dotted", color=style.grey(ax), fontsize="small")
    right.tick_params(axis="y", which="both", colors=style.grey(ax), labelsize="x-small")


def stop(plan: "StopPlan", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Checkpoints so far, the forecast of the rest with its interval, and from where on the loss is within eps.

    Parameters
    ----------
    plan : StopPlan
        From :func:`p2law.stop_rule`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    style.check(plan, "StopPlan", "p2law.stop_rule")
    ax = style.axes_of(ax)
    shade, rest = style.named(ax)[0], plan.to_frame()
    dots: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "color": style.ink(ax)}
    ax.plot(plan.seen["tokens"], plan.seen["loss"], label="so far", **dots)
    ax.plot(rest["tokens"], rest["loss"], color=shade, linestyle=style.EXTRAPOLATED, label="forecast")
    band(ax, rest["tokens"].to_numpy(), rest["lower"], rest["upper"], shade)
    end = float(rest["loss"].iloc[-1])
    ax.axhspan(
        end, end + plan.eps, color=style.named(ax)[2], alpha=0.15, linewidth=0, label=f"within {plan.eps:g} nats"
    )
    for probability, line in ((0.5, "-"), (plan.level, style.BASELINE)):
        at = plan.enough(probability)
        words = f"{format_quantity(at)} tokens: within with {100 * probability:g} %"
        ax.axvline(at, color=style.named(ax)[2], linestyle=line, linewidth=1.2, label=words)
    dress(ax, "D", LOSS)
    likely = f"{format_probability(plan.probability)} that stopping now loses {plan.eps:g} nats or less"
    style.title(ax, f"{plan.advice}: {likely}")
    if legend:
        ax.legend(fontsize="small", framealpha=0.85)
    return ax


# Curves of models that were not trained.


MOST = 8


def extrapolation(
    plan: "Extrapolation", ax: Axes | None = None, *, measured: pd.DataFrame | None = None, legend: bool = True
) -> Axes:
    """Forecast curves with the interval of the law (dark) and of a run of its own (light).

    Dashed outside the fitted range of tokens, size or rate, which the title names; a single number of tokens is drawn
    as a point with bars, hollow outside.

    Parameters
    ----------
    plan : Extrapolation
        From :func:`p2law.extrapolate`; eight models at most.
    ax : Axes, optional
        Where to draw; default: a new figure.
    measured : DataFrame, optional
        What was measured there after all: tokens and loss, drawn as points.
    legend : bool
        Draw the legend; beside the axes where there are several models.

    Returns
    -------
    Axes

    Raises
    ------
    FitError
        If there are more than eight models.
    """
    style.check(plan, "Extrapolation", "p2law.extrapolate")
    ax = style.axes_of(ax)
    table, name = plan.table, plan.tokens
    curves = [rows for _, rows in table.groupby(list(plan.models), sort=False)] if plan.models else [table]
    if len(curves) > MOST:
        raise FitError(f"{len(curves)} models are too many to tell apart: draw {MOST} at most.")
    names = model_names(pd.DataFrame([rows.iloc[0] for rows in curves])[list(plan.models)])
    for rows, label, shade in zip(curves, names, shades(ax, len(curves)), strict=True):
        ordered = rows.sort_values(name)
        x = ordered[name].to_numpy(dtype=float)
        two_part(ax, x, ordered["loss"].to_numpy(dtype=float), _inside(ordered), shade, label or None)
        band(ax, x, ordered["new_lower"], ordered["new_upper"], shade, alpha=0.12)
        band(ax, x, ordered["lower"], ordered["upper"], shade, alpha=0.25)
    key: list[Artist] = [
        Patch(color=style.grey(ax), alpha=0.5, label="the law"),
        Patch(color=style.grey(ax), alpha=0.2, label="a new run"),
    ]
    if measured is not None:
        key.append(_points(ax, measured, name))
    dress(ax, name, LOSS)
    style.title(ax, _extrapolation_title(plan))
    if legend:
        style.place_legend(ax, [*ax.get_legend_handles_labels()[0], *key], inside=len(curves) == 1)
    return ax


def _inside(rows: pd.DataFrame) -> np.ndarray:
    """Where every column lies inside the fitted range, as the report says it."""
    factors = rows[[c for c in rows.columns if c.startswith("outside_")]].to_numpy(dtype=float)
    return np.asarray((factors <= FAR).all(axis=1))


def _points(ax: Axes, measured: pd.DataFrame, name: str) -> Line2D:
    for column in (name, "loss"):
        require(measured, column, "measured= needs tokens and loss")
    dots: dict[str, Any] = {"marker": "o", "markersize": 4, "linestyle": "", "color": style.ink(ax)}
    ax.plot(measured[name], measured["loss"], zorder=3, **dots)
    return Line2D([], [], label="measured", **dots)


def _extrapolation_title(plan: "Extrapolation") -> str:
    far = {
        c.removeprefix("outside_"): float(plan.table[c].max()) for c in plan.table.columns if c.startswith("outside_")
    }
    words = ", ".join(f"{name} ×{factor:.3g}" for name, factor in far.items() if factor > FAR)
    outside = f"; dashed: beyond the fitted range: {words}" if words else ""
    return f"{plan.fit.law.title}, {plan.baseline}, {100 * plan.level:g} %{outside}"
