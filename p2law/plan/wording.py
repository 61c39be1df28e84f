"""The verdict on a crossover in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..quantities import format_quantity
from .bills import Bill

if TYPE_CHECKING:
    from .crossover import Crossover

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
