"""What a pruned start is worth: tokens of training from scratch that reach the same loss (effective data transferred).

The notion is that of Hernandez et al. 2021 (arXiv 2102.01293) for transfer, with pruning in the place of pre-training
on other text. The interval holds all numbers of scratch tokens whose loss the data cannot tell from that of the pruned
model, so that it is open where the pruned model may lie below all that training from scratch can reach.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Method, Record, Report
from ..data.arguments import positives
from ..data.quantities import format_quantity
from ..fitting.prediction import unbounded
from ..fitting.source import Origin, ParamsOf, estimate_from
from .cost import Parent
from .crossing import indistinguishable, no_support_by_side, outside_by_side, roots, use_of_curves
from .curve import LossCurve, loss_curves, token_range

REACH = (1e-4, 1e6)
"""Scratch tokens are looked for between these multiples of the retraining tokens."""
POINTS = 161


@dataclass(frozen=True, eq=False, repr=False)
class Worth(Record):
    """Tokens of training from scratch that a pruned start with some retraining is worth."""

    level: float
    method: str
    _table: pd.DataFrame
    extrapolated: np.ndarray
    """Which answers use a curve outside its fitted range, (rows,) of bool."""
    table = Copied("_table")
    """One row per number of retraining tokens: tokens, loss (of the pruned model there), effective (scratch tokens with
    the same loss; infinite if none reach it), lower, upper, transferred (effective minus tokens: what the parent is
    worth), status."""

    def _report(self) -> Report:
        rows = []
        for row in self._table.to_dict("records"):
            rows.append(
                f"  {format_quantity(row['tokens']):>6} retraining, loss {row['loss']:.3f}: worth "
                f"{format_quantity(row['effective'])} [{format_quantity(row['lower'])}, "
                f"{format_quantity(row['upper'])}] scratch tokens" + (f"; {row['status']}" if row["status"] else "")
            )
        title = f"Scratch tokens that retraining the pruned model is worth ({100 * self.level:g} % interval)"
        return Report(title, rows=rows)


def effective_tokens(
    pruned: Origin,
    scratch: Origin,
    tokens: Any = None,
    *,
    parent: Parent | None = None,
    level: float = 0.95,
    method: Method | None = None,
    **at: Any,
) -> Worth:
    """Tokens of training from scratch that give the loss of the pruned model after some retraining.

    Parameters
    ----------
    pruned, scratch, parent, level, method, **at
        As for :func:`p2law.crossover`.
    tokens : float or array_like, optional
        Retraining tokens; default: five over the range the pruned fit was fitted to.

    Returns
    -------
    Worth

    Raises
    ------
    DataError, FitError
        If tokens are not positive, or a column is missing or unknown.
    """
    first, second = loss_curves(pruned, scratch, parent, at)
    asked = np.geomspace(*token_range(first, None), 5) if tokens is None else positives("tokens", tokens)
    grids = asked[:, None] * np.geomspace(*REACH, POINTS)

    def gaps(of: ParamsOf) -> np.ndarray:
        return second.loss(grids, of) - first.loss(asked[:, None], of)

    found = estimate_from(gaps, (*first.sources, *second.sources), level=level, method=method)
    lost = first.unsupported(asked)[:, None] | second.unsupported(grids)
    lower, upper = unbounded(lost, found.lower, found.upper)
    each = zip(asked.tolist(), grids, found.value, lower, upper, strict=True)
    table = pd.DataFrame([_row(first, second, *row) for row in each])
    extrapolated = table.pop("extrapolated").to_numpy()
    return Worth(level, found.method, table, extrapolated)


def _row(
    first: LossCurve,
    second: LossCurve,
    tokens: float,
    grid: np.ndarray,
    gap: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> dict[str, Any]:
    """Where training from scratch comes down to the loss of the pruned model: a row of the table, and its kind."""
    loss = float(first.loss(tokens))
    met = roots(lambda t: float(second.loss(t)) - loss, grid, gap)
    effective = met[0] if met else np.inf if gap[-1] > 0 else np.nan
    stretches = indistinguishable(grid, lower, upper)
    low, high = _around(effective, stretches, known=not np.isnan(lower).all())
    row = {"tokens": tokens, "loss": loss, "effective": effective, "lower": low, "upper": high}
    sides = {"pruned": (first, tokens), "scratch": (second, effective if np.isfinite(effective) else tokens)}
    far = outside_by_side(sides) if np.isfinite(effective) else {}
    status = use_of_curves(no_support_by_side(sides), far)
    if np.isinf(effective):
        status.append("the fitted scratch curve never gets there")
    elif np.isnan(effective):
        status.append("no answer: training from scratch starts below this loss")
    return row | {"transferred": effective - tokens, "status": "; ".join(status), "extrapolated": bool(far)}


def _around(value: float, stretches: list[tuple[float, float]], *, known: bool) -> tuple[float, float]:
    """The stretch around a value; one that is never reached is bounded from below alone."""
    if not known or np.isnan(value):
        return np.nan, np.nan
    if np.isinf(value):
        return (stretches[-1][0] if stretches and np.isinf(stretches[-1][1]) else np.inf), np.inf
    return next((s for s in stretches if s[0] <= value <= s[1]), (np.nan, np.nan))
