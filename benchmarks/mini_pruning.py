"""The bundled curves of pruned models: how well each law fits, how stable it is, how well it extrapolates.

    python benchmarks/mini_pruning.py

Rows at a constant learning rate after the first 300k tokens. All errors are in nats per token.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from common import heading, machine, rows

import p2law

METHODS = ("width", "unstructured", "depth", "2:4")
BASELINES = ("fixed", "control")
LAWS = ("p2", "p2_without_size_term", "p2_log_rate", "p2_with_floor", "p2_additive")
OBJECTIVES = {"Huber, log": p2law.Huber(1e-3), "squares, linear": p2law.Squared()}


def fit(law: str, table: pd.DataFrame, baseline: str, objective: Any = None, seed: int = 0) -> p2law.Fit:
    objective = objective or p2law.Squared()
    return p2law.fit(law, table, objective=objective, baseline=baseline, min_tokens=3e5, rng=seed)


def quality(curves: pd.DataFrame) -> None:
    heading("P² per method, least squares of the loss")
    body = []
    for method in METHODS:
        for baseline in BASELINES:
            done = fit("p2", curves[curves.method == method], baseline)
            m = done.metrics
            body.append(
                [
                    f"{method}, {baseline}",
                    f"{m['rmse']:.4f}",
                    f"{m['r2']:.5f}",
                    f"{100 * m['asd_relative']:.1f} %",
                    "{} of {}".format(*done.starts_agreed),
                    f"{done.params['alpha']:.3g}",
                    str(len(done.warnings)),
                ]
            )
    rows(["method, baseline", "rms", "R²", "relative ASD", "starts agreed", "alpha", "warnings"], body)


def variants(curves: pd.DataFrame) -> None:
    heading("Rms of the laws compared, least squares of the loss (number of constants)")
    body = []
    for method in METHODS:
        for baseline in BASELINES:
            table = curves[curves.method == method]
            body.append(
                [f"{method}, {baseline}", *(f"{fit(law, table, baseline).metrics['rmse']:.4f}" for law in LAWS)]
            )
    sizes = [f"{law} ({len(p2law.laws.get(law).parameters)})" for law in LAWS]
    rows(["method, baseline", *sizes], body)


def stability(curves: pd.DataFrame) -> None:
    heading("P² over 10 seeds, default objective: largest differences between any two seeds")
    body = []
    for method in METHODS:
        for baseline in BASELINES:
            table = curves[curves.method == method]
            fits = [fit("p2", table, baseline, p2law.Huber(1e-3), seed) for seed in range(10)]
            best = min(f.objective_value for f in fits)
            relative = max(f.objective_value for f in fits) / best - 1
            inside = np.ptp([f.fitted for f in fits], axis=0).max()
            parent = {"N0": 2 * table.N0.max(), "D": 1e7, "rho": table.rho.max()}
            base = "L0" if baseline == "fixed" else "L_control"
            beyond = np.ptp([quietly(f.predict, **parent, **{base: 3.2}) for f in fits])
            body.append([f"{method}, {baseline}", f"{relative:.1e}", f"{inside:.1e}", f"{beyond:.1e}"])
    rows(["method, baseline", "objective, relative", "fitted loss", "forecast, twice the largest size"], body)


def holdout(curves: pd.DataFrame, title: str, methods: tuple[str, ...], split: Callable[[pd.DataFrame], Any]) -> None:
    heading(f"{title}: rms (largest) error of the held-out rows")
    body = []
    for method in methods:
        table = curves[curves.method == method]
        seen, held_out = split(table)
        for baseline in BASELINES:
            for label, objective in OBJECTIVES.items():
                cells = [
                    errors(fit(law, table[seen], baseline, objective), table[held_out & (table.D >= 3e5)])
                    for law in ("p2", "p2_without_size_term", "p2_log_rate")
                ]
                body.append([f"{method}, {baseline}, {label}", *cells])
    rows(["method, baseline, objective", "p2", "p2_without_size_term", "p2_log_rate"], body)


def by_size(curves: pd.DataFrame, title: str, seen: list[str], held_out: list[str]) -> None:
    holdout(curves, title, METHODS, lambda t: (t["size"].isin(seen), t["size"].isin(held_out)))


def errors(done: p2law.Fit, table: pd.DataFrame) -> str:
    error = quietly(done.predict, table) - table.loss.to_numpy()
    return f"{np.sqrt(np.mean(error**2)):.3f} ({np.abs(error).max():.3f})"


def quietly(predict: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Predict without the extrapolation warning: here extrapolating is the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", p2law.ExtrapolationWarning)
        return predict(*arguments, **named)


def main() -> None:
    print(machine())
    curves = p2law.datasets.load("mini-pruning")
    quality(curves)
    variants(curves)
    stability(curves)
    small, fourteen, largest = ["2M", "5M"], ["14M"], ["27M"]
    by_size(curves, "Sizes up to 13.8M -> 27.1M", small + fourteen, largest)
    by_size(curves, "Sizes 2.2M and 5.0M -> 13.8M", small, fourteen)
    by_size(curves, "Sizes 2.2M and 5.0M -> 27.1M", small, largest)
    holdout(curves, "Rates up to 0.35 -> 0.5", ("width", "depth"), lambda t: (t.rho < 0.4, t.rho > 0.4))


if __name__ == "__main__":
    main()
