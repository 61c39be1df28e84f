"""What a pruned model costs beside one trained from scratch: whether the parent counts, and in which unit."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..data.arguments import number
from ..data.flops import counted_flops, training_flops
from ..data.quantities import format_quantity
from ..errors import DataError, FitError, renamed_arguments
from ..fitting.source import Origin, Source, as_source, is_source

ParentCost = Literal["sunk", "tokens", "flops"]
"""Whether the parent's training counts, and in which unit; see :func:`cost_model`."""


@dataclass(frozen=True)
class Architecture:
    """A decoder whose FLOPs are counted with its output layer and its attention, instead of 6 N D.

    Parameters
    ----------
    linear : float
        Weights of the linear layers inside the blocks, those left after pruning.
    layers, width, sequence, vocabulary, causal
        As for ``p2law.data.flops.counted_flops``.

    Raises
    ------
    DataError
        If there are no weights, or a count is negative.
    """

    linear: float
    layers: int
    width: int
    sequence: int
    vocabulary: int = 0
    causal: bool = False

    def __post_init__(self) -> None:
        _positive("Architecture's linear", self.linear, "weights inside the blocks")
        for name in ("layers", "width", "sequence", "vocabulary"):
            count = getattr(self, name)
            number(f"Architecture's {name}", count, low=0, closed=True, must="give a count", error=DataError)
        flops_per_token(self)


def flops_per_token(size: float | Architecture) -> float:
    """FLOPs of one training token: 6 N, or counted with output layer and attention for an :class:`Architecture`.

    >>> from p2law.plan.cost import Architecture, flops_per_token
    >>> flops_per_token(8e9)
    48000000000.0
    >>> flops_per_token(Architecture(linear=7e9, layers=32, width=4096, sequence=8192, vocabulary=128_256)) / 48e9
    1.209102528
    """
    if isinstance(size, Architecture):
        return float(counted_flops(1.0, **asdict(size)))
    return float(training_flops(_positive("size", size, "parameters, e.g. 4.5e9, or an Architecture"), 1.0))


@dataclass(frozen=True, eq=False)
class Parent:
    """The dense model that is pruned.

    Parameters
    ----------
    tokens : float, optional
        Tokens it was trained on; needed wherever it is charged.
    size : float or Architecture, optional
        Its parameters before pruning; N0 of the pruned law, and what its tokens cost in FLOPs.
    loss : float, Fit or Constants, optional
        Its loss before post-training, L0 of the pruned law. For fits with ``baseline="control"`` a fit of law
        ``power`` to the control's own curve, which gives the control's loss at every number of tokens.
    """

    tokens: float | None = None
    size: float | Architecture | None = None
    loss: "float | Origin | None" = None

    def __post_init__(self) -> None:
        if self.tokens is not None:
            _positive("Parent's tokens", self.tokens, "tokens the parent was trained on, e.g. 200e9")
        if self.size is not None and not isinstance(self.size, Architecture):
            _positive("Parent's size", self.size, "parameters before pruning, or an Architecture")
        if self.loss is not None and not is_source(self.loss):
            _positive("Parent's loss", self.loss, "the parent's loss, nats per token")

    @property
    def params(self) -> float | None:
        """Its parameters before pruning: its size, or the weights inside the blocks of an architecture."""
        return self.size.linear if isinstance(self.size, Architecture) else self.size

    @property
    def curve(self) -> Source | None:
        """Its loss as a curve in tokens; None where it is a number.

        Raises
        ------
        FitError
            If that law has other columns than tokens.
        """
        if self.loss is None or not is_source(self.loss):
            return None
        curve = as_source("Parent's loss", self.loss)  # type: ignore[arg-type]
        if [v.name for v in curve.law.variables] != [curve.law.variable("tokens")]:
            raise FitError(f"Parent(loss=<fit of {curve.law.name}>): give a law in tokens alone, such as 'power'.")
        return curve


@dataclass(frozen=True)
class CostModel:
    """Tokens of training from scratch that cost as much as retraining: ``overhead + per_token * retraining tokens``.

    Parameters
    ----------
    overhead : float
        What the parent costs, in tokens of training from scratch.
    per_token : float
        Tokens of training from scratch that cost as much as one retraining token.
    unit : str
        Unit of :meth:`total`.
    price : float
        Cost of a token of training from scratch, in that unit.
    text : str
        Who pays for what, for reports.
    """

    overhead: float = 0.0
    per_token: float = 1.0
    unit: str = "tokens"
    price: float = 1.0
    text: str = "own cost model"

    def __post_init__(self) -> None:
        number("CostModel's overhead", self.overhead, low=0, closed=True, must="give tokens, zero or more")
        for name in ("per_token", "price"):
            number(f"CostModel's {name}", getattr(self, name), low=0, must="must be positive")

    def scratch_tokens(self, retraining: float | np.ndarray) -> float | np.ndarray:
        """Tokens of training from scratch that cost as much."""
        return self.overhead + self.per_token * retraining

    def retraining_tokens(self, scratch: float | np.ndarray) -> float | np.ndarray:
        """Retraining tokens that cost as much as these from scratch; 0 or less if the parent alone costs more."""
        return (scratch - self.overhead) / self.per_token

    def total(self, retraining: float | np.ndarray) -> float | np.ndarray:
        """The whole cost in ``unit``, the same on both sides."""
        return self.price * self.scratch_tokens(retraining)

    def __str__(self) -> str:
        return self.text


@renamed_arguments(charge="parent_cost", children="models_per_parent")
def cost_model(
    parent_cost: ParentCost | CostModel = "sunk",
    *,
    parent: Parent | None = None,
    models_per_parent: float = 1,
    size: float | Architecture | None = None,
    scratch_size: float | Architecture | None = None,
) -> CostModel:
    """The cost model of this name.

    Parameters
    ----------
    parent_cost : {"sunk", "tokens", "flops"} or CostModel
        ``"sunk"``: the parent is free, a retraining token costs a token. ``"tokens"``: the parent's tokens are added.
        ``"flops"``: both sides pay 6 N D (more with :class:`Architecture`), the parent's training included.
    parent : Parent, optional
        Its tokens, and for ``"flops"`` its size.
    models_per_parent : float
        Models pruned from this parent, which share its cost.
    size, scratch_size : float or Architecture, optional
        For ``"flops"``: the pruned model as it is trained, and the one trained from scratch (default: the same). A
        masked model that trains at dense cost has the size of its parent.

    Raises
    ------
    DataError, FitError
        If a number that the cost needs is missing.
    """
    if isinstance(parent_cost, CostModel):
        return parent_cost
    if not isinstance(parent_cost, str) or parent_cost not in ("sunk", "tokens", "flops"):
        raise FitError(f"parent_cost={parent_cost!r}: choose 'sunk', 'tokens' or 'flops', or give a plan.CostModel.")
    sharing = "one model or more shares the parent's cost"
    number("models_per_parent", models_per_parent, low=1, closed=True, must=sharing)
    if not isinstance(parent, Parent | None):
        raise DataError(f"parent={parent!r}: give a p2law.plan.Parent, e.g. Parent(tokens=200e9, size=8e9).")
    for trained in (size, scratch_size):
        if trained is not None:
            flops_per_token(trained)
    if parent_cost == "sunk":
        return CostModel(text="parent free")
    if parent is None or parent.tokens is None:
        raise DataError(
            f"parent_cost={parent_cost!r} needs the parent's training tokens: parent=Parent(tokens=200e9, ...).",
            remedies=["parent"],
        )
    shared = f", shared by {models_per_parent:g} models" if models_per_parent > 1 else ""
    if parent_cost == "tokens":
        charged = f"parent charged {format_quantity(parent.tokens)} tokens{shared}"
        return CostModel(overhead=parent.tokens / models_per_parent, text=charged)
    needs = "parent_cost='flops' needs the"
    if parent.size is None:
        raise DataError(f"{needs} parent's size: parent=Parent(tokens=..., size=8e9).", remedies=["parent"])
    if size is None:
        raise DataError(f"{needs} size of the model trained after pruning: size=4.5e9 or an Architecture.")
    price = flops_per_token(size if scratch_size is None else scratch_size)
    whole = flops_per_token(parent.size) * parent.tokens
    text = f"parent charged {whole:.3g} FLOPs{shared}"
    return CostModel(whole / models_per_parent / price, flops_per_token(size) / price, "FLOPs", price, text)


def _positive(name: str, value: Any, what: str) -> float:
    return number(name, value, low=0, must=f"must be a positive number of {what}", error=DataError)
