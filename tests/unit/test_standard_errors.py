"""Local standard errors: the textbook's where it applies, honest where the data say little."""

import numpy as np
import pytest

import p2law
from p2law.fitting.solver.covariance import cr2_adjust
from p2law.fitting.solver.working_covariance import WorkingCovariance, working_covariance


def test_least_squares_errors_are_the_textbooks(dense):
    """s² (J'WJ)^-1 by hand at the optimum."""
    weight = np.linspace(0.5, 2, len(dense))
    fit = p2law.fit("chinchilla", dense, weights=weight, objective=p2law.Squared())
    _, A, B, alpha, beta = fit.params.values()
    size, tokens = dense["N"] ** -alpha, dense["D"] ** -beta
    slopes = [1 + 0 * size, size, tokens, -A * size * np.log(dense["N"]), -B * tokens * np.log(dense["D"])]
    whitened = np.sqrt(weight)[:, None] * np.column_stack(slopes)
    variance = np.sum(weight * fit.residuals**2) / (len(dense) - 5)
    scale = np.linalg.norm(whitened, axis=0)
    inverse = np.linalg.inv((whitened / scale).T @ (whitened / scale))
    expected = np.sqrt(variance * np.diag(inverse)) / scale
    np.testing.assert_allclose(list(fit.standard_errors.values()), expected, rtol=1e-5)


def test_errors_follow_the_units(dense):
    fine = p2law.fit("chinchilla", dense, objective=p2law.Squared())
    coarse = p2law.fit("chinchilla", dense.assign(D=dense["D"] / 1e3), objective=p2law.Squared())
    for name in ("E", "A", "alpha", "beta"):
        assert coarse.standard_errors[name] == pytest.approx(fine.standard_errors[name], rel=1e-4)


def test_errors_do_not_depend_on_the_scale_of_the_weights(dense, dense_fit):
    light = p2law.fit("chinchilla", dense, weights=np.full(len(dense), 1e-6))
    assert dict(light.standard_errors) == pytest.approx(dict(dense_fit.standard_errors), rel=1e-4)


def test_copies_of_a_run_do_not_add_information(pruned):
    """Rows of one run are not independent: repeating each checkpoint leaves the errors as they were."""
    once = p2law.fit("p2_without_size_term", pruned, objective=p2law.Squared())
    often = p2law.fit("p2_without_size_term", pruned.loc[pruned.index.repeat(2)], objective=p2law.Squared())
    for name in ("beta", "gamma", "delta"):
        assert often.standard_errors[name] == pytest.approx(once.standard_errors[name], rel=0.1)


def test_the_old_name_of_the_covariance_warns(dense_fit):
    with pytest.warns(DeprecationWarning, match=r"use \.covariance"):
        assert dense_fit.around is dense_fit.covariance


def test_truth_lies_within_a_few_errors(dense_fit):
    truth = {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.34, "beta": 0.3}
    for name, value in truth.items():
        assert abs(dense_fit.params[name] - value) < 4 * dense_fit.standard_errors[name]


def test_errors_of_what_is_determined_stay_finite_where_something_is_not(pruned):
    """Two sizes leave alpha and N_C free; the rates still determine gamma and the tokens beta."""
    fit = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])])
    assert fit.standard_errors["alpha"] == np.inf
    assert fit.standard_errors["N_C"] == np.inf
    assert 0 < fit.standard_errors["gamma"] < 1
    assert 0 < fit.standard_errors["beta"] < 1


def test_one_run_is_not_taken_for_certainty(dense):
    """A single run has no other to compare with; its errors may not vanish."""
    curve = dense[dense["N"] == dense["N"].max()].assign(run="only")
    fit = p2law.fit("power", curve)
    assert fit.standard_errors["beta"] > 1e-3


def test_as_many_rows_as_constants_leave_no_measure_of_error(dense):
    fit = p2law.fit("power", dense.head(3))
    assert not np.isfinite(fit.standard_errors["beta"])


@pytest.mark.parametrize("levelled", [False, True], ids=["rows", "level"])
@pytest.mark.parametrize("bounded", [False, True], ids=["squares", "robust"])
def test_the_corrected_sandwich_is_unbiased_as_assumed(bounded, levelled):
    """Its mean over all measurements with the assumed covariance is the variance of the estimate."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(12), 5))
    curvature = rng.choice([0.0, 0.8], 60) if bounded else np.ones(60)
    assumed = WorkingCovariance(rng.uniform(0.5, 2, 60) if bounded else np.ones(60), rng.uniform(0, 3, 60))
    design = rng.standard_normal((60, 3))
    if levelled:  # what a run is made with is the same in all its rows
        assumed = WorkingCovariance(np.ones(60), np.full(60, 2.0))
        design[:, :2] = rng.standard_normal((12, 2))[codes]
    design = design @ np.linalg.inv(np.linalg.cholesky(design.T @ (curvature[:, None] * design))).T
    turned, _ = cr2_adjust(design, curvature, codes, np.zeros(60), assumed)

    together = codes[:, None] == codes
    covariance = np.outer(assumed.scale, assumed.scale) * (np.eye(60) + np.outer(assumed.level, assumed.level))
    covariance = np.where(together, covariance, 0.0)
    left = np.eye(60) - curvature[:, None] * (design @ design.T)
    scores = np.where(together, left @ covariance @ left.T, 0.0)
    np.testing.assert_allclose(turned.T @ scores @ turned, design.T @ covariance @ design, rtol=1e-8, atol=1e-12)


def test_the_working_covariance_finds_runs_with_levels():
    rng = np.random.default_rng(1)
    codes, excess = np.repeat(np.arange(40), 8), rng.uniform(0.2, 2, 320)
    design, ones = np.linalg.qr(rng.standard_normal((320, 2)))[0], np.ones(320)
    noise = 0.1 * rng.standard_normal(320)
    kept = working_covariance(
        design, noise + 0.3 * rng.standard_normal(40)[codes] * excess, codes, excess, ones, np.inf
    )
    np.testing.assert_allclose(kept.level, 3 * excess, rtol=0.5)
    assert np.ptp(kept.level / excess) < 1e-12
    assert working_covariance(design, noise, codes, excess, ones, np.inf).level.max() < 0.5
    assert (working_covariance(design[:8], noise[:8], codes[:8], excess[:8], ones[:8], np.inf).level == 0).all()
