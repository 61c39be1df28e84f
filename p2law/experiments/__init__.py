"""Pruning experiments: prune a causal language model, post-train it, log the loss curves that a law is fitted to.

Needs the extra ``p2law[experiments]``: torch, transformers, safetensors, pydantic. Importing this package loads none of
them. May import ``fitting`` and the rooms below it; not ``plan`` or ``validate``. No other room but ``cli`` imports it.

A plan file (``plan``, checked by ``entries``) becomes runs (``runs``) and a ``study``. ``sweep`` carries it out, each
run by ``train`` and a ``recipe``, and writes tables (``table``); ``rates`` tries learning rates. ``documents``,
``tokenize``, ``text`` and ``batches`` make and read token files, ``parents`` builds and loads models of an
``architecture``, ``prune`` holds the pruning methods, ``runtime`` is what training runs on.

>>> from p2law.experiments.architecture import ModelShape
>>> shape = ModelShape("llama", layers=4, hidden=64, ffn=176, heads=8, kv_heads=4, head_dim=8, vocabulary=257)
>>> shape.body, shape.embedding
(184896, 16448)
"""

import importlib
from typing import TYPE_CHECKING, Any

from ..errors import renamed_names
from .architecture import ModelShape as ModelShape

if TYPE_CHECKING:
    from . import documents as documents
    from . import parents as parents
    from . import plan as plan
    from . import prune as prune
    from . import study as study
    from . import sweep as sweep
    from . import text as text
    from . import tokenize as tokenize
    from . import train as train

_LAZY = ("documents", "parents", "plan", "prune", "study", "sweep", "text", "tokenize", "train")
"""Modules that need torch are loaded on first access."""


def _load(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__getattr__ = renamed_names(__name__, _load, Architecture="ModelShape")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
