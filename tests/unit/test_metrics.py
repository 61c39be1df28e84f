"""Measures of fit, against numbers worked out by hand."""

import numpy as np
import pytest

import p2law
from p2law.fitting import metrics


def test_r2_is_one_when_perfect_and_zero_at_the_mean():
    assert metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1
    assert metrics.r2([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == 0
    assert np.isnan(metrics.r2([2.0, 2.0], [2.0, 2.1]))


def test_errors_by_hand():
    assert metrics.rmse([1.0, 2.0], [1.3, 2.4]) == pytest.approx(np.sqrt(0.125))
    assert metrics.mean_relative_error([1.0, 2.0], [1.1, 1.6]) == pytest.approx(0.15)
    assert metrics.huber([1.0, 1.0], [np.exp(5e-4), np.exp(-0.1)]) == pytest.approx(0.5 * 5e-4**2 + 1e-3 * (0.1 - 5e-4))


@pytest.mark.parametrize("measure", [metrics.r2, metrics.rmse, metrics.mean_relative_error])
def test_weight_two_equals_a_repeated_row(measure):
    y, f = np.array([1.0, 2.0, 4.0]), np.array([1.1, 1.9, 4.3])
    assert measure(y, f, [1, 1, 2]) == pytest.approx(measure(np.append(y, y[2]), np.append(f, f[2])))


def test_average_slope_difference_by_hand():
    loss, predicted = [4.0, 3.0, 2.5, 6.0, 5.0], [4.0, 3.2, 2.5, 6.0, 5.5]
    tokens, run = [1.0, 2.0, 3.0, 1.0, 3.0], ["a", "a", "a", "b", "b"]
    in_a, in_b = (0.2 + 0.2) / 2, 0.25
    assert metrics.asd(loss, predicted, tokens, run) == pytest.approx((in_a + in_b) / 2)
    assert metrics.asd(loss, predicted, tokens, run, relative=True) == pytest.approx((in_a / 0.75 + in_b / 0.5) / 2)


def test_average_slope_difference_ignores_level_and_order():
    loss, tokens = np.array([4.0, 3.0, 2.5]), np.array([1.0, 2.0, 3.0])
    assert metrics.asd(loss, loss + 0.7, tokens) == pytest.approx(0, abs=1e-15)
    order = [2, 0, 1]
    assert metrics.asd(loss[order], 0 * loss, tokens[order]) == metrics.asd(loss, 0 * loss, tokens)


def test_average_slope_difference_needs_two_checkpoints():
    assert np.isnan(metrics.asd([2.0, 3.0], [2.0, 3.0], [1.0, 1.0], ["a", "b"]))


def test_shapes_must_agree():
    with pytest.raises(p2law.DataError, match=r"loss has shape \(2,\) and predicted \(3,\)"):
        metrics.rmse([1.0, 2.0], [1.0, 2.0, 3.0])


def test_fit_reports_its_measures(pruned_fit, pruned):
    loss, fitted = pruned["loss"].to_numpy(), pruned_fit.fitted
    assert pruned_fit.metrics["r2"] == metrics.r2(loss, fitted)
    assert pruned_fit.metrics["asd"] == metrics.asd(loss, fitted, pruned["D"], pruned["run"])
    assert pruned_fit.metrics["huber"] == pytest.approx(pruned_fit.objective_value)
    inside = np.abs(np.log(loss / fitted)) <= 1e-3
    assert pruned_fit.metrics["quadratic_share"] == pytest.approx(inside.mean())


def test_worst_run_comes_first(pruned):
    spoiled = pruned.assign(loss=pruned["loss"] * np.where(pruned["run"] == "5e+08 at 0.25", 1.05, 1.0))
    by_run = p2law.fit("p2", spoiled).by_run()
    assert by_run.index[0] == "5e+08 at 0.25"
    assert by_run["bias"].iloc[0] > 0.05
    assert by_run["rows"].sum() == len(pruned)
    assert by_run["rmse"].is_monotonic_decreasing
