"""What may not change the answer does not change it: order, repetition, scale of the weights, units, seeds."""

import numpy as np
import pytest

import p2law


def assert_same_optimum(one, other, scale=1.0):
    assert one.objective_value == pytest.approx(scale * other.objective_value, rel=1e-9)


def test_order_of_rows_does_not_matter(law, table, fit):
    order = np.random.default_rng(0).permutation(len(table))
    shuffled = p2law.fit(law, table.iloc[order])
    assert_same_optimum(shuffled, fit)
    np.testing.assert_allclose(shuffled.fitted, fit.fitted[order], rtol=1e-7)


def test_repeated_row_counts_like_weight_two(law, table):
    again = p2law.fit(law, table.iloc[[*range(len(table)), 0, 3]].reset_index(drop=True))
    weighted = p2law.fit(law, table, weights=np.where(np.isin(np.arange(len(table)), [0, 3]), 2.0, 1.0))
    assert_same_optimum(again, weighted)
    np.testing.assert_allclose(again.fitted[: len(table)], weighted.fitted, rtol=1e-7)


def test_scale_of_the_weights_does_not_matter(law, table, fit):
    light = p2law.fit(law, table, weights=np.full(len(table), 1e-6))
    assert light.converged
    assert_same_optimum(light, fit, scale=1e-6)
    np.testing.assert_allclose(light.fitted, fit.fitted, rtol=1e-7)


def test_units_do_not_matter(law, table, fit):
    thousands = {name: table[name] / 1e3 for role in ("size", "tokens") if (name := law.variable(role))}
    other = p2law.fit(law, table.assign(**thousands))
    assert_same_optimum(other, fit)
    np.testing.assert_allclose(other.fitted, fit.fitted, rtol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_seed_does_not_matter(law, table, fit, seed):
    other = p2law.fit(law, table, rng=seed)
    assert_same_optimum(other, fit)
    np.testing.assert_allclose(other.fitted, fit.fitted, rtol=1e-7)
