"""What the compiled descent takes: points to descend from, the rows, and what they share. Needs no JAX."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .coordinates import Layout

LANES = 4
"""Points handed to the compiled descent at a time."""
MAX_ITERATIONS = 300


class Frame(NamedTuple):
    """How a coordinate becomes a raw constant; see :class:`~p2law.fitting.solver.coordinates.Box`.

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
    """What all lanes share: residual space, Huber's delta per row, ridge, objective at which a fit is perfect.

    The merit is ``objective * (1 + ridge * sum(stiffness * (z - centre)²))``, a relative pull towards neutral values.
    """

    log_space: Any
    delta: Any
    ridge: Any
    centre: Any
    stiffness: Any
    perfect: Any


class Lane(NamedTuple):
    """One point to descend from, with its own box, weights, target (in the residuals' space) and frame."""

    z: Any
    lower: Any
    upper: Any
    weight: Any
    target: Any
    frame: Frame


def constants(layout: Layout, z: Any, frame: Frame, exp: Callable[[Any], Any] = np.exp) -> list[Any]:
    """Raw constants of the law, in the order of its parameters (``exp=jnp.exp`` where JAX traces them)."""
    q = layout.nonlinear
    size = exp(-(frame.shift + frame.slope @ z[:q]))
    free = []
    for i, scale in enumerate(layout.scales):
        if scale == "log":
            free.append(exp(z[i]))
        else:
            unit = size[i - q] if scale == "amplitude" else 1.0
            free.append(frame.offset[i] + frame.factor[i] * z[i] * unit)
    return [free[place] for place in layout.source]


def stacked(records: Any) -> Any:
    """Frames or lanes as one, each array with a leading axis."""
    import jax

    return jax.tree.map(lambda *parts: np.stack(parts), *records)
