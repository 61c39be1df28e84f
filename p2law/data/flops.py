"""Floating-point operations of training and of use: the rule of six, and the matrix products counted one by one."""

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .arguments import Floats, positive

TRAINING = 6.0
"""FLOPs of training per parameter and token: a multiply-add forward, two backward."""
INFERENCE = 2.0
"""FLOPs of use per parameter and token: a multiply-add."""
SLACK = 1 + 1e-12
"""Rounding forgiven where whole tokens and steps are counted."""


def training_flops(N: ArrayLike, D: ArrayLike) -> Floats:
    """6 N D: FLOPs to train N parameters on D tokens (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).

    For a model pruned during training N is the average over its steps (see :mod:`p2law.schedules`).
    """
    return TRAINING * positive("N", N, zero=True) * positive("D", D, zero=True)


def inference_flops(N: ArrayLike, D: ArrayLike) -> Floats:
    """2 N D: FLOPs to run N parameters over D tokens, prompt and answer alike."""
    return INFERENCE * positive("N", N, zero=True) * positive("D", D, zero=True)


def average_params(density: float, N: ArrayLike, unpruned: ArrayLike = 0.0) -> Floats:
    """Parameters of a model whose N prunable ones are kept at this density (or average density), the rest in full."""
    return density * positive("N", N) + positive("unpruned", unpruned, zero=True)


def affordable(what: str, C: ArrayLike, price: Floats | float) -> Floats:
    """How many tokens or steps C FLOPs pay for at this price, FLOPs each: at least one, or the budget is refused."""
    bought = positive("C", C) / price
    short = bought * SLACK < 1
    if np.any(short):
        budget, cost = (float(a[short].flat[0]) for a in np.broadcast_arrays(C, price))
        raise DataError(f"C = {budget:g} FLOPs does not pay for one {what}, which costs {cost:.3g} FLOPs: give more.")
    return bought


def counted_flops(
    D: ArrayLike,
    *,
    linear: ArrayLike,
    layers: int,
    width: int,
    sequence: int,
    vocabulary: int = 0,
    causal: bool = False,
) -> Floats:
    r"""FLOPs to train a decoder on D tokens, with output layer and attention counted beside the linear layers.

    .. math:: 6 D \left( N_{linear} + V\,d + 2\,n_{layers}\,s\,d \right)

    The three terms are the weights of the blocks, the output layer, and the products of queries with keys and of
    attention with values (for every token s products of length d in each, backward twice as much). Looking up an
    embedding costs nothing; softmax, norms and rotations are left out.

    Parameters
    ----------
    D : float or array_like
        Training tokens.
    linear : float or array_like
        Weights of the linear layers inside the blocks, those left after pruning.
    layers, width, sequence : int
        Blocks; heads times their dimension (the hidden size, in most models); tokens per sequence.
    vocabulary : int
        Rows of the output layer; 0 leaves it out (or where ``linear`` holds it already).
    causal : bool
        Count only the half of the attention products that a causal mask leaves; the usual count is the whole.

    Returns
    -------
    float or ndarray

    Raises
    ------
    DataError
        If a count is negative.
    """
    sizes = {"layers": layers, "width": width, "sequence": sequence, "vocabulary": vocabulary}
    n, d, s, v = (positive(name, value, zero=True) for name, value in sizes.items())
    attention = n * s * d * (1.0 if causal else 2.0)
    return TRAINING * positive("D", D, zero=True) * (positive("linear", linear, zero=True) + v * d + attention)
