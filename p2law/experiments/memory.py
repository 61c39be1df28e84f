"""What training holds in memory.

Activations are counted in bytes per token from what PyTorch keeps of a block for the backward pass, tensor by tensor,
with attention's scores never whole; exact for the four families on a CPU, where the tests measure it.
"""

from typing import NamedTuple

from .architecture import Architecture
from .recipe import Recipe


class _Held(NamedTuple):
    """Bytes per token."""

    hidden: int
    """Of each hidden channel, for each block: the residual stream and what the norms make of it."""
    neuron: int
    """Of each FFN neuron."""
    head: int
    """Of each channel of queries and keys; values and attention's output, as wide as they, are counted with them."""
    normed: int
    """The same where queries and keys have norms of their own."""
    logit: int
    """Of each word of the vocabulary, when the backward pass begins."""
    taught: int
    """The same with a teacher."""


_HELD = {
    ("bf16", False): _Held(26, 8, 4, 10, 12, 28),
    ("bf16", True): _Held(10, 6, 4, 6, 6, 10),
    ("fp32", False): _Held(24, 16, 8, 16, 12, 32),
    ("fp32", True): _Held(16, 12, 8, 12, 9, 13),
}
"""By precision and whether blocks and loss are compiled."""
_RESIDUAL, _ENDS = 4, 12
"""Of each hidden channel: a block's input, all that is kept if the block is run again; the two ends of the model."""
_AGAIN = 1.5
"""The peak of one block's backward pass, as a multiple of what it keeps: it counts where blocks are run again."""


def training(shape: Architecture, recipe: Recipe, precision: str, *, sequences: int, processes: int = 1) -> float:
    """Bytes on each device at the peak of a step: weights, gradients and moments in float32, and what the step adds."""
    step = casts(shape, recipe, precision) + activations(shape, recipe, precision, sequences=sequences)
    return 16 * shape.total / processes + step


def activations(shape: Architecture, recipe: Recipe, precision: str, *, sequences: int) -> float:
    """Bytes held at the peak for so many sequences at once."""
    held = _HELD[precision, recipe.compile]
    heads = (shape.heads + shape.kv_heads) * shape.head_dim
    per_head = held.normed if shape.family == "qwen3" else held.head
    block = held.hidden * shape.hidden + held.neuron * shape.ffn + per_head * heads
    peak = (held.taught if recipe.distil else held.logit) * shape.vocabulary
    kept = block
    if recipe.recompute:
        kept, peak = _RESIDUAL * shape.hidden, max(peak, _AGAIN * block)
    return sequences * recipe.sequence * (shape.layers * kept + peak + _ENDS * shape.hidden)


def casts(shape: Architecture, recipe: Recipe, precision: str) -> float:
    """Bytes of the copies of the weights in half precision that wait for the backward pass, whole on every device."""
    if precision == "fp32":
        return 0
    blocks = shape.linear / shape.layers if recipe.recompute else shape.linear
    return 2 * (blocks + shape.vocabulary * shape.hidden)
