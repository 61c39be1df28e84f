"""Colour and marker of each row of a view."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_rgba_array

from ._ground import named, ordered
from ._levels import Levels
from ._view import View

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
