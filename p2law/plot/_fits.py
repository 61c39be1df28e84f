"""Pictures of a fit: measured losses and fitted curves, residuals, constants with their intervals, a profile."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from ..errors import DataError, renamed_arguments
from ..fitting.fitted import require_fit
from ..fitting.report import treatments
from . import _style as style
from ._view import MARKERS, Line, View, lines, view

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..fitting.uncertainty.profile import Profile

WIDEST = 3.0
"""Half the width of the picture of the constants, in estimates; what lies beyond is drawn as an arrow."""
HIGHEST = 4.0
"""Profiles are drawn up to this many times the threshold."""


@renamed_arguments(colour="color")
def curves(
    fit: "Fit",
    ax: Axes | None = None,
    *,
    x: str | None = None,
    color: str | None = None,
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
    color, marker : str, optional
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
    shown = view(fit, x=x, colour=color, marker=marker, runs=runs)
    ax = style.axes_of(ax)
    drawn = lines(shown, extend)
    colours = _line_colours(ax, shown, drawn)
    for line, colour in zip(drawn, colours, strict=True):
        inner, outer = line.measured, ~line.measured
        outer[np.count_nonzero(inner) - 1] = True  # the continuation starts where the data end
        ax.plot(line.x[inner], line.fitted[inner], color=colour, linewidth=1.3, label=line.label)
        if outer.sum() > 1:
            looks: dict[str, Any] = {"linewidth": 1.1, "linestyle": style.DASHED, "alpha": 0.8}
            ax.plot(line.x[outer], line.fitted[outer], color=colour, **looks)
    if baseline:
        _draw_baselines(ax, drawn, colours)
    if shown.shaded and not shown.crowded:  # a stick from each point to its fitted value, off the few curves
        rows, looks = shown.rows, {"colors": list(shown.row_colours(ax)[shown.rows]), "linewidth": 1.0, "alpha": 0.6}
        ax.vlines(shown.x_values[rows], fit.observations.response[rows], fit.fitted[rows], **looks)
    shown.scatter(ax, fit.observations.response)
    style.format_axis(ax.xaxis, shown.label_of(shown.x), log=shown.log_x)
    ax.set_ylabel(style.label_of(fit.law.response))
    runs_shown = f", {fit.run_count} runs" if 1 < fit.run_count < fit.n else ""
    style.finish(ax, _title(fit, f"{fit.n} rows{runs_shown} · "), legend=False)
    if legend:
        _draw_legend(ax, shown, _key(ax, shown, drawn, baseline=baseline))
    return ax


def _line_colours(ax: Axes, shown: View, drawn: list[Line]) -> list[ColorType]:
    """Colour of each curve: that of its rows, or of its level where the rows shade into each other."""
    first = [line.rows[0] for line in drawn]
    if shown.colour is None or not shown.shaded:
        return list(shown.row_colours(ax)[first])
    colours = shown.colour.colours(ax)
    return [colours[level] for level in shown.colour.row[first]]


def _draw_baselines(ax: Axes, drawn: list[Line], colours: list[ColorType]) -> None:
    """Draw each distinct baseline once: runs of one parent share it."""
    seen = set()
    for line, colour in zip(drawn, colours, strict=True):
        if line.baseline is None or (key := (line.x.tobytes(), line.baseline.round(6).tobytes())) in seen:
            continue
        seen.add(key)
        ax.plot(line.x, line.baseline, color=colour, linewidth=1.0, linestyle=style.DOTTED, alpha=0.6, zorder=1.5)


def _key(ax: Axes, shown: View, drawn: list[Line], *, baseline: bool) -> list[Line2D]:
    """Legend entries of what points and line styles mean."""
    entries: list[dict[str, Any]] = []
    if shown.marker is None:
        entries.append({"marker": "o", "linestyle": "", "markersize": 4, "label": "measured"})
    if shown.shaded and not shown.crowded:
        entries.append({"marker": "|", "linestyle": "", "label": "to its own fitted value"})
    entries.append({"linestyle": "-", "label": "fitted"})
    further = any((~line.measured).any() for line in drawn)
    if further:
        entries.append({"linestyle": style.DASHED, "label": "extrapolated"})
    if baseline and (base := shown.fit.law.variable("loss")):
        control = "control (held beyond)" if further else "control"
        label = control if shown.fit.baseline == "control" else f"parent ({base})"
        entries.append({"linestyle": style.DOTTED, "label": label})
    return [Line2D([], [], color=style.grey(ax), linewidth=1.2, **entry) for entry in entries]


def _title(fit: "Fit", before_rmse: str) -> str:
    """The law, a failed fit before anything else, and the RMSE."""
    failed = "" if fit.converged else "NOT CONVERGED · "
    unit = fit.law.response.kind.unit
    rmse = f"RMSE {fit.metrics['rmse']:.3g}" + (f" {unit}" if unit else "")
    return f"{fit.law.title} · {failed}{before_rmse}{rmse}"


def _draw_legend(ax: Axes, shown: View, extra: Sequence[Artist]) -> None:
    """One compact legend, colours then markers then line styles, instead of one entry per run; or a colour bar."""
    levels, handles, bar = shown.colour, [], False
    if levels is not None and levels.continuous is not None:
        bar = ax.figure.colorbar(ScalarMappable(levels.norm, style.colour_map(ax)), ax=ax, pad=0.015, aspect=32)
        bar.set_label(shown.label_of(levels.name))
        if isinstance(bar.norm, LogNorm):
            bar.locator = style.CountLocator()
        style.format_ticks(bar.ax.yaxis)
    elif levels is not None:
        colours = levels.colours(ax)
        swatches = [Line2D([], [], color=colours[i], linewidth=3, label=name) for i, name in levels.names(shown.rows)]
        handles += style.truncate_legend(swatches, spread=levels.ordered)
    if shown.marker is not None:
        looks: dict[str, Any] = {"color": style.grey(ax), "linestyle": "", "markersize": 5}
        names = shown.marker.names(shown.rows)
        marks = [Line2D([], [], marker=MARKERS[i % len(MARKERS)], label=name, **looks) for i, name in names]
        handles += style.truncate_legend(marks)
    style.draw_legend(ax, [*handles, *extra], beside=not bar)


@renamed_arguments(colour="color")
def residuals(
    fit: "Fit",
    ax: Axes | None = None,
    *,
    x: str | None = None,
    color: str | None = None,
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
    ax, x, color, marker, runs, legend
        As for :func:`p2law.plot.curves`.

    Raises
    ------
    DataError
        If a column or a run does not exist.
    """
    shown = view(fit, x=x, colour=color, marker=marker, runs=runs)
    ax = style.axes_of(ax)
    rmse = fit.metrics["rmse"]
    ax.axhspan(-rmse, rmse, color=style.foreground(ax), alpha=0.06, linewidth=0)
    ax.axhline(0.0, color=style.foreground(ax), linewidth=0.8)
    row_colours, by_run = shown.row_colours(ax), fit.observations.run[shown.rows]
    for run in dict.fromkeys(by_run.tolist()) if shown.by_run else ():
        rows = shown.rows[by_run == run]
        rows = rows[np.argsort(shown.x_values[rows], kind="stable")]
        looks: dict[str, Any] = {"color": row_colours[rows[0]], "alpha": 0.15 if shown.crowded else 0.6}
        ax.plot(shown.x_values[rows], fit.residuals[rows], linewidth=0.8, label=str(run), **looks)
    shown.scatter(ax, fit.residuals)
    style.format_axis(ax.xaxis, shown.label_of(shown.x), log=shown.log_x)
    ax.set_ylabel(f"measured − fitted {style.label_of(fit.law.response)}")
    style.finish(ax, _title(fit, "residuals, "), legend=False)
    if legend:
        _draw_legend(ax, shown, [Patch(color=style.foreground(ax), alpha=0.12, linewidth=0, label="± RMSE")])
    return ax


def parameters(fit: "Fit", ax: Axes | None = None, *, level: float = 0.95, legend: bool = True) -> Axes:
    """Intervals of the constants relative to their estimates, by every method at hand (Wald; draws where made).

    Parameters
    ----------
    fit : Fit
        A fit; with bootstrap draws their percentiles are drawn beside the local intervals.
    level : float
        Confidence level.
    ax, legend
        As for :func:`p2law.plot.curves`.
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
        colour = style.palette(ax)[i]
        known |= np.isfinite(low) & np.isfinite(high) & (high > low)
        reach = max(reach, *np.abs(np.clip(np.concatenate([low, high]), -WIDEST, WIDEST)))
        ax.hlines(y, np.maximum(low, -WIDEST), np.minimum(high, WIDEST), color=colour, linewidth=2.5, label=method)
        for side, ends, mark in ((-1, low, "<"), (1, high, ">")):
            beyond = side * ends > WIDEST
            ax.plot(np.full(beyond.sum(), side * WIDEST), y[beyond], mark, color=colour, markersize=6)
    ax.axvline(0.0, color=style.grey(ax), linewidth=0.8)
    ax.plot(np.zeros(len(names)), range(len(names)), "D", color=style.foreground(ax), markersize=3.5, zorder=3)
    ax.set_yticks(range(len(names)), [f"{name} = {fit.params[name]:.4g}" for name in names])
    for place in np.flatnonzero(~known).tolist():
        treated = treatments(fit)[names[place]]
        style.annotate(ax, "no interval" if treated == "free" else f"{treated}, no interval", (0.0, place), 5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-1.1 * reach, 1.1 * reach)
    ax.set_xlabel("distance from the estimate / its size")
    style.title(ax, f"{fit.law.title} · {100 * level:g} % intervals of the constants")
    if legend:
        style.draw_legend(ax, beside=True)
    return ax


def profile(found: "Profile", ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Rise of the objective against the value held, the threshold and the interval. A flat valley is drawn flat.

    From :meth:`p2law.Fit.profile`.
    """
    style.check(found, "Profile", "fit.profile")
    ax = style.axes_of(ax)
    shown = found.points[found.points["rise"] <= HIGHEST * found.threshold]
    value, share = shown["value"].to_numpy(), shown["rise"].to_numpy() / found.threshold
    ax.plot(value, share, color=style.palette(ax)[0], marker="o", markersize=4, linewidth=1.4, label="profile")
    limit = f"{100 * found.level:g} % limit"
    ax.axhline(1.0, color=style.grey(ax), linestyle=style.DOTTED, linewidth=1.0, label=limit)
    ax.axvline(found.estimate, color=style.palette(ax)[1], linewidth=1.0, label="estimate")
    low, high = (float(np.clip(end, value.min(), value.max())) for end in (found.lower, found.upper))
    ax.axvspan(low, high, color=style.palette(ax)[0], alpha=0.12, linewidth=0, label="interval")
    size = np.sort(np.abs(value[value != 0]))
    if value.min() > 0 and size[-1] > 20 * size[0]:
        ax.set_xscale("log")
        style.count_ticks(ax.xaxis)
    elif value.min() < 0 < value.max() and size[-1] > 20 * np.median(size):
        ax.set_xscale("asinh", linear_width=float(np.median(size)))
    ax.set_ylim(-0.05, min(HIGHEST, max(1.5, 1.1 * share.max())))
    ax.set_xlabel(found.name)
    ax.set_ylabel("rise of the objective / threshold")
    style.title(ax, "the data set no limit on one side or both" if found.flat else "", loc="left")
    if legend:
        style.draw_legend(ax)
    return ax
