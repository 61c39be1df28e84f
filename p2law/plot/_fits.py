"""Measured losses and fitted curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.arguments import require_fit
from ..errors import DataError
from . import _style as style
from ._view import Line, View, lines, view

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..fitting.uncertainty.profile import Profile


def curves(
    fit: "Fit",
    ax: Axes | None = None,
    *,
    x: str | None = None,
    colour: str | None = None,
    marker: str | None = None,
    runs: str | Sequence[str] | None = None,
    extend: float = 3.0,
    baseline: bool = True,
    legend: bool = True,
) -> Axes:
    """Measured losses as points, the fitted curve of each run as a line, dashed where it leaves its data.

    A run is one curve. Tables without runs get one curve per value of the colour and marker columns, or six curves
    through a continuum of values, other columns at their median.

    Parameters
    ----------
    fit : Fit
        The fit to draw; losses in nats per token, tokens and parameters in units of one.
    ax : Axes, optional
        Where to draw; default: a new figure.
    x : str, optional
        The law's column on the horizontal axis; default: its tokens, else its first column.
    colour, marker : str, optional
        Column of the table told apart by colour and by marker; default: size and rate, or whatever else varies.
    runs : str or sequence of str, optional
        Draw only these runs.
    extend : float
        Carry the curves on to this multiple of their last tokens (1: not at all). A baseline that moves with tokens is
        held at its last value there. Laws with a baseline are carried on in tokens only.
    baseline : bool
        Draw the loss the law measures the excess from (L0, or the control), faintly, where it has one.
    legend : bool
        Draw the legend or the colour bar: beside the axes on figures with a layout engine, else inside.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If a column or a run does not exist, or ``extend`` is below 1.
    """
    if not extend >= 1:
        raise DataError(f"extend={extend}: give the factor beyond the last tokens, 1 or more.")
    chosen = view(fit, x=x, colour=colour, marker=marker, runs=runs)
    ax = style.axes_of(ax)
    drawn = lines(chosen, extend)
    for line, shade in zip(drawn, _shades(ax, chosen, drawn), strict=True):
        _draw(ax, line, shade)
    if baseline:
        _baselines(ax, chosen, drawn)
    if chosen.shaded and not style.crowded(chosen):
        _sticks(ax, chosen)
    style.scatter(ax, chosen, fit.observations.response)
    style.dress(ax, chosen)
    ax.set_ylabel(style.label_of(fit.law.response))
    style.title(ax, _title(chosen))
    if legend:
        style.legend(ax, chosen, _key(ax, chosen, drawn, baseline=baseline))
    return ax


def _shades(ax: Axes, chosen: View, drawn: list[Line]) -> list[Any]:
    """Colour of each curve: that of its rows, or of its level where the rows shade into each other."""
    first = [line.rows[0] for line in drawn]
    if chosen.colour is None or not chosen.shaded:
        return list(style.row_colours(ax, chosen)[first])
    palette = style.level_colours(ax, chosen.colour)
    return [palette[level] for level in chosen.colour.row[first]]


def _draw(ax: Axes, line: Line, shade: Any) -> None:
    inner = line.measured
    outer = ~inner
    outer[np.count_nonzero(inner) - 1] = True  # the continuation starts where the data end
    ax.plot(line.x[inner], line.fitted[inner], color=shade, linewidth=1.3, label=line.label)
    if outer.sum() > 1:
        ax.plot(line.x[outer], line.fitted[outer], color=shade, linewidth=1.1, linestyle=style.EXTRAPOLATED, alpha=0.8)


def _baselines(ax: Axes, chosen: View, drawn: list[Line]) -> None:
    """Each distinct baseline once: runs of one parent share it."""
    seen = set()
    for line, shade in zip(drawn, _shades(ax, chosen, drawn), strict=True):
        if line.baseline is None or (key := (line.x.tobytes(), line.baseline.round(6).tobytes())) in seen:
            continue
        seen.add(key)
        ax.plot(line.x, line.baseline, color=shade, linewidth=1.0, linestyle=style.BASELINE, alpha=0.6, zorder=1.5)


def _sticks(ax: Axes, chosen: View) -> None:
    """From each point to its own fitted value, which lies on none of the few curves drawn."""
    x, rows = chosen.x_values, chosen.rows
    measured, fitted = chosen.fit.observations.response, chosen.fit.fitted
    colours = list(style.row_colours(ax, chosen)[rows])
    ax.vlines(x[rows], measured[rows], fitted[rows], colors=colours, linewidth=1.0, alpha=0.6)


def _key(ax: Axes, chosen: View, drawn: list[Line], *, baseline: bool) -> list[Line2D]:
    """What points and line styles mean."""
    dot = {"marker": "o", "linestyle": "", "markersize": 4, "label": "measured"}
    entries: list[dict[str, Any]] = [dot] if chosen.marker is None else []
    if chosen.shaded and not style.crowded(chosen):
        entries.append({"marker": "|", "linestyle": "", "label": "to its own fitted value"})
    entries.append({"linestyle": "-", "label": "fitted"})
    further = any((~line.measured).any() for line in drawn)
    if further:
        entries.append({"linestyle": style.EXTRAPOLATED, "label": "extrapolated"})
    if baseline and (base := chosen.fit.law.variable("loss")):
        control = "control (held beyond)" if further else "control"
        label = control if chosen.fit.baseline == "control" else f"parent ({base})"
        entries.append({"linestyle": style.BASELINE, "label": label})
    return [Line2D([], [], color=style.grey(ax), linewidth=1.2, **entry) for entry in entries]


def _title(chosen: View) -> str:
    fit = chosen.fit
    runs = f", {fit.run_count} runs" if 1 < fit.run_count < fit.n else ""
    return style.headline(chosen, f"{fit.n} rows{runs}", f"RMSE {fit.metrics['rmse']:.3g}{style.unit_of(chosen)}")


# Constants with their intervals, each in units of its own estimate or on its own scale.


WIDEST = 3.0
"""Half the width of the picture, in estimates; what lies beyond is drawn as an arrow."""


def parameters(fit: "Fit", ax: Axes | None = None, *, level: float = 0.95, legend: bool = True) -> Axes:
    """Intervals of the constants relative to their estimates, by every method at hand (Wald; draws where made).

    Parameters
    ----------
    fit : Fit
        A fit; with bootstrap draws their percentiles are drawn beside the local intervals.
    ax : Axes, optional
        Where to draw; default: a new figure.
    level : float
        Confidence level.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    require_fit("fit", fit)
    ax = style.axes_of(ax)
    methods = ("wald", "bootstrap") if fit.draws is not None else ("wald",)
    names, reach = [p.name for p in fit.law.parameters], 0.05
    known = np.zeros(len(names), dtype=bool)
    for i, method in enumerate(methods):
        table = fit.intervals(level, method=method)
        size = np.where(table["estimate"] != 0, np.abs(table["estimate"]), 1.0)
        low, high = (((table[end] - table["estimate"]) / size).to_numpy() for end in ("lower", "upper"))
        y = np.arange(len(names)) + 0.22 * (i - (len(methods) - 1) / 2)
        colour = style.named(ax)[i]
        known |= np.isfinite(low) & np.isfinite(high) & (high > low)
        reach = max(reach, *np.abs(np.clip(np.concatenate([low, high]), -WIDEST, WIDEST)))
        ax.hlines(y, np.maximum(low, -WIDEST), np.minimum(high, WIDEST), color=colour, linewidth=2.5, label=method)
        for side, ends, mark in ((-1, low, "<"), (1, high, ">")):
            beyond = side * ends > WIDEST
            ax.plot(np.full(beyond.sum(), side * WIDEST), y[beyond], mark, color=colour, markersize=6)
    ax.axvline(0.0, color=style.grey(ax), linewidth=0.8)
    ax.plot(np.zeros(len(names)), range(len(names)), "D", color=style.ink(ax), markersize=3.5, zorder=3)
    ax.set_yticks(range(len(names)), [f"{name} = {fit.params[name]:.4g}" for name in names])
    for place in np.flatnonzero(~known).tolist():
        word = fit.to_frame()["treatment"].iloc[place].split(":")[0]
        style.beside(ax, "no interval" if word == "free" else f"{word}, no interval", (0.0, place), 5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-1.1 * reach, 1.1 * reach)
    ax.set_xlabel("distance from the estimate / its size")
    style.title(ax, f"{fit.law.title} · {100 * level:g} % intervals of the constants")
    if legend:
        style.place_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


# What the law leaves over.


def residuals(
    fit: "Fit",
    ax: Axes | None = None,
    *,
    x: str | None = None,
    colour: str | None = None,
    marker: str | None = None,
    runs: str | Sequence[str] | None = None,
    legend: bool = True,
) -> Axes:
    """Measured minus fitted loss against tokens (or the law's first column), with a band of one RMSE around zero.

    The rows of a run are joined: a curve that stays on one side is a run the law misses, not noise.

    Parameters
    ----------
    fit : Fit
        The fit to draw; residuals in nats per token.
    ax, x, colour, marker, runs, legend
        As for :func:`p2law.plot.curves`.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If a column or a run does not exist.
    """
    chosen = view(fit, x=x, colour=colour, marker=marker, runs=runs)
    ax = style.axes_of(ax)
    rmse = fit.metrics["rmse"]
    ax.axhspan(-rmse, rmse, color=style.ink(ax), alpha=0.06, linewidth=0)
    ax.axhline(0.0, color=style.ink(ax), linewidth=0.8)
    if chosen.by_run:
        _join(ax, chosen)
    style.scatter(ax, chosen, fit.residuals)
    style.dress(ax, chosen)
    ax.set_ylabel(f"measured − fitted {style.label_of(fit.law.response)}")
    title = style.headline(chosen, f"residuals, RMSE {rmse:.3g}{style.unit_of(chosen)}")
    style.title(ax, title)
    if legend:
        style.legend(ax, chosen, [Patch(color=style.ink(ax), alpha=0.12, linewidth=0, label="± RMSE")])
    return ax


def _join(ax: Axes, chosen: View) -> None:
    colours, runs = style.row_colours(ax, chosen), chosen.fit.observations.run[chosen.rows]
    for run in dict.fromkeys(runs.tolist()):
        rows = chosen.rows[runs == run]
        rows = rows[np.argsort(chosen.x_values[rows], kind="stable")]
        ax.plot(
            chosen.x_values[rows],
            chosen.fit.residuals[rows],
            color=colours[rows[0]],
            linewidth=0.8,
            alpha=0.15 if style.crowded(chosen) else 0.6,
            label=str(run),
        )


# A profile: how much worse the fit becomes as one constant, or one predicted loss, is held elsewhere.


HIGHEST = 4.0
"""Drawn up to this many times the threshold."""


def profile(found: "Profile", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Rise of the objective against the value held, the threshold and the interval. A flat valley is drawn flat.

    Parameters
    ----------
    found : Profile
        From :meth:`p2law.Fit.profile`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    style.check(found, "Profile", "fit.profile")
    ax = style.axes_of(ax)
    points = found.points
    shown = points[points["rise"] <= HIGHEST * found.threshold]
    share = shown["rise"].to_numpy() / found.threshold
    value = shown["value"].to_numpy()
    ax.plot(value, share, color=style.named(ax)[0], marker="o", markersize=4, linewidth=1.4, label="profile")
    ax.axhline(
        1.0, color=style.grey(ax), linestyle=style.BASELINE, linewidth=1.0, label=f"{100 * found.level:g} % limit"
    )
    ax.axvline(found.estimate, color=style.named(ax)[1], linewidth=1.0, label="estimate")
    low, high = (float(np.clip(end, value.min(), value.max())) for end in (found.lower, found.upper))
    ax.axvspan(low, high, color=style.named(ax)[0], alpha=0.12, linewidth=0, label="interval")
    _scale(ax, value)
    ax.set_ylim(-0.05, min(HIGHEST, max(1.5, 1.1 * share.max())))
    ax.set_xlabel(found.name)
    ax.set_ylabel("rise of the objective / threshold")
    style.title(ax, "the data set no limit on one side or both" if found.flat else "", loc="left")
    if legend:
        ax.legend(fontsize="small", framealpha=0.85, loc="best")
    return ax


def _scale(ax: Axes, value: np.ndarray) -> None:
    """Logarithmic where values span decades; where they pass zero, linear around it."""
    size = np.sort(np.abs(value[value != 0]))
    if value.min() > 0 and size[-1] > 20 * size[0]:
        ax.set_xscale("log")
        style.count_ticks(ax.xaxis)
    elif value.min() < 0 < value.max() and size[-1] > 20 * np.median(size):
        ax.set_xscale("asinh", linear_width=float(np.median(size)))
