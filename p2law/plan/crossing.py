"""Prune or train from scratch: where the two loss curves meet at equal cost, and what the data can say about it.

The interval of the meeting point is read off the interval of the difference in loss: all budgets at which the data
cannot tell the two curves apart (Fieller's construction). It is open where they never can, as they often cannot at
large budgets, and it covers as the interval of the difference does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..data.answer import Copied, Method, Record, Report
from ..data.quantities import format_quantity
from ..errors import FitError, renamed_arguments, renamed_attribute
from ..fitting.prediction import describe_outside, unbounded
from ..fitting.source import Origin, ParamsOf, estimate_from, fitted_params
from .cost import Architecture, CostModel, Parent, ParentCost, cost_model
from .curve import LossCurve, loss_curves, token_range
from .intervals import trained_params

Winner = Literal["pruned", "scratch", "undetermined"]
Verdict = Literal["crossing", "pruned", "scratch", "never", "undetermined"]
POINTS = 241
"""Budgets at which the difference is computed."""


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
    """By side, why its fit says nothing here (it was fitted at one other value of a column); empty if both do."""
    cost: CostModel
    _crossings: pd.DataFrame
    _table: pd.DataFrame
    crossings = Copied("_crossings")
    """Every crossing of the fitted curves in the range: tokens, lower, upper, total (cost), below, above."""
    table = Copied("_table")
    """Over the range: tokens (retraining), scratch_tokens (same cost), total (cost), pruned, scratch (losses),
    difference (pruned minus scratch, nats per token), lower, upper."""
    bill = renamed_attribute("bill", "cost")

    @property
    def status(self) -> str:
        """The verdict in a sentence, with what it rests on."""
        return _status(self)

    @property
    def total(self) -> float:
        """The whole cost at ``value``, in ``cost.unit``."""
        return float(self.cost.total(self.value))

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
        title = f"Prune or train from scratch ({self.cost}), {low} to {high} retraining tokens: {self.status}"
        return Report(title, rows=lines)

    def _sampled(self) -> pd.DataFrame:
        """Five rows of the table, from one end of the range to the other."""
        return self._table.iloc[:: (len(self._table) - 1) // 4]

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": self._sampled()}


@renamed_arguments(charge="parent_cost", children="models_per_parent")
def crossover(
    pruned: Origin,
    scratch: Origin,
    *,
    parent_cost: ParentCost | CostModel = "sunk",
    parent: Parent | None = None,
    models_per_parent: float = 1,
    size: float | Architecture | None = None,
    scratch_size: float | Architecture | None = None,
    range: tuple[float, float] | None = None,
    level: float = 0.95,
    method: Method | None = None,
    **at: Any,
) -> Crossover:
    """The budget at which retraining a pruned model and training from scratch reach the same loss.

    Parameters
    ----------
    pruned, scratch : Fit or Constants
        Laws of the loss in tokens: retraining tokens of the pruned model, training tokens of the one from scratch.
        Both must have been fitted to losses on the same text and tokenizer.
    parent_cost, models_per_parent, size, scratch_size
        As for :func:`p2law.plan.cost_model`; by default the sizes are what the laws' columns say.
    parent : Parent, optional
        Its tokens and size (for its cost), its size and loss (N0 and L0 of the pruned law).
    range : (float, float), optional
        Retraining tokens between which to look; default: those the pruned fit was fitted to.
    level, method
        As for :func:`p2law.estimate`; by default draws if both fits have them.
    **at : float
        The laws' other columns (``N0=8e9, rho=0.5, L0=2.4``). A scratch law in N is asked at the size left after
        pruning unless N is given.

    Returns
    -------
    Crossover

    Raises
    ------
    DataError, FitError
        If a column or a number that the cost needs is missing, or a column belongs to neither law.

    Examples
    --------
    >>> import numpy as np, p2law
    >>> from p2law.plan.crossing import crossover
    >>> tokens = np.array([10e9, 30e9, 50e9, 250e9, 500e9])
    >>> scratch = p2law.fit("power", {"D": tokens, "loss": 2.3 + 2.5e3 * tokens**-0.35})
    >>> pruned = p2law.fit("power", {"D": tokens, "loss": 2.45 + 1e3 * tokens**-0.36})
    >>> meeting = crossover(pruned, scratch)
    >>> meeting.verdict, f"{meeting.value:.3g}"
    ('crossing', '4.06e+11')
    """
    first, second = loss_curves(pruned, scratch, parent, at)
    sizes = [trained_params(c.law, c.at) if s is None else s for s, c in ((size, first), (scratch_size, second))]
    cost = cost_model(
        parent_cost,
        parent=parent,
        models_per_parent=models_per_parent,
        size=sizes[1] if sizes[0] is None else sizes[0],
        scratch_size=sizes[1],
    )
    tokens, pair = np.geomspace(*token_range(first, range), POINTS), CurvePair(first, second, cost)

    def differences(of: ParamsOf) -> np.ndarray:
        return np.append(pair.gap(tokens, of), first.floor(of) - second.floor(of))

    found = estimate_from(differences, (*first.sources, *second.sources), level=level, method=method)
    lost = pair.unsupported(tokens)
    lower, upper = unbounded(np.append(lost, lost.any()), found.lower, found.upper)
    columns = {"tokens": tokens, "scratch_tokens": cost.scratch_tokens(tokens), "total": cost.total(tokens)}
    columns |= {side: curve.loss(own) for side, (curve, own) in pair.at(tokens).items()}
    columns |= {"difference": found.value[:-1], "lower": lower[:-1], "upper": upper[:-1]}
    return _judged(pair, pd.DataFrame(columns), _lower_side(found.value[-1], lower[-1], upper[-1]), level, found.method)


@dataclass(frozen=True, eq=False)
class CurvePair:
    """Two ways to spend a budget, and what makes budgets equal."""

    pruned: LossCurve
    scratch: LossCurve
    cost: CostModel

    def gap(self, tokens: Any, of: ParamsOf = fitted_params) -> np.ndarray:
        """Loss of the pruned model minus that from scratch at equal cost, in the shape of the retraining tokens."""
        return self.pruned.loss(tokens, of) - self.scratch.loss(self.cost.scratch_tokens(tokens), of)

    def never(self, tokens: np.ndarray) -> bool:
        """Whether the fitted curves stay apart far beyond these tokens too, where nothing was measured."""
        gap = self.gap(np.geomspace(tokens[0] * 1e-6, tokens[-1] * 1e15, 4 * POINTS))
        return bool(np.all(gap > 0) or np.all(gap < 0))

    def at(self, tokens: np.ndarray) -> dict[str, tuple[LossCurve, np.ndarray]]:
        """By side, its curve and its tokens where the pruned model has had these retraining tokens."""
        return {
            "pruned": (self.pruned, tokens),
            "scratch": (self.scratch, np.asarray(self.cost.scratch_tokens(tokens))),
        }

    def unsupported(self, tokens: np.ndarray) -> np.ndarray:
        """At which of these retraining tokens one of the fits says nothing, (points,) of bool."""
        return np.any([curve.unsupported(own) for curve, own in self.at(tokens).values()], axis=0)


def outside_by_side(sides: Mapping[str, tuple[LossCurve, Any]]) -> dict[str, dict[str, float]]:
    """Factors by which each curve is used outside its fitted range; sides within it are left out."""
    return {side: factors for side, (curve, tokens) in sides.items() if (factors := curve.outside(tokens))}


def no_support_by_side(sides: Mapping[str, tuple[LossCurve, Any]]) -> dict[str, str]:
    """Why a curve has no support at some of its tokens, for each side of which that is so."""
    return {side: reason for side, (curve, tokens) in sides.items() if (reason := curve.no_support(tokens))}


def roots(gap: Callable[[float], float], tokens: np.ndarray, values: np.ndarray) -> list[float]:
    """Where a difference, known on a grid, changes its sign."""
    from scipy.optimize import brentq

    def at(log_tokens: float) -> float:
        return gap(float(np.exp(log_tokens)))

    out = tokens[values == 0].tolist()
    for i in np.flatnonzero(values[:-1] * values[1:] < 0):
        out.append(float(np.exp(brentq(at, np.log(tokens[i]), np.log(tokens[i + 1]), xtol=1e-13, rtol=1e-14))))
    return sorted(out)


def indistinguishable(tokens: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> list[tuple[float, float]]:
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


def _lower_side(gap: float, lower: float = np.nan, upper: float = np.nan) -> Winner:
    """The side with the lower loss; undetermined where the interval holds zero (or there is no difference)."""
    if gap == 0 or lower <= 0 <= upper or not np.isfinite(gap):
        return "undetermined"
    return "pruned" if gap < 0 else "scratch"


def _judged(pair: CurvePair, table: pd.DataFrame, at_large: Winner, level: float, method: str) -> Crossover:
    """Put the difference along the range into a verdict."""
    tokens, gap, lower, upper = (table[name].to_numpy() for name in ("tokens", "difference", "lower", "upper"))
    if not np.isfinite(gap).all():
        where = format_quantity(tokens[~np.isfinite(gap)][0])
        raise FitError(f"the difference in loss is not a number at {where} retraining tokens: look at both fits.")
    stretches = indistinguishable(tokens, lower, upper)
    at = roots(lambda t: float(pair.gap(t)), tokens, gap)
    crossings = _crossings(at, stretches, tokens, gap, pair.cost)
    below, above = _lower_side(gap[0]), _lower_side(gap[-1])
    verdict: Verdict = "crossing" if at else below
    if stretches == [(0.0, np.inf)]:
        verdict = "undetermined"
    elif not at and not stretches and at_large == below and pair.never(tokens):
        verdict = "never"
    between = crossings[["lower", "upper"]].to_numpy()[0] if at else stretches[0] if stretches else (np.nan, np.nan)
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
        beyond=outside_by_side(pair.at(np.array(at[:1]) if at else tokens[[0, -1]])),
        no_support=no_support_by_side(pair.at(tokens)),
        cost=pair.cost,
        _crossings=crossings,
        _table=table,
    )


def _crossings(
    at: list[float], stretches: list[tuple[float, float]], tokens: np.ndarray, gap: np.ndarray, cost: CostModel
) -> pd.DataFrame:
    """Each crossing with its interval, its cost and the better side below and above it."""
    rows = []
    for value in at:
        stretch = next((s for s in stretches if s[0] <= value <= s[1]), (np.nan, np.nan))
        sides = _lower_side(-gap[tokens > value][0]) if value < tokens[-1] else _lower_side(gap[tokens < value][-1])
        other = "scratch" if sides == "pruned" else "pruned"
        rows.append((value, *stretch, float(cost.total(value)), sides, other))
    return pd.DataFrame(rows, columns=pd.Index(["tokens", "lower", "upper", "total", "below", "above"]))


_NAMES = {"pruned": "the pruned model", "scratch": "the model from scratch", "undetermined": "neither"}


def _status(found: Crossover) -> str:
    """See :attr:`Crossover.status`."""
    used = "".join(f"; {each}" for each in use_of_curves(found.no_support, found.beyond))
    if found.verdict == "never":
        return f"they never meet: {_NAMES[found.below]} is better at every budget, also beyond the range{used}."
    words = {"crossing": _meeting, "undetermined": _undetermined}.get(found.verdict, _leading)
    large = f"at large budgets {_NAMES[found.at_large]} tends to the lower loss"
    if found.at_large == "undetermined":
        large = "the order at large budgets is undetermined"
    return f"{words(found)}; {large}{used}."


def _meeting(found: Crossover) -> str:
    """Where the curves meet, in words."""
    row = found._crossings.iloc[0]
    between = f" [{_bound(found.lower)}, {_bound(found.upper)}]" if np.isfinite(found.lower) else ""
    total = format_quantity(row["total"]) if found.cost.unit == "tokens" else f"{row['total']:.3g}"
    whole = f" ({total} {found.cost.unit} in all)" if found.cost.overhead else ""
    more = f"; they meet {len(found._crossings)} times" if len(found._crossings) > 1 else ""
    return (
        f"the curves meet at {format_quantity(found.value)} retraining tokens{between}{whole}: below it "
        f"{_NAMES[row['below']]} is better, above it {_NAMES[row['above']]}{more}"
    )


def _undetermined(found: Crossover) -> str:
    fitted = f" (the fitted curves meet at {format_quantity(found.value)})" if np.isfinite(found.value) else ""
    return f"undetermined by these data: the difference is not significant anywhere in the range{fitted}"


def _leading(found: Crossover) -> str:
    """One curve is the lower throughout; significantly so, or not everywhere."""
    if np.isnan(found.lower):
        known = not np.isnan(found._table["lower"]).all()
        certain = f", and the {100 * found.level:g} % interval excludes zero everywhere" if known else ""
        return f"{found.below} has lower predicted loss throughout the range{certain}"
    where = f"from {_bound(found.lower)} to {_bound(found.upper)}"
    if found.lower == 0:
        where = f"below {_bound(found.upper)}"
    elif np.isinf(found.upper):
        where = f"above {_bound(found.lower)}"
    return f"{found.below} has lower predicted loss throughout; {where} tokens the difference is not significant"


def _bound(value: float) -> str:
    return "below the range" if value == 0 else "beyond the range" if np.isinf(value) else format_quantity(value)


def use_of_curves(no_support: Mapping[str, str], outside: Mapping[str, Mapping[str, float]]) -> list[str]:
    """In words, by side: why a curve has no support, and by how much it is used outside its fitted range."""
    return [
        *(f"the {side} curve has {reason}" for side, reason in no_support.items()),
        *(f"extrapolated: the {side} curve is used with {describe_outside(far)}" for side, far in outside.items()),
    ]
