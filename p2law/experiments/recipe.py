"""How a model is trained, and what that means for every step: learning rate, phase, whether the loss is measured."""

from dataclasses import dataclass
from math import cos, pi

import numpy as np

from ..data import arguments as checks
from ..errors import DataError

SCHEDULES = ("constant", "wsd", "cosine")
FLOOR = 0.1
"""Where the cosine ends, as a fraction of the peak rate (Hoffmann et al. 2022, arXiv 2203.15556)."""
WHOLE = {"tokens": 1, "batch": 1, "sequence": 1, "warmup": 0, "points": 1, "micro_batch": 0, "passes": 1, "seed": 0}
"""Entries that are whole numbers, and the least each may be."""


@dataclass(frozen=True)
class Recipe:
    """Training with AdamW on whole batches of packed sequences."""

    tokens: int
    """Tokens to train on; rounded down to whole steps."""
    lr: float
    """Peak learning rate."""
    batch: int = 64
    """Sequences per optimiser step."""
    sequence: int = 512
    """Tokens per sequence."""
    schedule: str = "wsd"
    """``"constant"``, ``"wsd"`` (constant, then linear to zero) or ``"cosine"``; all after a linear warm-up."""
    warmup: int = 10
    """Steps of warm-up."""
    decay: float = 0.15
    """Fraction of the steps a ``"wsd"`` run decays over."""
    points: int = 20
    """Measurements of the validation loss, evenly spaced in the logarithm of the tokens."""
    weight_decay: float = 0.1
    clip: float = 1.0
    """Largest norm of the gradient."""
    betas: tuple[float, float] = (0.9, 0.95)
    micro_batch: int = 0
    """Sequences run at once; 0 for the whole batch."""
    distil: float = 0.0
    """Weight of the divergence from the parent's predictions in the training loss; the reported loss never has it."""
    passes: int = 1
    """How often the text may be read."""
    seed: int = 0
    """Of the order of the text."""
    precision: str = "auto"
    """``"bf16"`` products over float32 weights, ``"fp32"``, or ``"auto"``: bf16 on a GPU."""
    compile: bool = False
    """Compile the blocks and the loss."""
    recompute: bool = False
    """Keep no activations inside blocks: less memory, a third more time."""

    def __post_init__(self) -> None:
        self._check_kinds()
        if self.schedule not in SCHEDULES:
            raise DataError(f"schedule={self.schedule!r}: choose {', '.join(SCHEDULES)}.")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise DataError(f"precision={self.precision!r}: choose auto, bf16 or fp32.")
        if self.batch % (self.micro_batch or self.batch):
            raise DataError(f"micro_batch={self.micro_batch} does not divide batch={self.batch}.")
        if self.steps < self.warmup + 2 or self.stable <= self.warmup:
            raise DataError(
                f"tokens={self.tokens} are {self.steps} steps of {self.batch} x {self.sequence} tokens, of which "
                f"warmup={self.warmup} and the decay leave none at the full rate: train longer or in smaller batches."
            )

    def _check_kinds(self) -> None:
        """Every entry by itself: of the right kind and within its range."""
        for name, least in WHOLE.items():
            checks.whole_number(name, getattr(self, name), least=least, error=DataError)
        for name in ("lr", "clip"):
            checks.number(name, getattr(self, name), low=0, error=DataError)
        for name in ("decay", "distil"):
            value, must = getattr(self, name), "a fraction from 0 to 1"
            checks.number(name, value, low=0, high=1, closed=True, must=must, error=DataError)
        checks.number("weight_decay", self.weight_decay, low=0, closed=True, must="give 0 or more", error=DataError)
        for name in ("compile", "recompute"):
            checks.truth(name, getattr(self, name), error=DataError)
        two = "give two numbers, each 0 or more and below 1"
        if not (isinstance(self.betas, tuple | list) and len(self.betas) == 2):
            raise DataError(f"betas={self.betas!r}: {two}.")
        for beta in self.betas:
            checks.number("betas", beta, low=-1e-300, high=1, must=two, error=DataError)

    @property
    def step_tokens(self) -> int:
        return self.batch * self.sequence

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return int(self.tokens // self.step_tokens)

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
