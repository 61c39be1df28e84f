"""A progress bar that names loss, tokens per second and share of the devices' peak."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from . import parallel
from ._torch import Model, torch
from .architecture import of_config
from .machine import peak, training_flops
from .recipe import Recipe

Tick = Callable[[torch.Tensor], None]
"""Counts one step, given its loss."""


@contextmanager
def meter(model: Model, recipe: Recipe, begin: int, *, shown: bool) -> Iterator[Tick]:
    """A bar that goes on from step ``begin``; nothing unless it is to be shown."""
    if not shown:
        yield lambda _: None
        return
    from tqdm import tqdm  # comes with transformers

    best, began = peak(model.device.type), monotonic()
    flops = training_flops(of_config(model.config), 1, recipe.sequence)

    with tqdm(total=recipe.steps, initial=begin, unit="step", leave=False) as bar:

        def tick(loss: torch.Tensor) -> None:
            bar.update()
            if bar.n % 10 == 0:  # reading the loss waits for the device
                speed = (bar.n - begin) * recipe.step_tokens / (monotonic() - began)
                used = f", {100 * speed * flops / (best * parallel.size()):.0f} % MFU" if best else ""
                bar.set_postfix_str(f"loss {float(loss):.3f}, {speed:,.0f} tokens/s{used}")

        yield tick
