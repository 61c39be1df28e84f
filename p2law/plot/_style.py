"""Colours, markers, axes, legend: the looks shared by all pictures. Safe for colour-blind readers, no rcParams."""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize, to_rgba, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..data.quantities import format_quantity
from ..errors import DataError
from ..laws import Variable
from ._view import Levels, View

# Colours that can be seen on the ground of the axes, light or dark.


_NAMED = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
_PLASMA = colormaps["plasma"]
_ON_LIGHT = LinearSegmentedColormap.from_list("p2law", _PLASMA(np.linspace(0.0, 0.83, 256)))
_ON_DARK = LinearSegmentedColormap.from_list("p2law_dark", _PLASMA(np.linspace(0.35, 1.0, 256)))


def dark(ax: Axes) -> bool:
    """Whether the ground of the axes (of the figure, where they have none) is dark."""
    ground = to_rgba(ax.get_facecolor())
    if ground[3] < 0.5:
        ground = to_rgba(ax.figure.get_facecolor())
    return ground[3] >= 0.5 and float(np.dot(ground[:3], (0.2126, 0.7152, 0.0722))) < 0.4


def ink(ax: Axes) -> str:
    """Black, or white on a dark ground."""
    return "#ffffff" if dark(ax) else "#000000"


def grey(ax: Axes) -> str:
    """What belongs to no colour: dark grey, or light grey on a dark ground."""
    return "#bbbbbb" if dark(ax) else "#555555"


def ordered(ax: Axes) -> LinearSegmentedColormap:
    """Ordered values: plasma, monotonic in lightness, without the end that the ground swallows."""
    return _ON_DARK if dark(ax) else _ON_LIGHT


def named(ax: Axes) -> tuple[str, ...]:
    """Unordered names: Okabe and Ito's palette, strongest first."""
    return tuple(ink(ax) if colour == "#000000" else colour for colour in _NAMED)


# Colour and marker of each row of a view.


CROWD = 1500
"""More rows than this are drawn small and faint, below the curves,"""
CROWDED_RUN = 200
"""and so are more rows than this of a curve."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def norm(told: Levels) -> Normalize:
    """Scale from values to colours."""
    values = told.centre if told.continuous is None else told.continuous
    low, high = float(values.min()), float(values.max())
    return LogNorm(low, high) if low > 0 and high > 5 * low else Normalize(low, high)


def level_colours(ax: Axes, told: Levels | None) -> list[Any]:
    """Colour of each level."""
    palette, shades = named(ax), ordered(ax)
    if told is None:
        return [palette[0]]
    if not told.ordered:
        return [palette[i % len(palette)] for i in range(len(told))]
    if told.continuous is not None:
        return [shades(norm(told)(c)) for c in told.centre]
    return [shades(f) for f in np.linspace(0, 1, max(len(told), 2))[: len(told)]]


def row_colours(ax: Axes, view: View) -> np.ndarray:
    """Colour of every row as RGBA, (n, 4)."""
    told = view.colour
    if told is not None and told.continuous is not None:
        return ordered(ax)(norm(told)(told.continuous))
    palette = to_rgba_array(level_colours(ax, told))
    return palette[told.row] if told is not None else np.repeat(palette, view.fit.n, axis=0)


def row_markers(view: View) -> np.ndarray:
    """Marker of every row, (n,)."""
    number = view.marker.row if view.marker is not None else np.zeros(view.fit.n, dtype=int)
    return np.array(MARKERS)[number % len(MARKERS)]


def crowded(view: View) -> bool:
    """Whether there are too many rows to see each."""
    told = [len(each) for each in (view.colour, view.marker) if each is not None]
    curves = len(set(view.fit.observations.run[view.rows].tolist())) if view.by_run else int(np.prod(told))
    return len(view.rows) > CROWD or len(view.rows) > CROWDED_RUN * curves


# Ticks of logarithmic axes of counts as people read them, as many as there is room for.


_STEPS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""Places of ticks within a decade, in the order they are tried."""
_ENOUGH = 4
_MOST = 8
"""More ticks than this tell nothing more."""


class CountLocator(LogLocator):
    """Ticks at powers of ten, at 1, 2 and 5, or closer, as the axis has room for them when it is drawn."""

    def __init__(self) -> None:
        super().__init__(base=10, numticks=_MOST + 1)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Places of the ticks between two ends."""
        low, high = sorted((vmin, vmax))
        if not (low > 0 and np.isfinite(high)):
            return np.asarray(super().tick_values(vmin, vmax))
        room = int(np.clip(self.axis.get_tick_space() if self.axis is not None else _MOST, 2, _MOST))
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        fitting = [_within(np.outer(decades, steps).ravel(), low, high) for steps in _STEPS]
        fitting = [places for places in fitting if 2 <= len(places) <= room]
        if fitting:
            return next((places for places in fitting if len(places) >= _ENOUGH), max(fitting, key=len))
        powers = _within(decades, low, high)
        if len(powers) > room:
            return powers[:: -(-len(powers) // room)]
        return _within(np.asarray(MaxNLocator(min(room, 4)).tick_values(low, high)), low, high)


def _within(places: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.unique(places[(places >= low * (1 - 1e-9)) & (places <= high * (1 + 1e-9))])


def count_ticks(axis: Axis) -> None:
    """Readable ticks on a logarithmic axis of counts."""
    axis.set_major_locator(CountLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value)))
    axis.set_minor_formatter(NullFormatter())


# Words in pictures: titles no wider than their axes, names cut in the middle.


LONGEST = 34
"""Letters of a name in a legend; longer ones are cut in the middle, where names of runs say least."""
_LETTER = 0.5
"""Mean width of a letter in units of the font's size."""


def short(text: str, longest: int = LONGEST) -> str:
    """A name, cut in the middle where it is too long."""
    keep = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:keep]}…{text[-keep:]}"


def title(ax: Axes, text: str, *, loc: str = "center") -> None:
    """A title in lines no wider than the axes are now."""
    made = ax.set_title(text, fontsize="medium", loc=loc)  # type: ignore[arg-type]
    wide = 72 * ax.bbox.width / ax.figure.dpi
    letters = max(int(wide / (_LETTER * float(made.get_fontsize()))), 16)
    made.set_text("\n".join(part for line in text.split("\n") for part in wrap(line, letters) or [""]))


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
