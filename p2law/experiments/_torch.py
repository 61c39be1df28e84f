"""torch and transformers, or a sentence that says how to get them."""

from types import ModuleType
from typing import Any

from ..errors import MissingDependencyError

_ADVICE = 'p2law.experiments needs {name}: pip install "p2law[{extra}]".'

try:
    import torch as torch  # pyright: ignore[reportMissingImports]
    from torch.utils.checkpoint import checkpoint as checkpoint  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise MissingDependencyError(_ADVICE.format(name="torch", extra="experiments")) from error

Model = Any
"""A causal language model of transformers; its attributes are its own."""


def transformers() -> ModuleType:
    """The package transformers, imported when first needed: it takes seconds."""
    try:
        import transformers as found  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(_ADVICE.format(name="transformers", extra="experiments")) from error
    return found


def safetensors() -> ModuleType:
    """The torch part of the package safetensors."""
    try:
        import safetensors.torch as found  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(_ADVICE.format(name="safetensors", extra="experiments")) from error
    return found


def datasets() -> ModuleType:
    """The package datasets, for text from a hub."""
    try:
        import datasets as found  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(_ADVICE.format(name="datasets", extra="experiments-data")) from error
    return found
