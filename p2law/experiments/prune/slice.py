"""Cut a model to what is kept of it: blocks, feed-forward neurons, key/value groups, hidden channels."""

import re
from copy import deepcopy
from dataclasses import dataclass

from ..architecture import ModelShape, of_config, to_config
from ..runtime import Model, torch, transformers

_BLOCK = re.compile(r"model\.layers\.(\d+)\.(.+)")


@dataclass(frozen=True)
class Keep:
    """Indices that stay, ascending; None keeps all. Those of neurons and groups are per block, (blocks, kept)."""

    layers: tuple[int, ...] | None = None
    ffn: torch.Tensor | None = None
    groups: torch.Tensor | None = None
    hidden: torch.Tensor | None = None


@torch.no_grad()
def cut(model: Model, target: ModelShape, keep: Keep) -> Model:
    """A new model of the target's shape with the weights that are kept; the given one is not touched.

    A norm over fewer channels divides by their own mean square. Its weight and epsilon are scaled so that the result is
    what the full model gives with the lost channels at zero.
    """
    parent = of_config(model.config)
    left = target.hidden / parent.hidden
    config = to_config(target, like=model.config, rms_norm_eps=model.config.rms_norm_eps / left)
    with torch.random.fork_rng(), torch.device(model.device):
        child = transformers().AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    whole, order = model.state_dict(), keep.layers or range(parent.layers)
    for name, tensor in child.state_dict().items():  # one by one, so that no second copy is held
        found = _BLOCK.fullmatch(name)
        block, rest = (order[int(found[1])], found[2]) if found else (0, name)
        source = whole[f"model.layers.{block}.{rest}" if found else name]
        for axis, index in enumerate(_indices(rest, parent, keep, block)):
            if index is not None:
                source = source.index_select(axis, index.to(source.device))
        if keep.hidden is not None and _over_hidden(rest):
            source = source * (parent.hidden / len(keep.hidden)) ** 0.5
        tensor.copy_(source)
    child.generation_config = deepcopy(model.generation_config)
    return child.train(model.training)


def _over_hidden(name: str) -> bool:
    return name.endswith("layernorm.weight") or name == "model.norm.weight"


def _indices(name: str, parent: ModelShape, keep: Keep, block: int) -> tuple[torch.Tensor | None, ...]:
    """What is kept along each axis of a parameter, None for all of it."""
    layer, hidden = name.split(".")[-2], keep.hidden
    ffn = None if keep.ffn is None else keep.ffn[block]
    groups = None if keep.groups is None else keep.groups[block]
    if layer in ("embed_tokens", "lm_head"):
        return None, hidden
    if layer in ("gate_proj", "up_proj"):
        return ffn, hidden
    if layer == "down_proj":
        return hidden, ffn
    queries = parent.heads // parent.kv_heads * parent.head_dim  # of one group; they lie side by side
    if layer == "o_proj":
        return hidden, channels(groups, queries)
    if layer in ("q_proj", "k_proj", "v_proj"):
        rows = channels(groups, queries if layer == "q_proj" else parent.head_dim)
        return (rows,) if name.endswith("bias") else (rows, hidden)
    return (hidden,) if _over_hidden(name) else (None,)


def channels(groups: torch.Tensor | None, width: int) -> torch.Tensor | None:
    """The channels of groups that are ``width`` channels wide."""
    if groups is None:
        return None
    return (groups[:, None] * width + torch.arange(width, device=groups.device)).flatten()
