"""Tiny models with weights large enough that activations differ; importing this skips a test module without torch."""

import pytest

torch = pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")
pytest.importorskip("transformers", reason="the extra p2law[experiments] is not installed")

from p2law.experiments import parents
from p2law.experiments.architecture import ModelShape

torch.set_num_threads(1)
SHAPE = {"layers": 4, "hidden": 64, "ffn": 176, "heads": 8, "kv_heads": 4, "head_dim": 8, "vocabulary": 257}
KINDS = [("llama", True), ("llama", False), ("qwen2", True), ("qwen3", False), ("mistral", True)]


def tiny(family: str = "llama", tied: bool = True, **changes: int) -> ModelShape:
    return ModelShape(family=family, tied=tied, **SHAPE | changes)


def random_parent(shape: ModelShape, scale: float = 8.0):
    """A random model whose weights (biases and norms too) are spread widely."""
    model = parents.build(shape, seed=1, sequence=128)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(scale)
            else:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def logits(model, tokens):
    with torch.no_grad():
        return model(input_ids=tokens, use_cache=False).logits
