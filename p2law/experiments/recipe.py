"""How a model is trained, and what that means for every step: learning rate, phase, whether the loss is measured."""

from math import cos, pi
from typing import Annotated, Literal

import numpy as np

from ..errors import DataError
from .entries import Field, Fraction, Number, Positive, Truth, Whole, WholeOrZero, checked, must

FLOOR = 0.1
"""Where the cosine ends, as a fraction of the peak rate (Hoffmann et al. 2022, arXiv 2203.15556)."""
_Beta = Annotated[Number, Field(ge=0, lt=1)]


@checked
class Recipe:
    """Training with AdamW on whole batches of packed sequences."""

    tokens: Whole
    """Tokens to train on; rounded down to whole steps."""
    lr: Positive
    """Peak learning rate."""
    batch: Whole = 64
    """Sequences per optimiser step."""
    sequence: Whole = 512
    """Tokens per sequence."""
    schedule: Annotated[Literal["constant", "wsd", "cosine"], must("choose constant, wsd, cosine")] = "wsd"
    """``"constant"``, ``"wsd"`` (constant, then linear to zero) or ``"cosine"``; all after a linear warm-up."""
    warmup: WholeOrZero = 10
    """Steps of warm-up."""
    decay: Fraction = 0.15
    """Fraction of the steps a ``"wsd"`` run decays over."""
    points: Whole = 20
    """Measurements of the validation loss, evenly spaced in the logarithm of the tokens."""
    weight_decay: Annotated[Number, Field(ge=0), must("give 0 or more")] = 0.1
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    betas: Annotated[tuple[_Beta, _Beta], must("give two numbers, each 0 or more and below 1")] = (0.9, 0.95)
    micro_batch: WholeOrZero = 0
    """Sequences run at once; 0 for the whole batch."""
    distil: Fraction = 0.0
    """Weight of the divergence from the parent's predictions in the training loss; the reported loss never has it."""
    passes: Whole = 1
    """How often the text may be read."""
    seed: WholeOrZero = 0
    """Of the order of the text."""
    precision: Annotated[Literal["auto", "bf16", "fp32"], must("choose auto, bf16 or fp32")] = "auto"
    """``"bf16"`` products over float32 weights, ``"fp32"``, or ``"auto"``: bf16 on a GPU."""
    compile: Truth = False
    """Compile the blocks and the loss."""
    recompute: Truth = False
    """Keep no activations inside blocks: less memory, a third more time."""

    def __post_init__(self) -> None:
        if self.batch % (self.micro_batch or self.batch):
            raise DataError(f"micro_batch={self.micro_batch} does not divide batch={self.batch}.")
        if self.steps < self.warmup + 2 or self.stable <= self.warmup:
            raise DataError(
                f"tokens={self.tokens} are {self.steps} steps of {self.batch} x {self.sequence} tokens, of which "
                f"warmup={self.warmup} and the decay leave none at the full rate: train longer or in smaller batches."
            )

    @property
    def step_tokens(self) -> int:
        return self.batch * self.sequence

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return int(self.tokens // self.step_tokens)

    @property
    def trained(self) -> int:
        """Tokens in whole steps."""
        return self.steps * self.step_tokens

    @property
    def stable(self) -> int:
        """Last step at the full rate; with a cosine, that of the warm-up's end."""
        if self.schedule == "cosine":
            return self.warmup + 1
        return self.steps - (round(self.decay * self.steps) if self.schedule == "wsd" else 0)

    def rate(self, step: int) -> float:
        """Learning rate of the step with this number, counted from 1."""
        if step <= self.warmup:
            return self.lr * step / self.warmup
        if step <= self.stable:
            return self.lr
        left = (self.steps - step) / (self.steps - self.stable)
        return self.lr * (left if self.schedule == "wsd" else FLOOR + (1 - FLOOR) * (1 + cos(pi * (1 - left))) / 2)

    def phase(self, step: int) -> str:
        """Where a model stands after so many steps: warmup, const, decaying, decayed.

        Only ``const`` rows, and ``decayed`` ones among themselves, are what a run of that length would have given.
        """
        if step <= self.warmup:
            return "warmup"
        if self.schedule != "cosine" and step <= self.stable:
            return "const"
        return "decaying" if step < self.steps else "decayed"

    def measured(self) -> frozenset[int]:
        """Steps after which the loss is measured: 0, log-spaced ones up to the end of the full rate, and the last."""
        last = self.steps if self.schedule == "cosine" else self.stable
        spaced = np.geomspace(1, last, self.points).round().astype(int).tolist()
        return frozenset([0, *spaced, self.steps])
