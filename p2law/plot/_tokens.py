"""Pictures of planned curves: how many tokens are enough, whether a run may stop, curves of models not trained."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from .. import plan as plans
from ..data.columns import require
from ..data.quantities import format_probability, format_quantity
from ..errors import FitError
from ..fitting.prediction import EXTRAPOLATION_FACTOR
from ..plan.criteria import Price
from ..plan.tokens import ANSWERS, TokenPlan, optimal_tokens
from . import _style as style

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..laws import Constants

POINTS = 200
"""Points of a planned curve."""
REACH = 30.0
"""How far beyond the answers and the measured tokens an interval is drawn at most."""
MOST = 8
"""Models told apart in one picture of forecasts."""


def tokens(
    plan: "TokenPlan | Fit | Constants",
    ax: Axes | None = None,
    *,
    criterion: "plans.Criterion | None" = None,
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
    table, curve, single = plan.table, plan.curve, len(plan.table) == 1
    x, measured = _range(plan)
    inside = (x >= measured[0] / EXTRAPOLATION_FACTOR) & (x <= measured[1] * EXTRAPOLATION_FACTOR)
    known = bool(table["loss"].notna().any())
    base = 0.0 if known or plan.source.law.variable("loss") is None else 1.0  # the placeholder for an unknown parent
    losses = curve.loss(np.broadcast_to(x, (len(plan.table), len(x)))) - base
    answers = curve.loss(np.where(np.isfinite(table["tokens"]), table["tokens"], 1.0)) - base
    colours = _model_colours(ax, len(table))
    interval = f"{100 * plan.level:g} % interval" if single else None
    names = _model_names(table[[c for c in table.columns if c not in ANSWERS]])
    for i, (row, name) in enumerate(zip(table.to_dict("records"), names, strict=True)):
        never = ": never" if not single and np.isinf(row["tokens"]) else ""
        style.two_part(ax, x, losses[i], inside, colours[i], f"{name or 'fitted curve'}{never}")
        _draw_answer(ax, row, float(answers[i]), colours[i], x, interval)
    if single:
        _draw_alternatives(ax, plan, float(answers[0]), base)
        _draw_fall(ax, plan, x)
    style.format_axis(ax.xaxis, f"{curve.tokens} (tokens)")
    ax.set_ylabel(style.LOSS if base == 0.0 else "loss above the baseline (nats/token)")
    handles = style.truncate_legend(ax.get_legend_handles_labels()[0], spread=True)
    style.finish(ax, _title(plan), legend=legend, handles=handles, beside=not single)
    return ax


def _range(plan: TokenPlan) -> tuple[np.ndarray, tuple[float, float]]:
    """Tokens to draw, (points,), and the least and most measured."""
    found = plan.table["tokens"].to_numpy(dtype=float)
    found = found[np.isfinite(found)]
    seen = plan.curve.fitted_tokens()
    anchors = np.concatenate([seen or [], found]) if seen or found.size else np.array([1e6, 1e12])
    measured = seen or (0.0, np.inf)  # constants have no range
    around = 2.5 if seen else 10.0
    low, high = float(anchors.min()) / around, float(anchors.max()) * around
    ends = plan.table[["lower", "upper"]].to_numpy(dtype=float)
    ends = ends[np.isfinite(ends)]
    if ends.size:
        low = min(low, max(float(ends.min()), low / REACH))
        high = max(high, min(float(ends.max()), high * REACH))
    return np.geomspace(max(low, 1.0), high, POINTS), measured


def _title(plan: TokenPlan) -> str:
    """The question, with the answer where it is no number, or what bars mean where no legend says so."""
    title = f"Tokens until {plan.criterion}"
    if len(plan.table) == 1:
        return title if np.isfinite(plan.value) else f"{title}: {plan.status}"
    bars = (plan.table["upper"] > 0).any()
    return f"{title}\nbars: {100 * plan.level:g} % intervals" if bars else title


def _draw_answer(
    ax: Axes, row: Mapping[Hashable, float], loss: float, colour: ColorType, x: np.ndarray, label: str | None
) -> None:
    """Draw the tokens chosen for one model, a row of the plan, with their interval cut off at the ends of ``x``."""
    if not np.isfinite(row["tokens"]):
        return
    if row["upper"] > 0:
        ends = np.clip([row["lower"], row["upper"]], x[0], x[-1])
        for end, asked, marker in ((x[0], row["lower"], CARETLEFT), (x[-1], row["upper"], CARETRIGHT)):
            if asked < end if marker == CARETLEFT else asked > end:
                ax.plot([end], [loss], marker=marker, markersize=7, color=colour, alpha=0.6, linestyle="")
        ax.plot(ends, [loss, loss], color=colour, linewidth=4, alpha=0.35, solid_capstyle="butt", label=label)
    ax.plot([row["tokens"]], [loss], marker="o", markersize=8, color=colour, markeredgecolor="#ffffff", linestyle="")


def _draw_alternatives(ax: Axes, plan: TokenPlan, loss: float, base: float) -> None:
    """Mark what half and twice the tokens would change; in the legend, which finds room for text anywhere."""
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
            looks = {"color": style.palette(ax)[0], "markersize": 8, "markeredgecolor": "#ffffff"}
        text = f"{word}: {format_quantity(at)} tokens, {change}{money}"
        ax.plot([at], [there], marker=marker, linestyle="", label=text, **looks)


def _draw_fall(ax: Axes, plan: TokenPlan, x: np.ndarray) -> None:
    """Draw the fall of the loss per doubling of tokens on a second axis."""
    right = ax.twinx()
    ax.set_zorder(right.get_zorder() + 1)  # text stays above the dotted line
    ax.patch.set_visible(False)
    fall = plan.curve.metric("doubling", np.broadcast_to(x, (1, len(x))))[0]
    right.plot(x, fall, color=style.grey(ax), linestyle=style.DOTTED, linewidth=1.2)
    right.set_ylim(0.0, 2 * float(fall.max()))
    right.set_ylabel("fall per doubling (nats/token), dotted", color=style.grey(ax), fontsize="small")
    right.tick_params(axis="y", which="both", colors=style.grey(ax), labelsize="x-small")


def stop(plan: "plans.StopPlan", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Checkpoints so far, the forecast of the rest with its interval, and from where on the loss is within eps.

    From :func:`p2law.stop_rule`.
    """
    style.check(plan, "StopPlan", "p2law.stop_rule")
    ax = style.axes_of(ax)
    colour, within = style.palette(ax)[0], style.palette(ax)[2]
    rest = plan.to_frame()
    ax.plot(plan.seen["tokens"], plan.seen["loss"], label="so far", **_dots(ax))
    ax.plot(rest["tokens"], rest["loss"], color=colour, linestyle=style.DASHED, label="forecast")
    style.band(ax, rest["tokens"].to_numpy(), rest["lower"], rest["upper"], colour)
    end = float(rest["loss"].iloc[-1])
    ax.axhspan(end, end + plan.eps, color=within, alpha=0.15, linewidth=0, label=f"within {plan.eps:g} nats")
    for probability, line in ((0.5, "-"), (plan.level, style.DOTTED)):
        at = plan.enough(probability)
        label = f"{format_quantity(at)} tokens: within with {100 * probability:g} %"
        ax.axvline(at, color=within, linestyle=line, linewidth=1.2, label=label)
    style.format_axis(ax.xaxis, "D (tokens)")
    ax.set_ylabel(style.LOSS)
    likely = f"{format_probability(plan.probability)} that stopping now loses {plan.eps:g} nats or less"
    style.finish(ax, f"{plan.advice}: {likely}", legend=legend)
    return ax


def extrapolation(
    plan: "plans.Extrapolation", ax: Axes | None = None, *, measured: pd.DataFrame | None = None, legend: bool = True
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

    Raises
    ------
    FitError
        If there are more than eight models.
    """
    style.check(plan, "Extrapolation", "p2law.extrapolate")
    ax = style.axes_of(ax)
    table, name, outside = plan.table, plan.tokens, plan.outside
    inside = (pd.DataFrame(outside) <= EXTRAPOLATION_FACTOR).all(axis=1)
    models = [rows for _, rows in table.groupby(list(plan.models), sort=False)] if plan.models else [table]
    if len(models) > MOST:
        raise FitError(f"{len(models)} models are too many to tell apart: draw {MOST} at most.")
    labels = _model_names(pd.DataFrame([rows.iloc[0] for rows in models])[list(plan.models)])
    for rows, label, colour in zip(models, labels, _model_colours(ax, len(models)), strict=True):
        ordered = rows.sort_values(name)
        x, loss = (ordered[column].to_numpy(dtype=float) for column in (name, "loss"))
        style.two_part(ax, x, loss, inside[ordered.index].to_numpy(), colour, label or None)
        style.band(ax, x, ordered["new_lower"], ordered["new_upper"], colour, alpha=0.12)
        style.band(ax, x, ordered["lower"], ordered["upper"], colour, alpha=0.25)
    grey = style.grey(ax)
    key: list[Artist] = [Patch(color=grey, alpha=0.5, label="the law"), Patch(color=grey, alpha=0.2, label="a new run")]
    if measured is not None:
        for column in (name, "loss"):
            require(measured, column, "measured= needs tokens and loss")
        ax.plot(measured[name], measured["loss"], zorder=3, **_dots(ax))
        key.append(Line2D([], [], label="measured", **_dots(ax)))
    style.format_axis(ax.xaxis, f"{name} (tokens)")
    ax.set_ylabel(style.LOSS)
    far = ", ".join(
        f"{name} ×{factors.max():.3g}" for name, factors in outside.items() if factors.max() > EXTRAPOLATION_FACTOR
    )
    beyond = f"; dashed: beyond the fitted range: {far}" if far else ""
    title = f"{plan.fit.law.title}, {plan.baseline}, {100 * plan.level:g} %{beyond}"
    handles = [*ax.get_legend_handles_labels()[0], *key]
    style.finish(ax, title, legend=legend, handles=handles, beside=len(models) > 1)
    return ax


def _model_colours(ax: Axes, count: int) -> list[ColorType]:
    """Colour of each model, in their order."""
    return [style.palette(ax)[0]] if count == 1 else style.gradient(ax, count)


def _model_names(models: pd.DataFrame) -> list[str]:
    """Name of each model (row): the columns in which it differs from the others, or all for one."""
    varying = [c for c in models.columns if len(models) == 1 or models[c].nunique() > 1]
    texts = {c: [f"{c} = {format_quantity(float(v))}" for v in models[c]] for c in varying}
    return [", ".join(texts[c][i] for c in varying) for i in range(len(models))]


def _dots(ax: Axes) -> dict[str, Any]:
    """Looks of measured points."""
    return {"marker": "o", "markersize": 4, "linestyle": "", "color": style.foreground(ax)}
