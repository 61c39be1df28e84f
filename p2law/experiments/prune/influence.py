"""Block influence: remove the blocks that turn the hidden state least (ShortGPT, Men et al. 2024, arXiv 2403.03853).

BI_i = 1 - E_t[cos(x_{i,t}, x_{i+1,t})], with x_i the state that enters block i; the blocks of lowest BI go in one shot.
"""

from .._torch import Model, torch
from ..architecture import Architecture
from ._activations import boundary_cosines
from ._blocks import fewer, without
from ._method import Structured
from ._slice import Keep


def block_influence(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """BI of every block, dimensionless, (blocks,)."""
    return 1 - boundary_cosines(model, tokens).diagonal(offset=1)


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    influence = block_influence(model, tokens)
    order = influence.argsort(stable=True).tolist()
    return without(len(influence), order[: len(influence) - target.layers])


METHOD = Structured("influence", "Men et al. 2024, arXiv 2403.03853", fewer, choose)
