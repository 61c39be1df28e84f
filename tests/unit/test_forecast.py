"""The rest of a run from its checkpoints and a law fitted to other runs."""

import numpy as np
import pytest

import p2law
from p2law.fitting.uncertainty.forecast import Forecast


@pytest.fixture(scope="module")
def runs():
    return p2law.datasets.load("mini-pruning", method="width")


@pytest.fixture(scope="module")
def fit(runs) -> p2law.Fit:
    """P² without the largest size, from the control."""
    return p2law.fit("p2", runs[runs["size"] != "27M"], baseline="control", objective=p2law.Squared())


@pytest.fixture(scope="module")
def one(runs):
    return runs[(runs["size"] == "27M") & (runs["rate_target"] == 0.5)].sort_values("D")


def test_checkpoints_pull_the_law_to_the_run(fit, one):
    seen, hidden = one[one["D"] < 3e6], one[one["D"] >= 3e6]
    ahead = fit.forecast(seen, hidden.drop(columns="loss"))
    law = fit.law(hidden["N0"], hidden["D"], hidden["rho"], hidden["L_control"], **fit.params)
    error = np.sqrt(np.mean((ahead.loss - hidden["loss"]) ** 2))
    assert error < 0.5 * np.sqrt(np.mean((law - hidden["loss"]) ** 2))
    interval = ahead.interval()
    assert ((interval["lower"] < hidden["loss"].to_numpy()) & (hidden["loss"].to_numpy() < interval["upper"])).all()


def test_what_was_seen_is_met_and_the_future_is_less_sure(fit, one):
    seen = one[one["D"] < 3e6]
    last = float(seen["D"].iloc[-1])
    ahead = fit.forecast(seen, [last, 2 * last, 8 * last], control=[3.26, 3.258, 3.256])
    spread = np.sqrt(np.diag(ahead.covariance))
    assert (np.diff(spread) > 0).all()
    more = fit.forecast(seen.assign(), [8 * last], control=3.256)
    np.testing.assert_allclose(more.loss[0], ahead.loss[2])
    fewer = fit.forecast(seen.head(3), [8 * last], control=3.256)
    assert fewer.covariance[0, 0] > more.covariance[0, 0]


def test_probability_and_interval_agree():
    ahead = Forecast(np.array([1.0, 2.0]), np.array([3.02, 3.0]), np.diag([1e-4, 3e-4]), 7.0)
    gap, spread = ahead.gap()
    np.testing.assert_allclose(gap, [0.02, 0.0])
    np.testing.assert_allclose(spread, [0.02, 0.0])
    np.testing.assert_allclose(ahead.probability(0.02), [0.5, 1.0])
    from scipy.special import stdtr

    np.testing.assert_allclose(ahead.probability(0.04)[0], stdtr(7.0, 1.0))
    interval = ahead.interval(0.5)
    np.testing.assert_allclose(stdtr(7.0, (interval["upper"] - ahead.loss) / np.array([0.01, 3e-4**0.5])), 0.75)


def test_bad_requests_are_refused(fit, one):
    with pytest.raises(p2law.DataError, match="no rows"):
        fit.forecast(one.iloc[:0], [1e7])
    with pytest.raises(p2law.DataError, match="differ in 'rho'"):
        fit.forecast(one.assign(rho=np.linspace(0.3, 0.5, len(one))), [1e7], control=3.2)
    with pytest.raises(p2law.FitError, match="between 0 and 1"):
        fit.forecast(one, [2e7], control=3.2).interval(95)
