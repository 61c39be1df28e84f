"""Removing whole blocks in one shot, chosen on calibration text: block influence, leave-one-out loss, a contiguous run.

``influence``: the blocks that turn the hidden state least (ShortGPT, Men et al. 2024, arXiv 2403.03853).
``leave-one-out``: the blocks whose absence costs least (Shortened LLaMA, Kim et al. 2024, arXiv 2402.02834).
``contiguous``: the run of blocks whose end is most like its beginning (LLM-Streamline, Chen et al. 2024, arXiv
2403.19135; the light network it trains in place of the run is left out). Minitron (Sreenivas et al. 2024, arXiv
2408.11796) drops a run too, chosen by loss.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ..architecture import ModelShape
from ..runtime import Model, torch
from ..runtime.loss import mean_loss
from ..runtime.machine import precision_on
from .activations import boundary_cosines
from .method import Choose, Structured
from .slice import Keep


def block_influence(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Block influence, 1 - E_t[cos(x_{i,t}, x_{i+1,t})] with x_i the state that enters block i: (blocks,)."""
    return 1 - boundary_cosines(model, tokens).diagonal(offset=1)


def losses_without(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Loss on the calibration text with each block left out, nats per token, (blocks,)."""
    whole = model.model.layers
    losses, precision = [], precision_on(model.device.type, "auto")
    try:
        for left_out in range(len(whole)):
            model.model.layers = torch.nn.ModuleList(block for i, block in enumerate(whole) if i != left_out)
            losses.append(mean_loss(model, tokens, precision=precision))
    finally:
        model.model.layers = whole
    return torch.tensor(losses, dtype=torch.float64)


def _fewer(shape: ModelShape, _: float) -> Iterator[ModelShape]:
    """The shape with one to all but one block removed."""
    return (replace(shape, layers=layers) for layers in range(1, shape.layers))


def _without(layers: int, removed: Iterable[int]) -> Keep:
    return Keep(layers=tuple(sorted(set(range(layers)) - set(removed))))


def _lowest(score: Callable[[Model, torch.Tensor], torch.Tensor]) -> Choose:
    """Choose by score: the blocks of lowest score are removed."""

    def choose(model: Model, target: ModelShape, tokens: torch.Tensor) -> Keep:
        order = score(model, tokens).argsort(stable=True).tolist()
        return _without(len(order), order[: len(order) - target.layers])

    return choose


def _choose_run(model: Model, target: ModelShape, tokens: torch.Tensor) -> Keep:
    """Choose by cosine: the run of blocks whose end is most like its beginning is removed."""
    cosines = boundary_cosines(model, tokens)
    layers = len(cosines) - 1
    length = layers - target.layers
    first = int(cosines.diagonal(offset=length).argmax())
    return _without(layers, range(first, first + length))


METHODS = (
    Structured("influence", "Men et al. 2024, arXiv 2403.03853", _fewer, _lowest(block_influence)),
    Structured("leave-one-out", "Kim et al. 2024, arXiv 2402.02834", _fewer, _lowest(losses_without)),
    Structured("contiguous", "Chen et al. 2024, arXiv 2403.19135", _fewer, _choose_run),
)
