"""Memory that pruning a model of 8B parameters takes, counted on tensors that have shapes but no values.

    python benchmarks/pruning_memory.py      # anywhere, some minutes, a few hundred megabytes

What a GPU's own kernels take beside their results is not seen; ``training.py`` measures that where there is a GPU.
"""

import weakref
from unittest.mock import patch

import torch
import transformers
from common import heading, machine, rows
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from p2law.experiments import prune
from p2law.experiments.architecture import ModelShape, to_config
from p2law.experiments.prune import activations

SHAPE = ModelShape("llama", 32, 4096, 14336, 32, 8, 128, 128_256, tied=False)
CALIBRATION = (128, 2048)
METHODS = (("influence", 0.25, None), ("width", 0.25, None), ("wanda", 0.5, "2:4"))


class Counted(TorchDispatchMode):
    """Bytes of all tensors alive, and the most there were; values that a program asks for are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.now, self.most = set(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            return 0
        found = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(found):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return found

    def count(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata not in self.alive:
            self.alive.add(storage._cdata)
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())

    def gone(self, key: int, size: int) -> None:
        self.alive.remove(key)
        self.now -= size


def fresh(_: object = None) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_config(to_config(SHAPE), dtype=torch.bfloat16)


def counted(method: str, rate: float, pattern: str | None) -> list[str]:
    with FakeTensorMode(), Counted() as tensors:
        model = fresh()
        parent = tensors.now
        text = torch.randint(SHAPE.vocabulary, CALIBRATION)
        child = prune.prune(model, method, rate, calibration=text, pattern=pattern)
        result = tensors.now - parent
        del child
    name = f"{method} {pattern or ''}".strip()
    return [name, *(f"{size / 2**30:.1f}" for size in (parent, result, tensors.most))]


def main() -> None:
    print(machine("torch", "transformers"))
    heading(f"pruning {SHAPE.total / 1e9:.2g}B parameters in bf16, calibration of {CALIBRATION[0]} x {CALIBRATION[1]}")
    with (
        patch.object(prune, "deepcopy", fresh),  # tensors without values cannot be copied so
        patch.object(prune, "_checked_text", lambda text, *_: text),  # nor looked at
        patch.object(activations, "precision_on", lambda *_: "bf16"),  # as on a GPU
    ):
        body = [counted(*each) for each in METHODS]
    rows(["method", "parent, GiB", "child, with masks", "all at most"], body)


if __name__ == "__main__":
    main()
