"""Compute-optimal training: size, tokens and loss for a budget, and the budget for a loss, with intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Column, Copied, Method, Record, Report
from ..data.arguments import one_positive, positives
from ..data.flops import TRAINING
from ..data.quantities import format_quantity
from ..fitting.source import Origin, as_source
from .intervals import ENDS, between_columns, intervals, is_bounded, nats, support
from .surface import Surface, allocate, budget_for, surface


@dataclass(frozen=True, eq=False, repr=False)
class ComputePlan(Record):
    """Size and tokens of least loss, one row per budget (or per target loss). Numbers for one, arrays for many."""

    law: str
    asked: str
    """``"C"`` or ``"loss"``: what was given; the rest follows."""
    inference_tokens: float
    """Tokens the model will serve over its life, paid from the same budget."""
    level: float
    """Confidence level of the intervals."""
    many: bool
    """Whether an array was given."""
    _table: pd.DataFrame
    table = Copied("_table")
    """Columns C, N, D, tokens_per_param, loss, their _lower and _upper where they follow from the fit, status."""

    C = Column()
    """Budget in FLOPs: 6 N D, and 2 N per token of inference where asked for."""
    N = Column()
    """Parameters, counted as in the fitted table."""
    D = Column()
    """Training tokens."""
    tokens_per_param = Column()
    loss = Column()
    """Loss reached, nats per token."""
    status = Column()
    """A sentence: what the answer rests on, or why there is none."""

    def interval(self, name: str) -> tuple[Any, Any]:
        """Lower and upper end for C, N, D, tokens_per_param or loss; equal to the value where it was given."""
        if name == self.asked:
            return self._column(name), self._column(name)
        return self._column(f"{name}_lower"), self._column(f"{name}_upper")

    def _column(self, name: str) -> Any:
        values = self._table[name].to_numpy()
        return values.copy() if self.many else values[0]

    def _report(self) -> Report:
        serving = ""
        if self.inference_tokens:
            serving = f", with {format_quantity(self.inference_tokens)} tokens of inference"
        intervals = f" ({100 * self.level:g} % intervals)" if self._table["N_lower"].notna().any() else ""
        title = f"Compute-optimal training by {self.law}{serving}{intervals}"
        return Report(title, rows=[_line(row) for row in self._table.to_dict("records")])


def _line(row: Mapping[Any, Any]) -> str:
    """One budget in words."""
    if not np.isfinite(row["N"]):
        given = f"C = {row['C']:.4g} FLOPs" if np.isnan(row["loss"]) else f"loss {row['loss']:.4g} nats/token"
        return f"  {given}: {row['status']}"
    return (
        f"  C = {between_columns(row, 'C', '{:.4g}'.format)} FLOPs: N = {between_columns(row, 'N')} parameters, "
        f"D = {between_columns(row, 'D')} tokens ({between_columns(row, 'tokens_per_param')} per parameter), "
        f"loss {between_columns(row, 'loss', nats)} nats/token; {row['status']}"
    )


def compute_optimal(
    source: Origin,
    C: Any,
    *,
    level: float = 0.95,
    inference_tokens: float = 0.0,
    method: Method | None = None,
    **at: Any,
) -> ComputePlan:
    """Size and tokens that reach the lowest loss for a budget of C FLOPs.

    Minimises L(N, D) subject to 6 N D + 2 N I = C: closed form for laws that are a sum of powers and without inference
    (Hoffmann et al. 2022, eq. 4), where the derivative along the budget is zero otherwise.

    Parameters
    ----------
    source : Fit or Constants
        A fitted law of size and tokens (``chinchilla``, ``average_params``, your own), or published constants (then
        without intervals: the correlations of their errors are unknown).
    C : float or array_like
        FLOPs. With ``inference_tokens`` the budget of the model's whole life.
    level, method
        As for :func:`p2law.estimate`.
    inference_tokens : float
        Tokens the model will serve, I (Sardana et al. 2024, arXiv 2401.00448); they favour smaller models.
    **at : float
        The law's other columns, if it has any.

    Returns
    -------
    ComputePlan
        ``N``, ``D``, ``loss``, ``interval(name)``, ``status``, ``to_frame()``. Values are nan, and ``status`` says why,
        where the fitted law has no balance between size and tokens.

    Raises
    ------
    DataError, FitError
        If a budget is not positive, or the law has no size and tokens of its own.

    Examples
    --------
    >>> import p2law
    >>> from p2law.laws.published import BESIROGLU_2024
    >>> plan = compute_optimal(BESIROGLU_2024, 5.76e23)
    >>> f"{plan.N:.3g} {plan.D:.3g}"
    '7.22e+10 1.33e+12'
    """

    def optimum(on: Surface, budgets: np.ndarray, inference: float) -> dict[str, np.ndarray]:
        N, D = allocate(on, budgets, inference)
        return {"N": N, "D": D, "tokens_per_param": D / N, "loss": on.loss(N, D)}

    return _plan(source, "C", C, optimum, inference_tokens, level, method, at)


def compute_for_loss(
    source: Origin,
    loss: Any,
    *,
    level: float = 0.95,
    inference_tokens: float = 0.0,
    method: Method | None = None,
    **at: Any,
) -> ComputePlan:
    """Find the least budget that reaches a loss, with the size and tokens that do.

    With ``inference_tokens`` it is the least cost of training and use together, 6 N D + 2 N I, for a model of this
    loss (Sardana et al. 2024, arXiv 2401.00448).

    Parameters
    ----------
    source, level, inference_tokens, method, **at
        As for :func:`p2law.compute_optimal`.
    loss : float or array_like
        Target, nats per token.

    Returns
    -------
    ComputePlan
        C, N and D are infinite and ``status`` says never where the target lies below the irreducible loss.
    """

    def optimum(on: Surface, targets: np.ndarray, inference: float) -> dict[str, np.ndarray]:
        C = budget_for(on, targets, inference)
        real = np.isfinite(C)
        N, D = allocate(on, np.where(real, C, 1.0), inference)
        ends = {"C": C, "N": np.where(real, N, C), "D": np.where(real, D, C)}
        return ends | {"tokens_per_param": np.where(real, D / N, np.nan)}

    return _plan(source, "loss", loss, optimum, inference_tokens, level, method, at)


def _plan(
    source: Origin,
    asked: str,
    given: Any,
    optimum: Callable[[Surface, np.ndarray, float], dict[str, np.ndarray]],
    inference_tokens: float,
    level: float,
    method: Method | None,
    at: Mapping[str, Any],
) -> ComputePlan:
    """The plan for budgets or losses (``asked``): ``optimum`` gives the other columns by the surface's constants."""
    values, inference = positives(asked, given), one_positive("inference_tokens", inference_tokens, zero=True)
    origin = as_source("source", source)
    on = surface(origin, at)
    table = intervals(
        origin, on, lambda on: optimum(on, values, inference), level=level, method=method, plain=("loss",)
    )
    table[asked] = values
    order = ("C", "N", "D", "tokens_per_param", "loss")
    table = table[[f"{name}{end}" for name in order for end in ENDS if f"{name}{end}" in table.columns]]
    N, D = (table[name].to_numpy() for name in ("N", "D"))
    spare = {name: np.where(np.isfinite(v), v, 1.0) for name, v in on.columns(N, D).items()}
    said = support(origin, spare, is_bounded(table, "N"))
    if inference:
        table["training_share"] = TRAINING * N * D / table["C"]
    table["status"] = np.array([_none(on, n) or s.text for n, s in zip(N, said, strict=True)], dtype=object)
    return ComputePlan(on.law.title, asked, inference, level, np.ndim(given) > 0, table)


def _none(on: Surface, size: float) -> str:
    """Why there is no answer; empty where there is one."""
    if np.isnan(size):
        return "no answer: by these constants the loss does not fall with both size and tokens"
    if np.isinf(size):
        floor = float(on.loss(np.asarray(1e60), np.asarray(1e60)))
        return f"never: the target lies at or below {floor:.4g}, the loss that no budget goes below"
    return ""
