"""Magnitude: |W|, no text needed (Han et al. 2015, arXiv 1506.02626)."""

from .._torch import torch
from ._method import by_score


def score(weight: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
    return weight.abs()


METHOD = by_score("magnitude", "Han et al. 2015, arXiv 1506.02626", score, statistic="none", pattern="layer")
