"""What training runs on: torch and transformers (or a message how to install them), device, processes, storage."""

from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from ...errors import MissingDependencyError

_ADVICE = 'p2law.experiments needs {name}: pip install "p2law[{extra}]".'

try:
    import torch as torch  # noqa: I001 (named first where both are missing)  # pyright: ignore[reportMissingImports]
    import torch.utils.checkpoint  # pyright: ignore[reportMissingImports]
    import pydantic as pydantic
except ImportError as error:
    name = (error.name or "torch").partition(".")[0]
    raise MissingDependencyError(_ADVICE.format(name=name, extra="experiments")) from error

recompute = torch.utils.checkpoint.checkpoint
"""Calls a function whose activations are not kept: the backward pass runs it again."""
Model = Any
"""A causal language model of transformers; its attributes are its own."""


def _found(module: str, *, extra: str = "experiments") -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(_ADVICE.format(name=module.partition(".")[0], extra=extra)) from error


transformers = partial(_found, "transformers")
"""The package transformers, imported when first needed: it takes seconds."""
safetensors = partial(_found, "safetensors.torch")
"""The torch part of the package safetensors."""
datasets = partial(_found, "datasets", extra="experiments-data")
"""The package datasets, for text from a hub."""
