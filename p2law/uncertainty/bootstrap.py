"""Bootstrap draws of a fit's constants: whole runs resampled, or their residuals flipped (wild), refitted in batches."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..errors import FitError
from ..precision import float64
from ..solver import Batch, Problem, coordinates
from ..solver.problem import pad
from ..solver.program import LANES, constants
from ..solver.search import recentre

if TYPE_CHECKING:
    from ..result import Fit

Scheme = Literal["runs", "wild", "residual"]
FEW_RUNS = 30
"""Below this many runs whole-run resampling loses sizes or rates from its samples: the wild bootstrap keeps them."""
_WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])


@dataclass(frozen=True, eq=False)
class Draws:
    """Bootstrap draws of the constants."""

    table: pd.DataFrame
    """One row per successful draw, one column per parameter, and ``objective``: its optimum on its own sample."""
    scheme: Scheme
    failed: int
    """Draws that found no finite optimum; left out of the table."""
    seed: int | None

    def describe(self) -> str:
        """One line that says how the draws were made."""
        how = {
            "runs": "whole runs resampled with replacement",
            "wild": "residuals of whole runs multiplied by Webb's six-point weights (wild cluster bootstrap)",
            "residual": "whole runs' residuals exchanged between runs",
        }[self.scheme]
        return f"{len(self.table)} draws, {how}" + (f"; {self.failed} failed" if self.failed else "")


def bootstrap(fit: "Fit", n: int, *, rng: int | np.random.Generator, scheme: Scheme | None = None) -> Draws:
    """Draw the constants ``n`` times; see :meth:`p2law.result.Fit.bootstrap`."""
    if n < 1:
        raise FitError(f"bootstrap(n={n}): at least one draw is needed.")
    if fit.run_count < 2:
        raise FitError(
            "one run alone says nothing about the differences between runs: there is nothing to resample. "
            "Name the runs in a column 'run', or give more of them."
        )
    chosen = scheme or ("runs" if fit.run_count >= FEW_RUNS else "wild")
    makers = {"runs": _resampled_runs, "wild": _wild, "residual": _exchanged}
    if chosen not in makers:
        raise FitError(f"scheme={chosen!r}: choose one of {', '.join(makers)}.")
    problem = fit.problem()
    start = coordinates(problem.layout, problem.box, fit.params)
    samples = makers[chosen](fit, problem, np.random.default_rng(rng))
    constants, objectives = refit(problem, start, samples, n)
    good = np.isfinite(objectives) & np.isfinite(constants).all(1)
    if not good.any():
        raise FitError(
            "every bootstrap draw failed: the fit sits at the edge of the law's domain; bound its parameters."
        )
    names = [p.name for p in fit.law.parameters]
    table = pd.DataFrame(constants[good], columns=pd.Index(names)).assign(objective=objectives[good])
    return Draws(table, chosen, int((~good).sum()), int(rng) if isinstance(rng, int | np.integer) else None)


Sampler = Callable[[int], dict[str, np.ndarray]]
"""From a number of lanes to their weights or targets, (lanes, rows)."""


def refit(problem: Problem, start: np.ndarray, sample: Sampler, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Refit ``n`` samples from one start; constants (n, parameters) and objectives (n,).

    Samples are made and refitted a few lanes at a time, so that memory does not grow with the number of draws.
    """
    with float64():
        batch = Batch(problem)
        frame = batch.linearise(start)[0]
        here = recentre(start, batch.frame, frame)

    columnwise = frame._replace(shift=frame.shift[:, None])

    def solve(lanes: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        count = len(next(iter(lanes.values())))
        padded = {k: pad(v, batch.size, 0.0 if k == "weight" else None) for k, v in lanes.items()}
        with float64():
            outcome = batch.run(np.repeat(here[None], count, 0), [frame] * count, **padded)
        raw = constants(problem.layout, outcome.z.T, columnwise, np.exp)
        return np.stack(np.broadcast_arrays(*raw), axis=1), outcome.objective

    def chunks() -> Iterator[dict[str, np.ndarray]]:
        for begin in range(0, n, LANES):
            yield sample(min(LANES, n - begin))

    workers = min(os.cpu_count() or 1, 8)
    parts = list(_bounded_map(solve, chunks(), workers))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _bounded_map(function: Callable, items: Iterator, workers: int) -> Iterator:
    """Map over threads with only a few items in flight (``Executor.map`` would make all samples at once)."""
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 4 * workers:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _resampled_runs(fit: "Fit", problem: Problem, rng: np.random.Generator) -> Sampler:
    codes = np.unique(fit.observations.run, return_inverse=True)[1]
    runs = int(codes.max()) + 1

    def sample(lanes: int) -> dict[str, np.ndarray]:
        picks = rng.integers(0, runs, (lanes, runs))
        times = np.stack([np.bincount(row, minlength=runs) for row in picks])
        return {"weight": problem.weight * times[:, codes]}

    return sample


def _wild(fit: "Fit", problem: Problem, rng: np.random.Generator) -> Sampler:
    fitted, residual, codes = _inflated(fit, problem)
    runs = int(codes.max()) + 1

    def sample(lanes: int) -> dict[str, np.ndarray]:
        signs = _WEBB[rng.integers(0, 6, (lanes, runs))]
        return {"target": fitted + signs[:, codes] * residual}

    return sample


def _exchanged(fit: "Fit", problem: Problem, rng: np.random.Generator) -> Sampler:
    fitted, residual, codes = _inflated(fit, problem)
    sizes = np.bincount(codes)
    if len(set(sizes.tolist())) > 1:
        raise FitError(
            "scheme='residual' exchanges residuals between runs, which need equal numbers of rows; use 'wild'."
        )
    order = np.argsort(codes, kind="stable").reshape(len(sizes), -1)

    def sample(lanes: int) -> dict[str, np.ndarray]:
        target = np.repeat(fitted[None], lanes, 0)
        for lane in target:
            picks = rng.integers(0, len(sizes), len(sizes))
            lane[order.ravel()] += residual[order[picks]].ravel()
        return {"target": target}

    return sample


def _inflated(fit: "Fit", problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fitted values and residuals in the objective's space, residuals scaled up for the degrees of freedom spent."""
    from .wald import of_fit

    codes = np.unique(fit.observations.run, return_inverse=True)[1]
    residual = of_fit(fit).inflated
    start = coordinates(problem.layout, problem.box, fit.params)
    target = problem.target * (1.0 if problem.log_space else problem.scale)
    plain = Batch(problem).linearise(start)[1]
    return target - plain, residual, codes
