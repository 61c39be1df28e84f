"""A contiguous run of blocks: remove the one whose end is most like its beginning.

The choice of LLM-Streamline (Chen et al. 2024, arXiv 2403.19135); the light network it trains in place of the run is
left out. Minitron (Sreenivas et al. 2024, arXiv 2408.11796) drops a run too, chosen by loss.
"""

from .._torch import Model, torch
from ..architecture import Architecture
from ._activations import boundary_cosines
from ._blocks import fewer, without
from ._method import Structured
from ._slice import Keep


def choose(model: Model, target: Architecture, tokens: torch.Tensor) -> Keep:
    cosines = boundary_cosines(model, tokens)
    layers = len(cosines) - 1
    length = layers - target.layers
    first = int(cosines.diagonal(offset=length).argmax())
    return without(layers, range(first, first + length))


METHOD = Structured("contiguous", "Chen et al. 2024, arXiv 2403.19135", fewer, choose)
