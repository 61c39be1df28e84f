"""Coverage of the crossover's interval: how often it holds the true budget at which the curves meet.

    python benchmarks/crossover_coverage.py [simulations]

Curves with a known crossing are sampled with noise, fitted, and asked for the crossover. An interval that is open
("from 25B on") covers what lies in it; "undetermined" holds every budget. The band is what a binomial count of
an exact interval stays within in 99 of 100 benchmarks.
"""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from common import heading, machine, rows
from scipy.stats import binom

import p2law
from p2law.plan.cost import Parent
from p2law.plan.crossing import Crossover, crossover

LEVELS = (0.8, 0.95)
PARENT = Parent(tokens=200e9)
POWER = ({"E": 2.32, "B": 1100.0, "beta": 0.348}, {"E": 2.30, "B": 2800.0, "beta": 0.36})
"""Constants of a pruned and a scratch curve that meet once in the range when the parent's tokens are charged."""
P2 = {"N_C": 15.0, "alpha": 0.25, "D_C": 250.0, "beta": 0.35, "E": 1.5, "gamma": -1.3, "delta": 0.05}
CHINCHILLA = {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.34, "beta": 0.3}
TARGET = {"N0": 4e9, "rho": 0.5, "L0": 2.12}

Fits = tuple[p2law.Fit, p2law.Fit]


def independent(points: int, noise: float, rng: np.random.Generator) -> Fits:
    """End points of runs of one model, each its own run."""
    tokens = np.geomspace(5e9, 1e12, points)
    losses = [p2law.laws.get("power")(tokens, **c) * np.exp(noise * rng.standard_normal(points)) for c in POWER]
    tables = [pd.DataFrame({"D": tokens, "loss": loss}) for loss in losses]
    pruned, scratch = (p2law.fit("power", table, objective=p2law.Squared(space="log")) for table in tables)
    return pruned, scratch


def correlated(rng: np.random.Generator) -> Fits:
    """Post-training curves that keep their own level (P²) beside dense end points (Chinchilla)."""
    grid = [np.array([1e8, 4e8, 1.6e9, 6.4e9]), np.array([0.15, 0.25, 0.35, 0.5]), np.geomspace(1e8, 1e11, 10)]
    size, rate, tokens = (axis.ravel() for axis in np.meshgrid(*grid, indexing="ij"))
    parent = 1.7 + 35 * size**-0.2
    clean = p2law.laws.get("p2")(size, tokens, rate, parent, **P2)
    run = np.repeat(np.arange(16), 10)
    loss = parent + (clean - parent) * (1 + 0.03 * rng.standard_normal(16)[run]) + 0.002 * rng.standard_normal(len(run))
    curves = pd.DataFrame({"N0": size, "rho": rate, "D": tokens, "L0": parent, "run": run, "loss": loss})
    ends = [axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 8e9, 6), np.geomspace(2e9, 4e11, 6))]
    dense = p2law.laws.get("chinchilla")(*ends, **CHINCHILLA) * np.exp(0.004 * rng.standard_normal(36))
    table = pd.DataFrame({"N": ends[0], "D": ends[1], "loss": dense})
    return p2law.fit("p2", curves, objective=p2law.Squared()), p2law.fit("chinchilla", table, objective=p2law.Squared())


def true_crossing(ask: Callable[[Fits, float], Crossover], exact: Fits) -> float:
    """Where noise-free curves meet."""
    return ask(exact, 0.95).value


def of_power(fits: Fits, level: float) -> Crossover:
    return crossover(*fits, parent_cost="tokens", parent=PARENT, range=(5e9, 1e12), level=level)


def of_p2(fits: Fits, level: float) -> Crossover:
    return crossover(*fits, range=(1e8, 1e12), level=level, **TARGET)


def count(make: Callable[[np.random.Generator], Fits], ask: Callable[[Fits, float], Crossover], truth: float, n: int):
    """Per level: how often the truth was covered, how often the answer was undetermined, how often an end was open."""
    seen = {level: np.zeros(3, dtype=int) for level in LEVELS}
    for seed in range(n):
        fits = make(np.random.default_rng(seed))
        for level in LEVELS:
            found = ask(fits, level)
            within = bool(found.lower <= truth <= found.upper)
            open_ended = found.lower == 0 or np.isinf(found.upper)
            seen[level] += [within, found.verdict == "undetermined", open_ended]
    return seen


def main(n: int) -> None:
    print(machine())
    cases = {
        "power laws, 6 runs each, 0.3 % noise": (lambda rng: independent(6, 0.003, rng), of_power, (6, 0.0)),
        "power laws, 12 runs each, 0.5 % noise": (lambda rng: independent(12, 0.005, rng), of_power, (12, 0.0)),
        "P² of 16 curves with their own levels, Chinchilla of 36 runs": (correlated, of_p2, None),
    }
    heading(f"Coverage of the crossover's interval, {n} simulations each")
    body = []
    for name, (make, ask, exact) in cases.items():
        noiseless = independent(*exact, np.random.default_rng(0)) if exact else exact_p2()
        truth = true_crossing(ask, noiseless)
        for level, (covered, undetermined, open_ended) in count(make, ask, truth, n).items():
            low, high = binom.interval(0.99, n, level)
            cells = [f"{100 * level:g} %", f"{100 * covered / n:.1f} %", f"{100 * low / n:.1f}-{100 * high / n:.1f} %"]
            body.append([name, *cells, f"{100 * undetermined / n:.0f} %", f"{100 * open_ended / n:.0f} %"])
    rows(["case", "level", "covered", "99 % band", "undetermined", "open end"], body)


def exact_p2() -> Fits:
    """Fits with the true constants."""
    from dataclasses import replace

    pruned, scratch = correlated(np.random.default_rng(0))
    return replace(pruned, params=P2), replace(scratch, params=CHINCHILLA)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
