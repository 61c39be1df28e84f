"""Sharing a budget between size and tokens: closed where the law is a sum of powers, numeric for any other.

A budget pays for training and, where asked, for use: C = 6 N D + 2 N I with I tokens of inference over the model's life
(Sardana et al. 2024, arXiv 2401.00448).
"""

from collections.abc import Callable

import numpy as np

from ..flops import INFERENCE, TRAINING
from .surface import Powers, Surface

POINTS, ROUNDS = 33, 12
"""Points per round of the search and rounds: 32^-12 of the bracket, less than rounding leaves."""
COARSE = 257
FLAT = 1e-9
"""Relative range of the loss over all ways to share a budget below which none of them is best."""
LARGEST = 1e80
"""FLOPs beyond which no budget is looked for."""


def allocate(on: Surface, C: np.ndarray, inference: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Size and tokens of least loss for each budget, (n,); nan where no balance exists between them."""
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
