"""Forecasts that know no law: what a scaling law must beat.

They are given what the law is given: where it has a baseline loss (L0, or the control's), they predict the ratio of the
loss to it, so that they too know the larger parent's own loss. Where one does not apply it is nan.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..data.columns import ONE_LEVEL, level_of
from ..data.observations import Observations
from ..laws import Law

EXPONENTS = np.geomspace(0.02, 4.0, 4000)
"""Exponents tried for a curve's own power law."""


def baselines(law: Law, seen: Observations, held: Observations) -> dict[str, np.ndarray]:
    """Predicted losses of the held-out rows by name; only those that apply to some row."""
    out: dict[str, np.ndarray] = {}
    if law.variable("tokens"):
        out["last value"] = _begun(law, seen, held, _last)
        out["run's own power law"] = _begun(law, seen, held, _own_power)
    for role in ("size", "rate"):
        if name := law.variable(role):
            nearest, line = _across(law, seen, held, role)
            out[f"nearest {name}"], out[f"power law in {name}"] = nearest, line
    level = _level(law, held)
    return {name: ratio * level for name, ratio in out.items() if np.isfinite(ratio).any()}


def _level(law: Law, rows: Observations) -> np.ndarray:
    base = law.variable("loss")
    return rows.columns[base] if base else np.ones(len(rows.response))


def _begun(law: Law, seen: Observations, held: Observations, rule) -> np.ndarray:
    """A rule applied to the seen part of each held-out row's own run."""
    name = str(law.variable("tokens"))
    ratio, out = seen.response / _level(law, seen), np.full(len(held.response), np.nan)
    for run in dict.fromkeys(held.run.tolist()):
        own, rows = seen.run == run, held.run == run
        if own.any():
            out[rows] = rule(seen.columns[name][own], ratio[own], held.columns[name][rows])
    return out


def _last(tokens: np.ndarray, ratio: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    return np.full(len(ahead), ratio[np.argmax(tokens)])


def _own_power(tokens: np.ndarray, ratio: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """E + B D^-beta with E, B >= 0 by least squares; nan with fewer than four checkpoints."""
    if len(np.unique(tokens)) < 4:
        return np.full(len(ahead), np.nan)
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
    return floor[best] + slope[best] * (ahead / first) ** -EXPONENTS[best]


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
    """A seen run (or the rows of one size and rate) as ratio against log tokens."""

    own: float
    """Log of the column in which it differs from the rows asked about."""
    log_tokens: np.ndarray
    ratio: np.ndarray

    def at(self, rows: np.ndarray, held: Observations, law: Law) -> np.ndarray:
        """Ratio at the tokens of these held-out rows; nan beyond its own."""
        tokens = law.variable("tokens")
        if tokens is None:
            return np.full(len(rows), self.ratio.mean())
        asked, slack = np.log(held.columns[tokens][rows]), np.log(ONE_LEVEL)
        inside = (asked >= self.log_tokens[0] - slack) & (asked <= self.log_tokens[-1] + slack)
        return np.where(inside, np.interp(asked, self.log_tokens, self.ratio), np.nan)


def _alike(law: Law, seen: Observations, held: Observations, role: str) -> Iterator[tuple[np.ndarray, list[_Curve]]]:
    """Held-out rows of one kind with the seen curves that share all but the column of this role."""
    codes = {r: _codes(seen, held, str(law.variable(r))) for r in ("size", "rate") if law.variable(r)}
    own_seen, own_held = codes.pop(role)
    texts = [_texts(seen, held, c) for c in ("method", "family") if c in seen.frame.columns]
    shared = [*codes.values(), *texts] or [(np.zeros_like(own_seen), np.zeros_like(own_held))]
    kind_seen, kind_held = (np.column_stack(part) for part in zip(*shared, strict=True))
    for kind in np.unique(np.column_stack([own_held, kind_held]), axis=0):
        rows = np.flatnonzero((own_held == kind[0]) & (kind_held == kind[1:]).all(1))
        alike = (kind_seen == kind[1:]).all(1)
        curves = [_curve(law, seen, alike & (own_seen == own), role) for own in np.unique(own_seen[alike])]
        if curves:
            yield rows, curves


def _codes(seen: Observations, held: Observations, name: str) -> tuple[np.ndarray, np.ndarray]:
    code = level_of(np.concatenate([seen.columns[name], held.columns[name]]))
    return code[: len(seen.response)], code[len(seen.response) :]


def _texts(seen: Observations, held: Observations, name: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.concatenate([rows.frame[name].astype(str).to_numpy() for rows in (seen, held)])
    code = np.unique(values, return_inverse=True)[1]
    return code[: len(seen.response)], code[len(seen.response) :]


def _curve(law: Law, seen: Observations, mask: np.ndarray, role: str) -> _Curve:
    """Rows at equal tokens (seeds) are averaged."""
    tokens, ratio = law.variable("tokens"), (seen.response / _level(law, seen))[mask]
    own = float(np.log(seen.columns[str(law.variable(role))][mask]).mean())
    at = np.log(seen.columns[tokens][mask]) if tokens else np.zeros(len(ratio))
    found, row = np.unique(at, return_inverse=True)
    return _Curve(own, found, np.bincount(row, weights=ratio) / np.bincount(row))
