"""The shape of a Llama-like causal language model, and its parameters counted by formula."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..data.arguments import truth, whole_number
from ..errors import DataError, renamed_names

FAMILIES = ("llama", "qwen2", "qwen3", "mistral")
"""Model types that share one layout: gated FFN, RMS norms, rotary attention with grouped keys and values."""


@dataclass(frozen=True)
class ModelShape:
    """What a model is made of. All widths are counts of scalars."""

    family: str
    layers: int
    hidden: int
    ffn: int
    """Neurons of each feed-forward network."""
    heads: int
    kv_heads: int
    """Key/value groups; each serves ``heads / kv_heads`` query heads."""
    head_dim: int
    vocabulary: int
    tied: bool = True
    """Whether the output layer is the embedding."""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise DataError(f"family={self.family!r}: choose {', '.join(FAMILIES)}.")
        for name in ("layers", "hidden", "ffn", "heads", "kv_heads", "head_dim", "vocabulary"):
            whole_number(name, getattr(self, name), error=DataError)
        truth("tied", self.tied, error=DataError)
        if self.heads % self.kv_heads:
            raise DataError(f"heads={self.heads}, kv_heads={self.kv_heads}: heads must be a multiple of the groups.")
        if self.head_dim % 2:
            raise DataError(f"head_dim={self.head_dim}: rotary positions need an even number.")
        if self.family == "llama" and self.hidden % self.heads:
            raise DataError(
                f"hidden={self.hidden}, heads={self.heads}: transformers saves a Llama only if the heads divide the "
                "hidden size; change one, or use another family."
            )

    @property
    def linear(self) -> int:
        """Weights of the linear layers inside the blocks: what sparse pruning may zero."""
        return self.layers * sum(outputs * inputs for outputs, inputs in self.matrices)

    @property
    def matrices(self) -> tuple[tuple[int, int], ...]:
        """Outputs and inputs of the linear layers of one block."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = (queries, self.hidden), (keys, self.hidden), (keys, self.hidden), (self.hidden, queries)
        return (*attention, (self.ffn, self.hidden), (self.ffn, self.hidden), (self.hidden, self.ffn))

    @property
    def body(self) -> int:
        """Non-embedding parameters: blocks and final norm; neither the embedding nor the output layer."""
        biases = (self.heads + 2 * self.kv_heads) * self.head_dim if self.family == "qwen2" else 0
        head_norms = 2 * self.head_dim if self.family == "qwen3" else 0
        return self.linear + self.layers * (2 * self.hidden + biases + head_norms) + self.hidden

    @property
    def embedding(self) -> int:
        """Parameters of the embedding, and of the output layer where it is not the embedding."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def total(self) -> int:
        """All parameters, tied ones once."""
        return self.body + self.embedding


_KEYS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "ffn": "intermediate_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "vocabulary": "vocab_size",
    "tied": "tie_word_embeddings",
}
"""Our names, and those of a transformers configuration."""


def from_table(table: Mapping[str, Any]) -> ModelShape:
    """The architecture a plan describes; ``head_dim`` defaults to hidden / heads.

    Raises DataError, naming the entry that is missing, unknown or impossible.
    """
    if not isinstance(table, Mapping):
        raise DataError(f'architecture={table!r}: give a table such as {{ family = "llama", layers = 4, ... }}.')
    known = [field.name for field in fields(ModelShape)]
    unknown = sorted(set(table) - set(known))
    missing = sorted(set(known) - {"head_dim", "tied"} - set(table))
    if unknown or missing:
        wrong = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise DataError(f"architecture {dict(table)}: {wrong}; it has {', '.join(known)}.")
    if "head_dim" not in table:
        hidden, heads = (whole_number(name, table[name], error=DataError) for name in ("hidden", "heads"))
        if hidden % heads:
            raise DataError(f"hidden={hidden} is not a multiple of heads={heads}: give head_dim.")
        table = {"head_dim": hidden // heads, **table}
    return ModelShape(**table)


def of_config(config: Any) -> ModelShape:
    """The architecture of a transformers configuration.

    Raises DataError if the model is of another kind, or has dropout, or biases its family usually lacks.
    """
    if config.model_type not in FAMILIES:
        raise DataError(f"model type {config.model_type!r} is not supported: use {', '.join(FAMILIES)}.")
    for name in ("attention_bias", "mlp_bias"):
        if getattr(config, name, False):
            raise DataError(f"the model has {name}=true, which is not supported: use a model without it.")
    if dropout := getattr(config, "attention_dropout", 0):
        raise DataError(f"the model has attention_dropout={dropout}: set it to 0, or no run could be repeated.")
    if len(set(getattr(config, "layer_types", None) or ())) > 1:
        raise DataError(f"blocks of several kinds, {config.layer_types}, are not supported: use a model of one kind.")
    values: dict[str, Any] = {ours: getattr(config, theirs, None) for ours, theirs in _KEYS.items()}
    values["head_dim"] = values["head_dim"] or config.hidden_size // config.num_attention_heads
    return ModelShape(family=config.model_type, **values)


def to_config(shape: ModelShape, like: Any = None, **settings: Any) -> Any:
    """A transformers configuration of this shape; everything else as in the configuration ``like``, if given."""
    from .runtime import transformers

    values = {theirs: getattr(shape, ours) for ours, theirs in _KEYS.items()}
    if like is None:
        whole = {"sliding_window": None} if shape.family == "mistral" else {}
        return transformers().AutoConfig.for_model(shape.family, **values, **whole, **settings)
    values = like.to_dict() | values | settings
    if values.get("layer_types"):
        values["layer_types"] = values["layer_types"][: shape.layers]
    return type(like).from_dict(values)


__getattr__ = renamed_names(__name__, Architecture="ModelShape")
