"""Anything that follows from the constants, with its derivative by them."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..laws import Law
from ..precision import float64
from ..solver.problem import bucket, pad

if TYPE_CHECKING:
    from ..result import Fit

Quantity = Callable[[Mapping[str, float]], Any]
"""From constants to a number or an array."""


def loss_gradient(fit: "Fit", columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Derivative of the predicted loss by the raw constants, (rows, parameters)."""
    rows = len(next(iter(columns.values())))
    padded = {name: pad(np.asarray(v, dtype=float), bucket(rows)) for name, v in columns.items()}
    with float64():
        slope = _slope(fit.law)(np.array(list(fit.params.values())), padded)
        return np.asarray(slope)[:rows]


@lru_cache(maxsize=64)
def _slope(law: Law) -> Callable[..., Any]:
    """The law's compiled Jacobian by its constants, (rows, parameters), for columns padded to a bucket."""
    names = [p.name for p in law.parameters]

    def jacobian(values: Any, columns: Any) -> Any:
        def at(values: Any) -> Any:
            return law.function(**columns, **dict(zip(names, values, strict=True)))

        rows = len(next(iter(columns.values())))
        return jax.numpy.broadcast_to(jax.jacfwd(at)(values), (rows, len(names)))

    return jax.jit(jacobian)


def shifted(params: Mapping[str, float], direction: np.ndarray, step: float) -> dict[str, float]:
    """Constants moved along a direction in raw units."""
    return {name: value + step * float(d) for (name, value), d in zip(params.items(), direction, strict=True)}


def gradient_along(quantity: Quantity, params: Mapping[str, float], directions: np.ndarray) -> np.ndarray:
    """Derivatives of a quantity along directions of the constants, (..., r), by differences of fourth order.

    The directions are of the size of a standard error or less, so that a hundredth of each is a sensible step whatever
    the units of the constants: long enough that quantities computed by differences themselves do not drown in rounding.
    """
    h = 1e-2

    def between(direction: np.ndarray, step: float) -> np.ndarray:
        return np.asarray(quantity(shifted(params, direction, step))) - np.asarray(
            quantity(shifted(params, direction, -step))
        )

    with np.errstate(invalid="ignore"):  # an infinite quantity has no derivative: nan
        columns = [(8 * between(d, h) - between(d, 2 * h)) / (12 * h) for d in directions.T]
    return np.stack(columns, axis=-1)
