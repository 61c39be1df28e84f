"""Measured losses and fitted curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..errors import DataError
from . import _style as style
from ._lines import Line, lines
from ._view import View, view

if TYPE_CHECKING:
    from ..result import Fit


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
