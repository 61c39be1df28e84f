"""The device at hand: what it can do at best, and how much of that a run uses."""

import gc
import os
from time import monotonic
from types import TracebackType
from typing import Any

from ..flops import counted_flops
from . import parallel
from ._torch import Model, torch
from .architecture import Architecture, of_config
from .recipe import Recipe

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


class Meter:
    """A progress bar that names loss, tokens per second and share of the devices' peak; silent unless shown."""

    def __init__(self, model: Model, recipe: Recipe, step: int, *, shown: bool) -> None:
        self._recipe, self._first, self._began = recipe, step, monotonic()
        self._flops = training_flops(of_config(model.config), 1, recipe.sequence)
        best = peak(model.device.type) if shown else None
        self._peak = best * parallel.size() if best else None
        self._bar: Any = None
        if shown:
            from tqdm import tqdm  # comes with transformers

            self._bar = tqdm(total=recipe.steps, initial=step, unit="step", leave=False)

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def tick(self, loss: torch.Tensor) -> None:
        """Count one step."""
        if self._bar is None:
            return
        self._bar.update()
        if self._bar.n % 10 == 0:  # reading the loss waits for the device
            speed = (self._bar.n - self._first) * self._recipe.step_tokens / (monotonic() - self._began)
            used = f", {100 * speed * self._flops / self._peak:.0f} % MFU" if self._peak else ""
            self._bar.set_postfix_str(f"loss {float(loss):.3f}, {speed:,.0f} tokens/s{used}")
