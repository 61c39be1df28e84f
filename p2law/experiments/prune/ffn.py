"""Feed-forward neurons by activation: sqrt(sum_t a_t^2) of each times the norm of its outgoing weights.

Activation scores as in Minitron (Muralidharan et al. 2024, arXiv 2407.14679), with the weight of Wanda-sp (An et al.
2023, arXiv 2312.11983). Every block keeps the same number, so that the child is an ordinary model.
"""

from collections.abc import Iterator
from dataclasses import replace

from .._torch import Model, torch
from ..architecture import Architecture
from ..parents import blocks
from ._activations import square_sums
from ._method import Structured
from ._slice import Keep
from ._widths import step_of, top


def smaller(shape: Architecture, _: float) -> Iterator[Architecture]:
    """The shape with fewer neurons per block."""
    step = step_of(shape.ffn)
    return (replace(shape, ffn=ffn) for ffn in range(step, shape.ffn, step))


def scores(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Importance of every neuron, (blocks, neurons)."""
    down = {str(i): block.mlp.down_proj for i, block in enumerate(blocks(model))}
    sums = square_sums(model, tokens, down, "input")
    return torch.stack([sums[name].sqrt() * layer.weight.detach().float().norm(dim=0) for name, layer in down.items()])


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    return Keep(ffn=top(scores(model, tokens), target.ffn))


METHOD = Structured("ffn", "Muralidharan et al. 2024, arXiv 2407.14679", smaller, choose)
