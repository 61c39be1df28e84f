"""The loss as a function of size and tokens with everything else given: where budgets are spent.

Laws that are a sum of two powers answer in closed form with NumPy; any other law is differentiated by JAX.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.arguments import number
from ..data.flops import INFERENCE, TRAINING
from ..errors import DataError, FitError
from ..fitting.prediction import given_rows
from ..fitting.source import Origin, Source, as_source
from ..laws import Law, average_params, chinchilla
from ..laws.precision import float64

SUMS_OF_POWERS = (chinchilla, average_params)


@dataclass(frozen=True, eq=False)
class Powers:
    """E + A N^-alpha + B D^-beta."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    @property
    def falls(self) -> bool:
        """Whether both size and tokens lower the loss: without that there is nothing to balance."""
        return min(self.A, self.B, self.alpha, self.beta) > 0


@dataclass(frozen=True, eq=False)
class Surface:
    """A law with constants, as a function of size and tokens."""

    law: Law
    params: Mapping[str, float]
    at: Mapping[str, float]
    """The law's other columns."""

    @property
    def powers(self) -> Powers | None:
        """The law as a sum of powers, if it is one."""
        return Powers(**self.params) if self.law in SUMS_OF_POWERS else None

    def loss(self, N: np.ndarray, D: np.ndarray) -> np.ndarray:
        """Loss of N parameters after D tokens, nats per token."""
        p = self.powers
        with np.errstate(all="ignore"):
            if p is not None:
                return p.E + p.A * N**-p.alpha + p.B * D**-p.beta
            return np.asarray(self.law(**self.columns(N, D), **self.params))

    def slope(self, N: np.ndarray, D: np.ndarray, give: np.ndarray) -> np.ndarray:
        """Derivative of the loss by log D on a path where log N falls by ``give`` for each unit of log D."""
        p = self.powers
        with np.errstate(all="ignore"):
            if p is not None:
                return give * p.alpha * p.A * N**-p.alpha - p.beta * p.B * D**-p.beta
            import jax  # here: published constants of a sum of powers are planned with at once

            with float64():
                ends = np.broadcast_arrays(N, D)
                path = tuple(np.asarray(v, dtype=float) for v in np.broadcast_arrays(-give * N, D))
                return np.asarray(jax.jvp(self._traced, tuple(ends), path)[1])

    def _traced(self, N: Any, D: Any) -> Any:
        return self.law.function(**self.columns(N, D), **self.params)

    def columns(self, N: Any, D: Any) -> dict[str, Any]:
        """The law's columns at these sizes and tokens."""
        return {str(self.law.variable("size")): N, str(self.law.variable("tokens")): D, **self.at}


def surface(source: "Origin | Source", at: Mapping[str, float]) -> Surface:
    """The surface of a fit or of published constants.

    Raises
    ------
    FitError
        If the law has no size and tokens to share a budget between.
    DataError
        If one of its other columns is missing or unknown.
    """
    source = as_source("source", source)
    law = source.law
    size, tokens = law.variable("size"), law.variable("tokens")
    if size is None or tokens is None:
        missing = "size" if size is None else "tokens"
        raise FitError(f"{law.name} has no column for {missing}: a budget is shared between size and tokens.")
    if law.variable("loss") or law.variable("rate"):
        raise FitError(
            f"{law.name} describes post-training of a given parent: its loss at another size depends on that parent's "
            "own loss. Share budgets with a law of pre-training (chinchilla, average_params); for tokens at a given "
            "parent use optimal_tokens."
        )
    others = [v.name for v in law.variables if v.name not in (size, tokens)]
    columns = {name: number(name, value, error=DataError) for name, value in at.items()}
    given_rows(law, columns, needed=others, purpose=f" beside {size} and {tokens}")
    return Surface(law, source.params, columns)


POINTS, ROUNDS = 33, 12
"""Points per round of the search and rounds: 32^-12 of the bracket, less than rounding leaves."""
COARSE = 257
FLAT = 1e-9
"""Relative range of the loss over all ways to share a budget below which none of them is best."""
LARGEST = 1e80
"""FLOPs beyond which no budget is looked for."""


def allocate(on: Surface, C: np.ndarray, inference: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Size and tokens of least loss for each budget, (n,); nan where no balance exists between them.

    A budget pays for training and, where asked, for use: C = 6 N D + 2 N I with I tokens of inference over the model's
    life (Sardana et al. 2024, arXiv 2401.00448).
    """
    powers = on.powers
    if powers is not None and not powers.falls:
        return np.full_like(C, np.nan), np.full_like(C, np.nan)
    return allocate_numerically(on, C, inference) if powers is None or inference else split(powers, C)


def split(p: Powers, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hoffmann et al. 2022, eq. 4: N = G (C/6)^a, D = (C/6)^b / G, a = beta/(alpha + beta), b = 1 - a."""
    total = p.alpha + p.beta
    log_g = np.log(p.alpha * p.A / (p.beta * p.B)) / total
    log_c = np.log(C / TRAINING)
    return np.exp(log_g + p.beta / total * log_c), np.exp(-log_g + p.alpha / total * log_c)


def allocate_numerically(on: Surface, C: np.ndarray, inference: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """:func:`allocate` for any law: where the derivative along the budget turns positive.

    Size follows from tokens, N = C / (6 D + 2 I), so that every point tried costs exactly the budget. The derivative is
    asked rather than the loss, which rounding makes flat where budgets are large; of several turns the one of least
    loss is taken.
    """
    cost = C[:, None]

    def size(D: np.ndarray) -> np.ndarray:
        return cost / (TRAINING * D + INFERENCE * inference)

    def rising(log_tokens: np.ndarray) -> np.ndarray:
        D = np.exp(log_tokens)
        return on.slope(size(D), D, TRAINING * D / (TRAINING * D + INFERENCE * inference)) >= 0

    grid = np.linspace(0.0, np.maximum(np.log(C / TRAINING), 0.0), COARSE).T
    uphill, loss = rising(grid), on.loss(size(np.exp(grid)), np.exp(grid))
    # A law that sees only the product N D is as good at any split: what turns there is rounding.
    unequal = np.ptp(loss, axis=1, keepdims=True) > FLAT * np.abs(loss).max(axis=1, keepdims=True)
    turns = ~uphill[:, :-1] & uphill[:, 1:] & unequal
    least = np.argmin(np.where(turns, loss[:, 1:], np.inf), axis=1)
    rows = np.arange(len(C))
    log_tokens = first_true(rising, grid[rows, least], grid[rows, least + 1])
    D = np.where(turns.any(axis=1), np.exp(log_tokens), np.nan)
    return size(D[:, None])[:, 0], D


def first_true(test: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where a test turns true between ``low`` and ``high``, row by row; it takes and returns (n, points)."""
    ladder = np.linspace(0.0, 1.0, POINTS)
    for _ in range(ROUNDS):
        x = low[:, None] + (high - low)[:, None] * ladder
        step = np.clip(np.argmax(test(x), axis=1), 1, POINTS - 1)
        low, high = (np.take_along_axis(x, (step - i)[:, None], axis=1)[:, 0] for i in (1, 0))
    return (low + high) / 2


def budget_for(on: Surface, loss: np.ndarray, inference: float = 0.0) -> np.ndarray:
    """The least budget that reaches each loss, (n,); inf where none does, nan where size and tokens do not balance."""
    p = on.powers
    if p is not None and not inference:
        if not p.falls:
            return np.full_like(loss, np.nan)
        # At the optimum alpha A N^-alpha = beta B D^-beta, so the two terms keep the ratio beta : alpha.
        with np.errstate(divide="ignore"):
            excess = np.maximum(loss - p.E, 0.0)
            N = (p.A * (1 + p.alpha / p.beta) / excess) ** (1 / p.alpha)
            D = (p.B * (1 + p.beta / p.alpha) / excess) ** (1 / p.beta)
        return TRAINING * N * D

    def reached(log_cost: np.ndarray) -> np.ndarray:
        flat = np.exp(log_cost.ravel())
        return (on.loss(*allocate(on, flat, inference)) <= np.repeat(loss, log_cost.shape[1])).reshape(log_cost.shape)

    if np.isnan(allocate(on, np.array([LARGEST]), inference)[1][0]):
        return np.full_like(loss, np.nan)
    low, high = np.zeros_like(loss), np.full_like(loss, np.log(LARGEST))
    return np.where(reached(high[:, None])[:, 0], np.exp(first_true(reached, low, high)), np.inf)
