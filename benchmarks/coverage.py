"""Do the intervals hold the truth as often as they say? Simulated measurements of designs whose truth is known.

    python benchmarks/coverage.py [replicates [methods [constants]]]    e.g. 600 wald,profile; default: all three

With "constants": 95 % intervals of the constants of the P² designs instead of those of losses.

Dense designs: independent rows, 1 % noise; the loss of a model twice the largest size and tokens (or, for a curve,
tokens). Pruned designs: three sizes (1B to 8B) at three rates, 20 checkpoints each, noise of 0.18 % that is correlated
along a run by 0.9 from one checkpoint to the next; the loss of a model of twice the largest size. Design with levels:
four sizes at four rates, 10 checkpoints each, every run off the law by 3 % of its excess; the loss at the highest rate
after twice the tokens. "Band" is where 99 % of such simulations fall if the interval covers as it says. Bootstrap (200
draws each) and profile take a third of the replicates.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from common import heading, machine, rows

import p2law
from p2law.validate.coverage import Noise, coverage

LEVELS = (0.8, 0.95)
TOKENS = {"E": 1.69, "B": 410.7, "beta": 0.285}
DENSE = {**TOKENS, "A": 406.4, "alpha": 0.339}
_SCALE = 0.25**1.7 * 3e9**-0.26
PRUNED = {
    "N_C": 0.05 * 3e9**0.5 / _SCALE,
    "alpha": 0.5,
    "D_C": 0.10 * 3e8**0.43 / _SCALE,
    "beta": 0.43,
    "E": 0.03 / _SCALE,
    "gamma": -1.7,
    "delta": 0.26,
}
LEVELLED = {"N_C": 15.0, "alpha": 0.25, "D_C": 250.0, "beta": 0.35, "E": 1.5, "gamma": -1.3, "delta": 0.05}
ADDED = {**PRUNED, "R": 0.05 / _SCALE, "N_C": 0.02 * 3e9**0.5, "D_C": 0.1 * 3e8**0.43, "E": 0.01}
SMALLER = {name: PRUNED[name] for name in ("D_C", "beta", "E", "gamma", "delta")}


def dense(law: str, n: int, truth: dict[str, float]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    size = np.exp(rng.uniform(np.log(5e7), np.log(1e10), n))
    tokens = size * np.exp(rng.uniform(np.log(5), np.log(200), n))
    table = pd.DataFrame({"N": size, "N_avg": size, "D": tokens})
    made = p2law.laws.get(law)
    return table.assign(loss=made(*(table[v.name] for v in made.variables), **truth))


def grid(sizes: int, tokens: int) -> pd.DataFrame:
    axes = np.geomspace(1e8, 3e9, sizes), np.geomspace(2e9, 2e11, tokens)
    table = pd.MultiIndex.from_product(axes, names=["N", "D"]).to_frame(index=False)
    return table.assign(loss=p2law.laws.get("chinchilla")(table["N"], table["D"], **DENSE))


def curve(n: int) -> pd.DataFrame:
    table = pd.DataFrame({"D": np.geomspace(1e9, 1e11, n)})
    return table.assign(loss=p2law.laws.get("power")(table["D"], **TOKENS))


def pruned(law: str, truth: dict[str, float]) -> pd.DataFrame:
    cells = [(size, rate, L0) for size, L0 in ((1e9, 2.4), (3e9, 2.2), (8e9, 2.0)) for rate in (0.15, 0.25, 0.35)]
    table = pd.concat(
        pd.DataFrame({"D": np.geomspace(2e7, 1e9, 20)}).assign(N0=n, rho=r, L0=L0, run=f"{n:g} {r}")
        for n, r, L0 in cells
    )
    made = p2law.laws.get(law)
    return table.assign(loss=made(*(table[v.name] for v in made.variables), **truth)).reset_index(drop=True)


def levelled() -> pd.DataFrame:
    axes = np.geomspace(1e8, 6.4e9, 4), [0.15, 0.25, 0.35, 0.5], np.geomspace(1e8, 1e11, 10)
    table = pd.MultiIndex.from_product(axes, names=["N0", "rho", "D"]).to_frame(index=False)
    table = table.assign(L0=1.7 + 35 * table["N0"] ** -0.2, run=np.repeat(np.arange(16), 10))
    made = p2law.laws.get("p2")
    return table.assign(loss=made(*(table[v.name] for v in made.variables), **LEVELLED))


def designs() -> list[tuple[str, str, pd.DataFrame, dict[str, float], Noise, dict[str, float]]]:
    """Label, law, design, truth, noise, where the forecast is asked."""
    even, along = Noise(0.01), Noise(0.0018, 0.9)
    far, larger = {"D": 4e12}, {"N0": 16e9, "D": 3e8, "rho": 0.25, "L0": 1.9}
    out = [("5 rows", "power", curve(5), TOKENS, even, {"D": 2e11})]
    out += [("30 rows", "power", dense("power", 30, TOKENS), TOKENS, even, far)]
    out += [("20 rows of 1 run", "power", curve(20).assign(run="one"), TOKENS, even, {"D": 2e11})]
    out += [("3 x 3 rows", "chinchilla", grid(3, 3), DENSE, even, {"N": 6e9, "D": 4e11})]
    out += [
        (f"{n} rows", "chinchilla", dense("chinchilla", n, DENSE), DENSE, even, {**far, "N": 2e10})
        for n in (12, 30, 100)
    ]
    out += [("30 rows", "average_params", dense("average_params", 30, DENSE), DENSE, even, {**far, "N_avg": 2e10})]
    truths = {
        "p2": PRUNED,
        "p2_without_size_term": SMALLER,
        "p2_log_rate": PRUNED,
        "p2_with_floor": {**PRUNED, "floor": -0.02},
        "p2_additive": ADDED,
    }
    out += [("9 runs of 20", law, pruned(law, truth), truth, along, larger) for law, truth in truths.items()]
    within = {"N0": 4e9, "D": 2e11, "rho": 0.5, "L0": 2.12}
    return [*out, ("16 runs of 10", "p2", levelled(), LEVELLED, Noise(0.001, level=0.03), within)]


def measured(reps: int, methods: list[str]) -> list[tuple[str, ...]]:
    body = []
    for label, law, table, truth, noise, at in designs():
        for objective, name in ((p2law.Squared(), "squares"), (p2law.Huber(), "Huber")):
            fit = p2law.fit(law, table, objective=objective, starts=truth)
            for method in methods:
                if method == "bootstrap" and fit.run_count == 1:
                    continue  # refused: there are no runs to draw
                n = reps if method == "wald" else reps // 3
                found = coverage(fit, noise, reps=n, levels=LEVELS, method=method, **at)  # type: ignore[arg-type]
                shares = [f"{100 * v:.0f} %" for v in found["covered"]]
                half = f"{found['width'].iloc[-1] / 2:.4f}"
                body.append((law, label, name, method, *shares, half, str(int(found["reps"].iloc[0]))))
                print(" ", *body[-1], sep=" | ", flush=True)
    return body


def constants(reps: int, methods: list[str]) -> None:
    body = []
    for label, law, table, truth, noise, _ in designs():
        if law not in ("p2", "p2_without_size_term"):
            continue
        for objective, name in ((p2law.Squared(), "squares"), (p2law.Huber(), "Huber")):
            fit = p2law.fit(law, table, objective=objective, starts=truth)
            for method in methods:
                n = reps if method == "wald" else reps // 3
                found = coverage(fit, noise, reps=n, levels=(0.95,), method=method).set_index("quantity")["covered"]  # type: ignore[arg-type]
                body.append(
                    (law, label, name, method, *(f"{100 * found.get(c, np.nan):.0f} %" for c in PRUNED), str(n))
                )
                print(" ", *body[-1], sep=" | ", flush=True)
    heading("Share of simulations whose 95 % interval holds the true constant")
    rows(("law", "design", "objective", "method", *PRUNED, "simulations"), body)


def main() -> None:
    reps = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    methods = sys.argv[2].split(",") if len(sys.argv) > 2 else ["wald", "profile", "bootstrap"]
    warnings.simplefilter("ignore", p2law.ExtrapolationWarning)
    print(machine())
    (constants if "constants" in sys.argv else losses)(reps, methods)


def losses(reps: int, methods: list[str]) -> None:
    body = measured(reps, methods)
    bands = [
        "–".join(f"{100 * (level + s * 2.576 * (level * (1 - level) / n) ** 0.5):.0f}" for s in (-1, 1))
        for n in (reps, reps // 3)
        for level in LEVELS
    ]
    heading(
        f"Share of simulations whose interval holds the true loss; bands {bands[0]} and {bands[1]} % for {reps}, "
        f"{bands[2]} and {bands[3]} % for {reps // 3}"
    )
    rows(("law", "design", "objective", "method", "80 %", "95 %", "half-width at 95 %", "simulations"), body)


if __name__ == "__main__":
    main()
