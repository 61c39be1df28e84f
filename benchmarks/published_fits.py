"""Objectives and constants reached on published tables, over 20 seeds, beside the published ones.

    python benchmarks/published_fits.py

The tables (Epoch's Chinchilla points, Gemstones "hot") are not part of this repository: they are read from
../shared/data beside it and skipped where absent.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from common import heading, machine, rows, shared_table

import p2law
from p2law import Huber, LeastAbsolute, Squared
from p2law.fitting.objective import Objective, residuals, value

SEEDS = 20
NAMES = ("E", "A", "B", "alpha", "beta")


@dataclass(frozen=True)
class Case:
    """One published optimum: the objective where one was printed, the constants as printed."""

    title: str
    objective: Objective
    published: float | None
    constants: tuple[float, ...]
    source: str


EPOCH = (
    Case(
        "240 rows, Huber 1e-3 of log loss",
        Huber(1e-3),
        1.0182740178e-03,
        (1.817218, 477.8259, 2143.4174, 0.347310, 0.367172),
        "exact optimum of Epoch's objective",
    ),
    Case(
        "240 rows, the same, as quoted",
        Huber(1e-3),
        None,
        (1.8172, 482.01, 2085.43, 0.3478, 0.3658),
        "Besiroglu et al. 2024 as printed (another objective, see below)",
    ),
    Case(
        "240 rows, least absolute log residuals",
        LeastAbsolute(),
        None,
        (1.816864, 482.0057, 2085.4342, 0.347813, 0.365854),
        "Epoch's reported point: a Huber likelihood whose scale collapses, so in effect this one",
    ),
    Case(
        "240 rows, Huber 1e-3 of raw loss",
        Huber(1e-3, space="linear"),
        2.8962431958e-03,
        (1.820080, 455.0973, 2405.2233, 0.344303, 0.372967),
        "exact optimum",
    ),
    Case(
        "240 rows, least squares of raw loss",
        Squared(),
        8.3203807693e-02 / 2,
        (1.882814, 567.805, 7581.85, 0.357615, 0.427621),
        "exact optimum (half the sum of squares)",
    ),
)
ALL_ROWS = Case(
    "all 245 rows, Huber 1e-3 of log loss",
    Huber(1e-3),
    1.8260105231e-03,
    (1.891338, 495.726, 12845.6, 0.349313, 0.453049),
    "exact optimum",
)
GEMSTONES = (
    Case(
        "220 rows, Huber 1e-3 of log loss",
        Huber(1e-3),
        1.9816129196e-03,
        (2.14321, 213.08, 4.968e6, 0.29289, 0.71298),
        "stored with the data, best of 4,500 starts; constants: exact optimum, rounded",
    ),
    Case(
        "220 rows, Huber 1e-4 of log loss",
        Huber(1e-4),
        None,
        (2.14321, 213.08, 4.968e6, 0.29289, 0.71298),
        "the constants of the line above",
    ),
)


def at(case: Case, table: pd.DataFrame) -> float:
    """The case's objective at its constants as printed."""
    y, constants = table.loss.to_numpy(), dict(zip(NAMES, case.constants, strict=True))
    predicted = p2law.laws.get("chinchilla")(table.N.to_numpy(), table.D.to_numpy(), **constants)
    return value(case.objective, residuals(case.objective, y, predicted, np.ones_like(y)), np.ones_like(y))


def run(case: Case, table: pd.DataFrame, **options: Any) -> None:
    fits = [p2law.fit("chinchilla", table, objective=case.objective, rng=seed, **options) for seed in range(SEEDS)]
    worst = max(fits, key=lambda fit: fit.objective_value)
    spread = max(abs(fit.params[n] / worst.params[n] - 1) for fit in fits for n in NAMES)
    print(f"\n{case.title}: {case.source}")
    body = [
        [
            "published",
            f"{case.published:.10e}" if case.published else "not printed",
            *(f"{c:.8g}" for c in case.constants),
        ],
        ["published, from constants as printed", f"{at(case, table):.10e}", *[""] * len(NAMES)],
        [f"p2law, worst of {SEEDS} seeds", f"{worst.objective_value:.10e}", *(f"{worst.params[n]:.8g}" for n in NAMES)],
    ]
    rows(["", "objective", *NAMES], body)
    agreed = min(fit.starts_agreed[0] / fit.starts_agreed[1] for fit in fits)
    print(
        f"converged {sum(fit.converged for fit in fits)} of {SEEDS}; constants differ between seeds by at most "
        f"{spread:.1e} (relative); least share of starts that agreed {agreed:.2f}; "
        f"gradient at most {max(fit.gradient for fit in fits):.0e}"
    )


def main() -> None:
    print(machine())
    heading("Epoch's Chinchilla points (Besiroglu et al. 2024)")
    table = shared_table("epoch_chinchilla")
    if table is not None:
        for case in EPOCH:
            run(case, table[table.epoch_kept])
        run(ALL_ROWS, table)
    heading('Gemstones "hot" (McLeish et al. 2025), 22 runs of 10 checkpoints')
    table = shared_table("gemstones_hot")
    if table is not None:
        for case in GEMSTONES:
            run(case, table, run="run_name")


if __name__ == "__main__":
    main()
