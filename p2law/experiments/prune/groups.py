"""Key/value groups with their query heads by activation: the joint norm of their channels' share in the output layer.

The score of a channel is that of Wanda-sp (An et al. 2023, arXiv 2312.11983), sqrt(sum_t x_t^2) times the norm of its
outgoing weights; a group's is the root of the sum of squares over its query heads. Every block keeps the same number.
"""

from collections.abc import Iterator
from dataclasses import replace

from .._torch import Model, torch
from ..architecture import Architecture, of_config
from ..parents import blocks
from ._activations import square_sums
from ._method import Structured
from ._slice import Keep
from ._widths import top


def smaller(shape: Architecture, _: float) -> Iterator[Architecture]:
    """The shape with fewer groups; a Llama is saved only if its heads divide the hidden size."""
    each = shape.heads // shape.kv_heads
    for groups in range(1, shape.kv_heads):
        if shape.family != "llama" or shape.hidden % (groups * each) == 0:
            yield replace(shape, kv_heads=groups, heads=groups * each)


def scores(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Importance of every group, (blocks, groups)."""
    output = {str(i): block.self_attn.o_proj for i, block in enumerate(blocks(model))}
    sums = square_sums(model, tokens, output, "input")
    squares = [sums[name] * layer.weight.detach().float().square().sum(0) for name, layer in output.items()]
    return torch.stack(squares).unflatten(1, (of_config(model.config).kv_heads, -1)).sum(-1).sqrt()


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    return Keep(groups=top(scores(model, tokens), target.kv_heads))


METHOD = Structured("groups", "An et al. 2023, arXiv 2312.11983", smaller, choose)
