"""The interval of the tokens covers as it says; the long version is benchmarks/tokens_coverage.py."""

import numpy as np
from scipy.stats import binom

import p2law
from p2law.fitting.source import Source
from p2law.plan import Remaining, Slope
from p2law.plan.curve import LossCurve, tokens_needed
from p2law.plan.tokens import optimal_tokens
from p2law.validate.coverage import Noise, simulated

TRUTH = {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.34, "beta": 0.3}
CRITERIA = (Slope(1e-12), Remaining(0.05))
LEVELS = (0.8, 0.95)
REPLICATES = 80


def exact_fit() -> p2law.Fit:
    """40 dense models without noise: the constants are the true ones."""
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e10, 5), np.geomspace(1e8, 1e11, 8)))
    table = {"N": N, "D": D, "loss": p2law.laws.get("chinchilla")(N, D, **TRUTH)}
    return p2law.fit("chinchilla", table, objective=p2law.Squared(), starts=TRUTH)


def test_token_intervals_cover():
    """With 0.3 % noise."""
    truth = p2law.laws.Constants("truth", p2law.laws.get("chinchilla"), TRUTH, "", "")
    curve = LossCurve(Source(truth), {"N": np.array([7e9])}, models=1)
    exact = [tokens_needed(criterion, curve)[0] for criterion in CRITERIA]
    hits = np.zeros((REPLICATES, len(CRITERIA), len(LEVELS)), dtype=bool)
    for i, fit in enumerate(simulated(exact_fit(), Noise(0.003), reps=REPLICATES, rng=0)):
        for j, criterion in enumerate(CRITERIA):
            for k, level in enumerate(LEVELS):
                plan = optimal_tokens(fit, criterion=criterion, level=level, N=7e9)
                hits[i, j, k] = plan.lower <= exact[j] <= plan.upper
    for k, level in enumerate(LEVELS):
        low, high = binom.ppf([0.0005, 0.9995], REPLICATES, level)
        assert (hits[:, :, k].sum(0) >= low).all()
        assert (hits[:, :, k].sum(0) <= high).all()
