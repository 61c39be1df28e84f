"""The stop rule held against curves it has not seen to the end: the bundled post-training curves of pruned models.

    python benchmarks/stop_rule.py

1. Forecasts of the rest of each curve from its first 30 % or half of the tokens: error and coverage.
2. Calibration: how often stopping at once really loses no more than eps, per predicted probability.
3. The last half hidden: after how many tokens is the loss within eps of its end? Beside the naive rule, which stops as
   soon as the last 10 % of the tokens improved the loss by less than eps.

"law + own" is P² fitted to the other sizes of the same method (the run's own size left out) together with the run's
checkpoints; "own" is the run's own power law. With baseline "control" the control's curve is known to the end, as it is
where the unpruned parent was post-trained before. All losses in nats per token.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from common import heading, machine, rows

import p2law
from p2law.plan.stop import StopPlan, stop_rule

METHODS = ("width", "unstructured", "depth", "2:4")
EPS = (0.003, 0.005, 0.01, 0.02, 0.04)
BINS = (0.0, 0.02, 0.2, 0.5, 0.8, 0.98, 1.0)
Fits = dict[tuple[str, str, str], p2law.Fit]


def fits(curves: pd.DataFrame) -> Fits:
    """P² per method, size left out and baseline."""
    out = {}
    for method in METHODS:
        table = curves[curves.method == method]
        for size in table["size"].unique():
            for baseline in ("control", "fixed"):
                rest = table[table["size"] != size]
                out[method, size, baseline] = p2law.fit("p2", rest, baseline=baseline, objective=p2law.Squared())
    return out


def split(curves: pd.DataFrame, share: float, method: str | None = None) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Seen and hidden part of every curve."""
    chosen = curves if method is None else curves[curves.method == method]
    for _, run in chosen.groupby("run", sort=False):
        seen = run["D"] <= share * run["D"].max()
        yield run[seen], run[~seen]


def forecasts(curves: pd.DataFrame, fitted: Fits, share: float) -> None:
    heading(
        f"The rest of the curve from the first {100 * share:g} % of the tokens: rms error (coverage of 95 % intervals)"
    )
    body = []
    for method in METHODS:
        errors: dict[str, list[np.ndarray]] = {}
        inside: dict[str, list[np.ndarray]] = {}
        for seen, hidden in split(curves, share, method):
            for name, plan in plans(seen, hidden, fitted, 0.01).items():
                at = np.log(plan.ahead.tokens)
                loss, lower, upper = (
                    np.interp(np.log(hidden.D), at, column)
                    for column in plan.to_frame()[["loss", "lower", "upper"]].to_numpy().T
                )
                errors.setdefault(name, []).append(hidden.loss - loss)
                inside.setdefault(name, []).append((hidden.loss >= lower) & (hidden.loss <= upper))
        cells = [
            f"{np.sqrt(np.mean(np.concatenate(errors[n]) ** 2)):.4f} ({np.concatenate(inside[n]).mean():.2f})"
            for n in errors
        ]
        body.append([method, *cells])
    rows(["method", *names()], body)


def names() -> tuple[str, ...]:
    return ("law + own, control", "law + own, fixed", "own")


def plans(seen: pd.DataFrame, hidden: pd.DataFrame, fitted: Fits, eps: float) -> dict[str, StopPlan]:
    """The stop rule each way, for the rest of one curve."""
    key, end = (seen["method"].iloc[0], seen["size"].iloc[0]), float(hidden["D"].max())
    moving, fixed = (fitted[*key, baseline] for baseline in ("control", "fixed"))
    first = stop_rule(seen, fit=fixed, tokens=end, eps=eps)
    level = np.interp(np.log(first.ahead.tokens), np.log(hidden["D"]), hidden["L_control"])
    level[0] = seen["L_control"].iloc[-1]
    known = moving.forecast(seen, first.ahead.tokens, control=level)
    return {
        names()[0]: StopPlan(first.seen, known, eps, first.level, "p2 and the run's own checkpoints"),
        names()[1]: first,
        names()[2]: stop_rule(seen, tokens=end, eps=eps),
    }


def calibration(curves: pd.DataFrame, fitted: Fits) -> None:
    heading("Stopping at once: predicted probability of losing no more than eps, and how often that was so")
    said: dict[str, list[float]] = {name: [] for name in names()}
    true: list[bool] = []
    for share in (0.15, 0.3, 0.5, 0.7):
        for seen, hidden in split(curves, share):
            found = plans(seen, hidden, fitted, EPS[0])
            for eps in EPS:
                true.append(bool(seen.loss.iloc[-1] - hidden.loss.iloc[-1] <= eps))
                for name, plan in found.items():
                    said[name].append(float(plan.ahead.probability(eps)[0]))
    came = np.array(true)
    body = []
    for low, high in pairwise(BINS):
        cells = []
        for name in names():
            p = np.array(said[name])
            held = (p >= low) & ((p < high) | (high == 1.0))
            cells.append(f"{p[held].mean():.2f} -> {came[held].mean():.2f} ({held.sum()})" if held.any() else "-")
        body.append([f"{low:g} to {high:g}", *cells])
    brier = [f"{np.mean((np.array(said[name]) - came) ** 2):.3f}" for name in names()]
    body.append([f"Brier score (always {came.mean():.2f}: {came.var():.3f})", *brier])
    rows(["predicted", *(f"{name}: said -> was (cases)" for name in names())], body)


def enough(curves: pd.DataFrame, fitted: Fits) -> None:
    heading("The last half hidden: tokens to within eps of the end; right if the loss there was within eps")
    body = []
    for eps in EPS[:4]:
        right: dict[str, list[bool]] = {}
        spent: dict[str, list[float]] = {}
        for seen, hidden in split(curves, 0.5):
            run = pd.concat([seen, hidden])
            answers = {"naive": naive(run, eps)}
            for name, plan in plans(seen, hidden, fitted, eps).items():
                answers[f"{name}, 50 %"], answers[f"{name}, 90 %"] = plan.enough(0.5), plan.enough(0.9)
            for name, tokens in answers.items():
                there = np.interp(np.log(tokens), np.log(run.D), run.loss)
                right.setdefault(name, []).append(bool(there - run.loss.iloc[-1] <= eps))
                spent.setdefault(name, []).append(tokens / run.D.iloc[-1])
        body += [
            [f"{eps:g}, {name}", f"{100 * np.mean(right[name]):.0f} %", f"{100 * np.mean(spent[name]):.0f} %"]
            for name in right
        ]
    rows(["eps, rule", "right", "tokens spent, of the end"], body)


def naive(run: pd.DataFrame, eps: float) -> float:
    """First checkpoint from the middle on whose last 10 % of tokens improved the loss by less than eps."""
    x, half = np.log(run.D), 0.475 * run.D.iloc[-1]
    for at, loss in zip(run.D, run.loss, strict=True):
        if at >= half and np.interp(np.log(0.9 * at), x, run.loss) - loss < eps:
            return float(at)
    return float(run.D.iloc[-1])


def main() -> None:
    print(machine())
    curves = p2law.datasets.load("mini-pruning").sort_values(["run", "D"])
    fitted = fits(curves)
    for share in (0.3, 0.5):
        forecasts(curves, fitted, share)
    calibration(curves, fitted)
    enough(curves, fitted)


if __name__ == "__main__":
    main()
