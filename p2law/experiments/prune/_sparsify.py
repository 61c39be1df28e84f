"""Run a sparse method through a model: block after block, each judged on what the pruned blocks before it pass on."""

from collections.abc import Iterator
from typing import Any

from .._torch import Model, torch
from ..parents import blocks, linears
from ._activations import BATCH, calibrating, squares, summed
from ._method import Sparse
from ._pattern import Pattern, threshold
from .masks import Masks

Entry = tuple[torch.Tensor, dict[str, Any]]
"""What a block is called with: the hidden state, (sequences, length, hidden), and keyword arguments."""


@torch.no_grad()
def sparsify(model: Model, method: Sparse, pattern: Pattern, sparsity: float, tokens: torch.Tensor | None) -> Masks:
    """Zero weights of the model in place; the masks of what is kept."""
    if pattern.name == "global":
        return _globally(model, method, sparsity, tokens)
    masks: dict[str, torch.Tensor] = {}
    for name, weight, gathered in _walk(model, method, tokens):
        new, masks[name] = method.zero(weight, gathered, pattern, sparsity)
        weight.copy_(new)
    return masks


def _globally(model: Model, method: Sparse, sparsity: float, tokens: torch.Tensor | None) -> Masks:
    """All layers ranked together, on the activations of the dense model."""
    assert method.score is not None
    weights, scores = {}, {}
    for name, weight, gathered in _walk(model, method, tokens):
        weights[name], scores[name] = weight, method.score(weight, gathered)
    least = threshold(scores, sparsity)
    masks = {name: score >= least for name, score in scores.items()}
    for name, mask in masks.items():
        weights[name].mul_(mask)
    return masks


def _walk(
    model: Model, method: Sparse, tokens: torch.Tensor | None
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor | None]]:
    """Every linear layer's name, weights and statistic of its inputs; changed weights reach the blocks that follow."""
    batches: list[Entry] = []
    if tokens is not None:
        with calibrating(model):
            batches = [_enter(model, batch) for batch in tokens.split(BATCH)]
    for i, block in enumerate(blocks(model)):
        with calibrating(model):
            gathered = _gather(block, batches, method.statistic)
        for name, layer in linears(block).items():
            yield f"model.layers.{i}.{name}.weight", layer.weight, gathered.get(name)
        with calibrating(model):
            for j, (state, more) in enumerate(batches):  # one by one: the states of a large model fill gigabytes
                batches[j] = block(state, **more), more


class _Entered(Exception):
    """Raised to stop a forward pass at the first block."""


def _enter(model: Model, tokens: torch.Tensor) -> Entry:
    """The hidden state that enters the first block, and what else every block is given."""
    entered: list[Entry] = []

    def stop(_: Model, inputs: tuple[torch.Tensor, ...], more: dict[str, Any]) -> None:
        entered.append((inputs[0], more))
        raise _Entered

    hook = blocks(model)[0].register_forward_pre_hook(stop, with_kwargs=True)
    try:
        model.model(input_ids=tokens.to(model.device), use_cache=False)
    except _Entered:
        pass
    finally:
        hook.remove()
    return entered[0]


def _gather(block: Model, batches: list[Entry], statistic: str) -> dict[str, torch.Tensor]:
    """Norms of the inputs of each linear layer, (inputs,), or their Gram matrix, (inputs, inputs), in float32."""
    with summed(linears(block), squares if statistic == "norms" else _gram) as sums:
        for state, more in batches:
            block(state, **more)
    return {name: total.sqrt() for name, total in sums.items()} if statistic == "norms" else sums


def _gram(value: torch.Tensor) -> torch.Tensor:
    rows = value.flatten(0, -2).float()
    with torch.autocast(rows.device.type, enabled=False):
        return rows.T @ rows
