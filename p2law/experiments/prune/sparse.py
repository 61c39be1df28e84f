"""Zeroing single weights: the methods that rank them by a score, and how every sparse method is run through a model.

A model is pruned block after block; each is judged on what the pruned blocks before it pass on.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..parents import blocks, linears
from ..runtime import Model, torch
from .activations import BATCH, calibrating, squares, summed
from .masks import Masks, mask_weights
from .method import Sparse, by_score
from .pattern import Pattern, threshold

Entry = tuple[torch.Tensor, dict[str, Any]]
"""What a block is called with: the hidden state, (sequences, length, hidden), and keyword arguments."""


def magnitude(weight: torch.Tensor, _: torch.Tensor | None = None) -> torch.Tensor:
    """Score of every weight of a matrix (outputs, inputs): its size."""
    return weight.abs()


def wanda(weight: torch.Tensor, norms: torch.Tensor | None) -> torch.Tensor:
    """Score of every weight: its size times the norm of its input, from norms (inputs,)."""
    assert norms is not None
    return weight.abs() * norms


def ria(weight: torch.Tensor, norms: torch.Tensor | None) -> torch.Tensor:
    """Score of every weight: its share of its column plus that of its row, times the square root of its input's norm.

    The channel permutation that the authors add for N:M patterns is left out.
    """
    assert norms is not None
    size = weight.abs()
    share = size / size.sum(0, keepdim=True) + size / size.sum(1, keepdim=True)
    return share.nan_to_num() * norms.sqrt()  # rows and columns of zeros have no share


MAGNITUDE = by_score("magnitude", "Han et al. 2015, arXiv 1506.02626", magnitude, statistic="none", pattern="layer")
WANDA = by_score("wanda", "Sun et al. 2023, arXiv 2306.11695", wanda, statistic="norms", pattern="row")
RIA = by_score("ria", "Zhang et al. 2024, ICLR, Plug-and-Play", ria, statistic="norms", pattern="layer")


@torch.no_grad()
def sparsify(model: Model, method: Sparse, pattern: Pattern, sparsity: float, tokens: torch.Tensor | None) -> Masks:
    """Zero weights of the model in place; the masks of what is kept."""
    layers, masks, scores = _walk(model, method, tokens), {}, {}
    if pattern.name != "global":
        for name, weight, gathered in layers:
            new, masks[name] = method.zero(weight, gathered, pattern, sparsity)
            weight.copy_(new)
        return masks
    assert method.score is not None
    for name, weight, gathered in layers:  # ranked together, on the activations of the dense model
        scores[name] = method.score(weight, gathered)
    least = threshold(scores, sparsity)
    masks = {name: score >= least for name, score in scores.items()}
    mask_weights(model, masks)
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
        statistic = gram if method.statistic == "gram" else squares
        with calibrating(model), summed(linears(block), statistic) as gathered:
            for state, more in batches:
                block(state, **more)
        if method.statistic == "norms":
            gathered = {name: total.sqrt() for name, total in gathered.items()}
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

    with blocks(model)[0].register_forward_pre_hook(stop, with_kwargs=True), suppress(_Entered):
        model.model(input_ids=tokens.to(model.device), use_cache=False)
    return entered[0]


def gram(value: torch.Tensor) -> torch.Tensor:
    """Gram matrix of a layer's inputs over tokens, (inputs, inputs), in float32."""
    rows = value.flatten(0, -2).float()
    with torch.autocast(rows.device.type, enabled=False):
        return rows.T @ rows
