"""What the methods that narrow a model share: by how much widths differ, and what scores highest."""

from .._torch import torch

STEP = 8
"""Neurons and channels come in multiples of this where the parent's do: odd sizes leave matrix units idle."""


def step_of(width: int) -> int:
    """By how much a width may be lowered at a time."""
    return STEP if width % STEP == 0 else 1


def top(score: torch.Tensor, count: int) -> torch.Tensor:
    """Indices of the highest scores along the last axis, ascending."""
    return score.argsort(dim=-1, descending=True, stable=True)[..., :count].sort(dim=-1).values
