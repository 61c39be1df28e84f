"""Where weights compete: within a row, a layer, the whole model, or groups of m of which n stay."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import DataError
from ..architecture import ModelShape
from ..runtime import torch

_GROUPED = re.compile(r"(\d+):(\d+)")


@dataclass(frozen=True)
class Pattern:
    """A pattern of zeros in a weight matrix of (outputs, inputs)."""

    name: str
    n: int = 0
    """Weights that stay of every ``m`` neighbouring inputs; 0 where the pattern is not of this kind."""
    m: int = 0

    def kept(self, score: torch.Tensor, sparsity: float) -> torch.Tensor:
        """True for the weights that stay: the highest scores."""
        if self.m:
            groups = score.reshape(-1, self.m)
            top = groups.argsort(dim=1, stable=True, descending=True)[:, : self.n]
            return torch.zeros_like(groups, dtype=torch.bool).scatter_(1, top, True).view_as(score)
        groups = score if self.name == "row" else score.reshape(1, -1)
        order = groups.argsort(dim=1, stable=True)
        mask = torch.ones_like(groups, dtype=torch.bool)
        mask.scatter_(1, order[:, : round(sparsity * groups.shape[1])], False)
        return mask.view_as(score)

    def zeros(self, shape: ModelShape, sparsity: float) -> int:
        """How many weights of a model go; each row, layer or the whole model loses a whole number."""
        if self.name == "global":
            return round(sparsity * shape.linear)
        if self.name == "row":
            return shape.layers * sum(rows * round(sparsity * columns) for rows, columns in shape.matrices)
        return shape.layers * sum(round(sparsity * rows * columns) for rows, columns in shape.matrices)


def parse(name: str) -> Pattern:
    """The pattern called "row", "layer", "global" or "n:m" such as "2:4"; DataError if it is none of these."""
    if name in ("row", "layer", "global"):
        return Pattern(name)
    found = _GROUPED.fullmatch(str(name))
    if found is None or not 0 < int(found[1]) < int(found[2]):
        raise DataError(f"pattern={name!r}: choose 'row', 'layer', 'global' or n:m with n < m such as '2:4'.")
    return Pattern(name, int(found[1]), int(found[2]))


def threshold(scores: Mapping[str, torch.Tensor], sparsity: float) -> float:
    """The score below which the wanted share of all weights lies, found by bisection: no joint copy of them is made."""
    wanted = round(sparsity * sum(score.numel() for score in scores.values()))
    low, high = 0.0, max(float(score.max()) for score in scores.values())
    for _ in range(64):
        middle = (low + high) / 2
        below = sum(int((score < middle).sum()) for score in scores.values())
        low, high = (middle, high) if below < wanted else (low, middle)
    return high
