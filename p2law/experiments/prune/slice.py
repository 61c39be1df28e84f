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
    _copy(model.state_dict(), child.state_dict(), parent, keep)
    child.generation_config = deepcopy(model.generation_config)
    return child.train(model.training)


@torch.no_grad()
def _copy(whole: dict[str, torch.Tensor], child: dict[str, torch.Tensor], parent: ModelShape, keep: Keep) -> None:
    """Fill the child tensor by tensor, so that no second copy of it is held."""
    order = range(parent.layers) if keep.layers is None else keep.layers
    for name, tensor in child.items():
        found = _BLOCK.fullmatch(name)
        block, rest = (order[int(found[1])], found[2]) if found else (0, name)
        source = whole[f"model.layers.{block}.{rest}" if found else name]
        tensor.copy_(_cut_tensor(rest, source, parent, keep, block))


def _cut_tensor(name: str, tensor: torch.Tensor, parent: ModelShape, keep: Keep, block: int) -> torch.Tensor:
    for axis, index in enumerate(_indices(name, parent, keep, block)):
        if index is not None:
            tensor = tensor.index_select(axis, index.to(tensor.device))
    if keep.hidden is not None and _over_hidden(name):
        tensor = tensor * (parent.hidden / len(keep.hidden)) ** 0.5
    return tensor


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
    if layer in ("k_proj", "v_proj"):
        return _matrix_or_bias(name, channels(groups, parent.head_dim), hidden)
    if layer == "q_proj":
        return _matrix_or_bias(name, channels(groups, _queries(parent)), hidden)
    if layer == "o_proj":
        return hidden, channels(groups, _queries(parent))
    return (hidden,) if _over_hidden(name) else (None,)


def _matrix_or_bias(
    name: str, rows: torch.Tensor | None, columns: torch.Tensor | None
) -> tuple[torch.Tensor | None, ...]:
    return (rows,) if name.endswith("bias") else (rows, columns)


def _queries(parent: ModelShape) -> int:
    """Channels of the query heads of one group; they lie side by side."""
    return parent.heads // parent.kv_heads * parent.head_dim


def channels(groups: torch.Tensor | None, width: int) -> torch.Tensor | None:
    """The channels of groups that are ``width`` channels wide."""
    if groups is None:
        return None
    return (groups[:, None] * width + torch.arange(width, device=groups.device)).flatten()
