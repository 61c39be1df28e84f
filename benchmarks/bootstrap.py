"""Bootstrap draws: time beside scipy's refits, growth with rows and draws, memory.

    python benchmarks/bootstrap.py [--large]

The 240 Epoch points, Huber(1e-3) of log loss, rows resampled; scipy's ``least_squares(loss="huber")`` is started at the
full fit's optimum, its best case. ``--large`` adds 100,000 rows and a measure of memory (minutes).
"""

import resource
import sys
from time import perf_counter

import numpy as np
import pandas as pd
from common import heading, machine, rows, shared_table
from scipy.optimize import least_squares

import p2law

TRUTH = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.339, "beta": 0.285}


def scipy_draws(fit: p2law.Fit, n: int) -> np.ndarray:
    """Refits of resampled rows from the full optimum, in the logarithms of E, A and B, with the exact Jacobian."""
    log_n, log_d, log_loss = (np.log(fit.table[c].to_numpy()) for c in ("N", "D", "loss"))
    start, rng = np.array(list(fit.params.values())), np.random.default_rng(0)
    start[:3] = np.log(start[:3])
    found = []

    def terms(p: np.ndarray, i: np.ndarray) -> np.ndarray:
        return np.exp([np.full(len(i), p[0]), p[1] - p[3] * log_n[i], p[2] - p[4] * log_d[i]])

    for _ in range(n):
        i = rng.integers(0, len(log_loss), len(log_loss))

        def residual(p: np.ndarray, i: np.ndarray = i) -> np.ndarray:
            return np.log(terms(p, i).sum(0)) - log_loss[i]

        def slopes(p: np.ndarray, i: np.ndarray = i) -> np.ndarray:
            parts = terms(p, i)
            return np.transpose([*parts, -log_n[i] * parts[1], -log_d[i] * parts[2]] / parts.sum(0))

        found.append(least_squares(residual, start, jac=slopes, loss="huber", f_scale=1e-3, x_scale="jac").x)
    return np.array(found)


def timed(work: object, *arguments: object) -> float:
    begin = perf_counter()
    work(*arguments)  # type: ignore[operator]
    return perf_counter() - begin


def beside_scipy(fit: p2law.Fit) -> None:
    heading("Seconds for draws of the 240 Epoch points, in turn in one process (best of 3)")
    fit.bootstrap(10)
    body = []
    for n in (1000, 4000):
        ours = min(timed(fit.bootstrap, n) for _ in range(3))
        theirs = min(timed(scipy_draws, fit, n // 4) for _ in range(3)) * 4
        body.append((f"{n}", f"{ours:.2f}", f"{theirs:.2f}"))
    rows(("draws", "p2law", "scipy, warm starts"), body)


def intervals(fit: p2law.Fit) -> None:
    heading("95 % intervals from 4,000 draws, and as published (Besiroglu et al. 2024)")
    published = {
        "E": (1.769, 1.871),
        "A": (285, 744),
        "B": (1042, 5810),
        "alpha": (0.317, 0.373),
        "beta": (0.331, 0.415),
    }
    table = fit.bootstrap(4000).intervals().set_index("parameter")
    rows(
        ("constant", "p2law", "published"),
        [
            (name, f"{table.loc[name, 'lower']:.4g} to {table.loc[name, 'upper']:.4g}", f"{low:g} to {high:g}")
            for name, (low, high) in published.items()
        ],
    )


def dense(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    size = np.exp(rng.uniform(np.log(5e7), np.log(1e10), n))
    tokens = size * np.exp(rng.uniform(np.log(5), np.log(200), n))
    loss = p2law.laws.get("chinchilla")(size, tokens, **TRUTH)
    return pd.DataFrame({"N": size, "D": tokens, "loss": loss * np.exp(0.01 * rng.standard_normal(n))})


def growth(sizes: tuple[int, ...], draws: int) -> None:
    heading(f"Seconds for {draws} draws, and memory of the process at its peak")
    body = []
    for n in sizes:
        fit = p2law.fit("chinchilla", dense(n), starts=TRUTH)
        fit.bootstrap(10)
        seconds = timed(fit.bootstrap, draws)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        body.append((f"{n:,}", f"{seconds:.1f}", f"{1e6 * seconds / n / draws:.2f}", f"{peak:.2f} GB"))
    rows(("rows", "seconds", "µs per row and draw", "peak memory"), body)


def main() -> None:
    print(machine())
    table = shared_table("epoch_chinchilla")
    if table is not None:
        fit = p2law.fit("chinchilla", table[table["epoch_kept"].astype(bool)])
        beside_scipy(fit)
        intervals(fit)
    growth((256, 1024, 4096, 16384), 200)
    if "--large" in sys.argv:
        growth((100_000,), 10_000)


if __name__ == "__main__":
    main()
