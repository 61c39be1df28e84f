"""Colours that can be seen on the ground of the axes, light or dark."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba

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
