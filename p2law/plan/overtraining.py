"""What a size other than the compute-optimal one costs: in loss at the same budget, in budget at the same loss."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..checks import one_positive, positives
from ..flops import TRAINING
from ..frozen import copied_tables
from ..notebook import titled
from ..quantities import format_quantity
from ..uncertainty.intervals import Method
from . import answer
from .allocate import LARGEST, allocate, first_true
from .surface import Surface, surface

if TYPE_CHECKING:
    from ..laws.published import Constants
    from ..result import Fit


@copied_tables
@dataclass(frozen=True, eq=False)
class SizeCost:
    """What each size costs beside the compute-optimal one of the same budget, one row per size."""

    law: str
    C: float
    """Budget, FLOPs."""
    level: float
    """Confidence level of the intervals."""
    optimal: Mapping[str, float]
    """N, D and loss of the compute-optimal model."""
    table: pd.DataFrame = field(repr=False)
    """Columns N, D, tokens_per_param, loss, penalty (nats above the optimum), compute_ratio (budget to reach the
    optimum's loss at this size, over C), intervals of the last three, status."""

    def to_frame(self) -> pd.DataFrame:
        """One row per size."""
        return self.table

    def summary(self) -> str:
        """Text: the optimum, then a line per size."""
        N, D = (format_quantity(self.optimal[name]) for name in ("N", "D"))
        head = f"Sizes for C = {self.C:.4g} FLOPs by {self.law}"
        if np.isfinite(self.optimal["N"]):
            head += f"; optimal: N = {N} parameters, D = {D} tokens, loss {self.optimal['loss']:.4f} nats/token"
        return "\n".join([head, *(_line(row) for row in self.table.to_dict("records"))])

    __str__ = summary

    def _repr_html_(self) -> str:
        return titled(self.summary(), self.table, index=False, float_format="{:.4g}".format)


def _line(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["penalty"]):
        return f"  N = {format_quantity(row['N'])}: loss {row['loss']:.4f} nats/token; {row['status']}"
    penalty = answer.between(row["penalty"], row["penalty_lower"], row["penalty_upper"], answer.nats)
    ends = (row[f"compute_ratio{end}"] for end in ("", "_lower", "_upper"))
    ratio = f"{answer.between(*ends)} x the budget" if np.isfinite(row["compute_ratio"]) else "no budget"
    return (
        f"  N = {format_quantity(row['N'])}: D = {format_quantity(row['D'])} tokens "
        f"({format_quantity(row['tokens_per_param'])} per parameter), loss {row['loss']:.4f}, {penalty} nats above the "
        f"optimum; {ratio} reaches the optimum's loss at this size; {row['status']}"
    )


def overtraining(
    source: "Fit | Constants", C: float, N: Any, *, level: float = 0.95, method: Method | None = None, **at: Any
) -> SizeCost:
    """Compare sizes you may be held to with the compute-optimal one of the same training budget.

    A smaller model than the optimal one is trained for longer (over-trained) and cheaper to serve. For laws that are a
    sum of powers ``compute_ratio`` depends on N over its optimum only, not on the budget.

    Parameters
    ----------
    source, level, method, **at
        As for :func:`p2law.compute_optimal`.
    C : float
        Training budget in FLOPs, 6 N D.
    N : float or array_like
        Sizes, in parameters.

    Returns
    -------
    SizeCost
        ``compute_ratio`` is infinite for sizes whose own floor lies above the optimum's loss.
    """
    budget, sizes = one_positive("C", C), positives("N", N)
    base = surface(source, at)
    D = budget / (TRAINING * sizes)

    def found(params: Mapping[str, float]) -> dict[str, np.ndarray]:
        on = Surface(base.law, params, base.at)
        best = on.loss(*allocate(on, np.array([budget])))
        loss = on.loss(sizes, D)
        ratio = tokens_for(on, sizes, np.broadcast_to(best, sizes.shape)) / D
        return {"loss": loss, "penalty": loss - best, "compute_ratio": ratio}

    ends = answer.bounds(source, found, level=level, method=method, plain=("loss", "penalty"))
    excess = ends["penalty"]  # never negative, though its local interval may reach below zero
    ends["penalty"] = answer.Bounds(*(np.maximum(v, 0.0) for v in (excess.value, excess.lower, excess.upper)))
    columns: dict[str, Any] = {"N": sizes, "D": D, "tokens_per_param": D / sizes}
    for name, each in ends.items():
        columns |= each.columns(name)
    said = answer.support(source, base.columns(sizes, D), np.isfinite(ends["loss"].upper))
    none = np.isnan(ends["penalty"].value)
    balance = "no optimum: by these constants the loss does not fall with both size and tokens"
    columns["status"] = np.array([balance if n else s for n, s in zip(none, said, strict=True)], dtype=object)
    best_size, best_tokens = allocate(base, np.array([budget]))
    best_loss = base.loss(best_size, best_tokens)
    optimal = {"N": float(best_size[0]), "D": float(best_tokens[0]), "loss": float(best_loss[0])}
    return SizeCost(base.law.title, budget, level, optimal, pd.DataFrame(columns))


def tokens_for(on: Surface, N: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Tokens after which N parameters reach a loss, (n,); inf where they never do, nan for an unknown loss."""
    p = on.powers
    if p is not None and p.falls:
        with np.errstate(divide="ignore"):
            return (p.B / np.maximum(loss - p.E - p.A * N**-p.alpha, 0.0)) ** (1 / p.beta)

    def reached(log_tokens: np.ndarray) -> np.ndarray:
        return on.loss(np.broadcast_to(N[:, None], log_tokens.shape), np.exp(log_tokens)) <= loss[:, None]

    low, high = np.zeros_like(loss), np.full_like(loss, np.log(LARGEST))
    D = np.where(reached(high[:, None])[:, 0], np.exp(first_true(reached, low, high)), np.inf)
    return np.where(np.isnan(loss), np.nan, D)
