"""IsoFLOP profiles of the fitted surface, what other sizes than the optimal one cost, and the bias of parabolas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Method, Record, Report
from ..data.arguments import one_positive, positives
from ..data.flops import TRAINING
from ..data.quantities import format_quantity
from ..errors import DataError, FitError
from ..fitting.source import Origin, Source, as_source
from .compute import compute_optimal
from .intervals import ENDS, between_columns, intervals, nats, support
from .surface import LARGEST, Surface, allocate, first_true, surface


@dataclass(frozen=True, eq=False, repr=False)
class IsoFlop(Record):
    """Loss against size at fixed budgets, from a fitted surface."""

    law: str
    _optima: pd.DataFrame
    _table: pd.DataFrame
    optima = Copied("_optima")
    """One row per budget: C, N, D, loss at the optimum, and status: what it rests on."""
    table = Copied("_table")
    """One row per budget and size: C, N, D, loss, penalty (nats above the budget's optimum)."""

    def _report(self) -> Report:
        rows = []
        for row in self._optima.to_dict("records"):
            N, D = format_quantity(row["N"]), format_quantity(row["D"])
            least = f"least loss {row['loss']:.4f} nats/token at N = {N}, D = {D}"
            rows.append(f"  C = {row['C']:.4g} FLOPs: {least}; {row['status']}")
        return Report(f"IsoFLOP profiles by {self.law}", rows=rows)

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"": self._optima}


def isoflop(source: Origin, C: Any, N: Any = None, *, reach: float = 10.0, **at: Any) -> IsoFlop:
    """Loss against size at fixed budgets, D = C / (6 N).

    Parameters
    ----------
    source, **at
        As for :func:`p2law.compute_optimal`.
    C : float or array_like
        Budgets in FLOPs, one profile each.
    N : array_like, optional
        Sizes; default: 61 from ``reach`` times below to ``reach`` times above each budget's optimum.
    reach : float
        Factor around the optimum.

    Returns
    -------
    IsoFlop
        ``table`` for the profiles, ``optima`` for their lowest points; ``p2law.plot.isoflop`` draws them.
    """
    budgets = positives("C", C)
    if not reach > 1:
        raise FitError(f"reach={reach!r}: a factor above 1.")
    on = surface(source, at)
    best_N, best_D = allocate(on, budgets)
    best_loss = on.loss(best_N, best_D)
    sizes = best_N[:, None] * np.geomspace(1 / reach, reach, 61)
    if N is not None:
        sizes = np.broadcast_to(positives("N", N), (len(budgets), np.size(N)))
    elif np.isnan(best_N).any():
        raise FitError("by these constants size and tokens do not balance: give the sizes N of the profiles.")
    D = budgets[:, None] / (TRAINING * sizes)
    loss = on.loss(sizes, D)
    columns = {"N": sizes, "D": D, "loss": loss, "penalty": loss - best_loss[:, None]}
    table = {"C": np.repeat(budgets, sizes.shape[1])} | {name: v.ravel() for name, v in columns.items()}
    status = compute_optimal(source, budgets, method="wald", **at).table["status"].to_numpy()
    optima = {"C": budgets, "N": best_N, "D": best_D, "loss": best_loss, "status": status}
    return IsoFlop(on.law.title, pd.DataFrame(optima), pd.DataFrame(table))


@dataclass(frozen=True, eq=False, repr=False)
class SizeCost(Record):
    """What each size costs beside the compute-optimal one of the same budget, one row per size."""

    law: str
    C: float
    """Budget, FLOPs."""
    level: float
    """Confidence level of the intervals."""
    optimal: Mapping[str, float]
    """N, D and loss of the compute-optimal model."""
    _table: pd.DataFrame
    extrapolated: np.ndarray
    """Which sizes lie outside the fitted range, in size or tokens, (sizes,) of bool."""
    table = Copied("_table")
    """One row per size: N, D, tokens_per_param, loss, penalty (nats above the optimum), compute_ratio (budget to reach
    the optimum's loss at this size, over C), intervals of the last three, status."""

    def _report(self) -> Report:
        N, D = (format_quantity(self.optimal[name]) for name in ("N", "D"))
        head = f"Sizes for C = {self.C:.4g} FLOPs by {self.law}"
        if np.isfinite(self.optimal["N"]):
            head += f"; optimal: N = {N} parameters, D = {D} tokens, loss {self.optimal['loss']:.4f} nats/token"
        return Report(head, rows=[_line(row) for row in self._table.to_dict("records")])


def _line(row: Mapping[Any, Any]) -> str:
    """One size in words."""
    if np.isnan(row["penalty"]):
        return f"  N = {format_quantity(row['N'])}: loss {row['loss']:.4f} nats/token; {row['status']}"
    ratio = "no budget"
    if np.isfinite(row["compute_ratio"]):
        ratio = f"{between_columns(row, 'compute_ratio')} x the budget"
    return (
        f"  N = {format_quantity(row['N'])}: D = {format_quantity(row['D'])} tokens "
        f"({format_quantity(row['tokens_per_param'])} per parameter), loss {row['loss']:.4f}, "
        f"{between_columns(row, 'penalty', nats)} nats above the optimum; "
        f"{ratio} reaches the optimum's loss at this size; {row['status']}"
    )


def overtraining(
    source: Origin, C: float, N: Any, *, level: float = 0.95, method: Method | None = None, **at: Any
) -> SizeCost:
    """Compare sizes you may be held to with the compute-optimal one of the same training budget.

    A smaller model than the optimal one is trained for longer (over-trained) and cheaper to serve. For laws that are a
    sum of powers ``compute_ratio`` depends on N over its optimum only, not on the budget.

    Parameters
    ----------
    source, level, method, **at
        As for :func:`p2law.compute_optimal`.
    C : float
        Training budget in FLOPs, 6 N D.
    N : float or array_like
        Sizes, in parameters.

    Returns
    -------
    SizeCost
        ``compute_ratio`` is infinite for sizes whose own floor lies above the optimum's loss.
    """
    budget, sizes = one_positive("C", C), positives("N", N)
    origin = as_source("source", source)
    base = surface(origin, at)
    D = budget / (TRAINING * sizes)

    def found(on: Surface) -> dict[str, np.ndarray]:
        best = on.loss(*allocate(on, np.array([budget])))
        loss = on.loss(sizes, D)
        ratio = tokens_for(on, sizes, np.broadcast_to(best, sizes.shape)) / D
        return {"loss": loss, "penalty": loss - best, "compute_ratio": ratio}

    ends = intervals(origin, base, found, level=level, method=method, plain=("loss", "penalty"))
    excess = [f"penalty{end}" for end in ENDS]  # never negative, though its local interval may reach below zero
    ends[excess] = ends[excess].clip(lower=0.0)
    table = pd.DataFrame({"N": sizes, "D": D, "tokens_per_param": D / sizes}).join(ends)
    said = support(origin, base.columns(sizes, D), np.isfinite(ends["loss_upper"].to_numpy()))
    none = np.isnan(ends["penalty"].to_numpy())
    balance = "no optimum: by these constants the loss does not fall with both size and tokens"
    table["status"] = np.array([balance if n else s.text for n, s in zip(none, said, strict=True)], dtype=object)
    extrapolated = np.array([s.extrapolated for s in said]) & ~none
    best_size, best_tokens = allocate(base, np.array([budget]))
    best_loss = base.loss(best_size, best_tokens)
    optimal = {"N": float(best_size[0]), "D": float(best_tokens[0]), "loss": float(best_loss[0])}
    return SizeCost(base.law.title, budget, level, optimal, table, extrapolated)


def tokens_for(on: Surface, N: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Tokens after which N parameters reach a loss, (n,); inf where they never do, nan for an unknown loss."""
    p = on.powers
    if p is not None and p.falls:
        with np.errstate(divide="ignore"):
            return (p.B / np.maximum(loss - p.E - p.A * N**-p.alpha, 0.0)) ** (1 / p.beta)

    def reached(log_tokens: np.ndarray) -> np.ndarray:
        return on.loss(np.broadcast_to(N[:, None], log_tokens.shape), np.exp(log_tokens)) <= loss[:, None]

    low, high = np.zeros_like(loss), np.full_like(loss, np.log(LARGEST))
    D = np.where(reached(high[:, None])[:, 0], np.exp(first_true(reached, low, high)), np.inf)
    return np.where(np.isnan(loss), np.nan, D)


@dataclass(frozen=True, eq=False, repr=False)
class ParabolaBias(Record):
    """Optimal sizes by parabolas through noise-free losses of a law, beside the law's own."""

    law: str
    _table: pd.DataFrame
    _forecast: pd.DataFrame
    exponent: float
    """Power of C in the optimal size along these budgets, by the law."""
    exponent_parabola: float
    """The same through the parabolas' vertices; nan with fewer than two of them."""
    table = Copied("_table")
    """One row per budget of the grid: C, sizes (how many), N (the law's optimum), N_parabola, ratio (parabola over
    law), sides (sizes below and above the optimum), status."""
    forecast = Copied("_forecast")
    """Further budgets: C, N, N_parabola (by the power law through the vertices), ratio."""

    @property
    def worst(self) -> float:
        """The ratio farthest from one among the budgets of the grid; nan if no parabola has a lowest point."""
        ratios = self._table["ratio"].dropna().to_numpy()
        return float(ratios[np.argmax(np.abs(np.log(ratios)))]) if len(ratios) else float("nan")

    def _report(self) -> Report:
        rows = [
            f"  C = {row['C']:.4g} FLOPs, {row['sizes']} sizes: {_compared(row)}"
            for row in self._table.to_dict("records")
        ]
        below = []
        if np.isfinite(self.exponent_parabola):
            pair = f"{self.exponent_parabola:.4f} by parabolas, {self.exponent:.4f} by the law"
            below = [f"  optimal size grows with C to the power {pair}"]
        further = self._forecast.to_dict("records")
        below += [f"  forecast, C = {row['C']:.4g} FLOPs: {_compared(row)}" for row in further]
        return Report(f"Parabolas through noise-free losses of {self.law}, on this grid of sizes", (), rows, below)


def _compared(row: dict[Any, Any]) -> str:
    if np.isnan(row["ratio"]):
        return str(row["status"])
    by = f"{format_quantity(row['N_parabola'])} by the parabola, {format_quantity(row['N'])} by the law"
    return f"{by} ({100 * (row['ratio'] - 1):+.1f} %)"


def parabola_bias(
    source: Origin, C: Any = None, N: Any = None, *, forecast: Any = (), gap: float = 1.25, **at: Any
) -> ParabolaBias:
    """Fit parabolas in log N to the law's own losses on a grid of runs, and compare their lowest points with the law's.

    The profile of a sum of two powers is no parabola in log N: where the exponents differ, or the sizes lie unevenly
    around the optimum, the vertex misses it, and a power law through the vertices extrapolates that error (arXiv
    2603.22339).

    Parameters
    ----------
    source : Fit or Constants
        As for :func:`p2law.compute_optimal`; its losses, free of noise, are what the parabolas see.
    C, N : array_like, optional
        Budget and size of each run of the grid; default: the fitted rows (C = 6 N D). Nearly equal budgets are one
        profile; profiles need three sizes or more, others are left out.
    forecast : float or array_like
        Budgets to carry the power law through the vertices to.
    gap : float
        Budgets further apart than this factor begin a new profile.
    **at : float
        The law's other columns.

    Returns
    -------
    ParabolaBias

    Raises
    ------
    DataError
        If C and N do not go together, or no budget has three sizes.
    """
    origin = as_source("source", source)
    on = surface(origin, at)
    budgets, sizes = _grid(origin, C, N)
    rows = [row for part in _profiles(budgets, gap) if (row := _profile(on, budgets[part], sizes[part]))]
    if not rows:
        raise DataError(
            "no budget of this grid has three sizes, so that no parabola passes through it: give C and N of a grid "
            f"with more sizes per budget, or a larger gap (now {gap:g})."
        )
    table = pd.DataFrame(rows)
    found = table.dropna(subset="ratio")
    power, line = np.nan, np.full(2, np.nan)
    if len(found) >= 2:
        line = np.polyfit(np.log(found["C"]), np.log(found["N_parabola"]), 1)
        power = np.polyfit(np.log(found["C"]), np.log(found["N"]), 1)[0]
    ahead = positives("forecast", forecast) if np.size(forecast) else np.empty(0)
    best, carried = allocate(on, ahead)[0] if len(ahead) else ahead, np.exp(np.polyval(line, np.log(ahead)))
    columns = {"C": ahead, "N": best, "N_parabola": carried, "ratio": carried / best}
    said = pd.DataFrame(columns).assign(status="fewer than two parabolas have a lowest point")
    return ParabolaBias(on.law.title, table, said, float(power), float(line[0]))


def _grid(origin: Source, C: Any, N: Any) -> tuple[np.ndarray, np.ndarray]:
    """Budget and size of each run."""
    if (C is None) != (N is None):
        raise DataError("give both C and N, one entry per run, or neither (then the fitted rows are taken).")
    if C is None:
        seen, law = origin.observations, origin.law
        if seen is None:
            raise DataError("published constants come without runs: give C and N of the grid, one entry per run.")
        sizes = seen.columns[str(law.variable("size"))]
        return TRAINING * sizes * seen.columns[str(law.variable("tokens"))], sizes
    budgets, sizes = positives("C", C), positives("N", N)
    if budgets.shape != sizes.shape:
        raise DataError(f"C has {len(budgets)} entries and N has {len(sizes)}: give one of each per run.")
    return budgets, sizes


def _profiles(budgets: np.ndarray, gap: float) -> list[np.ndarray]:
    """Rows of each profile: budgets in ascending order, cut where the next is more than ``gap`` times the first."""
    if not gap > 1:
        raise DataError(f"gap = {gap!r}: a factor above 1.")
    order = np.argsort(budgets, kind="stable")
    parts, first = [], 0
    for i in range(1, len(order) + 1):
        if i == len(order) or budgets[order[i]] > gap * budgets[order[first]]:
            parts.append(order[first:i])
            first = i
    return parts


def _profile(on: Surface, budgets: np.ndarray, sizes: np.ndarray) -> dict[str, Any] | None:
    """One budget's row; None with fewer than three sizes."""
    N = np.unique(sizes)
    if len(N) < 3:
        return None
    C = float(np.exp(np.mean(np.log(budgets))))
    best = float(allocate(on, np.array([C]))[0][0])
    middle = np.log(N).mean()
    bend, slope, _ = np.polyfit(np.log(N) - middle, on.loss(N, C / (TRAINING * N)), 2)
    vertex = float(np.exp(middle - slope / (2 * bend))) if bend > 0 else np.nan
    sides = f"{int(np.sum(best > N))} below, {int(np.sum(best < N))} above"
    status = "the parabola has no lowest point" if np.isnan(vertex) else f"sizes {sides} the optimum"
    row = {"C": C, "sizes": len(N), "N": best, "N_parabola": vertex, "ratio": vertex / best}
    return row | {"sides": sides, "status": status}
