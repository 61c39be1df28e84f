"""Leave-one-out loss: remove the blocks whose absence costs least (Shortened LLaMA, Kim et al. 2024, arXiv 2402.02834).

Every block is left out in turn and the loss on the calibration text measured; the cheapest go in one shot.
"""

from .._torch import Model, torch
from ..architecture import Architecture
from ..loss import mean_loss
from ..machine import precision_on
from ._blocks import fewer, without
from ._method import Structured
from ._slice import Keep


def losses_without(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Loss with each block left out, nats per token, (blocks,)."""
    whole = model.model.layers
    losses, precision = [], precision_on(model.device.type, "auto")
    try:
        for left_out in range(len(whole)):
            model.model.layers = torch.nn.ModuleList(block for i, block in enumerate(whole) if i != left_out)
            losses.append(mean_loss(model, tokens, precision=precision))
    finally:
        model.model.layers = whole
    return torch.tensor(losses, dtype=torch.float64)


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    order = losses_without(model, tokens).argsort(stable=True).tolist()
    return without(len(order), order[: len(order) - target.layers])


METHOD = Structured("leave-one-out", "Kim et al. 2024, arXiv 2402.02834", fewer, choose)
