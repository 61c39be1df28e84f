"""From an average density to parameters, FLOPs, tokens and steps: what every schedule can be asked."""

from typing import Any

import numpy as np

from ..data.arguments import array, one_positive, positive
from ..data.flops import TRAINING, training_flops
from ..data.quantities import format_quantity
from ..errors import DataError

SLACK = 1 + 1e-12
"""Rounding forgiven where whole things are counted."""


def average_params(density: float, N: Any, unpruned: Any) -> Any:
    """Parameters averaged over training: those that are pruned at their average density, the rest in full."""
    return density * positive("N", N) + positive("unpruned", unpruned, zero=True)


def flops(density: float, N: Any, D: Any, unpruned: Any) -> Any:
    """6 times average parameters times tokens."""
    return training_flops(average_params(density, N, unpruned), D)


def tokens(density: float, N: Any, C: Any, unpruned: Any) -> Any:
    """Tokens that a budget of C FLOPs pays for: at least one."""
    return _paid("token", C, TRAINING * average_params(density, N, unpruned))


def steps(density: float, N: Any, C: Any, batch_tokens: Any, unpruned: Any) -> int:
    """Whole optimiser steps within a budget of C FLOPs: at least one."""
    for name, value in {"N": N, "C": C, "batch_tokens": batch_tokens}.items():
        one_positive(name, value)
    one_positive("unpruned", unpruned, zero=True)
    price = TRAINING * average_params(density, N, unpruned) * batch_tokens
    return int(_paid(f"step of {format_quantity(float(batch_tokens))} tokens", C, price) * SLACK)


def _paid(what: str, C: Any, price: Any) -> Any:
    """How many of something C FLOPs pay for; a budget that does not pay for one is refused."""
    bought = positive("C", C) / price
    short = bought * SLACK < 1
    if np.any(short):
        budget, cost = (float(a[short].flat[0]) for a in np.broadcast_arrays(C, price))
        raise DataError(f"C = {budget:g} FLOPs does not pay for one {what}, which costs {cost:.3g} FLOPs: give more.")
    return bought


def fractions(t: Any) -> np.ndarray:
    """Times as fractions of the steps of training."""
    values = array("t", t)
    if not np.all((values >= 0) & (values <= 1)):
        bad = values[~((values >= 0) & (values <= 1))].flat[0]
        raise DataError(f"t = {bad:g}: time is a fraction of all training steps, between 0 and 1.")
    return values
