"""Wanda: |W_ij| times the norm of input j, compared within each output row (Sun et al. 2023, arXiv 2306.11695)."""

from .._torch import torch
from ._method import by_score


def score(weight: torch.Tensor, norms: torch.Tensor | None) -> torch.Tensor:
    assert norms is not None
    return weight.abs() * norms


METHOD = by_score("wanda", "Sun et al. 2023, arXiv 2306.11695", score, statistic="norms", pattern="row")
