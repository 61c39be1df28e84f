"""Floating-point operations of training and of use: the rule of six, and the matrix products counted one by one."""

from typing import Any

from .arguments import positive

TRAINING = 6.0
"""FLOPs of training per parameter and token: a multiply-add forward, two backward."""
INFERENCE = 2.0
"""FLOPs of use per parameter and token: a multiply-add."""


def training_flops(N: Any, D: Any) -> Any:
    """6 N D: FLOPs to train N parameters on D tokens (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).

    For a model pruned during training N is the average over its steps (see :mod:`p2law.schedules`).
    """
    return TRAINING * positive("N", N, zero=True) * positive("D", D, zero=True)


def inference_flops(N: Any, D: Any) -> Any:
    """2 N D: FLOPs to run N parameters over D tokens, prompt and answer alike."""
    return INFERENCE * positive("N", N, zero=True) * positive("D", D, zero=True)


def counted_flops(
    D: Any, *, linear: Any, layers: int, width: int, sequence: int, vocabulary: int = 0, causal: bool = False
) -> Any:
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
    layers : int
        Blocks.
    width : int
        Heads times their dimension (the hidden size, in most models).
    sequence : int
        Tokens per sequence.
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
