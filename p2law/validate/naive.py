"""Naive baselines: forecasts without a law, which a scaling law must beat.

They are given what the law is given: where it has a baseline loss (L0, or the control's), they predict the ratio of the
loss to it, so that they too know the larger parent's own loss. Where one does not apply it is nan.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..data.columns import ONE_LEVEL, level_of
from ..data.observations import Observations
from ..laws import Law

EXPONENTS = np.geomspace(0.02, 4.0, 4000)
"""Exponents tried for a curve's own power law."""


def naive_baselines(law: Law, seen: Observations, held: Observations) -> dict[str, np.ndarray]:
    """Predicted losses by name, (held-out rows,), nats per token; only those that apply to some row."""
    out: dict[str, np.ndarray] = {}
    if law.variable("tokens"):
        out["last value"] = _of_run(law, seen, held, lambda tokens, ratio, _: ratio[np.argmax(tokens)])
        out["run's own power law"] = _of_run(law, seen, held, _own_power_law)
    for role in ("size", "rate"):
        if name := law.variable(role):
            nearest, line = _across(law, seen, held, role)
            out[f"nearest {name}"], out[f"power law in {name}"] = nearest, line
    base = _base(law, held)
    return {name: ratio * base for name, ratio in out.items() if np.isfinite(ratio).any()}


def _base(law: Law, rows: Observations) -> np.ndarray:
    """The baseline loss of each row, (rows,); one where the law has none."""
    base = law.variable("loss")
    return rows.columns[base] if base else np.ones(len(rows.response))


Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray | float]
"""From tokens and ratios of the rows seen, (seen,), to ratios at the tokens asked about, (asked,) or one."""


def _of_run(law: Law, seen: Observations, held: Observations, rule: Rule) -> np.ndarray:
    """A rule applied to the seen part of each held-out row's own run, (held-out rows,)."""
    name = str(law.variable("tokens"))
    ratio, out = seen.response / _base(law, seen), np.full(len(held.response), np.nan)
    for run in dict.fromkeys(held.run.tolist()):
        own, rows = seen.run == run, held.run == run
        if own.any():
            out[rows] = rule(seen.columns[name][own], ratio[own], held.columns[name][rows])
    return out


def _own_power_law(tokens: np.ndarray, ratio: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """E + B D^-beta with E, B >= 0 by least squares; nan with fewer than four checkpoints."""
    if len(np.unique(tokens)) < 4:
        return np.full(len(asked), np.nan)
    first = tokens.min()
    x = (tokens / first) ** -EXPONENTS[:, None]
    spread = x - x.mean(1, keepdims=True)
    slope = spread @ ratio / np.sum(spread**2, 1)
    floor = ratio.mean() - slope * x.mean(1)
    through_zero = floor < 0
    slope = np.where(through_zero, x @ ratio / np.sum(x**2, 1), slope)
    floor = np.where(through_zero, 0.0, floor)
    rising = slope < 0
    slope, floor = np.where(rising, 0.0, slope), np.where(rising, ratio.mean(), floor)
    best = int(np.argmin(np.sum((ratio - floor[:, None] - slope[:, None] * x) ** 2, 1)))
    return floor[best] + slope[best] * (asked / first) ** -EXPONENTS[best]


def _across(law: Law, seen: Observations, held: Observations, role: str) -> tuple[np.ndarray, np.ndarray]:
    """From runs that differ in this column only, at equal tokens: the nearest, and a line in log-log coordinates."""
    name = str(law.variable(role))
    nearest, line = np.full((2, len(held.response)), np.nan)
    for rows, curves in _alike(law, seen, held, role):
        own = np.array([curve.own for curve in curves])
        at = np.array([curve.at(rows, held, law) for curve in curves])
        asked = np.log(held.columns[name][rows])
        order = np.argsort(np.abs(own - asked.mean()), kind="stable")
        for j, row in enumerate(rows):
            known = order[np.isfinite(at[order, j])]
            if known.size:
                nearest[row] = at[known[0], j]
            if len(np.unique(own[known])) > 1:
                slope, height = np.polyfit(own[known], np.log(at[known, j]), 1)
                line[row] = np.exp(height + slope * asked[j])
    return nearest, line


@dataclass(frozen=True)
class _Curve:
    """A seen run (or the rows of one size and rate) as ratio against log tokens, (points,) each."""

    own: float
    """Log of the column in which it differs from the rows asked about."""
    log_tokens: np.ndarray
    ratio: np.ndarray

    @classmethod
    def of(cls, law: Law, seen: Observations, mask: np.ndarray, role: str) -> "_Curve":
        """The rows of a mask, (rows,); those at equal tokens (seeds) are averaged."""
        tokens, ratio = law.variable("tokens"), (seen.response / _base(law, seen))[mask]
        own = float(np.log(seen.columns[str(law.variable(role))][mask]).mean())
        at = np.log(seen.columns[tokens][mask]) if tokens else np.zeros(len(ratio))
        found, row = np.unique(at, return_inverse=True)
        return cls(own, found, np.bincount(row, weights=ratio) / np.bincount(row))

    def at(self, rows: np.ndarray, held: Observations, law: Law) -> np.ndarray:
        """Ratio at the tokens of these held-out rows, given by number, (rows,); nan beyond its own."""
        tokens = law.variable("tokens")
        if tokens is None:
            return np.full(len(rows), self.ratio.mean())
        asked, slack = np.log(held.columns[tokens][rows]), np.log(ONE_LEVEL)
        inside = (asked >= self.log_tokens[0] - slack) & (asked <= self.log_tokens[-1] + slack)
        return np.where(inside, np.interp(asked, self.log_tokens, self.ratio), np.nan)


def _alike(law: Law, seen: Observations, held: Observations, role: str) -> Iterator[tuple[np.ndarray, list[_Curve]]]:
    """Held-out rows of one kind, by number, with the seen curves that share all but the column of this role."""
    count, codes = len(seen.response), {}  # codes of the seen rows, then of the held-out ones
    for each in ("size", "rate"):
        if name := law.variable(each):
            codes[each] = level_of(np.concatenate([rows.columns[name] for rows in (seen, held)]))
    own, texts = codes.pop(role), []
    for name in ("method", "family"):
        if name in seen.frame.columns:
            values = np.concatenate([rows.frame[name].astype(str).to_numpy() for rows in (seen, held)])
            texts.append(np.unique(values, return_inverse=True)[1])
    kind = np.column_stack([*codes.values(), *texts] or [np.zeros_like(own)])
    for one in np.unique(np.column_stack([own, kind])[count:], axis=0):
        rows = np.flatnonzero((own[count:] == one[0]) & (kind[count:] == one[1:]).all(1))
        alike = (kind[:count] == one[1:]).all(1)
        curves = [_Curve.of(law, seen, alike & (own[:count] == o), role) for o in np.unique(own[:count][alike])]
        if curves:
            yield rows, curves
