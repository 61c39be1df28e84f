"""What flows through a model on calibration text, gathered by hooks during whole forward passes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Literal

from ..parents import blocks
from ..runtime import Model, torch
from ..runtime.loss import autocast, evaluating
from ..runtime.machine import precision_on

BATCH = 8
"""Calibration sequences run together."""


@torch.no_grad()
def square_sums(
    model: Model, tokens: torch.Tensor, modules: Mapping[str, Model], side: Literal["input", "output"]
) -> dict[str, torch.Tensor]:
    """Sum over tokens of the squared inputs (or outputs) of modules, one float32 number per channel."""
    with summed(modules, squares, side) as sums:
        _run(model, tokens)
    return sums


@contextmanager
def summed(
    modules: Mapping[str, Model],
    of: Callable[[torch.Tensor], torch.Tensor],
    side: Literal["input", "output"] = "input",
) -> Iterator[dict[str, torch.Tensor]]:
    """By name, the sum of something over all inputs (or outputs) of modules that are run inside."""
    sums: dict[str, torch.Tensor] = {}

    def add(_: Model, inputs: tuple[torch.Tensor, ...], output: torch.Tensor, *, name: str) -> None:
        found = of(inputs[0] if side == "input" else output)
        sums[name] = sums[name] + found if name in sums else found

    with ExitStack() as stack:
        for name, module in modules.items():
            stack.enter_context(module.register_forward_hook(partial(add, name=name)))
        yield sums


def squares(value: torch.Tensor) -> torch.Tensor:
    """Squares of each channel summed over tokens, (channels,), in float32."""
    return value.float().square().flatten(0, -2).sum(0)


@torch.no_grad()
def boundary_cosines(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Mean cosine over tokens between the hidden states at block boundaries i and j, (blocks + 1, blocks + 1)."""
    states: list[torch.Tensor] = []
    total = torch.zeros(len(blocks(model)) + 1, len(blocks(model)) + 1, dtype=torch.float64)
    with ExitStack() as stack:
        for block in blocks(model):
            stack.enter_context(block.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0])))
        last = blocks(model)[-1]
        stack.enter_context(last.register_forward_hook(lambda _, inputs, output: states.append(output)))
        for sequence in tokens.split(1):  # one at a time: all boundaries are held together
            states.clear()
            _run(model, sequence)
            unit = [torch.nn.functional.normalize(state.float(), dim=-1) for state in states]
            total += torch.stack([torch.stack([(a * b).sum(-1).mean() for b in unit]) for a in unit]).double().cpu()
    return total / len(tokens)


def _run(model: Model, tokens: torch.Tensor) -> None:
    with calibrating(model):
        for batch in tokens.split(BATCH):
            model.model(input_ids=batch.to(model.device), use_cache=False)


@contextmanager
def calibrating(model: Model) -> Iterator[None]:
    """Evaluation mode, with bfloat16 products on a GPU."""
    device = model.device.type
    with evaluating(model), autocast(device, precision_on(device, "auto")):
        yield
