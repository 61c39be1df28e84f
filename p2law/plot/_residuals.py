"""What the law leaves over."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from . import _style as style
from ._view import View, view

if TYPE_CHECKING:
    from ..result import Fit


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
