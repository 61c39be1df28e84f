"""The device at hand and what it can do at best; what training asks of it."""

import gc
import os
from typing import Any, NamedTuple

from ...data.flops import counted_flops
from ..architecture import ModelShape
from ..recipe import Recipe
from . import torch

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""FLOP/s of dense bfloat16 products, from the makers' data sheets."""


def device_of(name: str = "auto") -> str:
    """The device to run on: the one named, or a GPU where there is one."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def kind(device: str) -> str:
    """The kind of a device, ``cuda`` or ``cpu``, whatever its number."""
    return device.partition(":")[0]


def synchronise(device: Any) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def on_device(tensor: torch.Tensor, device: Any) -> torch.Tensor:
    """Move a tensor without waiting for a GPU."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def release() -> None:
    """Give back the memory of models that are no longer used."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def precision_on(device: str, precision: str) -> str:
    """The precision that ``"auto"`` stands for on a device."""
    if precision != "auto":
        return precision
    return "bf16" if kind(device) == "cuda" else "fp32"


def peak(device: str) -> float | None:
    """FLOP/s at best, or None if not known."""
    if kind(device) != "cuda" or not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name(device)
    return next((flops for model, flops in PEAKS.items() if model in name), None)


def memory(device: str) -> float:
    """Bytes of memory of a device; infinite where it cannot be told."""
    if kind(device) == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return float("inf")


def devices(device: str) -> int:
    """How many there are to share out runs among; one where a single one is named."""
    return max(1, torch.cuda.device_count()) if device == "cuda" else 1


def decoder_flops(shape: ModelShape, tokens: float, sequence: int) -> float:
    """FLOPs of training on so many tokens; zeroed weights are multiplied like all others."""
    width = shape.heads * shape.head_dim
    linear = shape.linear + shape.vocabulary * shape.hidden  # the output layer, counted with its own width
    return float(counted_flops(tokens, linear=linear, layers=shape.layers, width=width, sequence=sequence))


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


def training(shape: ModelShape, recipe: Recipe, precision: str, *, sequences: int, processes: int = 1) -> float:
    """Bytes on each device at the peak of a step: weights, gradients and moments in float32, and what the step adds."""
    step = casts(shape, recipe, precision) + activations(shape, recipe, precision, sequences=sequences)
    return 16 * shape.total / processes + step


def activations(shape: ModelShape, recipe: Recipe, precision: str, *, sequences: int) -> float:
    """Bytes held at the peak for so many sequences at once.

    Counted tensor by tensor from what PyTorch keeps of a block for the backward pass, with attention's scores never
    whole; exact for the four families on a CPU, where the tests measure it.
    """
    held = _HELD[precision, recipe.compile]
    heads = (shape.heads + shape.kv_heads) * shape.head_dim
    per_head = held.normed if shape.family == "qwen3" else held.head
    block = held.hidden * shape.hidden + held.neuron * shape.ffn + per_head * heads
    peak = (held.taught if recipe.distil else held.logit) * shape.vocabulary
    kept = block
    if recipe.recompute:
        kept, peak = _RESIDUAL * shape.hidden, max(peak, _AGAIN * block)
    return sequences * recipe.sequence * (shape.layers * kept + peak + _ENDS * shape.hidden)


def casts(shape: ModelShape, recipe: Recipe, precision: str) -> float:
    """Bytes of the copies of the weights in half precision that wait for the backward pass, whole on every device."""
    if precision == "fp32":
        return 0
    blocks = shape.linear / shape.layers if recipe.recompute else shape.linear
    return 2 * (blocks + shape.vocabulary * shape.hidden)
