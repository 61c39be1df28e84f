"""Pruning: whole blocks (depth), neurons, groups and channels (width), single weights (sparse, sparsegpt)."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from ...data import arguments as checks
from ...errors import DataError, renamed_names
from ..architecture import ModelShape, of_config
from ..runtime import Model, torch
from . import depth, sparse, sparsegpt, width
from .masks import Masks, pruned_weights
from .method import Sparse, Structured
from .pattern import parse
from .slice import cut
from .sparse import sparsify

_ALL = (*depth.METHODS, *width.METHODS, sparse.MAGNITUDE, sparse.WANDA, sparse.RIA, sparsegpt.METHOD)
METHODS: Mapping[str, Structured | Sparse] = MappingProxyType({method.name: method for method in _ALL})
"""All methods by name."""

MISS = 0.25
"""How far the realised rate may lie from the one asked for, as a fraction of it."""


@dataclass(frozen=True)
class PruneTarget:
    """What pruning will leave of a parent: known before any text is read."""

    shape: ModelShape
    sparsity: float
    """Fraction of the linear weights set to zero; 0 for structured methods."""
    body: int
    """Non-embedding parameters left."""
    rate: float
    """Fraction of the parent's non-embedding parameters removed."""


@dataclass(frozen=True)
class Pruned:
    """A pruned model. Zeroed weights count as removed."""

    model: Model = field(repr=False)
    masks: Masks = field(repr=False)
    """What is kept of each sparse matrix; empty for structured methods."""
    method: str
    body: int
    """Non-embedding parameters left."""
    total: int
    """All parameters left."""
    rate: float
    """Fraction of the parent's non-embedding parameters removed: the law's rho."""
    rate_total: float
    """The same of all parameters."""


def get(name: str) -> Structured | Sparse:
    """A method by name; DataError if there is none."""
    if name not in METHODS:
        raise DataError(f"no pruning method {name!r}; there are {', '.join(METHODS)}.")
    return METHODS[name]


def target(shape: ModelShape, method: str, rate: float, *, pattern: str | None = None) -> PruneTarget:
    """The child nearest to a rate that a method can make of a parent.

    Raises DataError if nothing within reach comes near the rate, or the pattern does not suit method and shape.

    Parameters
    ----------
    method : str
        A name in :data:`METHODS`.
    rate : float
        Fraction of the non-embedding parameters to remove.
    pattern : {"row", "layer", "global", "2:4", ...}, optional
        Where a sparse method compares weights; default: the method's own.
    """
    found = get(method)
    must = "give the fraction of non-embedding parameters to remove, between 0 and 1"
    checks.number("rate", rate, low=0, high=1, must=must, error=DataError)
    if isinstance(found, Sparse):
        targets = [_sparse_target(shape, found, rate, pattern)]
    elif pattern is not None:
        raise DataError(f"pattern={pattern!r}: {method} removes whole structures and has no pattern; leave it out.")
    else:
        targets = [_target(shape, left) for left in found.reachable(shape, rate)]
    ordered = sorted(targets, key=lambda each: abs(each.rate - rate))
    if not ordered or abs(ordered[0].rate - rate) > MISS * rate:
        reach = ", ".join(f"{each.rate:.3g}" for each in sorted(ordered[:4], key=lambda each: each.rate)) or "nothing"
        raise DataError(f"rate={rate:g} is out of reach of {method} on this architecture; nearest: {reach}.")
    return ordered[0]


def _sparse_target(shape: ModelShape, method: Sparse, rate: float, pattern: str | None) -> PruneTarget:
    """What a sparse method leaves: for n:m what the pattern says, else as many weights as the rate asks for."""
    where = parse(pattern or method.pattern)
    if where.name == "global" and method.score is None:
        raise DataError(f"{method.name} works layer by layer and has no global ranking: choose another.")
    widths = {shape.hidden, shape.ffn, shape.heads * shape.head_dim}
    if where.m and any(width % where.m for width in widths):
        raise DataError(f"pattern={where.name!r}: layer inputs of {sorted(widths)} are not all multiples of {where.m}.")
    sparsity = 1 - where.n / where.m if where.m else rate * shape.body / shape.linear
    if sparsity >= 1:
        raise DataError(f"rate={rate:g} would zero every linear weight: stay below {shape.linear / shape.body:.4g}.")
    return _target(shape, shape, sparsity, where.zeros(shape, sparsity))


def _target(parent: ModelShape, shape: ModelShape, sparsity: float = 0.0, zeros: int = 0) -> PruneTarget:
    body = shape.body - zeros
    return PruneTarget(shape, sparsity, body, 1 - body / parent.body)


def prune(model: Model, method: str, rate: float, *, calibration: Any = None, pattern: str | None = None) -> Pruned:
    """Prune a model; the given one is not touched.

    Raises DataError as :func:`target` does, and where calibration text is missing or foreign to the vocabulary.

    Parameters
    ----------
    model : transformers causal language model
        The parent, of a supported family.
    method, rate, pattern
        As in :func:`target`; what is possible nearest to the rate is done and reported.
    calibration : Tensor or array, optional
        Token ids, (sequences, length), on which activations are measured. ``"magnitude"`` needs none.
    """
    parent, found = of_config(model.config), get(method)
    goal = target(parent, method, rate, pattern=pattern)
    tokens = _checked_text(calibration, parent, method) if found.needs_text else None
    if isinstance(found, Structured):
        child, masks = cut(model, goal.shape, found.choose(model, goal.shape, tokens)), {}  # type: ignore[arg-type]
    else:
        child = deepcopy(model)
        masks = sparsify(child, found, parse(pattern or found.pattern), goal.sparsity, tokens)
    zeros = pruned_weights(masks)
    body, total = goal.shape.body - zeros, goal.shape.total - zeros
    return Pruned(child, masks, method, body, total, 1 - body / parent.body, 1 - total / parent.total)


def _checked_text(calibration: Any, parent: ModelShape, method: str) -> torch.Tensor:
    """Calibration text as int64 token ids, (sequences, length); refuses what is missing or foreign to the parent."""
    if calibration is None:
        raise DataError(f"{method} needs calibration=, token ids of shape (sequences, length).")
    found = calibration if isinstance(calibration, torch.Tensor) else torch.from_numpy(np.asarray(calibration))
    if found.ndim != 2 or found.numel() == 0 or found.is_floating_point():
        raise DataError(f"calibration={tuple(found.shape)} of {found.dtype}: give token ids, (sequences, length).")
    for token in (int(found.min()), int(found.max())):
        if not 0 <= token < parent.vocabulary:
            raise DataError(
                f"calibration holds token {token}, the model's vocabulary ends at {parent.vocabulary - 1}: it was "
                "made with another tokenizer."
            )
    return found.long()


__getattr__ = renamed_names(__name__, Target="PruneTarget")
