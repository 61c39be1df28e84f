"""The behaviours that the P² paper asks of a law of pruning, checked on a fit: ``p2law.conditions``.

The paper (Chen et al. 2025, arXiv 2411.10272) states trends that a law must reproduce: the loss falls with tokens,
smaller models fall faster at equal pruning rate, the excess over L0 follows a power of the pruning rate and vanishes
with it. Its numbered wording is not known to us; these are the trends as numbers on a grid over the data's range.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import pandas as pd

from ..data.answer import Record, Report
from ..data.quantities import format_quantity
from ..fitting.diagnostics import single_levels
from ..fitting.fitted import require_fit
from ..fitting.result import Fit
from ..fitting.uncertainty.estimate import estimate
from ..laws import Law

POINTS = 9
"""Grid points along each column."""
STEP = 1e-3
"""Step of the central differences in the logarithm of a column."""
TOWARDS_ZERO = 1e-3
"""How far below the smallest fitted rate the excess is followed on its way to zero."""
LEAST_EXCESS = 1e-12
"""Excess (nats) that rounding of the loss no longer resolves."""
ONE_POWER = 0.05
"""The excess counts as one power of the rate if its local exponent varies by no more than this fraction."""
Status = Literal["holds", "uncertain", "fails", "does not apply"]


def conditions(fit: Fit, *, level: float = 0.95) -> "Conditions":
    """Check the behaviours the P² paper requires of a law, over the range of the rows fitted.

    Parameters
    ----------
    fit : Fit
        A fit of any law; conditions whose columns it lacks are said not to apply.
    level : float
        Confidence level of the interval of each margin.

    Returns
    -------
    Conditions
        ``checked``: for each condition status, margin with interval, its meaning, and where it fails first
        (fewest tokens, then lowest rate, then smallest model). With ``baseline="control"`` falling refers to the excess
        over the control, whose own fall is not the law's.

    Raises
    ------
    FitError
        If the level does not lie between 0 and 1.
    """
    require_fit("fit", fit)
    grid = _Grid.over(fit)
    return Conditions(fit.law, fit.baseline, level, tuple(_check(fit, grid, rule, level) for rule in RULES))


@dataclass(frozen=True)
class Condition:
    """One behaviour and by how much the fit shows it."""

    name: str
    status: Status
    """``"uncertain"``: the constants show it, but their interval also allows the opposite."""
    margin: float
    """Above zero where the condition holds: the least over the grid; ``meaning`` gives its unit."""
    lower: float
    upper: float
    """Interval of the margin; nan where none can be given."""
    meaning: str
    note: str
    """Where it fails first, or why it does not apply."""

    def __str__(self) -> str:
        if self.status == "does not apply":
            return f"{self.name}: does not apply; {self.note}"
        between = f" [{self.lower:.3g}, {self.upper:.3g}]" if np.isfinite(self.lower + self.upper) else ""
        note = f"; {self.note}" if self.note else ""
        return f"{self.name}: {self.status}, margin {self.margin:.3g}{between} ({self.meaning}){note}"


@dataclass(frozen=True, eq=False, repr=False)
class Conditions(Record):
    """The conditions of the P² paper checked on one fit. Made by :func:`p2law.conditions`."""

    law: Law
    baseline: str
    level: float
    """Confidence level of the margins' intervals."""
    checked: tuple[Condition, ...]

    @property
    def hold(self) -> bool:
        """Whether every condition that applies holds."""
        return all(c.status in ("holds", "does not apply") for c in self.checked)

    def to_frame(self) -> pd.DataFrame:
        """One row per condition."""
        names = [each.name for each in fields(Condition)]
        return pd.DataFrame([{name: getattr(c, name) for name in names} for c in self.checked])

    def _report(self) -> Report:
        base = self.law.variable("loss")
        over = "the control at equal tokens" if self.baseline == "control" else base
        excess = f"; excess over {over}" if base else ""
        head = f"{self.law.title}: conditions over the fitted range ({100 * self.level:g} % intervals{excess})"
        return Report(head, [str(condition) for condition in self.checked])


@dataclass(frozen=True, eq=False)
class _Grid:
    """Points spanning the fitted range, tokens slowest so that the first in order is the first in tokens."""

    law: Law
    columns: Mapping[str, np.ndarray]
    """The law's columns, (points,) each."""

    @classmethod
    def over(cls, fit: Fit) -> "_Grid":
        """The range of the rows fitted."""
        columns, base = fit.observations.columns, fit.law.variable("loss")
        order = {"tokens": 0, "rate": 1, "size": 2}
        free = sorted((v for v in fit.law.variables if v.name != base), key=lambda v: order.get(v.kind.role, 3))
        axes = [_axis(columns[v.name]) for v in free]
        mesh = [m.ravel() for m in np.meshgrid(*axes, indexing="ij")]
        out = {v.name: m for v, m in zip(free, mesh, strict=True)}
        if base is not None:
            out[base] = _parents(fit, out, base)
        return cls(fit.law, out)

    def excess(self, params: Mapping[str, float], **factors: float) -> np.ndarray:
        """Loss above the baseline (the loss itself without one), (points,), columns multiplied by these factors."""
        columns = {name: values * factors.get(name, 1.0) for name, values in self.columns.items()}
        base = self.law.variable("loss")
        loss = np.broadcast_to(self.law(**columns, **params), next(iter(columns.values())).shape)
        return loss - columns[base] if base else loss

    def slope(self, params: Mapping[str, float], role: str, **factors: float) -> np.ndarray:
        """Derivative of the excess in the logarithm of the column of this role, (points,), nats per e-fold."""
        name = str(self.law.variable(role))
        up, down = (self.excess(params, **factors, **{name: float(np.exp(s * STEP))}) for s in (1, -1))
        return (up - down) / (2 * STEP)

    def at(self, point: int) -> str:
        """A grid point in words."""
        base = self.law.variable("loss")
        return ", ".join(f"{k} = {format_quantity(v[point])}" for k, v in self.columns.items() if k != base)


def _axis(values: np.ndarray) -> np.ndarray:
    """Points along a column, over the range of its fitted values, (rows,)."""
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.array([low])
    return np.geomspace(low, high, POINTS) if low > 0 else np.linspace(low, high, POINTS)


def _parents(fit: Fit, columns: Mapping[str, np.ndarray], base: str) -> np.ndarray:
    """The baseline loss of the size nearest to each grid point, (points,)."""
    size, losses = fit.law.variable("size"), fit.observations.columns[base]
    if size is None:
        return np.full(len(next(iter(columns.values()))), np.median(losses))
    sizes = np.log(fit.observations.columns[size])
    nearest = np.abs(np.log(columns[size])[:, None] - sizes[None, :]).argmin(1)
    return losses[nearest]


@dataclass(frozen=True)
class _Rule:
    """How a condition is checked."""

    name: str
    roles: tuple[str, ...]
    """Columns needed; of the first the data need more than one value."""
    margins: Callable[[_Grid, Mapping[str, float]], np.ndarray]
    """Margin at each grid point, (points,)."""
    meaning: str
    least: float = 0.0
    """The margin must be above this."""


def _smaller_faster(grid: _Grid, params: Mapping[str, float]) -> np.ndarray:
    """Exponent by which the fall shrinks with size."""
    name, factor = str(grid.law.variable("size")), float(np.exp(STEP))
    small, large = (-grid.slope(params, "tokens", **{name: f}) for f in (1 / factor, factor))
    return (small - large) / (2 * STEP) / np.maximum(np.abs(small + large) / 2, 1e-300)


def _vanishes(grid: _Grid, params: Mapping[str, float]) -> np.ndarray:
    """Exponent of the excess as the rate falls from a hundredth to a thousandth of the smallest."""
    name = str(grid.law.variable("rate"))
    lowest = grid.columns[name] == grid.columns[name].min()
    first, near, far = (
        np.maximum(np.abs(grid.excess(params, **{name: f})[lowest]), LEAST_EXCESS / 10)
        for f in (1.0, 10 * TOWARDS_ZERO, TOWARDS_ZERO)
    )
    # A steep power is gone before that; then its way down counts.
    on_its_way = np.log(first / near) / -np.log(10 * TOWARDS_ZERO)
    return np.where(near > LEAST_EXCESS, np.log(near / far) / np.log(10), on_its_way)


def _exponent(grid: _Grid, params: Mapping[str, float]) -> np.ndarray:
    """Local exponent of the excess in the rate; nan where there is no excess."""
    excess = grid.excess(params)
    return grid.slope(params, "rate") / np.where(excess > 0, excess, np.nan)


RULES = (
    _Rule(
        "loss falls with tokens",
        ("tokens",),
        lambda grid, params: -grid.slope(params, "tokens"),
        "least fall, nats per e-fold of tokens",
    ),
    _Rule(
        "smaller models fall faster",
        ("size", "tokens", "loss"),
        _smaller_faster,
        "least exponent by which the fall shrinks with size",
    ),
    _Rule(
        "loss tends to L0 as the rate tends to 0",
        ("rate", "loss"),
        _vanishes,
        "least exponent of the excess on its way to a thousandth of the smallest rate",
        least=0.01,
    ),
    _Rule(
        "excess grows as a power of the rate",
        ("rate", "loss"),
        _exponent,
        "least local exponent of the excess in the rate",
    ),
)


def _check(fit: Fit, grid: _Grid, rule: _Rule, level: float) -> Condition:
    """The condition's status, its margin at the worst grid point, and where it fails."""
    reason = _not_applicable(fit, rule)
    if reason:
        return Condition(rule.name, "does not apply", np.nan, np.nan, np.nan, rule.meaning, reason)
    margins = rule.margins(grid, fit.params)
    worst = int(np.nanargmin(margins)) if np.isfinite(margins).any() else 0
    # The interval belongs to the worst point, not to a minimum that jumps between points.
    interval = estimate(lambda p: float(rule.margins(grid, p)[worst]), fit, level=level)
    rounding = 1e-9 * max(float(np.nanmax(np.abs(margins), initial=0.0)), 1e-3)  # of zero in a central difference
    fails = ~(margins > max(rule.least, rounding))
    status: Status = "holds" if interval.lower > rule.least else "uncertain"
    note = "" if status == "holds" else "the interval also allows the opposite"
    if fails.any():
        status, note = "fails", _where(grid, rule, margins, fails)
    elif rule.margins is _exponent and np.ptp(margins) > ONE_POWER * np.abs(margins).mean():
        ends = f"from {margins.min():.3g} to {margins.max():.3g}"
        status, note = "fails", f"it grows, but not as one power: the exponent runs {ends}"
    return Condition(rule.name, status, float(margins[worst]), interval.lower, interval.upper, rule.meaning, note)


def _not_applicable(fit: Fit, rule: _Rule) -> str:
    """Why a condition cannot be tested on this fit; empty if it can."""
    missing = [role for role in rule.roles if fit.law.variable(role) is None]
    if missing:
        words = {"size": "model size", "rate": "pruning rate", "loss": "baseline loss", "tokens": "tokens"}
        return f"{fit.law.name} has no column of {words[missing[0]]}"
    name = str(fit.law.variable(rule.roles[0]))
    if name in single_levels(fit.observations, fit.law):
        return f"the fitted rows have one {name} only, which cannot test it"
    return ""


def _where(grid: _Grid, rule: _Rule, margins: np.ndarray, fails: np.ndarray) -> str:
    """Where a condition fails, from its margins and where they are too small, (points,) each."""
    if rule.margins is _vanishes:
        return "an excess remains however small the rate"
    if np.nanmax(np.abs(margins), initial=0.0) < 1e-6:
        return "there is no difference at all"
    why = "no excess above the baseline there; " if np.isnan(margins[fails]).any() else ""
    share = f"{100 * fails.mean():.3g} % of {len(margins)} grid points"
    return f"{why}fails at {share}, first at {grid.at(int(np.argmax(fails)))}"
