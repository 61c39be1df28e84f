"""Noise-free losses give the law back, wherever in its domain the truth lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from tests.contract.designs import columns, design, middle, truths


@given(data=st.data())
@pytest.mark.parametrize("name", p2law.laws.names())
def test_predictions_are_recovered_from_exact_losses(name, data):
    law = p2law.laws.get(name)
    table = design(law)
    loss = law(*columns(law, table), **data.draw(truths(law)))
    fit = p2law.fit(law, table.assign(loss=loss))
    np.testing.assert_allclose(fit.fitted, loss, rtol=1e-6)


@pytest.fixture(scope="module")
def exact(law):
    table = design(law)
    return p2law.fit(law, table.assign(loss=law(*columns(law, table), **middle(law))))


def test_constants_are_recovered_from_exact_losses(law, exact):
    np.testing.assert_allclose(list(exact.params.values()), [middle(law)[p] for p in exact.params], rtol=1e-4)


def test_perfect_fit_is_called_converged(exact):
    assert exact.converged, exact.status
    assert exact.starts_agreed[0] >= 3
    assert not exact.warnings
