"""Axes, legends, ticks and colours of all pictures. Safe for colour-blind readers, on light and dark; no rcParams."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.typing import ColorType
from numpy.typing import ArrayLike

from ..data.quantities import format_quantity
from ..errors import DataError
from ..laws import Variable

DASHED = (0, (4, 2))
"""Line style of what is extrapolated, and of levels that a picture compares with."""
DOTTED = (0, (1, 2))
"""Line style of baselines and comparators."""
LOSS = "loss (nats/token)"
CROWD = 1500
"""More points than this are drawn small and faint, below the curves."""
_LONGEST = 34
"""Letters of a name in a legend; longer ones are cut in the middle, where names of runs say least."""
_LETTER = 0.5
"""Mean width of a letter in units of the font's size."""
_NAMES = 16
"""More entries than this a legend does not list."""
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
_PLASMA = colormaps["plasma"]
_ON_LIGHT = LinearSegmentedColormap.from_list("p2law", _PLASMA(np.linspace(0.0, 0.83, 256)))
_ON_DARK = LinearSegmentedColormap.from_list("p2law_dark", _PLASMA(np.linspace(0.35, 1.0, 256)))
_STEPS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""Places of ticks within a decade, in the order they are tried."""
_FEWEST, _MOST = 4, 8
"""Ticks looked for at least, and drawn at most."""


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


def title(ax: Axes, text: str, *, loc: str = "center") -> None:
    """Set a title, in lines no wider than the axes are now."""
    made = ax.set_title(text, fontsize="medium", loc=loc)  # type: ignore[arg-type]
    wide = 72 * ax.bbox.width / ax.figure.dpi
    letters = max(int(wide / (_LETTER * float(made.get_fontsize()))), 16)
    made.set_text("\n".join(part for line in text.split("\n") for part in wrap(line, letters) or [""]))


def label_of(variable: Variable) -> str:
    """Axis label: the column and its unit."""
    return f"{variable.name} ({variable.kind.unit})" if variable.kind.unit else variable.name


def format_axis(axis: Axis, label: str, *, log: bool = True) -> None:
    """Label an axis; ``log``: on a logarithmic scale with the ticks of counts."""
    axis.set_label_text(label)
    if log:
        set_scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
        set_scale("log")
        count_ticks(axis)


def finish(ax: Axes, text: str, *, legend: bool, handles: Sequence[Artist] | None = None, beside: bool = False) -> None:
    """Add a title, a light grid below everything and, where asked for, the legend of :func:`draw_legend`."""
    title(ax, text)
    ax.grid(True, color=foreground(ax), alpha=0.08, linewidth=0.6)
    ax.set_axisbelow(True)
    if legend:
        draw_legend(ax, handles, beside=beside)


def annotate(ax: Axes, text: str, at: tuple[float, float], height: float) -> None:
    """Write a few words by a point, ``height`` typographic points above it, on the side with room for them."""
    ax.get_xlim()  # settles the limits, which the place is taken from
    right = ax.transAxes.inverted().transform(ax.transData.transform(at))[0] > 0.7
    side = "right" if right else "left"
    ax.annotate(text, at, (-4 if right else 4, height), textcoords="offset points", fontsize="small", ha=side)


def band(
    ax: Axes, x: np.ndarray, lower: ArrayLike, upper: ArrayLike, colour: ColorType, *, alpha: float = 0.18
) -> None:
    """A shaded interval along a curve, ``x``, ``lower`` and ``upper`` (points,); a bar at a single point."""
    low, high = np.asarray(lower), np.asarray(upper)
    if len(x) > 1:
        ax.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=0)
    elif np.isfinite([low, high]).all():
        ax.vlines(x, low, high, color=colour, alpha=alpha, linewidth=7)


def two_part(
    ax: Axes, x: np.ndarray, y: np.ndarray, inside: np.ndarray, colour: ColorType, label: str | None
) -> Line2D:
    """Draw a curve, ``x``, ``y`` and ``inside`` (points,), solid inside the fitted range and dashed outside.

    A single point is drawn as a point, hollow outside. Returns the line of the whole curve.
    """
    if len(x) == 1:
        fill: dict[str, Any] = {} if inside.all() else {"markerfacecolor": "none"}
        return ax.plot(x, y, color=colour, marker="o", markersize=6, linestyle="", label=label, **fill)[0]
    looks: dict[str, Any] = {"linestyle": DASHED, "linewidth": 1.1, "alpha": 0.8, "zorder": 1.9}
    (whole,) = ax.plot(x, y, color=colour, label=None if inside.any() else label, **looks)
    if inside.any():
        ax.plot(x, np.where(inside, y, np.nan), color=colour, linewidth=1.5, label=label)
    return whole


def hollow(ax: Axes, x: np.ndarray, y: np.ndarray, extrapolated: np.ndarray, colour: ColorType) -> None:
    """Draw the extrapolated points, a mask (points,), as hollow."""
    far = extrapolated & np.isfinite(y)
    if far.any():
        looks: dict[str, Any] = {"facecolors": ax.get_facecolor(), "edgecolors": colour, "zorder": 3}
        ax.scatter(x[far], y[far], s=22, label="extrapolated", **looks)


def draw_legend(ax: Axes, handles: Sequence[Artist] | None = None, *, beside: bool = False) -> None:
    """Draw the legend inside the axes, or ``beside`` them where a layout engine makes room for it.

    Without ``handles``, it lists what has a label.
    """
    beside = beside and ax.figure.get_layout_engine() is not None
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.01)} if beside else {"loc": "best"}
    ax.legend(handles=handles, fontsize="small", frameon=not beside, framealpha=0.85, **place)


def truncate_legend(handles: Sequence[Artist], *, spread: bool = False) -> list[Artist]:
    """The entries of a legend; of too many the first, or some from all over, and how many more there are."""
    if len(handles) <= _NAMES:
        return list(handles)
    kept = [round(i) for i in np.linspace(0, len(handles) - 1 if spread else _NAMES // 2 - 1, _NAMES // 2).tolist()]
    rest = Line2D([], [], linestyle="", label=f"… and {len(handles) - len(kept)} more")
    return [*(handles[i] for i in kept), rest]


def short(text: str, longest: int = _LONGEST) -> str:
    """A name, cut in the middle where it is too long."""
    keep = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:keep]}…{text[-keep:]}"


def palette(ax: Axes) -> tuple[str, ...]:
    """Colours of unordered names: Okabe and Ito's palette, strongest first."""
    return tuple(foreground(ax) if colour == "#000000" else colour for colour in _PALETTE)


def colour_map(ax: Axes) -> LinearSegmentedColormap:
    """Colours of ordered values: plasma, monotonic in lightness, without the end that the background swallows."""
    return _ON_DARK if _dark(ax) else _ON_LIGHT


def gradient(ax: Axes, count: int) -> list[ColorType]:
    """Colours of so many ordered values."""
    return [colour_map(ax)(share) for share in np.linspace(0, 1, count)]


def foreground(ax: Axes) -> str:
    """Black, or white on a dark background."""
    return "#ffffff" if _dark(ax) else "#000000"


def grey(ax: Axes) -> str:
    """What belongs to no colour: dark grey, or light grey on a dark background."""
    return "#bbbbbb" if _dark(ax) else "#555555"


def _dark(ax: Axes) -> bool:
    """Whether the background of the axes (of the figure, where they have none) is dark."""
    background = to_rgba(ax.get_facecolor())
    if background[3] < 0.5:
        background = to_rgba(ax.figure.get_facecolor())
    return background[3] >= 0.5 and float(np.dot(background[:3], (0.2126, 0.7152, 0.0722))) < 0.4


def count_ticks(axis: Axis) -> None:
    """Readable ticks on a logarithmic axis of counts."""
    axis.set_major_locator(CountLocator())
    format_ticks(axis)


def format_ticks(axis: Axis) -> None:
    """Labels such as 10M at major ticks, none at minor ones."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value)))
    axis.set_minor_formatter(NullFormatter())


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
            return next((places for places in fitting if len(places) >= _FEWEST), max(fitting, key=len))
        powers = _within(decades, low, high)
        if len(powers) > room:
            return powers[:: -(-len(powers) // room)]
        return _within(np.asarray(MaxNLocator(min(room, 4)).tick_values(low, high)), low, high)


def _within(places: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.unique(places[(places >= low * (1 - 1e-9)) & (places <= high * (1 + 1e-9))])
