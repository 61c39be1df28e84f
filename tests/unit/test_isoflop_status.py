"""IsoFLOP profiles say of each optimum what it rests on, as the compute-optimal plan does."""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.plan import compute_optimal, isoflop


@pytest.fixture(scope="module")
def one_size() -> p2law.Fit:
    """One size only: alpha is held, and no balance of size and tokens follows."""
    tokens = np.geomspace(1e9, 1e11, 12)
    noise = np.exp(0.003 * np.random.default_rng(0).normal(size=12))
    return p2law.fit("chinchilla", pd.DataFrame({"N": 1e9, "D": tokens, "loss": (1.9 + 400 * tokens**-0.28) * noise}))


def test_an_optimum_that_data_leave_free_is_undetermined(one_size):
    found = isoflop(one_size, [1e21])
    assert "undetermined: these data leave it free" in found.summary()
    assert found.optima["status"].to_list() == [compute_optimal(one_size, 1e21).status]


def test_an_optimum_inside_or_outside_the_range_is_told(dense_fit):
    near, far = isoflop(dense_fit, [1e20, 1e26]).summary().splitlines()[1:]
    assert near.endswith("; inside the fitted range")
    assert "; extrapolated: N" in far
