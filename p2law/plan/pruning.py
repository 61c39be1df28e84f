"""The best way to a model of a given size at a given budget: which method, which parent, how many tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..data.answer import Copied, Method, Record, Report
from ..data.arguments import mapping, number, plain
from ..data.quantities import format_quantity
from ..errors import DataError, FitError, renamed_arguments
from ..fitting.prediction import describe_outside, refuse_unknown, unbounded
from ..fitting.source import Origin, ParamsOf, Source, as_source, estimate_from
from .cost import Architecture, Parent, ParentCost, cost_model
from .curve import LossCurve, loss_curve
from .intervals import PUBLISHED

Kind = Literal["inside", "extrapolated", "no support", "published", "impossible"]
"""What a loss rests on: columns inside or outside the fitted range, a column at which the fit has no support, constants
without rows; ``"impossible"``: there is no loss."""
_COLUMNS = ["method", "parent", "rate", "tokens", "loss", "lower", "upper", "behind", "behind_lower", "behind_upper"]


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Record):
    """Ways to a model of one size at one budget, lowest loss first."""

    size: float
    budget: str
    """The budget with its unit, and whether the parent counts."""
    level: float
    _table: pd.DataFrame
    kinds: tuple[Kind, ...]
    """What each row rests on."""
    table = Copied("_table")
    """One row per method and parent: method, parent, rate, tokens (after the parent is paid), loss, lower, upper (of
    the law), behind (loss above that of the best), behind_lower, behind_upper, status. Ways at columns of which the fit
    says nothing (a rate where it saw another one only) come after the others, with infinite intervals; impossible ways
    come last, with nan and the reason."""

    @property
    def best(self) -> dict[str, Any]:
        """The first row: method, parent, rate, tokens, loss, lower, upper."""
        return {str(k): plain(v) for k, v in self._table.iloc[0].items() if not str(k).startswith("behind")}

    @property
    def tied(self) -> list[tuple[str, str]]:
        """(method, parent) of those that the data cannot tell from the best."""
        rows = self._table.iloc[1:]
        tied = rows[(rows["behind_lower"] <= 0) & (rows["behind_upper"] >= 0)]
        return list(zip(tied["method"], tied["parent"], strict=True))

    def _report(self) -> Report:
        lines, tied = [], []
        for row in self._table.to_dict("records"):
            way = f"{row['method']} from {row['parent']}" if row["parent"] else row["method"]
            if np.isnan(row["loss"]):
                lines.append(f"  {way}: {row['status']}")
                continue
            rate = f"at rate {row['rate']:.3g}, " if np.isfinite(row["rate"]) else ""
            between = f" [{row['lower']:.3f}, {row['upper']:.3f}]" if np.isfinite(row["lower"]) else ""
            status = f"; {row['status']}" if row["status"] else ""
            lines.append(f"  {way}, {rate}{format_quantity(row['tokens'])} tokens: {row['loss']:.3f}{between}{status}")
        if self.tied:
            names = ", ".join(f"{m} from {p}" if p else m for m, p in self.tied)
            tied = [f"These data do not tell the best from {names} ({100 * self.level:g} % interval)."]
        title = f"A model of {format_quantity(self.size)} parameters for {self.budget}:"
        return Report(title, rows=lines, sentences=tied)


@renamed_arguments(charge="parent_cost", children="models_per_parent")
def best_pruning(
    methods: Mapping[str, "Origin"],
    parents: Parent | Mapping[str, Parent],
    *,
    size: float,
    budget: float,
    parent_cost: ParentCost = "sunk",
    models_per_parent: float = 1,
    trained_size: float | Architecture | None = None,
    scratch: "Origin | None" = None,
    level: float = 0.95,
    method: Method | None = None,
    **at: Any,
) -> Ranking:
    """Which pruning method and which parent give the lowest loss at a target size within a budget.

    The rate of a parent follows from the target size, its retraining tokens from what the budget leaves after it is
    paid; laws of the loss fall with tokens, so all of the budget is spent.

    Parameters
    ----------
    methods : mapping
        Name of a pruning method to its fit (a law with size before pruning and rate). All to losses on the same text.
    parents : Parent or mapping
        The parents there are, by name; each with its size, its loss where the laws want it, and its tokens where they
        count.
    size : float
        Parameters of the model wanted, counted as N0 of the fits is.
    budget : float
        Tokens; FLOPs with ``parent_cost="flops"``.
    parent_cost, models_per_parent, level, method
        As for :func:`p2law.crossover`.
    trained_size : float or Architecture, optional
        What a training token costs with ``parent_cost="flops"`` (default: ``size``).
    scratch : Fit or Constants, optional
        Law of training from scratch, to stand in the same list.
    **at : float
        Further columns of the laws.

    Returns
    -------
    Ranking

    Raises
    ------
    DataError, FitError
        If there is no method or parent, a law knows no rate, or a number that the cost needs is missing.
    """
    named = {"the parent": parents} if isinstance(parents, Parent) else parents
    if not isinstance(named, Mapping) or not all(isinstance(p, Parent) for p in named.values()):
        raise DataError("parents: give a Parent, or a mapping of names to Parents: {'8B': Parent(size=8e9, loss=2.1)}.")
    mapping("methods", methods, "{'width': fit}")
    if not methods or not named:
        raise FitError("best_pruning needs one method and one parent or more.")
    for what, value in (("size", size), ("budget", budget)):
        number(what, value, low=0, error=DataError)
    sources = {label: as_source(f"method {label!r}", source) for label, source in methods.items()}
    laws = [source.law for source in sources.values()]
    refuse_unknown(laws, at, [v.name for law in laws for v in law.variables])
    trained = size if trained_size is None else trained_size
    ways: list[_Way] = []
    for label, source in sources.items():
        for name, parent in named.items():
            cost = cost_model(parent_cost, parent=parent, models_per_parent=models_per_parent, size=trained)
            ways.append(_way(label, source, name, parent, size, float(cost.retraining_tokens(budget / cost.price)), at))
    if scratch is not None:
        origin = as_source("scratch", scratch)
        tokens = budget / cost_model(parent_cost, parent=next(iter(named.values())), size=trained).price
        column = origin.law.variable("size")
        side = loss_curve("scratch", origin, {column: size} if column else {})
        ways.append(_Way("scratch", "", np.nan, tokens, side, *_support(side, tokens)))
    spent = f"{budget:.3g} FLOPs" if parent_cost == "flops" else f"{format_quantity(budget)} tokens"
    paid = "parent free" if parent_cost == "sunk" else "parent charged"
    table = _ranked(ways, level, method)
    return Ranking(size, f"{spent} ({paid})", level, table, kinds=tuple(table.pop("kind")))


@dataclass(frozen=True, eq=False)
class _Way:
    """One row of the ranking."""

    method: str
    parent: str
    rate: float
    tokens: float
    curve: LossCurve | None
    """None where this way is impossible."""
    kind: Kind
    status: str


def _way(
    label: str, source: Source, name: str, parent: Parent, size: float, tokens: float, at: Mapping[str, Any]
) -> _Way:
    """One method from one parent, or why that is impossible."""
    column = source.law.variable("rate")
    if column is None:
        raise FitError(f"method {label!r} is a fit of {source.law.name}, which knows no pruning rate: fit a P² law.")
    if parent.params is None:
        raise DataError(f"the parent {name!r} has no size: Parent(size=8e9, ...).")
    rate, why = 1 - size / parent.params, ""
    if parent.params <= size:
        rate, why = np.nan, f"a parent of {format_quantity(parent.params)} parameters cannot be pruned to it"
    elif tokens <= 0:
        why = "its share of the parent costs the whole budget or more"
    if why:
        return _Way(label, name, rate, np.nan, None, "impossible", f"impossible: {why}")
    curve = loss_curve(f"method {label!r}", source, {**at, column: rate}, parent=parent)
    return _Way(label, name, rate, tokens, curve, *_support(curve, tokens))


def _ranked(ways: list[_Way], level: float, method: Any) -> pd.DataFrame:
    """The ways with their losses, lowest first (those without support after the others), compared with the best."""
    table = pd.DataFrame([{name: getattr(way, name) for name in (*_COLUMNS[:4], "status", "kind")} for way in ways])
    table = table.reindex(columns=[*_COLUMNS, "status", "kind"])
    where = [i for i, way in enumerate(ways) if way.curve is not None]
    curves = [(way.curve, way.tokens) for way in ways if way.curve is not None]
    lost = np.array([bool(curve.unsupported(tokens)) for curve, tokens in curves], dtype=bool)
    if curves:
        losses = np.array([float(curve.loss(tokens)) for curve, tokens in curves])
        best = int(np.lexsort((losses, lost))[0])

        def compared(of: ParamsOf) -> np.ndarray:
            loss = np.array([float(curve.loss(tokens, of)) for curve, tokens in curves])
            return np.stack([loss, loss - loss[best]], axis=1)

        sources = [source for curve, _ in curves for source in curve.sources]
        found = estimate_from(compared, sources, level=level, method=method)
        for k, names in enumerate((_COLUMNS[4:7], _COLUMNS[7:])):
            ends = unbounded(lost, found.lower[:, k], found.upper[:, k])
            table.loc[where, names] = np.stack([found.value[:, k], *ends], axis=1)
    last = np.zeros(len(table), dtype=bool)
    last[where] = lost
    return table.iloc[np.lexsort((table["loss"], last))].reset_index(drop=True)


def _support(curve: LossCurve, tokens: float) -> tuple[Kind, str]:
    """What the loss of a way rests on, as a kind and in words."""
    if not curve.source.fits:
        return "published", PUBLISHED
    reason, far = curve.no_support(tokens), describe_outside(curve.outside(tokens))
    kind: Kind = "no support" if reason else "extrapolated" if far else "inside"
    return kind, "; ".join(said for said in (reason, f"extrapolated: {far}" if far else "") if said)
