"""What the compiled descent takes: points to descend from, the rows, and what they share. Needs no JAX."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .coordinates import Coordinates

STARTS_PER_CALL = 4
"""Points handed to the compiled descent at a time."""
MAX_ITERATIONS = 300


class Scaling(NamedTuple):
    """How a coordinate becomes a raw constant; see :class:`~p2law.fitting.solver.coordinates.Bounds`.

    An amplitude c stands for ``offset + factor * c * exp(-(shift + slope @ theta))``: its term is measured by its own
    typical size over the rows near some theta. For power laws that centres log N and log D exactly; for other laws it
    holds near that theta. No units need to be known. With shift = slope = 0 amplitudes are raw.
    """

    offset: Any
    factor: Any
    shift: Any
    slope: Any


class Rows(NamedTuple):
    """The data, padded: columns and their logarithms (None where a column may be negative), residual scale."""

    columns: tuple[Any, ...]
    logs: tuple[Any, ...]
    scale: Any


class Settings(NamedTuple):
    """What all starts share: residual space, Huber's delta per row, ridge, objective at which a fit is perfect.

    The merit is ``objective * (1 + ridge * sum(stiffness * (z - centre)²))``, a relative pull towards neutral values.
    """

    log_space: Any
    delta: Any
    ridge: Any
    centre: Any
    stiffness: Any
    perfect: Any


class Start(NamedTuple):
    """One point to descend from, with its own bounds, weights, target (in the residuals' space) and scaling."""

    z: Any
    lower: Any
    upper: Any
    weight: Any
    target: Any
    scaling: Scaling


def constants(coordinates: Coordinates, z: Any, scaling: Scaling, exp: Callable[[Any], Any] = np.exp) -> list[Any]:
    """Raw constants of the law, in the order of its parameters (``exp=jnp.exp`` where JAX traces them)."""
    q = coordinates.nonlinear
    size = exp(-(scaling.shift + scaling.slope @ z[:q]))
    free = []
    for i, scale in enumerate(coordinates.transforms):
        if scale == "log":
            free.append(exp(z[i]))
        else:
            unit = size[i - q] if scale == "amplitude" else 1.0
            free.append(scaling.offset[i] + scaling.factor[i] * z[i] * unit)
    return [free[place] for place in coordinates.source]


def stacked(records: Any) -> Any:
    """Scalings or starts as one, each array with a leading axis."""
    import jax

    return jax.tree.map(lambda *parts: np.stack(parts), *records)
