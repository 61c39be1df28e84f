"""Hidden channels by activation: the norm over tokens of every RMS norm's output, summed over the norms.

Minitron's score (Muralidharan et al. 2024, arXiv 2407.14679), with the root of the sum of squares over all tokens for
its mean over sequences of the norm within each. One choice for the whole model, as the residual stream demands.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import gcd

from .._torch import Model, torch
from ..architecture import Architecture
from ..parents import blocks
from ._activations import square_sums
from ._method import Structured
from ._slice import Keep
from ._widths import step_of, top


def smaller(shape: Architecture, _: float) -> Iterator[Architecture]:
    """The shape with fewer hidden channels: multiples of 8 where the parent's are, and of the heads of a Llama."""
    step = step_of(shape.hidden)
    if shape.family == "llama":
        step *= shape.heads // gcd(step, shape.heads)
    return (replace(shape, hidden=hidden) for hidden in range(step, shape.hidden, step))


def scores(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Importance of every hidden channel, (channels,)."""
    norms = {"final": model.model.norm}
    for i, block in enumerate(blocks(model)):
        norms |= {f"{i}.attention": block.input_layernorm, f"{i}.ffn": block.post_attention_layernorm}
    sums = square_sums(model, tokens, norms, "output")
    return torch.stack([total.sqrt() for total in sums.values()]).sum(0)


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    return Keep(hidden=top(scores(model, tokens), target.hidden))


METHOD = Structured("hidden", "Muralidharan et al. 2024, arXiv 2407.14679", smaller, choose)
