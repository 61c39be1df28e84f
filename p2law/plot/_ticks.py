"""Ticks of logarithmic axes of counts as people read them, as many as there is room for."""

from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..quantities import format_quantity

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
