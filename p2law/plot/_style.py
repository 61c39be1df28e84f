"""Colours, markers, axes, legend: the looks shared by all pictures. Safe for colour-blind readers, no rcParams."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..errors import DataError
from ..laws import Variable
from ..quantities import format_quantity
from ._levels import Levels
from ._view import View

ORDERED = LinearSegmentedColormap.from_list("p2law", colormaps["plasma"](np.linspace(0.0, 0.83, 256)))
"""Ordered values: monotonic in lightness; plasma without its yellow, which white paper swallows."""
NAMED = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
"""Unordered names: Okabe and Ito's palette, strongest first."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
GREY = "#555555"
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


def norm(told: Levels) -> Normalize:
    """Scale from values to colours."""
    values = told.centre if told.continuous is None else told.continuous
    low, high = float(values.min()), float(values.max())
    return LogNorm(low, high) if low > 0 and high > 5 * low else Normalize(low, high)


def level_colours(told: Levels | None) -> list[Any]:
    """Colour of each level."""
    if told is None:
        return [NAMED[0]]
    if not told.ordered:
        return [NAMED[i % len(NAMED)] for i in range(len(told))]
    if told.continuous is not None:
        return [ORDERED(norm(told)(c)) for c in told.centre]
    return [ORDERED(f) for f in np.linspace(0, 1, max(len(told), 2))[: len(told)]]


def row_colours(view: View) -> np.ndarray:
    """Colour of every row as RGBA, (n, 4)."""
    told = view.colour
    if told is not None and told.continuous is not None:
        return ORDERED(norm(told)(told.continuous))
    palette = to_rgba_array(level_colours(told))
    return palette[told.row] if told is not None else np.repeat(palette, view.fit.n, axis=0)


def row_markers(view: View) -> np.ndarray:
    """Marker of every row, (n,)."""
    number = view.marker.row if view.marker is not None else np.zeros(view.fit.n, dtype=int)
    return np.array(MARKERS)[number % len(MARKERS)]


def scatter(ax: Axes, view: View, y: np.ndarray) -> None:
    """Draw the rows shown at heights ``y`` (one per fitted row), one collection per marker."""
    colours, markers = row_colours(view), row_markers(view)
    for shape in dict.fromkeys(markers[view.rows].tolist()):
        rows = view.rows[markers[view.rows] == shape]
        dots = ax.scatter(view.x_values[rows], y[rows], s=16, c=colours[rows], marker=shape, linewidths=0, alpha=0.75)
        dots.set_zorder(2.5)


def label_of(variable: Variable) -> str:
    """Axis label: the column and its unit."""
    return f"{variable.name} ({variable.kind.unit})" if variable.kind.unit else variable.name


def dress(ax: Axes, view: View) -> None:
    """Scale, ticks and label of x; a light grid."""
    variable = next(v for v in view.fit.law.variables if v.name == view.x)
    ax.set_xlabel(label_of(variable))
    if view.log_x:
        ax.set_xscale("log")
        count_ticks(ax.xaxis, *ax.get_xlim())
    grid(ax)


def count_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis of counts as people read them: at 1, 2 and 5 over few decades, else at powers."""
    subs = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value)))
    axis.set_minor_formatter(NullFormatter())


def beside(ax: Axes, text: str, at: tuple[float, float], height: float) -> None:
    """A few words by a point, so many typographic points above it, on the side where the axes have room for them."""
    ax.get_xlim()  # settles the limits, which the place is taken from
    right = ax.transAxes.inverted().transform(ax.transData.transform(at))[0] > 0.7
    side = "right" if right else "left"
    ax.annotate(text, at, (-4 if right else 4, height), textcoords="offset points", fontsize="small", ha=side)


def grid(ax: Axes) -> None:
    """A light grid below everything."""
    ax.grid(True, color="#000000", alpha=0.08, linewidth=0.6)
    ax.set_axisbelow(True)


def legend(ax: Axes, view: View, extra: Sequence[Artist]) -> None:
    """One compact legend, colours then markers then line styles, instead of one entry per run; or a colour bar."""
    told = view.colour
    handles: list[Artist] = []
    if told is not None and told.continuous is not None:
        bar = ax.figure.colorbar(ScalarMappable(norm(told), ORDERED), ax=ax, pad=0.015, aspect=32)
        bar.set_label(_name(view, told.name))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value)))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    elif told is not None:
        palette = level_colours(told)
        handles += [Line2D([], [], color=palette[i], linewidth=3, label=name) for i, name in names(view, told)]
    if view.marker is not None:
        grey: dict[str, Any] = {"color": GREY, "linestyle": "", "markersize": 5}
        shown = names(view, view.marker)
        handles += [Line2D([], [], marker=MARKERS[i % len(MARKERS)], label=name, **grey) for i, name in shown]
    place_legend(ax, [*handles, *extra], inside=told is not None and told.continuous is not None)


def place_legend(ax: Axes, handles: Sequence[Artist], *, inside: bool = False) -> None:
    """The legend beside the axes, or inside where asked or where no layout engine makes room for it."""
    inside = inside or ax.figure.get_layout_engine() is None
    place: dict[str, Any] = {"loc": "best"} if inside else {"loc": "upper left", "bbox_to_anchor": (1.0, 1.01)}
    ax.legend(handles=handles, fontsize="small", frameon=inside, framealpha=0.85, **place)


def names(view: View, told: Levels) -> list[tuple[int, str]]:
    """Number and legend text of each level among the rows shown."""
    sign = "=" if told.continuous is None else "≈"
    texts = [f"{told.name} {sign} {text}" if told.ordered else text for text in told.text]
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
