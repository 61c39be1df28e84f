"""The interval of the tokens covers as it says; the long version is benchmarks/tokens_coverage.py."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import p2law
from p2law.fitting.source import Published
from p2law.plan import Remaining, Slope
from p2law.plan.curve import LossCurve, tokens_needed
from p2law.plan.tokens import optimal_tokens

TRUTH = {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.34, "beta": 0.3}
CRITERIA = (Slope(1e-12), Remaining(0.05))
LEVELS = (0.8, 0.95)
REPLICATES = 80


def simulated(seed: int) -> pd.DataFrame:
    """40 independent dense models with 0.3 % noise."""
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e10, 5), np.geomspace(1e8, 1e11, 8)))
    noise = np.exp(0.003 * np.random.default_rng(seed).standard_normal(40))
    return pd.DataFrame({"N": N, "D": D, "loss": p2law.laws.get("chinchilla")(N, D, **TRUTH) * noise})


@pytest.mark.slow
def test_token_intervals_cover():
    truth = p2law.laws.Constants("truth", p2law.laws.get("chinchilla"), TRUTH, "", "")
    curve = LossCurve(Published(truth), {"N": np.array([7e9])}, models=1)
    hits = np.zeros((REPLICATES, len(CRITERIA), len(LEVELS)), dtype=bool)
    for i in range(REPLICATES):
        fit = p2law.fit("chinchilla", simulated(i), objective=p2law.Squared())
        for j, criterion in enumerate(CRITERIA):
            exact = tokens_needed(criterion, curve)[0]
            for k, level in enumerate(LEVELS):
                plan = optimal_tokens(fit, criterion=criterion, level=level, N=7e9)
                hits[i, j, k] = plan.lower <= exact <= plan.upper
    for k, level in enumerate(LEVELS):
        low, high = binom.ppf([0.0005, 0.9995], REPLICATES, level)
        assert (hits[:, :, k].sum(0) >= low).all()
        assert (hits[:, :, k].sum(0) <= high).all()
