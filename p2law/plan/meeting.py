"""Where two curves known on a grid meet, and where an interval of their difference cannot tell them apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cost import Bill
from .curve import Arm, Lookup, own

POINTS = 241
"""Budgets at which a difference is looked at."""


def roots(gap: Callable[[float], float], tokens: np.ndarray, values: np.ndarray) -> list[float]:
    """Where a difference, known on a grid, changes its sign."""
    from scipy.optimize import brentq

    def at(log_tokens: float) -> float:
        return gap(float(np.exp(log_tokens)))

    out = tokens[values == 0].tolist()
    for i in np.flatnonzero(values[:-1] * values[1:] < 0):
        out.append(float(np.exp(brentq(at, np.log(tokens[i]), np.log(tokens[i + 1]), xtol=1e-13, rtol=1e-14))))
    return sorted(out)


def undecided(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of the grid where an interval holds zero, ends interpolated; 0 and inf where they leave the grid."""
    within = (lower <= 0) & (upper >= 0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], within, [False]]).astype(int)))
    out = []
    for start, stop in edges.reshape(-1, 2):
        low = 0.0 if start == 0 else _end(tokens, lower, upper, start - 1, start)
        high = np.inf if stop == len(tokens) else _end(tokens, lower, upper, stop, stop - 1)
        out.append((low, high))
    return sorted(out + _between(tokens, lower, upper))


def _between(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> list[tuple[float, float]]:
    """Stretches so short that they lie between two neighbours, on either side of which the order is known."""
    falls, rises = (lower[:-1] > 0) & (upper[1:] < 0), (upper[:-1] < 0) & (lower[1:] > 0)
    out = []
    for i in np.flatnonzero(falls | rises).tolist():
        steps = [ends[i] / (ends[i] - ends[i + 1]) for ends in (lower, upper)]
        low, high = sorted(float(tokens[i] * (tokens[i + 1] / tokens[i]) ** step) for step in steps)
        out.append((low, high))
    return out


def _end(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray, outer: int, inner: int) -> float:
    """Where, between two neighbours, the end of the interval that is nearer to zero passes it."""
    nearer = lower if lower[outer] > 0 else upper
    outside, inside = nearer[outer], nearer[inner]
    if not np.isfinite(inside):
        return float(tokens[outer])
    share = outside / (outside - inside)
    return float(tokens[outer] ** (1 - share) * tokens[inner] ** share)


@dataclass(frozen=True, eq=False)
class Meeting:
    """Two ways to spend a budget, and what makes budgets equal."""

    pruned: Arm
    scratch: Arm
    bill: Bill

    def gap(self, tokens: Any, of: Lookup = own) -> np.ndarray:
        """Loss of the pruned model minus that from scratch at equal cost."""
        return self.pruned.loss(tokens, of) - self.scratch.loss(self.bill.scratch_tokens(tokens), of)

    def never(self, tokens: np.ndarray) -> bool:
        """Whether the fitted curves stay apart far beyond these tokens too, where nothing was measured."""
        gap = self.gap(np.geomspace(tokens[0] * 1e-6, tokens[-1] * 1e15, 4 * POINTS))
        return bool(np.all(gap > 0) or np.all(gap < 0))

    def beyond(self, tokens: list[float]) -> dict[str, dict[str, float]]:
        """Factors by which each curve is used outside its fitted range; sides within it are left out."""
        scratch = self.bill.scratch_tokens(np.array(tokens))
        sides = {"pruned": self.pruned.beyond(tokens), "scratch": self.scratch.beyond(scratch)}
        return {side: factors for side, factors in sides.items() if factors}

    def unsupported(self, tokens: np.ndarray) -> np.ndarray:
        """At which of these retraining tokens one of the fits says nothing."""
        return self.pruned.unsupported(tokens) | self.scratch.unsupported(self.bill.scratch_tokens(tokens))

    def no_support(self, tokens: np.ndarray) -> dict[str, str]:
        """Why, for each side of which that is so."""
        scratch = self.bill.scratch_tokens(tokens)
        said = {"pruned": self.pruned.no_support(tokens), "scratch": self.scratch.no_support(scratch)}
        return {side: why for side, why in said.items() if why}
