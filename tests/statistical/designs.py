"""Designs whose truth is known, without noise."""

import numpy as np
import pandas as pd

import p2law

CHINCHILLA = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.339, "beta": 0.285}
CURVE = {"E": 1.69, "B": 410.7, "beta": 0.285}
_FACTOR = 0.25**1.7 * 3e9**-0.26
P2 = {
    "N_C": 0.05 * 3e9**0.5 / _FACTOR,
    "alpha": 0.5,
    "D_C": 0.10 * 3e8**0.43 / _FACTOR,
    "beta": 0.43,
    "E": 0.03 / _FACTOR,
    "gamma": -1.7,
    "delta": 0.26,
}

LEVELLED = {"N_C": 15.0, "alpha": 0.25, "D_C": 250.0, "beta": 0.35, "E": 1.5, "gamma": -1.3, "delta": 0.05}


def dense(n: int) -> pd.DataFrame:
    """``n`` dense models of 50M to 10B parameters, trained on 5 to 200 tokens each."""
    rng = np.random.default_rng(0)
    size = np.exp(rng.uniform(np.log(5e7), np.log(1e10), n))
    tokens = size * np.exp(rng.uniform(np.log(5), np.log(200), n))
    return pd.DataFrame({"N": size, "D": tokens, "loss": p2law.laws.get("chinchilla")(size, tokens, **CHINCHILLA)})


def grid() -> pd.DataFrame:
    """Three sizes at three numbers of tokens: nine rows for five constants."""
    axes = np.geomspace(1e8, 3e9, 3), np.geomspace(2e9, 2e11, 3)
    table = pd.MultiIndex.from_product(axes, names=["N", "D"]).to_frame(index=False)
    return table.assign(loss=p2law.laws.get("chinchilla")(table["N"], table["D"], **CHINCHILLA))


def curve(n: int) -> pd.DataFrame:
    """``n`` checkpoints of a law of tokens alone."""
    tokens = np.geomspace(1e9, 1e11, n)
    return pd.DataFrame({"D": tokens, "loss": p2law.laws.get("power")(tokens, **CURVE)})


def pruned() -> pd.DataFrame:
    """Three sizes at three rates, 20 checkpoints each; excess 0.04 to 1.03 nats."""
    tokens = np.geomspace(2e7, 1e9, 20)
    rows = [
        {"N0": size, "rho": rate, "L0": parent, "D": D, "run": f"{size:g} at {rate}"}
        for size, parent in ((1e9, 2.4), (3e9, 2.2), (8e9, 2.0))
        for rate in (0.15, 0.25, 0.35)
        for D in tokens
    ]
    table = pd.DataFrame(rows)
    law = p2law.laws.get("p2")
    return table.assign(loss=law(table["N0"], table["D"], table["rho"], table["L0"], **P2))


def levelled() -> pd.DataFrame:
    """Four sizes at four rates, 10 checkpoints each."""
    axes = np.geomspace(1e8, 6.4e9, 4), [0.15, 0.25, 0.35, 0.5], np.geomspace(1e8, 1e11, 10)
    table = pd.MultiIndex.from_product(axes, names=["N0", "rho", "D"]).to_frame(index=False)
    table = table.assign(L0=1.7 + 35 * table["N0"] ** -0.2, run=np.repeat(np.arange(16), 10))
    law = p2law.laws.get("p2")
    return table.assign(loss=law(table["N0"], table["D"], table["rho"], table["L0"], **LEVELLED))
