"""Hold pruned weights at zero through training, and prove that they are."""

from collections.abc import Mapping

from ...errors import P2LawError
from ..runtime import Model, parallel, torch

Masks = Mapping[str, torch.Tensor]
"""By parameter name: True where a weight is kept."""


class MaskError(P2LawError, RuntimeError):
    """A pruned weight is no longer zero."""


@torch.no_grad()
def mask_gradients(model: Model, masks: Masks) -> None:
    """Drop the gradients of pruned weights; before clipping, so that they do not count in the norm."""
    for name, mask in masks.items():
        gradient = model.get_parameter(name).grad
        if gradient is not None:
            mask_tensor(gradient, mask)


@torch.no_grad()
def mask_weights(model: Model, masks: Masks) -> None:
    """Set pruned weights to zero: momentum left from before the pruning would move them."""
    for name, mask in masks.items():
        mask_tensor(model.get_parameter(name), mask)


def mask_tensor(tensor: torch.Tensor, mask: torch.Tensor) -> None:
    """Zero what a mask does not keep, in the part of a tensor that this process holds."""
    parallel.local(tensor).mul_(parallel.slice_like(mask, tensor))


@torch.no_grad()
def verify(model: Model, masks: Masks) -> None:
    """Check that every pruned weight is exactly zero; MaskError names the matrix and how many have come back."""
    for name, mask in masks.items():
        parameter = model.get_parameter(name)
        pruned = ~parallel.slice_like(mask, parameter)
        left = parallel.local(parameter)[pruned]
        back = int(left.nan_to_num(0.0).count_nonzero())  # NaN is of a run that diverges, as its loss will tell
        if back:
            raise MaskError(f"{name}: {back} pruned weights are not zero; the run is not that of a pruned model.")


def pruned_weights(masks: Masks) -> int:
    """Weights the masks hold at zero."""
    return sum(mask.numel() - int(mask.sum()) for mask in masks.values())
