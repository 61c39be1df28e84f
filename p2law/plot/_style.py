"""Colours, markers, axes, legend: the looks shared by all pictures. Safe for colour-blind readers, no rcParams."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..errors import DataError
from ..laws import Variable
from ..quantities import format_quantity
from ._ground import grey as grey
from ._ground import ink as ink
from ._ground import named as named
from ._ground import ordered as ordered
from ._levels import Levels
from ._shades import CROWD as CROWD
from ._shades import MARKERS, norm, row_markers
from ._shades import crowded as crowded
from ._shades import level_colours as level_colours
from ._shades import row_colours as row_colours
from ._ticks import CountLocator
from ._ticks import count_ticks as count_ticks
from ._view import View
from ._words import short as short
from ._words import title as title

NAMES = 16
"""More entries than this a legend does not list."""
EXTRAPOLATED = (0, (4, 2))
BASELINE = (0, (1, 2))


def check(found: object, kind: str, source: str) -> None:
    """Refuse to draw what another picture is for; ``kind`` is the class by name, so that none needs loading."""
    if kind not in (each.__name__ for each in type(found).__mro__):
        raise DataError(f"cannot draw {found!r:.60} ({type(found).__name__}): give what {source} returns.")


def axes_of(ax: Axes | None) -> Axes:
    """The axes given, or axes on a new figure of pyplot's, so that notebooks show it."""
    if ax is not None and not isinstance(ax, Axes):
        raise DataError(f"ax={ax!r:.60}: give matplotlib axes, e.g. those of pyplot.subplots().")
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(8.0, 4.8), layout="constrained")[1]


def scatter(ax: Axes, view: View, y: np.ndarray) -> None:
    """Draw the rows shown at heights ``y`` (one per fitted row), one collection per marker; crowds below the curves."""
    colours, markers = row_colours(ax, view), row_markers(view)
    size, alpha, order = (5, 0.3, 1.8) if crowded(view) else (16, 0.75, 2.5)
    for shape in dict.fromkeys(markers[view.rows].tolist()):
        rows = view.rows[markers[view.rows] == shape]
        at = view.x_values[rows], y[rows]
        ax.scatter(*at, s=size, c=colours[rows], marker=shape, linewidths=0, alpha=alpha, zorder=order)


def hollow(ax: Axes, x: np.ndarray, y: np.ndarray, status: Iterable[str], shade: Any) -> None:
    """Empty the points whose status says that they are extrapolated."""
    far = np.array(["extrapolated" in str(each) for each in status]) & np.isfinite(y)
    if far.any():
        looks: dict[str, Any] = {"facecolors": ax.get_facecolor(), "edgecolors": shade, "zorder": 3}
        ax.scatter(x[far], y[far], s=22, label="extrapolated", **looks)


def label_of(variable: Variable) -> str:
    """Axis label: the column and its unit."""
    return f"{variable.name} ({variable.kind.unit})" if variable.kind.unit else variable.name


def dress(ax: Axes, view: View) -> None:
    """Scale, ticks and label of x; a light grid."""
    variable = next(v for v in view.fit.law.variables if v.name == view.x)
    ax.set_xlabel(label_of(variable))
    if view.log_x:
        ax.set_xscale("log")
        count_ticks(ax.xaxis)
    grid(ax)


def beside(ax: Axes, text: str, at: tuple[float, float], height: float) -> None:
    """A few words by a point, so many typographic points above it, on the side where the axes have room for them."""
    ax.get_xlim()  # settles the limits, which the place is taken from
    right = ax.transAxes.inverted().transform(ax.transData.transform(at))[0] > 0.7
    side = "right" if right else "left"
    ax.annotate(text, at, (-4 if right else 4, height), textcoords="offset points", fontsize="small", ha=side)


def grid(ax: Axes) -> None:
    """A light grid below everything."""
    ax.grid(True, color=ink(ax), alpha=0.08, linewidth=0.6)
    ax.set_axisbelow(True)


def legend(ax: Axes, view: View, extra: Sequence[Artist]) -> None:
    """One compact legend, colours then markers then line styles, instead of one entry per run; or a colour bar."""
    told = view.colour
    handles: list[Artist] = []
    if told is not None and told.continuous is not None:
        bar = ax.figure.colorbar(ScalarMappable(norm(told), ordered(ax)), ax=ax, pad=0.015, aspect=32)
        bar.set_label(_name(view, told.name))
        if isinstance(bar.norm, LogNorm):
            bar.locator = CountLocator()
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value)))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    elif told is not None:
        palette = level_colours(ax, told)
        shown = [Line2D([], [], color=palette[i], linewidth=3, label=name) for i, name in names(view, told)]
        handles += few(shown, spread=told.ordered)
    if view.marker is not None:
        looks: dict[str, Any] = {"color": grey(ax), "linestyle": "", "markersize": 5}
        marks = names(view, view.marker)
        handles += few([Line2D([], [], marker=MARKERS[i % len(MARKERS)], label=name, **looks) for i, name in marks])
    place_legend(ax, [*handles, *extra], inside=told is not None and told.continuous is not None)


def few(handles: Sequence[Artist], *, spread: bool = False) -> list[Artist]:
    """The entries of a legend; of too many the first, or some from all over, and how many more there are."""
    if len(handles) <= NAMES:
        return list(handles)
    kept = [round(i) for i in np.linspace(0, len(handles) - 1 if spread else NAMES // 2 - 1, NAMES // 2).tolist()]
    rest = Line2D([], [], linestyle="", label=f"… and {len(handles) - len(kept)} more")
    return [*(handles[i] for i in kept), rest]


def place_legend(ax: Axes, handles: Sequence[Artist], *, inside: bool = False) -> None:
    """The legend beside the axes, or inside where asked or where no layout engine makes room for it."""
    inside = inside or ax.figure.get_layout_engine() is None
    place: dict[str, Any] = {"loc": "best"} if inside else {"loc": "upper left", "bbox_to_anchor": (1.0, 1.01)}
    ax.legend(handles=handles, fontsize="small", frameon=inside, framealpha=0.85, **place)


def names(view: View, told: Levels) -> list[tuple[int, str]]:
    """Number and legend text of each level among the rows shown."""
    sign = "=" if told.continuous is None else "≈"
    texts = [f"{told.name} {sign} {text}" if told.ordered else short(text) for text in told.text]
    return [(i, texts[i]) for i in np.unique(told.row[view.rows]).tolist()]


def unit_of(view: View) -> str:
    """Unit of the response after a number, with a space before it; empty where the law's author gave none."""
    unit = view.fit.law.response.kind.unit
    return f" {unit}" if unit else ""


def headline(view: View, *words: str) -> str:
    """Title: the law, these words, and a failed fit before anything else."""
    failed = () if view.fit.converged else ("NOT CONVERGED",)
    return " · ".join((view.fit.law.title, *failed, *words))


def _name(view: View, name: str) -> str:
    return next((label_of(v) for v in view.fit.law.variables if v.name == name), name)
