"""The P² paper's three protocols on the bundled curves: the tables of holdout.md and which_law.md in docs.

    python benchmarks/holdout.py

Rows at a constant learning rate after the first 300k tokens, default objective; errors in nats per token.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from common import heading, machine, rows

import p2law
from p2law.validate import Holdout, compare, holdout

METHODS = ("width", "unstructured", "depth", "2:4")
BASELINES = ("fixed", "control")
LAWS = ("p2", "p2_without_size_term", "p2_log_rate", "p2_additive")
PROTOCOLS = (
    ("First 80 % of each run's tokens -> the rest", METHODS, {"by": "D", "fraction": 0.8}),
    ("First 30 % of each run's tokens -> the rest", METHODS, {"by": "D", "fraction": 0.3}),
    ("Sizes up to 13.8M -> 27.1M", METHODS, {"by": "N0"}),
    ("Lower rates -> the highest (0.5; unstructured 0.7)", ("width", "unstructured", "depth"), {"by": "rho"}),
)
BEGUN = "p2, run begun"


def protocol(title: str, methods: Sequence[str], options: dict) -> None:
    heading(title)
    by = options["by"]
    others = [BEGUN, "last value", "run's own power law"] if by == "D" else [f"nearest {by}", f"power law in {by}"]
    body = []
    for method in methods:
        runs = p2law.datasets.load("mini-pruning", method=method)
        for baseline in BASELINES:
            result = holdout("p2", runs, baseline=baseline, min_tokens=3e5, **options)
            body.append([f"{method}, {baseline}", *cells(result, others)])
    header = ["p2", "worst", "/ fitted", "covered", "half-width", "slopes off by", *others]
    rows(["method, baseline", *header], body)


def cells(result: Holdout, others: Sequence[str]) -> list[str]:
    table = result.to_frame()
    own = table.loc["p2"]
    fitted = result.folds[0].fit.metrics["rmse"]
    return [
        f"{own['rms']:.4f}",
        f"{100 * own['worst']:.1f} %",
        f"{own['rms'] / fitted:.1f}" + ("" if result.generalises else " *"),
        f"{100 * own['coverage']:.0f} %",
        "no end" if np.isinf(own["reach"]) else f"{own['reach']:.3f}",
        "-" if np.isnan(own["asd_relative"]) else f"{100 * own['asd_relative']:.0f} %",
        *(other(table.loc[name]) if name in table.index else "-" for name in others),
    ]


def other(line: pd.Series) -> str:
    return f"{line['rms']:.4f}" + ("" if np.isnan(line["coverage"]) else f" ({100 * line['coverage']:.0f} %)")


def choice() -> None:
    heading("Laws compared, sizes up to 13.8M -> 27.1M: held-out RMSE (ΔAICc on all rows)")
    body = []
    for method in METHODS:
        runs = p2law.datasets.load("mini-pruning", method=method)
        for baseline in BASELINES:
            found = compare(LAWS, runs, baseline=baseline, min_tokens=3e5)
            lines = [found.table.loc[law] for law in LAWS]
            shown = [f"{e['rms']:.4f} ({delta(e['delta_aicc'])})" for e in lines]
            body.append([f"{method}, {baseline}", f"{found.rows} as {found.effective_rows:.0f}", *shown])
    rows(["method, baseline", "rows count as", *LAWS], body)


def delta(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "-"


def main() -> None:
    print(machine())
    for title, methods, options in PROTOCOLS:
        protocol(title, methods, options)
    print("\n* does not generalise: more than three times the RMSE of the fitted rows")
    choice()


if __name__ == "__main__":
    main()
