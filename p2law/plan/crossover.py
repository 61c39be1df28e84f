"""Prune or train from scratch: where the two loss curves meet at equal cost, and what the data can say about it.

The interval of the meeting point is read off the interval of the difference in loss: all budgets at which the data
cannot tell the two curves apart (Fieller's construction). It is open where they never can, as they often cannot at
large budgets, and it covers as the interval of the difference does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..data.answer import Copied, Record, Report
from ..data.quantities import format_quantity
from ..errors import FitError
from ..fitting.prediction import opened
from .cost import Architecture, Bill, Charge, Parent, bill
from .curve import Lookup, both_arms, estimated, limits
from .intervals import trained_params
from .meeting import POINTS, Meeting, roots, undecided

if TYPE_CHECKING:
    from ..fitting.result import Fit
    from ..laws import Constants

Winner = Literal["pruned", "scratch", "undetermined"]
Verdict = Literal["crossing", "pruned", "scratch", "never", "undetermined"]


@dataclass(frozen=True, eq=False, repr=False)
class Crossover(Record):
    """Where training from scratch and retraining a pruned model reach the same loss at the same cost.

    ``str(crossover)`` says it in sentences; ``to_frame()`` is the difference in loss over the range of budgets.
    """

    value: float
    """Retraining tokens at which the fitted curves meet (the first time in the range); nan if they do not."""
    lower: float
    """From here the data cannot tell the curves apart around ``value``: 0 if from below the range on. Where the fitted
    curves do not meet, the budgets at which they still may; nan if the data rule that out."""
    upper: float
    """Up to here; infinite if to the end of the range."""
    level: float
    method: str
    verdict: Verdict
    """``"crossing"``: they meet in the range. ``"pruned"``, ``"scratch"``: the fitted curve of this one is lower in the
    whole range (see ``lower``, ``upper``). ``"never"``: and the data say so for every budget, also beyond the range.
    ``"undetermined"``: the data cannot tell the two apart anywhere in the range."""
    below: Winner
    """Which of the fitted curves is lower at the start of the range."""
    above: Winner
    """And at its end."""
    at_large: Winner
    """Which of them tends to the lower loss, as far as the data determine it."""
    beyond: Mapping[str, Mapping[str, float]]
    """By side and column, the factor by which a curve is used outside its fitted range where the verdict rests on it:
    ``{"pruned": {"D": 3.2}}``; empty if neither is."""
    no_support: Mapping[str, str]
    """By side, why its fit says nothing here (it saw one other level of a column); empty if both do."""
    bill: Bill
    _crossings: pd.DataFrame
    _table: pd.DataFrame
    crossings = Copied("_crossings")
    """Every crossing of the fitted curves in the range: tokens, lower, upper, total (the bill), below, above."""
    table = Copied("_table")
    """Over the range: tokens (retraining), scratch_tokens (same cost), total (the bill), pruned, scratch (losses),
    difference (pruned minus scratch, nats per token), lower, upper."""

    @property
    def status(self) -> str:
        """The verdict in a sentence, with what it rests on."""
        return crossover_status(self)

    @property
    def total(self) -> float:
        """The whole bill at ``value``, in ``bill.unit``."""
        return float(self.bill.total(self.value))

    def _report(self) -> Report:
        low, high = (format_quantity(t) for t in self._table["tokens"].iloc[[0, -1]])
        lines = []
        for row in self._sampled().to_dict("records"):
            between = f" [{row['lower']:+.3f}, {row['upper']:+.3f}]" if np.isfinite(row["lower"]) else ""
            lines.append(
                f"  {format_quantity(row['tokens']):>6} retraining = {format_quantity(row['scratch_tokens'])} scratch "
                f"tokens: pruned {row['pruned']:.3f}, scratch {row['scratch']:.3f}, "
                f"difference {row['difference']:+.3f}{between} nats"
            )
        title = f"Prune or train from scratch ({self.bill}), {low} to {high} retraining tokens: {self.status}"
        return Report(title, rows=lines)

    def _sampled(self) -> pd.DataFrame:
        """Five rows of the table, from one end of the range to the other."""
        return self._table.iloc[:: (len(self._table) - 1) // 4]

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": self._sampled()}


def crossover(
    pruned: "Fit | Constants",
    scratch: "Fit | Constants",
    *,
    charge: Charge | Bill = "sunk",
    parent: Parent | None = None,
    children: float = 1,
    size: float | Architecture | None = None,
    scratch_size: float | Architecture | None = None,
    range: tuple[float, float] | None = None,
    level: float = 0.95,
    method: Literal["wald", "bootstrap"] | None = None,
    **at: Any,
) -> Crossover:
    """The budget at which retraining a pruned model and training from scratch reach the same loss.

    Parameters
    ----------
    pruned, scratch : Fit or Constants
        Laws of the loss in tokens: retraining tokens of the pruned model, training tokens of the one from scratch.
        Both must have been fitted to losses on the same text and tokenizer.
    charge : {"sunk", "tokens", "flops"} or Bill
        Who pays for the parent, see :func:`p2law.plan.bill`.
    parent : Parent, optional
        Its tokens and size (to charge it), its size and loss (N0 and L0 of the pruned law).
    children : float
        Models pruned from this parent, which share its price.
    size, scratch_size : float or Architecture, optional
        For ``charge="flops"``: the models trained; default: as the laws' columns say.
    range : (float, float), optional
        Retraining tokens between which to look; default: those the pruned fit was fitted to.
    level : float
        Confidence level.
    method : {"wald", "bootstrap"}, optional
        As for :func:`p2law.estimate`; default: draws if both fits have them.
    **at : float
        The laws' other columns (``N0=8e9, rho=0.5, L0=2.4``). A scratch law in N is asked at the size left after
        pruning unless N is given.

    Returns
    -------
    Crossover

    Raises
    ------
    DataError, FitError
        If a column or a number that the charge needs is missing, or a column belongs to neither law.

    Examples
    --------
    >>> import numpy as np, p2law
    >>> from p2law.plan.crossover import crossover
    >>> tokens = np.array([10e9, 30e9, 50e9, 250e9, 500e9])
    >>> scratch = p2law.fit("power", {"D": tokens, "loss": 2.3 + 2.5e3 * tokens**-0.35})
    >>> pruned = p2law.fit("power", {"D": tokens, "loss": 2.45 + 1e3 * tokens**-0.36})
    >>> meeting = crossover(pruned, scratch)
    >>> meeting.verdict, f"{meeting.value:.3g}"
    ('crossing', '4.06e+11')
    """
    first, second = both_arms(pruned, scratch, parent, at)
    sizes = [trained_params(a.source.law, a.at) if s is None else s for s, a in ((size, first), (scratch_size, second))]
    chosen = bill(
        charge, parent=parent, children=children, size=sizes[1] if sizes[0] is None else sizes[0], scratch_size=sizes[1]
    )
    tokens = np.geomspace(*limits(first, range), POINTS)
    met = Meeting(first, second, chosen)

    def differences(of: Lookup) -> np.ndarray:
        return np.append(met.gap(tokens, of), first.floor(of) - second.floor(of))

    found = estimated(differences, (first, second), level=level, method=method)
    open_ = met.unsupported(tokens)
    open_ = np.append(open_, open_.any())
    lower, upper = opened(open_, found.lower, found.upper)
    table = pd.DataFrame(
        {
            "tokens": tokens,
            "scratch_tokens": chosen.scratch_tokens(tokens),
            "total": chosen.total(tokens),
            "pruned": first.best(tokens),
            "scratch": second.best(chosen.scratch_tokens(tokens)),
            "difference": found.value[:-1],
            "lower": lower[:-1],
            "upper": upper[:-1],
        }
    )
    at_large = winner(found.value[-1], lower[-1], upper[-1])
    return _judged(met, table, at_large, level, found.method)


def winner(gap: float, lower: float = np.nan, upper: float = np.nan) -> Winner:
    """The side with the lower loss; undetermined where the interval holds zero (or there is no difference)."""
    if gap == 0 or lower <= 0 <= upper or not np.isfinite(gap):
        return "undetermined"
    return "pruned" if gap < 0 else "scratch"


def _judged(met: Meeting, table: pd.DataFrame, at_large: Winner, level: float, method: str) -> Crossover:
    """Put the difference along the range into a verdict."""
    tokens, gap, lower, upper = (table[name].to_numpy() for name in ("tokens", "difference", "lower", "upper"))
    if not np.isfinite(gap).all():
        where = format_quantity(tokens[~np.isfinite(gap)][0])
        raise FitError(f"the difference in loss is not a number at {where} retraining tokens: look at both fits.")
    open_ = undecided(tokens, lower, upper)
    at = roots(lambda t: float(met.gap(t)), tokens, gap)
    crossings = _crossings(at, open_, tokens, gap, met.bill)
    below, above = winner(gap[0]), winner(gap[-1])
    verdict: Verdict = "crossing" if at else below
    if open_ == [(0.0, np.inf)]:
        verdict = "undetermined"
    elif not at and not open_ and at_large == below and met.never(tokens):
        verdict = "never"
    between = crossings[["lower", "upper"]].to_numpy()[0] if at else open_[0] if open_ else (np.nan, np.nan)
    ends = [at[0]] if at else tokens[[0, -1]].tolist()
    return Crossover(
        value=at[0] if at else np.nan,
        lower=float(between[0]),
        upper=float(between[1]),
        level=level,
        method=method,
        verdict=verdict,
        below=below,
        above=above,
        at_large=at_large,
        beyond=met.beyond(ends),
        no_support=met.no_support(tokens),
        bill=met.bill,
        _crossings=crossings,
        _table=table,
    )


def _crossings(
    at: list[float], open_: list[tuple[float, float]], tokens: np.ndarray, gap: np.ndarray, chosen: Bill
) -> pd.DataFrame:
    rows = []
    for value in at:
        stretch = next((s for s in open_ if s[0] <= value <= s[1]), (np.nan, np.nan))
        sides = winner(-gap[tokens > value][0]) if value < tokens[-1] else winner(gap[tokens < value][-1])
        other = "scratch" if sides == "pruned" else "pruned"
        rows.append((value, *stretch, float(chosen.total(value)), sides, other))
    return pd.DataFrame(rows, columns=pd.Index(["tokens", "lower", "upper", "total", "below", "above"]))


# The verdict on a crossover in words.


_NAMES = {"pruned": "the pruned model", "scratch": "the model from scratch", "undetermined": "neither"}


def crossover_status(found: "Crossover") -> str:
    """See :attr:`p2law.plan.crossover.Crossover.status`."""
    leader = _NAMES[found.below]
    if found.verdict == "never":
        return f"they never meet: {leader} is better at every budget, also beyond the range{_beyond(found)}."
    words = {"crossing": _meeting, "undetermined": _nothing, "pruned": _leads, "scratch": _leads}
    large = f"at large budgets {_NAMES[found.at_large]} tends to the lower loss"
    if found.at_large == "undetermined":
        large = "the order at large budgets is undetermined"
    return f"{words[found.verdict](found)}; {large}{_beyond(found)}."


def _meeting(found: "Crossover") -> str:
    row = found.crossings.iloc[0]
    between = f" [{_bound(found.lower)}, {_bound(found.upper)}]" if np.isfinite(found.lower) else ""
    whole = f" ({total(found.bill, row['total'])} in all)" if found.bill.overhead else ""
    more = f"; they meet {len(found.crossings)} times" if len(found.crossings) > 1 else ""
    return (
        f"the curves meet at {format_quantity(found.value)} retraining tokens{between}{whole}: below it "
        f"{_NAMES[row['below']]} is better, above it {_NAMES[row['above']]}{more}"
    )


def _nothing(found: "Crossover") -> str:
    fitted = f" (the fitted curves meet at {format_quantity(found.value)})" if np.isfinite(found.value) else ""
    return f"undetermined by these data: {_interval(found)} holds zero over the whole range{fitted}"


def _leads(found: "Crossover") -> str:
    """One curve is the lower throughout: for certain, or with doubts where."""
    if np.isnan(found.lower):
        certain = "" if np.isnan(found.table["lower"]).all() else f", and {_interval(found)} holds zero nowhere"
        return f"{found.below} always better in range{certain}"
    where = f"from {_bound(found.lower)} to {_bound(found.upper)}"
    if found.lower == 0:
        where = f"below {_bound(found.upper)}"
    elif np.isinf(found.upper):
        where = f"above {_bound(found.lower)}"
    return (
        f"{found.below} leads over the whole range by the fitted curves, but {_interval(found)} holds zero "
        f"{where} tokens"
    )


def _interval(found: "Crossover") -> str:
    return f"the {100 * found.level:g} % interval of the difference"


def _bound(value: float) -> str:
    return "below the range" if value == 0 else "beyond the range" if np.isinf(value) else format_quantity(value)


def total(bill: Bill, value: float) -> str:
    """A bill with its coin."""
    return f"{format_quantity(value)} tokens" if bill.unit == "tokens" else f"{value:.3g} {bill.unit}"


def outside_words(side: str, factors: Mapping[str, float]) -> str:
    """By how much a curve is used outside its fitted range."""
    far = " and ".join(f"{name} {factor:.3g} times" for name, factor in factors.items())
    return f"the {side} curve is used with {far} outside its fitted range"


def _beyond(found: "Crossover") -> str:
    lost = [f"; the {side} curve has {why}" for side, why in found.no_support.items()]
    far = [f"; extrapolated: {outside_words(side, factors)}" for side, factors in found.beyond.items()]
    return "".join(lost + far)
