"""Plans that others published: compute-optimal sizes and tokens, and the schedules of the sparse pre-training runs."""

import numpy as np
import pytest

import p2law
from p2law.laws.published import BESIROGLU_2024, HOFFMANN_2022, HOFFMANN_2022_ROUNDED
from p2law.plan.compute import compute_optimal
from p2law.schedules import PruningSchedule

CHINCHILLA = 5.76e23  # FLOPs, Hoffmann et al. 2022


@pytest.fixture(scope="module")
def epoch_fit(shared_table):
    table = shared_table("epoch_chinchilla")
    return p2law.fit("chinchilla", table[table["epoch_kept"]])


def test_optimum_of_the_epoch_table(epoch_fit):
    plan = compute_optimal(epoch_fit, [CHINCHILLA, 1e24])
    np.testing.assert_allclose(plan.N, [7.319e10, 9.718e10], rtol=1e-4)
    np.testing.assert_allclose(plan.D, [1.3117e12, 1.7151e12], rtol=1e-4)
    assert plan.tokens_per_param[0] == pytest.approx(17.92, abs=0.005)
    lower, upper = plan.interval("tokens_per_param")
    assert lower[0] < 20 < upper[0]  # the rule of thumb is not rejected
    assert "extrapolated" in plan.status[0]


def test_rounded_constants_of_hoffmann():
    """By hand from eq. 4 with the printed digits: the digits cut off move the answer by a quarter."""
    G = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    plan = compute_optimal(HOFFMANN_2022_ROUNDED, CHINCHILLA)
    assert pytest.approx(G * (CHINCHILLA / 6) ** (0.28 / 0.62), rel=1e-12) == plan.N
    assert pytest.approx((CHINCHILLA / 6) ** (0.34 / 0.62) / G, rel=1e-12) == plan.D
    assert (pytest.approx(3.22e10, rel=2e-3), pytest.approx(2.98e12, rel=2e-3)) == (plan.N, plan.D)
    assert pytest.approx(4.04e10, rel=2e-3) == compute_optimal(HOFFMANN_2022, CHINCHILLA).N


def test_tokens_per_parameter_of_besiroglu():
    """The 25.7 known of these constants is their ratio at 1e18 FLOPs; at Chinchilla's budget they give 18.4."""
    plan = compute_optimal(BESIROGLU_2024, [1e18, CHINCHILLA])
    np.testing.assert_allclose(plan.tokens_per_param, [25.7, 18.39], atol=0.005)


RUNS = [  # steps, pruning from, to, sparsity, mean density on the model card (nan: not given), Jin et al. 2025
    (11200, 2500, 8100, 0.2, 0.8919),
    (13050, 2500, 8875, 0.4, 0.7651),
    (16375, 2500, 10100, 0.6, np.nan),
    (25050, 2500, 12600, 0.8, 0.3984),
    (72200, 12500, 47200, 0.5, np.nan),
    (26800, 4100, 16600, 0.6, np.nan),
]


@pytest.mark.parametrize(("steps", "first", "last", "sparsity", "card"), RUNS)
def test_published_sparse_runs(steps, first, last, sparsity, card):
    schedule = PruningSchedule(sparsity)
    as_run = PruningSchedule(sparsity, first / steps, last / steps, unit="steps")
    stairs = as_run.at_steps(steps)
    assert as_run.average_density() == pytest.approx(schedule.average_density(), abs=1e-3)
    assert stairs.mean() == pytest.approx(schedule.average_density(), abs=2e-3)
    np.testing.assert_allclose(as_run.compute_share(as_run.window), [0.25, 0.75], atol=2.1e-3)
    if np.isfinite(card):
        assert schedule.average_density() == pytest.approx(card, abs=2e-3)
        assert stairs.mean() == pytest.approx(card, abs=2e-3)


def test_average_parameters_of_the_published_table(shared_table):
    """The table is rounded to two decimals of 1e9 parameters, which allows 0.005 on the average and on the size."""
    for row in shared_table("sparsellm_avg_params").to_dict("records"):
        schedule = PruningSchedule(row["sparsity"])
        rounding = 0.005 * (1 + schedule.average_density())
        assert schedule.average_params(row["N_linear_B"]) == pytest.approx(row["N_avg_linear_B"], abs=rounding)
        assert schedule.final_params(row["N_linear_B"]) == pytest.approx(row["N_nonzero_linear_B"], abs=0.01)


def test_dense_twins_of_the_published_table_cost_about_the_same(shared_table):
    table = shared_table("sparsellm_avg_params")
    sparse, dense = table[table["sparsity"] > 0], table[table["sparsity"] == 0]
    for a, b in zip(sparse.to_dict("records"), dense.to_dict("records"), strict=True):
        bought = PruningSchedule(a["sparsity"]).flops(1e9 * a["N_linear_B"], 1e9 * a["D_B"])
        assert bought == pytest.approx(6e18 * b["N_linear_B"] * b["D_B"], rel=0.09)
        assert abs(a["loss"] - b["loss"]) < 0.03
