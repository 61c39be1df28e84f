"""Relative importance and activation (Zhang et al. 2024, ICLR, "Plug-and-Play").

(|W_ij| / sum_i |W_ij| + |W_ij| / sum_j |W_ij|) times the square root of the norm of input j. The channel permutation
the authors add for N:M patterns is left out.
"""

from .._torch import torch
from ._method import by_score


def score(weight: torch.Tensor, norms: torch.Tensor | None) -> torch.Tensor:
    assert norms is not None
    size = weight.abs()
    share = size / size.sum(0, keepdim=True) + size / size.sum(1, keepdim=True)
    return share.nan_to_num() * norms.sqrt()  # rows and columns of zeros have no share


METHOD = by_score("ria", "Zhang et al. 2024, ICLR", score, statistic="norms", pattern="layer")
