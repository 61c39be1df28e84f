"""Narrowing a model by activations on calibration text: feed-forward neurons, key/value groups, hidden channels.

Every block keeps the same number, so that the child is an ordinary model. Scores are those of Minitron (Muralidharan et
al. 2024, arXiv 2407.14679) and Wanda-sp (An et al. 2023, arXiv 2312.11983). ``width`` removes the same fraction of
neurons and groups, as nearly as groups allow.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import gcd

from ..architecture import ModelShape, of_config
from ..parents import blocks
from ..runtime import Model, torch
from .activations import square_sums
from .method import Choose, Structured
from .slice import Keep

STEP = 8
"""Neurons and channels come in multiples of this where the parent's do: odd sizes leave matrix units idle."""


def ffn_scores(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Importance of every neuron, sqrt(sum_t a_t^2) times the norm of its outgoing weights: (blocks, neurons)."""
    down = {str(i): block.mlp.down_proj for i, block in enumerate(blocks(model))}
    sums = square_sums(model, tokens, down, "input")
    return torch.stack([sums[name].sqrt() * layer.weight.detach().float().norm(dim=0) for name, layer in down.items()])


def group_scores(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Importance of every group with its query heads: (blocks, groups).

    The score of a channel that enters the output layer is as that of a neuron; a group's is the root of the sum of
    squares over its channels.
    """
    output = {str(i): block.self_attn.o_proj for i, block in enumerate(blocks(model))}
    sums = square_sums(model, tokens, output, "input")
    squares = [sums[name] * layer.weight.detach().float().square().sum(0) for name, layer in output.items()]
    return torch.stack(squares).unflatten(1, (of_config(model.config).kv_heads, -1)).sum(-1).sqrt()


def hidden_scores(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Importance of every hidden channel, the norm over tokens of every RMS norm's output, summed: (channels,).

    The norm is the root of the sum of squares over all tokens, where Minitron has the mean over sequences of the norm
    within each. There is one choice for the whole model, as the residual stream demands.
    """
    norms = {"final": model.model.norm}
    for i, block in enumerate(blocks(model)):
        norms |= {f"{i}.attention": block.input_layernorm, f"{i}.ffn": block.post_attention_layernorm}
    sums = square_sums(model, tokens, norms, "output")
    return torch.stack([total.sqrt() for total in sums.values()]).sum(0)


def _step(width: int) -> int:
    """By how much a width may be lowered at a time."""
    return STEP if width % STEP == 0 else 1


def _fewer_neurons(shape: ModelShape, _: float) -> Iterator[ModelShape]:
    step = _step(shape.ffn)
    return (replace(shape, ffn=ffn) for ffn in range(step, shape.ffn, step))


def _fewer_groups(shape: ModelShape, _: float) -> Iterator[ModelShape]:
    """The shape with fewer groups; a Llama is saved only if its heads divide the hidden size."""
    each = shape.heads // shape.kv_heads
    for groups in range(1, shape.kv_heads):
        if shape.family != "llama" or shape.hidden % (groups * each) == 0:
            yield replace(shape, kv_heads=groups, heads=groups * each)


def _fewer_channels(shape: ModelShape, _: float) -> Iterator[ModelShape]:
    """The shape with fewer hidden channels: multiples of 8 where the parent's are, and of the heads of a Llama."""
    step = _step(shape.hidden)
    if shape.family == "llama":
        step *= shape.heads // gcd(step, shape.heads)
    return (replace(shape, hidden=hidden) for hidden in range(step, shape.hidden, step))


def _narrower(shape: ModelShape, rate: float) -> Iterator[ModelShape]:
    """The number of groups nearest to the rate, with every number of neurons: these make up the rest."""
    choices = [shape, *_fewer_groups(shape, rate)]
    near = min(choices, key=lambda few: abs(few.kv_heads / shape.kv_heads - (1 - rate)))
    return (replace(narrow, heads=near.heads, kv_heads=near.kv_heads) for narrow in _fewer_neurons(shape, rate))


def _highest(**scores: Callable[[Model, torch.Tensor], torch.Tensor]) -> Choose:
    """Choose by score: of each kind, as many of the highest as the target has."""

    def choose(model: Model, target: ModelShape, tokens: torch.Tensor) -> Keep:
        counts, kept = {"ffn": target.ffn, "groups": target.kv_heads, "hidden": target.hidden}, {}
        for kind, score in scores.items():
            order = score(model, tokens).argsort(dim=-1, descending=True, stable=True)
            kept[kind] = order[..., : counts[kind]].sort(dim=-1).values
        return Keep(**kept)

    return choose


_MINITRON, _WANDA_SP = "Muralidharan et al. 2024, arXiv 2407.14679", "An et al. 2023, arXiv 2312.11983"
METHODS = (
    Structured("ffn", _MINITRON, _fewer_neurons, _highest(ffn=ffn_scores)),
    Structured("groups", _WANDA_SP, _fewer_groups, _highest(groups=group_scores)),
    Structured("width", _MINITRON, _narrower, _highest(ffn=ffn_scores, groups=group_scores)),
    Structured("hidden", _MINITRON, _fewer_channels, _highest(hidden=hidden_scores)),
)
