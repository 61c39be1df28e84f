"""Width: feed-forward neurons and key/value groups together, the same fraction of both as nearly as groups allow.

A choice of Minitron (Muralidharan et al. 2024, arXiv 2407.14679); the scores are those of the two methods alone.
"""

from collections.abc import Iterator
from dataclasses import replace

from .._torch import Model, torch
from ..architecture import Architecture
from . import ffn, groups
from ._method import Structured
from ._slice import Keep


def smaller(shape: Architecture, rate: float) -> Iterator[Architecture]:
    """The number of groups nearest to the rate, with every number of neurons: these make up the rest."""
    choices = [shape, *groups.smaller(shape, rate)]
    near = min(choices, key=lambda few: abs(few.kv_heads / shape.kv_heads - (1 - rate)))
    return (replace(narrow, heads=near.heads, kv_heads=near.kv_heads) for narrow in ffn.smaller(shape, rate))


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    return Keep(
        ffn=ffn.choose(model, target, tokens).ffn,
        groups=groups.choose(model, target, tokens).groups,
    )


METHOD = Structured("width", "Muralidharan et al. 2024, arXiv 2407.14679", smaller, choose)
