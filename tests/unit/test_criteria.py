"""Criteria refuse what makes no sense and say what they mean."""

import numpy as np
import pytest

import p2law
from p2law.plan import Price, Recovered, Remaining, Slope, Target


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Slope(0.0), "must be a positive number"),
        (lambda: Slope(float("nan")), "must be a positive number"),
        (lambda: Slope("flat"), "value='flat': must be a positive number"),
        (lambda: Slope(1e-9, per="epoch"), "choose 'token'"),
        (lambda: Remaining(-0.1), "must be a positive number"),
        (lambda: Recovered(90, start=1e6), "between 0 and 1"),
        (lambda: Recovered(0.9, start=0), "positive number of tokens"),
        (lambda: Target(-2), "must be a positive number"),
        (lambda: Price(per_nat=1e4), "exactly one cost"),
        (lambda: Price(per_nat=1e4, per_token=1e-9, per_flop=1e-18), "exactly one cost"),
        (lambda: Price(per_nat=1e4, per_token=-1e-9), "per_token=-1e-09: must be a positive cost"),
        (lambda: Price(per_nat=1e4, per_gpu_hour=2.0), "needs mfu"),
        (lambda: Price(per_nat=1e4, per_gpu_hour=2.0, mfu=40, peak=1e15), "needs mfu"),
    ],
)
def test_nonsense_is_refused(make, words):
    with pytest.raises(p2law.FitError, match=words):
        make()


def test_costs_of_a_token():
    params = np.array([1e9, 2e9])
    assert Price(per_nat=1, per_token=3e-9).token_cost(None) == 3e-9
    np.testing.assert_allclose(Price(per_nat=1, per_flop=1e-18).token_cost(params), [6e-9, 1.2e-8])
    hourly = Price(per_nat=1, per_gpu_hour=3.6, mfu=0.5, peak=2e15)  # 1e-18 a FLOP
    np.testing.assert_allclose(hourly.token_cost(params), [6e-9, 1.2e-8])
    with pytest.raises(p2law.FitError, match="per_token instead"):
        hourly.token_cost(None)


def test_words():
    assert str(Slope(0.02, per="doubling")) == "a further doubling gains ≤ 0.02 nats"
    assert str(Recovered(0.9, start=1e6)) == "90 % of what can be recovered after 1M tokens is recovered"


def test_price_names_its_currency():
    named = Price(per_nat=1e6, per_token=1e-9, currency="USD")
    assert str(named).endswith("at 1M USD per nat")
    assert str(Price(per_nat=1e6, per_token=1e-9)).endswith("at 1M per nat")
    with pytest.raises(p2law.FitError, match="currency=5"):
        Price(per_nat=1e6, per_token=1e-9, currency=5)  # type: ignore[arg-type]
