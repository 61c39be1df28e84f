"""The device at hand and what it can do at best; what training asks of it."""

import gc
import os
from typing import Any

from ..flops import counted_flops
from ._torch import torch
from .architecture import Architecture

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


def training_flops(shape: Architecture, tokens: float, sequence: int) -> float:
    """FLOPs of training on so many tokens; zeroed weights are multiplied like all others."""
    width = shape.heads * shape.head_dim
    return counted_flops(
        tokens,
        linear=shape.linear + shape.vocabulary * shape.hidden,  # the output layer, counted with its own width
        layers=shape.layers,
        width=width,
        sequence=sequence,
    )
