"""How runs differ from the law: a shrunk offset and tilt of each run's excess, and noise that persists along tokens.

Curves of real pruned models keep their own level (which blocks were cut) and their own slope for their whole length.
Around the fitted law the residual of run i at tokens D is modelled as ::

    excess(D) * (a_i + b_i * log(D / D_typical)) + e_i(D),   a_i ~ N(0, offset²), b_i ~ N(0, tilt²),

with e an Ornstein-Uhlenbeck process in log tokens. The variances are estimated by restricted maximum likelihood
(Patterson and Thompson 1971), which accounts for the constants fitted to the same rows; a_i and b_i are then predicted
by their conditional means given the run's rows (best linear unbiased prediction), which shrinks them. Laws without a
baseline loss take the offset and tilt on the loss itself, in nats.
"""

from dataclasses import dataclass

import numpy as np

_LOG_RATIO = (-40.0, 28.0)
SAME = 0.01
"""Checkpoints nearer than this share of their usual spacing are taken for one."""
MEMORY = 3.0
"""Noise forgets within a run's length over this: what lasts longer belongs to the run, not to its noise."""


@dataclass(frozen=True)
class RunEffect:
    """Spread between runs, in fractions of the excess (nats for laws without a baseline), and noise within them."""

    offset: float
    """Standard deviation of a run's level, as a fraction of its excess."""
    tilt: float
    """Standard deviation of a run's slope: change of that fraction per e-fold of tokens."""
    noise: float
    """Standard deviation of the noise within a run, nats."""
    persistence: float
    """Correlation of that noise from one checkpoint to the next."""
    spacing: float
    """Typical spacing of checkpoints in log tokens."""
    centre: float
    """log D_typical."""
    typical: float
    """Typical excess over the rows, nats (one for laws without a baseline)."""
    floor: float
    """Least offset that is assumed: where the runs cannot tell it from zero, what they cannot rule out either."""
    runs: int
    dof: int

    @property
    def spread(self) -> float:
        """Spread of the runs' levels at the typical excess, nats."""
        return self.offset * self.typical

    def covariance(self, one: "Points", other: "Points") -> np.ndarray:
        """Covariance of what two sets of points of the *same* run have in common, nats squared."""
        apart = np.abs(one.log_tokens[:, None] - other.log_tokens[None, :]) / self.spacing
        level = max(self.offset, self.floor) ** 2 * np.outer(one.excess, other.excess)
        turned = [p.excess * (p.log_tokens - self.centre) for p in (one, other)]
        return self.noise**2 * self.persistence**apart + level + self.tilt**2 * np.outer(*turned)

    def describe(self) -> str:
        """One sentence."""
        floor = f" (at least {self.floor * self.typical:.2g} nats is assumed)" if self.floor > self.offset else ""
        return (
            f"Levels of runs differ from the law by {100 * self.offset:.2g} % of their excess, {self.spread:.2g} nats "
            f"typically{floor}; their slopes by {100 * self.tilt:.2g} % of the excess per e-fold of tokens; noise "
            f"within a run is {self.noise:.2g} nats."
        )


@dataclass(frozen=True)
class Points:
    """Where a curve is looked at: log tokens and the excess there (one, for laws without a baseline)."""

    log_tokens: np.ndarray
    excess: np.ndarray


@dataclass(frozen=True)
class _Sorted:
    """Rows by run and tokens: residuals, the constants' derivatives, the effects' columns."""

    design: np.ndarray
    residual: np.ndarray
    effects: np.ndarray
    """(rows, 2): excess, excess * (log tokens - centre)."""
    gap: np.ndarray
    """Distance to the previous checkpoint of the run in units of the spacing; inf for a run's first."""
    start: np.ndarray
    spacing: float
    centre: float
    longest: float
    """Largest persistence of the noise from one checkpoint to the next."""

    @classmethod
    def of(cls, at: Points, codes: np.ndarray, residual: np.ndarray, design: np.ndarray, along: bool) -> "_Sorted":
        """Sort the rows by run and tokens; rows of one run at the same tokens are averaged."""
        order = np.lexsort((at.log_tokens, codes))
        columns = np.column_stack([at.log_tokens, codes, at.excess, residual, design])[order]
        spacing = _spacing(columns[:, 0], columns[:, 1])
        if along:
            columns = _merged(columns, SAME * spacing)
        log_tokens, codes, excess = columns[:, :3].T
        first = np.concatenate([[True], codes[1:] != codes[:-1]])
        gap = np.where(first | (not along), np.inf, np.diff(log_tokens, prepend=0.0))
        centre, start = float(log_tokens.mean()), np.flatnonzero(first)
        effects = np.stack([excess, excess * (log_tokens - centre)], 1)
        length = max(len(gap) / len(start) - 1, 1.0)
        longest = float(np.exp(-MEMORY / length))
        return cls(_basis(columns[:, 4:]), columns[:, 3], effects, gap / spacing, start, spacing, centre, longest)

    def whiten(self, persistence: float, columns: np.ndarray) -> tuple[np.ndarray, float]:
        """Columns decorrelated under the noise alone, and the log determinant of its correlation."""
        carry = np.where(np.isinf(self.gap), 0.0, persistence ** np.minimum(self.gap, 1e6))
        left = np.maximum(1 - carry**2, 1e-9)
        previous = np.concatenate([np.zeros((1, columns.shape[1])), columns[:-1]])
        return (columns - carry[:, None] * previous) / np.sqrt(left)[:, None], float(np.log(left).sum())


def _spacing(log_tokens: np.ndarray, codes: np.ndarray) -> float:
    """Typical distance from one checkpoint of a run to its next."""
    steps = np.diff(log_tokens)[codes[1:] == codes[:-1]]
    steps = steps[steps > 0]
    return float(np.median(steps)) if steps.size else 1.0


def _merged(columns: np.ndarray, least: float) -> np.ndarray:
    """Rows of one run (column 1) at the same tokens (column 0) averaged: two evaluations of one checkpoint.

    Their difference is no noise along the run: taken for it, it would have arisen over no tokens at all.
    """
    apart = (np.diff(columns[:, 1]) != 0) | (np.diff(columns[:, 0]) > least)
    place = np.concatenate([[0], np.cumsum(apart)])
    return np.stack([np.bincount(place, column) for column in columns.T], 1) / np.bincount(place)[:, None]


def _basis(design: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the same: one group of a joint fit has fewer directions than the whole."""
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    return left[:, singular > 1e-10 * singular.max(initial=0.0)]


def _criterion(rows: _Sorted, persistence: float, ratios: np.ndarray) -> tuple[float, float]:
    """REML criterion, noise variance profiled out, and that variance. ``ratios``: effect over noise variance."""
    n, k = rows.design.shape
    white, determinant = rows.whiten(persistence, np.column_stack([rows.design, rows.residual, rows.effects]))
    body, effects = white[:, : k + 1], white[:, k + 1 :] * np.sqrt(ratios)
    cross = np.add.reduceat(effects[:, :, None] * body[:, None, :], rows.start)
    inner = np.eye(len(ratios)) + np.add.reduceat(effects[:, :, None] * effects[:, None, :], rows.start)
    gram = body.T @ body - np.einsum("gpi,gpj->ij", cross, np.linalg.solve(inner, cross))
    determinant += float(np.linalg.slogdet(inner)[1].sum())
    information = gram[:k, :k] + 1e-12 * np.trace(gram[:k, :k]) * np.eye(k)
    quadratic = gram[k, k] - gram[k, :k] @ np.linalg.solve(information, gram[k, :k])
    variance = max(quadratic, 1e-300) / max(n - k, 1)
    value = 0.5 * (max(n - k, 1) * np.log(variance) + determinant + np.linalg.slogdet(information)[1])
    return float(value), float(variance)


def _settings(rows: _Sorted, theta: np.ndarray) -> tuple[float, np.ndarray]:
    """Persistence and variance ratios from the search's coordinates (logit of a share of the longest, logs)."""
    share = 1 / (1 + np.exp(-np.clip(theta[0], -30.0, 30.0)))
    return float(rows.longest * share), np.exp(np.clip(theta[1:], *_LOG_RATIO))


def estimate_run_effect(
    at: Points, codes: np.ndarray, residual: np.ndarray, design: np.ndarray, *, along: bool
) -> RunEffect:
    """Estimate how runs differ from a law fitted to them, by restricted maximum likelihood.

    Parameters
    ----------
    at : Points
        Log tokens and excess of the rows, each (rows,).
    codes : ndarray, (rows,)
        Run of each row.
    residual : ndarray, (rows,)
        Measured minus fitted loss, nats per token.
    design : ndarray, (rows, k)
        Derivative of the fitted loss along the directions that were fitted.
    along : bool
        Whether the rows of a run follow one another in tokens.
    """
    rows = _Sorted.of(at, codes, residual, design, along)
    theta = _minimise(rows)
    persistence, ratios = _settings(rows, theta)
    _, variance = _criterion(rows, persistence, ratios)
    offset, tilt = np.sqrt(variance * ratios)
    return RunEffect(
        offset=float(offset),
        tilt=float(tilt),
        noise=float(np.sqrt(variance)),
        persistence=persistence,
        spacing=rows.spacing,
        centre=rows.centre,
        typical=float(np.sqrt(np.mean(rows.effects[:, 0] ** 2))),
        floor=_floor(rows, theta),
        runs=len(rows.start),
        dof=max(len(rows.start) - rows.design.shape[1], 2),
    )


def _minimise(rows: _Sorted) -> np.ndarray:
    """Correlation and log variance ratios of greatest restricted likelihood, (3,), from two starts."""
    from scipy.optimize import minimize

    # Started where effect and noise are of the same size over the rows.
    even = np.log(max(float(np.mean(rows.residual**2)), 1e-300) / np.mean(rows.effects**2, axis=0))
    noise = np.log(max(float(np.mean(rows.residual**2)), 1e-300))

    def value(theta: np.ndarray) -> float:
        return _criterion(rows, *_settings(rows, theta))[0]

    found = [
        minimize(value, [memory, *(even - noise)], method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-4})
        for memory in (-2.0, 2.0)
    ]
    return np.asarray(min(found, key=lambda f: f.fun).x)


def _floor(rows: _Sorted, theta: np.ndarray) -> float:
    """Where runs cannot tell the offset from zero: the largest within half a unit of the criterion; else zero."""

    def at(log_ratio: float) -> tuple[float, float]:
        value, variance = _criterion(rows, *_settings(rows, np.array([theta[0], log_ratio, theta[2]])))
        return value, float(np.sqrt(variance * np.exp(log_ratio)))

    best, none = at(theta[1])[0], at(_LOG_RATIO[0])[0]
    if none > best + 0.5:
        return 0.0
    variance = _criterion(rows, *_settings(rows, theta))[1]
    even = np.log(np.mean(rows.residual**2) / np.mean(rows.effects[:, 0] ** 2) / variance)
    candidates = [at(even + step) for step in np.linspace(-8.0, 4.0, 25)]
    return max((offset for value, offset in candidates if value <= best + 0.5), default=0.0)
