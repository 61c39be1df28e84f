"""Several processes train one model: data parallel, with weights, gradients and moments sharded by FSDP2.

Started by torchrun, every process takes its slice of every batch. With one process all of this does nothing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

from ...errors import DataError
from . import Model, torch

T = TypeVar("T")


@contextmanager
def processes(device: str) -> Iterator[None]:
    """The group of processes torchrun has started; nothing where it has not, or where a group is there already."""
    from torch import distributed  # pyright: ignore[reportMissingImports]

    if not distributed.is_torchelastic_launched() or distributed.is_initialized():
        yield
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # What is agreed on and evaluated goes over gloo even between GPUs, so that nothing waits for a device.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def size() -> int:
    """How many processes train a model together."""
    return torch.distributed.get_world_size() if _many() else 1


def is_rank0() -> bool:
    """Whether this process writes files and speaks."""
    return not _many() or torch.distributed.get_rank() == 0


def broadcast(value: T) -> T:
    """The leading process's value, on all of them; every process must ask."""
    if not _many():
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]


def part(windows: torch.Tensor) -> torch.Tensor:
    """The slice of a batch that falls to this process; :func:`check` has seen that all are of one length."""
    return windows.chunk(size())[torch.distributed.get_rank()] if _many() else windows


def check(sequences: int, what: str) -> None:
    """Raise DataError if the processes cannot share so many sequences evenly."""
    if sequences % size():
        raise DataError(f"{what} = {sequences} is not a multiple of the {size()} processes: change either.")


def mean(value: float) -> float:
    """The mean of all processes' values."""
    if not _many():
        return value
    total = torch.tensor(value, dtype=torch.float64)
    torch.distributed.all_reduce(total)
    return float(total) / size()


@torch.no_grad()
def align(model: Model, masks: Mapping[str, torch.Tensor]) -> None:
    """Give every process the leading one's weights and masks: each has pruned for itself, rounding may differ."""
    if _many():
        for tensor in (*model.parameters(), *masks.values()):
            torch.distributed.broadcast(tensor.detach(), 0)


def shard(model: Model) -> None:
    """Spread a model's weights over the processes: every block, then what is left."""
    if _many():
        from torch.distributed.device_mesh import init_device_mesh  # pyright: ignore[reportMissingImports]
        from torch.distributed.fsdp import fully_shard  # pyright: ignore[reportMissingImports]

        mesh = init_device_mesh(model.device.type, (size(),))  # by default it would be of GPUs wherever there are any
        for block in model.model.layers:
            fully_shard(block, mesh=mesh)
        # Resharded, else an evaluation leaves the rest of the model whole.
        fully_shard(model, mesh=mesh, reshard_after_forward=True)


@contextmanager
def gathered(model: Model) -> Iterator[None]:
    """The whole weights on every process, to be read; changes to them are lost."""
    sharded = [module for module in model.modules() if hasattr(module, "unshard")]
    for module in sharded:
        module.unshard()
    try:
        yield
    finally:
        for module in sharded:
            module.reshard()


def local(tensor: Any) -> torch.Tensor:
    """What this process holds of a tensor."""
    return tensor.to_local() if _sharded(tensor) else tensor


def slice_like(whole: torch.Tensor, tensor: Any) -> torch.Tensor:
    """The part of a whole tensor that belongs to this process's part of another: shards are chunks of rows."""
    if not _sharded(tensor):
        return whole
    chunks, rank = whole.chunk(size()), torch.distributed.get_rank()
    return chunks[rank] if rank < len(chunks) else whole[:0]


def like(whole: torch.Tensor, tensor: Any) -> torch.Tensor:
    """A whole tensor spread over the processes as another is."""
    if not _sharded(tensor):
        return whole
    return type(tensor).from_local(
        slice_like(whole, tensor).contiguous(),
        tensor.device_mesh,
        tensor.placements,
        run_check=False,
        shape=whole.shape,
        stride=whole.stride(),
    )


def whole(tensor: Any) -> torch.Tensor:
    """A tensor from all its parts; every process must ask."""
    return tensor.full_tensor() if _sharded(tensor) else tensor


@torch.no_grad()
def whole_model(model: Model) -> Model:
    """An ordinary model with the weights of a sharded one; every process must ask, the leading one has the answer."""
    if not _many():
        return model
    made = type(model)(deepcopy(model.config)) if is_rank0() else None
    if made is not None:
        made.generation_config = deepcopy(model.generation_config)
    for name, parameter in model.named_parameters():
        found = whole(parameter)
        if made is not None:
            made.get_parameter(name).copy_(found)
    return made


def _sharded(tensor: Any) -> bool:
    return hasattr(tensor, "full_tensor")


def _many() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
