"""The best way to a model of a given size at a given budget: which method, which parent, how many tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.arguments import mapping, number, plain, require_fit
from ..data.quantities import format_quantity
from ..errors import DataError, FitError
from ..fitting.prediction import opened
from ..laws import Constants
from .cost import Architecture, Charge, Parent, bill
from .curve import Arm, Lookup, arm, estimated

if TYPE_CHECKING:
    from ..fitting.result import Fit

_COLUMNS = ["method", "parent", "rate", "tokens", "loss", "lower", "upper", "behind", "behind_lower", "behind_upper"]


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Record):
    """Ways to a model of one size at one budget, lowest loss first."""

    size: float
    budget: str
    """The budget with its coin, and who pays for the parent."""
    level: float
    _table: pd.DataFrame
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
        level = rows[(rows["behind_lower"] <= 0) & (rows["behind_upper"] >= 0)]
        return list(zip(level["method"], level["parent"], strict=True))

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


def best_pruning(
    methods: "Mapping[str, Fit | Constants]",
    parents: Parent | Mapping[str, Parent],
    *,
    size: float,
    budget: float,
    charge: Charge = "sunk",
    children: float = 1,
    trained_size: float | Architecture | None = None,
    scratch: "Fit | Constants | None" = None,
    level: float = 0.95,
    method: Literal["wald", "bootstrap"] | None = None,
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
        are charged.
    size : float
        Parameters of the model wanted, counted as N0 of the fits is.
    budget : float
        Tokens; FLOPs with ``charge="flops"``.
    charge, children
        As for :func:`p2law.crossover`.
    trained_size : float or Architecture, optional
        What a training token costs with ``charge="flops"`` (default: ``size``).
    scratch : Fit or Constants, optional
        Law of training from scratch, to stand in the same list.
    level, method
        As for :func:`p2law.crossover`.
    **at : float
        Further columns of the laws.

    Returns
    -------
    Ranking

    Raises
    ------
    DataError, FitError
        If there is no method or parent, a law knows no rate, or a number that the charge needs is missing.
    """
    named = {"the parent": parents} if isinstance(parents, Parent) else parents
    if not isinstance(named, Mapping) or not all(isinstance(p, Parent) for p in named.values()):
        raise DataError("parents: give a Parent, or a mapping of names to Parents: {'8B': Parent(size=8e9, loss=2.1)}.")
    mapping("methods", methods, "{'width': fit}")
    if not methods or not named:
        raise FitError("best_pruning needs one method and one parent or more.")
    for what, value in (("size", size), ("budget", budget)):
        number(what, value, low=0, error=DataError)
    for label, source in methods.items():
        require_fit(f"method {label!r}", source, constants=True)
    _check_columns(at, [*methods.values()])
    trained = size if trained_size is None else trained_size
    ways: list[_Way] = []
    for label, source in methods.items():
        for name, parent in named.items():
            cost = bill(charge, parent=parent, children=children, size=trained)
            ways.append(_way(label, source, name, parent, size, float(cost.retraining_tokens(budget / cost.price)), at))
    if scratch is not None:
        require_fit("scratch", scratch, constants=True)
        price = bill(charge, parent=next(iter(named.values())), size=trained).price
        column = scratch.law.variable("size")
        side = arm(scratch, {column: size} if column else {}, name="scratch")
        ways.append(_Way("scratch", "", np.nan, budget / price, side, _support(side, budget / price)))
    coin = f"{budget:.3g} FLOPs" if charge == "flops" else f"{format_quantity(budget)} tokens"
    paid = "parent free" if charge == "sunk" else "parent charged"
    return Ranking(size, f"{coin} ({paid})", level, _ranked(ways, level, method))


@dataclass(frozen=True, eq=False)
class _Way:
    method: str
    parent: str
    rate: float
    tokens: float
    arm: Arm | None
    status: str = ""


def _check_columns(at: Mapping[str, Any], sources: "list[Fit | Constants]") -> None:
    known = {v.name for source in sources for v in source.law.variables}
    unknown = sorted(set(at) - known)
    if unknown:
        raise DataError(f"no law of these methods has a column {unknown[0]!r}; theirs are {', '.join(sorted(known))}.")


def _way(
    label: str,
    source: "Fit | Constants",
    name: str,
    parent: Parent,
    size: float,
    tokens: float,
    at: Mapping[str, Any],
) -> _Way:
    """One method from one parent, or why that is impossible."""
    column = source.law.variable("rate")
    if column is None:
        raise FitError(f"method {label!r} is a fit of {source.law.name}, which knows no pruning rate: fit a P² law.")
    if parent.params is None:
        raise DataError(f"the parent {name!r} has no size: Parent(size=8e9, ...).")
    if parent.params <= size:
        why = f"impossible: a parent of {format_quantity(parent.params)} parameters cannot be pruned to it"
        return _Way(label, name, np.nan, np.nan, None, why)
    rate = 1 - size / parent.params
    if tokens <= 0:
        why = "impossible: its share of the parent costs the whole budget or more"
        return _Way(label, name, rate, np.nan, None, why)
    side = arm(source, {**at, column: rate}, parent=parent, name=f"method {label!r}")
    return _Way(label, name, rate, tokens, side, _support(side, tokens))


def _ranked(ways: list[_Way], level: float, method: Any) -> pd.DataFrame:
    """The ways with their losses, lowest first (those without support after the others), compared with the best."""
    table = pd.DataFrame([{name: getattr(way, name) for name in (*_COLUMNS[:4], "status")} for way in ways])
    table = table.reindex(columns=[*_COLUMNS, "status"])
    where = [i for i, way in enumerate(ways) if way.arm is not None]
    arms = [(way.arm, way.tokens) for way in ways if way.arm is not None]
    open_ = np.array([bool(each.unsupported(tokens)) for each, tokens in arms], dtype=bool)
    if arms:
        losses = np.array([float(each.best(tokens)) for each, tokens in arms])
        best = int(np.lexsort((losses, open_))[0])

        def compared(of: Lookup) -> np.ndarray:
            loss = np.array([float(each.loss(tokens, of)) for each, tokens in arms])
            return np.stack([loss, loss - loss[best]], axis=1)

        found = estimated(compared, tuple(each for each, _ in arms), level=level, method=method)
        for k, names in enumerate((_COLUMNS[4:7], _COLUMNS[7:])):
            ends = opened(open_, found.lower[:, k], found.upper[:, k])
            table.loc[where, names] = np.stack([found.value[:, k], *ends], axis=1)
    last = np.zeros(len(table), dtype=bool)
    last[where] = open_
    return table.iloc[np.lexsort((table["loss"], last))].reset_index(drop=True)


def _support(made: Arm, tokens: float) -> str:
    """Which columns lie outside the fitted range."""
    if isinstance(made.source, Constants):
        return "from published constants"
    far = [f"{k} {factor:.3g} times outside the fitted range" for k, factor in made.beyond(tokens).items()]
    where = "extrapolated: " + ", ".join(far) if far else ""
    return "; ".join(said for said in (made.no_support(tokens), where) if said)
