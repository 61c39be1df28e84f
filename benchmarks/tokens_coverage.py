"""Does the interval of the tokens cover? Simulated curves, refitted, against the tokens of the true constants.

    python benchmarks/tokens_coverage.py [replicates]

16 post-training curves (4 sizes, 4 rates) of 10 checkpoints around a P² law without its size term, each run off the law
by its own share of the excess and noisy along its tokens; and 40 independent dense models around Chinchilla. The band
is where 99.9 % of such simulations fall if the interval covers as it says.
"""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from common import heading, machine, rows

import p2law
from p2law.fitting.source import Source
from p2law.plan import Criterion, Recovered, Remaining, Slope
from p2law.plan.curve import LossCurve, tokens_needed

PRUNED = {"D_C": 250.0, "beta": 0.4, "E": 0.4, "gamma": -1.3, "delta": 0.05}
DENSE = {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.34, "beta": 0.3}
CRITERIA: tuple[Criterion, ...] = (
    Slope(0.004, per="doubling"),
    Slope(1e-12),
    Remaining(0.01),
    Recovered(0.8, start=1e7),
)
LEVELS = (0.8, 0.95)


def grid(**levels: np.ndarray) -> pd.DataFrame:
    return pd.MultiIndex.from_product(levels.values(), names=levels.keys()).to_frame(index=False)


def pruned(rng: np.random.Generator) -> pd.DataFrame:
    """Curves whose levels differ by 3 % of their excess, checkpoints by 0.001 nats."""
    table = grid(N0=np.geomspace(1e8, 8e9, 4), rho=np.array([0.15, 0.25, 0.35, 0.5]), D=np.geomspace(1e6, 1e9, 10))
    table = table.assign(L0=2 + 20 * table["N0"] ** -0.2, run=np.repeat(np.arange(16), 10))
    law = p2law.laws.get("p2_without_size_term")
    excess = law(table.N0, table.D, table.rho, 0.0, **PRUNED)
    own = np.repeat(rng.standard_normal(16), 10)
    return table.assign(loss=table.L0 + excess * (1 + 0.03 * own) + 0.001 * rng.standard_normal(160))


def dense(rng: np.random.Generator) -> pd.DataFrame:
    table = grid(N=np.geomspace(1e7, 1e10, 5), D=np.geomspace(1e8, 1e11, 8))
    loss = p2law.laws.get("chinchilla")(table.N, table.D, **DENSE)
    return table.assign(loss=loss * np.exp(0.003 * rng.standard_normal(40)))


def hits(
    law: str, truth: dict[str, float], make: Callable[..., pd.DataFrame], at: dict[str, float], n: int
) -> np.ndarray:
    """Whether the interval holds the true tokens, (replicates, criteria, levels)."""
    columns = {k: np.array([v]) for k, v in at.items()} | ({"L0": np.ones(1)} if "N0" in at else {})
    known = Source(p2law.laws.Constants("truth", p2law.laws.get(law), truth, "", ""))
    exact = [tokens_needed(criterion, LossCurve(known, columns, models=1))[0] for criterion in CRITERIA]
    out = np.zeros((n, len(CRITERIA), len(LEVELS)), dtype=bool)
    for i in range(n):
        fit = p2law.fit(law, make(np.random.default_rng(i)), objective=p2law.Squared())
        for j, criterion in enumerate(CRITERIA):
            for k, level in enumerate(LEVELS):
                plan = p2law.optimal_tokens(fit, criterion=criterion, level=level, **at)
                out[i, j, k] = plan.lower <= exact[j] <= plan.upper
    return out


def band(level: float, n: int) -> tuple[float, float]:
    from scipy.stats import binom

    low, high = binom.ppf([0.0005, 0.9995], n, level) / n
    return float(low), float(high)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(machine())
    for law, truth, make, at in (
        ("p2_without_size_term", PRUNED, pruned, {"N0": 1.6e10, "rho": 0.3}),
        ("chinchilla", DENSE, dense, {"N": 7e9}),
    ):
        heading(f"{law}: share of {n} simulations whose local interval holds the true tokens")
        share = hits(law, truth, make, at, n).mean(0)
        body = [[str(c), *(f"{s:.3f}" for s in line)] for c, line in zip(CRITERIA, share, strict=True)]
        header = [f"{100 * level:g} % ({low:.3f} to {high:.3f})" for level in LEVELS for low, high in [band(level, n)]]
        rows(["tokens until", *header], body)


if __name__ == "__main__":
    main()
