"""What a pruning method is: a name, where it comes from, what it can reach, and how it chooses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ..architecture import ModelShape
from ..runtime import Model, torch
from .pattern import Pattern
from .slice import Keep

Score = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""Importance of each weight of a matrix, (outputs, inputs), from the matrix and the statistic of its inputs."""
Zeroed = tuple[torch.Tensor, torch.Tensor]
"""A new matrix, and the mask of what is kept of it."""

Choose = Callable[[Model, ModelShape, torch.Tensor], Keep]
"""What to keep of a model to reach a shape, from calibration tokens (sequences, length)."""


@dataclass(frozen=True)
class Structured:
    """Removes whole blocks, neurons, groups or channels: the child is a smaller dense model."""

    name: str
    reference: str
    reachable: Callable[[ModelShape, float], Iterable[ModelShape]]
    """Shapes the method can leave of a parent when asked to remove a rate."""
    choose: Choose
    needs_text: bool = True


@dataclass(frozen=True)
class Sparse:
    """Sets single weights of the linear layers to zero: the child keeps its shape."""

    name: str
    reference: str
    statistic: Literal["none", "norms", "gram"]
    """What is gathered of a layer's inputs X: nothing, the norms of its columns, or X^T X."""
    pattern: str
    """Where weights are compared unless the user says otherwise."""
    zero: Callable[[torch.Tensor, torch.Tensor | None, Pattern, float], Zeroed]
    """Zeroes a weight matrix, given the statistic, the pattern and the sparsity."""
    score: Score | None = None
    """Ranks weights, if those of different layers may be ranked together."""

    @property
    def needs_text(self) -> bool:
        return self.statistic != "none"


def by_score(name: str, reference: str, score: Score, *, statistic: Literal["none", "norms"], pattern: str) -> Sparse:
    """A sparse method that zeroes the weights of lowest score and leaves the others as they are."""

    def zero(weight: torch.Tensor, gathered: torch.Tensor | None, where: Pattern, sparsity: float) -> Zeroed:
        mask = where.kept(score(weight, gathered), sparsity)
        return weight * mask, mask

    return Sparse(name, reference, statistic, pattern, zero, score)
