"""Compute-optimal training: size, tokens and loss for a budget, and the budget for a loss, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.arguments import one_positive, positives
from ..data.flops import TRAINING
from ..data.quantities import format_quantity
from ..fitting.source import Source, as_source
from .intervals import Bounds, between, bounds, nats, support
from .surface import Surface, allocate, budget_for, surface

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..fitting.uncertainty.intervals import Method
    from ..laws.published import Constants


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

    @property
    def C(self) -> Any:
        """Budget in FLOPs: 6 N D, and 2 N per token of inference where asked for."""
        return self._column("C")

    @property
    def N(self) -> Any:
        """Parameters, counted as in the fitted table."""
        return self._column("N")

    @property
    def D(self) -> Any:
        """Training tokens."""
        return self._column("D")

    @property
    def tokens_per_param(self) -> Any:
        return self._column("tokens_per_param")

    @property
    def loss(self) -> Any:
        """Loss reached, nats per token."""
        return self._column("loss")

    @property
    def status(self) -> Any:
        """A sentence: what the answer rests on, or why there is none."""
        return self._column("status")

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
    def bracketed(name: str, write: Any = format_quantity) -> str:
        return between(row[name], row.get(f"{name}_lower", np.nan), row.get(f"{name}_upper", np.nan), write)

    if not np.isfinite(row["N"]):
        given = f"C = {row['C']:.4g} FLOPs" if np.isnan(row["loss"]) else f"loss {row['loss']:.4g} nats/token"
        return f"  {given}: {row['status']}"
    return (
        f"  C = {bracketed('C', lambda c: f'{c:.4g}')} FLOPs: N = {bracketed('N')} parameters, "
        f"D = {bracketed('D')} tokens ({bracketed('tokens_per_param')} per parameter), "
        f"loss {bracketed('loss', nats)} nats/token; {row['status']}"
    )


def compute_optimal(
    source: "Fit | Constants",
    C: Any,
    *,
    level: float = 0.95,
    inference_tokens: float = 0.0,
    method: "Method | None" = None,
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
    level : float
        Confidence level of the intervals.
    inference_tokens : float
        Tokens the model will serve, I (Sardana et al. 2024, arXiv 2401.00448); they favour smaller models.
    method : {"wald", "bootstrap"}, optional
        As for :func:`p2law.estimate`.
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
    budgets, inference = positives("C", C), one_positive("inference_tokens", inference_tokens, zero=True)
    origin = as_source("source", source)
    base = surface(origin, at)

    def found(params: Mapping[str, float]) -> dict[str, np.ndarray]:
        on = replace(base, params=params)
        N, D = allocate(on, budgets, inference)
        return {"N": N, "D": D, "tokens_per_param": D / N, "loss": on.loss(N, D)}

    ends = bounds(origin, found, level=level, method=method, plain=("loss",))
    return _plan(origin, base, ends, {"C": budgets}, inference, level, many=np.ndim(C) > 0)


def compute_for_loss(
    source: "Fit | Constants",
    loss: Any,
    *,
    level: float = 0.95,
    inference_tokens: float = 0.0,
    method: "Method | None" = None,
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
    targets, inference = positives("loss", loss), one_positive("inference_tokens", inference_tokens, zero=True)
    origin = as_source("source", source)
    base = surface(origin, at)

    def found(params: Mapping[str, float]) -> dict[str, np.ndarray]:
        on = replace(base, params=params)
        C = budget_for(on, targets, inference)
        real = np.isfinite(C)
        N, D = allocate(on, np.where(real, C, 1.0), inference)
        ends = {"C": C, "N": np.where(real, N, C), "D": np.where(real, D, C)}
        return ends | {"tokens_per_param": np.where(real, D / N, np.nan)}

    ends = bounds(origin, found, level=level, method=method)
    return _plan(origin, base, ends, {"loss": targets}, inference, level, many=np.ndim(loss) > 0)


def _plan(
    origin: Source,
    on: Surface,
    ends: Mapping[str, Bounds],
    given: Mapping[str, np.ndarray],
    inference: float,
    level: float,
    *,
    many: bool,
) -> ComputePlan:
    columns: dict[str, np.ndarray] = {}
    for name in ("C", "N", "D", "tokens_per_param", "loss"):
        if name in given or name in ends:
            columns |= {name: given[name]} if name in given else ends[name].columns(name)
    at = on.columns(ends["N"].value, ends["D"].value)
    spare = {name: np.where(np.isfinite(v), v, 1.0) for name, v in at.items()}
    said = support(origin, spare, ends["N"].known)
    none = [_none(on, n) for n in ends["N"].value]
    table = pd.DataFrame(columns)
    if inference:
        table["training_share"] = TRAINING * table["N"] * table["D"] / table["C"]
    table["status"] = np.array([a or b.text for a, b in zip(none, said, strict=True)], dtype=object)
    return ComputePlan(on.law.title, next(iter(given)), inference, level, many, table)


def _none(on: Surface, size: float) -> str:
    """Why there is no answer; empty where there is one."""
    if np.isnan(size):
        return "no answer: by these constants the loss does not fall with both size and tokens"
    if np.isinf(size):
        floor = float(on.loss(np.asarray(1e60), np.asarray(1e60)))
        return f"never: the target lies at or below {floor:.4g}, the loss that no budget goes below"
    return ""
