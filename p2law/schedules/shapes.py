"""How density falls while a model is being pruned: the kept fraction against progress, and the area under it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError

Share = Callable[[Any], Any]
"""From progress through the pruning phase (0 to 1) to the share of the pruning done (0 to 1)."""


@dataclass(frozen=True)
class Shape:
    """Density during the pruning phase, as functions of progress (0 to 1, an array) and final sparsity."""

    density: Callable[[np.ndarray, float], np.ndarray]
    area: Callable[[np.ndarray, float], np.ndarray]
    """Integral of the density from 0 to progress."""


def _geometric_area(p: np.ndarray, sparsity: float) -> np.ndarray:
    rate = -np.log1p(-sparsity)
    return p if rate == 0 else -np.expm1(-rate * p) / rate


SHAPES = {
    # Every pruning removes the same fraction of what is left (Jin et al. 2025, arXiv 2501.12486, the authors' code).
    "geometric": Shape(lambda p, s: (1 - s) ** p, _geometric_area),
    # Zhu and Gupta 2017, arXiv 1710.01878: much is pruned early, little towards the end.
    "cubic": Shape(lambda p, s: 1 - s + s * (1 - p) ** 3, lambda p, s: (1 - s) * p + s * (1 - (1 - p) ** 4) / 4),
    "linear": Shape(lambda p, s: 1 - s * p, lambda p, s: p - s * p**2 / 2),
}

_PANELS = 500
_NODE, _WEIGHT = np.polynomial.legendre.leggauss(4)
_NODES = ((np.arange(_PANELS)[:, None] + (_NODE + 1) / 2) / _PANELS).ravel()
_WEIGHTS = np.tile(_WEIGHT / (2 * _PANELS), _PANELS)


def shape_of(shape: str | Share) -> Shape:
    """The shape of this name, or the one drawn by a function.

    Raises
    ------
    DataError
        If the name is unknown, or the function does not run from 0 to 1.
    """
    if callable(shape):
        return _drawn(shape)
    if not isinstance(shape, str) or shape not in SHAPES:
        raise DataError(f"shape={shape!r}: choose {', '.join(map(repr, SHAPES))}, or give a function of progress.")
    return SHAPES[shape]


def _drawn(share: Share) -> Shape:
    """A shape from the share of the pruning done; its area by quadrature (exact to 1e-3 across jumps)."""

    def done(p: np.ndarray) -> np.ndarray:
        return np.array([float(share(float(x))) for x in np.ravel(p)]).reshape(np.shape(p))

    try:
        done(np.zeros(1))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"shape={share!r}: give a function of progress (0 to 1) to a number; it says: {error}."
        ) from error
    values = done(np.linspace(0.0, 1.0, 101))
    if not (abs(values[0]) < 1e-9 and abs(values[-1] - 1) < 1e-9 and values.min() > -1e-9 and values.max() < 1 + 1e-9):
        raise DataError(
            f"shape(progress) is the share of the pruning done: it must be 0 at 0 (is {values[0]:g}), 1 at 1 (is "
            f"{values[-1]:g}) and stay between (runs from {values.min():g} to {values.max():g})."
        )

    def area(p: np.ndarray, sparsity: float) -> np.ndarray:
        p = np.asarray(p, dtype=float)
        return p * (1 - sparsity * (done(p[..., None] * _NODES) @ _WEIGHTS))

    return Shape(lambda p, s: 1 - s * done(p), area)
