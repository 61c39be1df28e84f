"""Bootstrap draws of a fit's constants: whole runs resampled, or their residuals flipped (wild), and refitted."""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Lock

import numpy as np
import pandas as pd

from ...data.arguments import generator, whole_number
from ...errors import FitError, FitWarning
from ..fitted import Draws, FittedLaw, Scheme
from ..solver import Batch, Problem, recentre
from ..solver.inputs import STARTS_PER_CALL, constants
from ..solver.problem import least_absolute_stages, pad

FEW_RUNS = 30
"""Below this many runs whole-run resampling loses sizes or rates from its samples: the wild bootstrap keeps them.

Not where each row is its own run: under Huber's loss the wild bootstrap keeps the rows that the fit passes through
where they are, and its 95 % intervals cover 75 to 80 % (12 to 100 rows); resampled rows cover 95 to 100 %.
"""
_WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])


def bootstrap(fit: FittedLaw, n: int, *, rng: int | np.random.Generator, scheme: Scheme | None = None) -> Draws:
    """Draw the constants ``n`` times; see :meth:`p2law.Fit.bootstrap`."""
    whole_number("bootstrap's n", n)
    _check_runs(fit)
    chosen = scheme or ("runs" if fit.run_count >= FEW_RUNS or fit.run_count == fit.n else "wild")
    makers = {"runs": _resampled_runs, "wild": _wild, "residual": _exchanged}
    if not isinstance(chosen, str) or chosen not in makers:
        raise FitError(f"scheme={chosen!r}: choose one of {', '.join(makers)}.")
    problem = fit.problem()
    start = problem.to_coordinates(fit.params)
    samples = makers[chosen](fit, problem, generator(rng))
    params, objectives = refit(problem, start, samples, n)
    good = np.isfinite(objectives) & np.isfinite(params).all(1)
    if not good.any():
        raise FitError("every bootstrap draw failed: the fit sits at the edge of the law's domain; bound parameters.")
    names = [p.name for p in fit.law.parameters]
    numbers = pd.Index(np.flatnonzero(good), name="draw")
    table = pd.DataFrame(params[good], numbers, pd.Index(names)).assign(objective=objectives[good])
    return Draws(table, chosen, int((~good).sum()), int(rng) if isinstance(rng, int | np.integer) else None)


def _check_runs(fit: FittedLaw) -> None:
    """Refuse fits whose runs leave nothing to resample, and warn where they are few."""
    if fit.run_count < 2:
        raise FitError(
            "one run alone says nothing about the differences between runs: there is nothing to resample. "
            "Name the runs in a column 'run', or give more of them."
        )
    if fit.observations.identical_runs:
        raise FitError("all runs are identical, copies of one: they say nothing about how runs differ. Keep one.")
    free = int(fit.problem().bounds.free.sum())
    if fit.n <= free:
        raise FitError(
            f"{fit.n} rows for {free} free parameters leave no residuals to resample: give more rows, or fix some."
        )
    if fit.run_count <= free < fit.n and fit.run_count < fit.n:
        warnings.warn(
            f"{fit.run_count} runs for {free} free parameters: what differs between so few runs is mostly absorbed by "
            "the constants, so that intervals from these draws are too narrow to rely on.",
            FitWarning,
            stacklevel=4,
        )


Sampler = Callable[[], dict[str, np.ndarray]]
"""Makes one sample: its weights or its target, (rows,)."""


def refit(problem: Problem, start: np.ndarray, sample: Sampler, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Refit ``n`` samples from one start; constants (n, parameters) and objectives (n,).

    Samples are made as threads fall free, so that memory does not grow with the number of draws.
    """
    first, *later = (Batch(stage) for stage in stages(problem, start))
    scaling = first.scalings_at(start[None])[0]
    here = recentre(start, first.scaling, scaling)
    z, objectives = np.full((n, len(start)), np.nan), np.full(n, np.inf)
    places, lock = iter(range(n)), Lock()

    def work(_: int) -> None:
        while True:
            with lock:  # samples are drawn in order, whatever the threads do
                taken = list(islice(places, STARTS_PER_CALL))
                samples = [sample() for _ in taken]
            if not taken:
                return
            padded = [{k: pad(v, first.size, 0.0 if k == "weight" else None) for k, v in s.items()} for s in samples]
            optima = first.minimise([first.start(here, scaling, **own) for own in padded])
            for batch in later:
                starts = [batch.start(optimum.z, scaling, **own) for optimum, own in zip(optima, padded, strict=True)]
                optima = batch.minimise(starts)
            for place, optimum in zip(taken, optima, strict=True):
                z[place], objectives[place] = optimum.z, optimum.objective

    workers = min(os.cpu_count() or 1, n, 8)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    raw = constants(problem.coordinates, z.T, scaling._replace(shift=scaling.shift[:, None]), np.exp)
    unit = later[-1].problem.delta if later else 1.0  # absolute residuals are Huber's over its threshold
    return np.stack(np.broadcast_arrays(*raw), axis=1), objectives / unit


def stages(problem: Problem, start: np.ndarray) -> list[Problem]:
    """The problem itself; for absolute residuals Huber's with thresholds that fall to a sliver of the residuals."""
    if problem.delta > 0:
        return [problem]
    return least_absolute_stages(problem, Batch(problem).linearise(start)[1], (1e-1, 1e-2, 1e-3, 1e-4))


def _resampled_runs(fit: FittedLaw, problem: Problem, rng: np.random.Generator) -> Sampler:
    """Sampler that draws whole runs with replacement, through the weights of their rows."""
    codes = fit.observations.run_codes
    runs = int(codes.max()) + 1

    def sample() -> dict[str, np.ndarray]:
        times = np.bincount(rng.integers(0, runs, runs), minlength=runs)
        return {"weight": problem.weight * times[codes]}

    return sample


def _wild(fit: FittedLaw, problem: Problem, rng: np.random.Generator) -> Sampler:
    """Sampler that multiplies each run's residuals by one of Webb's six weights."""
    fitted, residual, codes = _inflated(fit, problem)
    runs = int(codes.max()) + 1

    def sample() -> dict[str, np.ndarray]:
        return {"target": fitted + _WEBB[rng.integers(0, 6, runs)][codes] * residual}

    return sample


def _exchanged(fit: FittedLaw, problem: Problem, rng: np.random.Generator) -> Sampler:
    """Sampler that gives each run another run's residuals."""
    fitted, residual, codes = _inflated(fit, problem)
    sizes = np.bincount(codes)
    if len(set(sizes.tolist())) > 1:
        raise FitError("scheme='residual' exchanges residuals between runs, which need as many rows each; use 'wild'.")
    order = np.argsort(codes, kind="stable").reshape(len(sizes), -1)

    def sample() -> dict[str, np.ndarray]:
        target = fitted.copy()
        target[order.ravel()] += residual[order[rng.integers(0, len(sizes), len(sizes))]].ravel()
        return {"target": target}

    return sample


def _inflated(fit: FittedLaw, problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fitted values and residuals in the objective's space, residuals scaled up for the degrees of freedom spent."""
    codes = fit.observations.run_codes
    residual = fit.covariance.inflated
    start = problem.to_coordinates(fit.params)
    target = problem.target * (1.0 if problem.log_space else problem.scale)
    plain = Batch(problem).linearise(start)[1]
    return target - plain, residual, codes


def leave_one_run_out(fit: FittedLaw) -> pd.DataFrame:
    """Constants without each run in turn, indexed by the run left out."""
    codes = pd.factorize(fit.observations.run)[0]
    runs = int(codes.max()) + 1
    if runs < 2:
        raise FitError("one run alone cannot be left out.")
    problem = fit.problem()
    start = problem.to_coordinates(fit.params)
    turn = iter(range(runs))

    def sample() -> dict[str, np.ndarray]:
        return {"weight": problem.weight * (codes != next(turn))}

    params, _ = refit(problem, start, sample, runs)
    names = [p.name for p in fit.law.parameters]
    labels = pd.Index(pd.unique(pd.Series(fit.observations.run)), name="run left out")
    return pd.DataFrame(params, index=labels, columns=pd.Index(names))
