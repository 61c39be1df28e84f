"""Small LLMs, pruning vs. training from scratch (arXiv 2606.14150), read off the authors' first figure at ratio 0.5.

Losses are good to about 0.01. The parent was trained on 200B tokens; the targets have about 4.5B of its 8.03B
parameters. Five points a curve: what they cannot decide has to be called undetermined.
"""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.plan.cost import Parent
from p2law.plan.crossing import crossover
from p2law.plan.transfer import effective_tokens

TOKENS = np.array([10e9, 30e9, 50e9, 250e9, 500e9])
LOSS = {
    ("depth", "scratch"): [3.09, 2.81, 2.64, 2.49, 2.47],
    ("depth", "pruned"): [2.70, 2.59, 2.54, 2.46, 2.43],
    ("width", "scratch"): [3.11, 2.80, 2.70, 2.46, 2.44],
    ("width", "pruned"): [2.62, 2.47, 2.47, 2.39, 2.35],
}
PARENT = Parent(tokens=200e9, size=8.03e9)
SIZE = {"depth": 4.54e9, "width": 4.51e9}
both = pytest.mark.parametrize("method", ["depth", "width"])


@pytest.fixture(scope="module")
def curves() -> dict[str, tuple[p2law.Fit, p2law.Fit]]:
    """Pruned and scratch curve of each method, plain least squares."""

    def fit(method: str, side: str) -> p2law.Fit:
        table = pd.DataFrame({"D": TOKENS, "loss": LOSS[method, side]})
        return p2law.fit("power", table, objective=p2law.Squared())

    return {method: (fit(method, "pruned"), fit(method, "scratch")) for method in ("depth", "width")}


@pytest.mark.parametrize(
    ("method", "side", "E", "B", "beta"),
    [
        ("depth", 1, 2.369, 2.503, 0.537),
        ("depth", 0, 2.339, 0.806, 0.348),
        ("width", 1, 2.259, 2.234, 0.418),
        ("width", 0, 2.317, 0.926, 0.492),
    ],
)
def test_curves_are_those_of_an_independent_fit(curves, method, side, E, B, beta):
    params = curves[method][side].params
    assert params["E"] == pytest.approx(E, abs=6e-4)
    assert params["beta"] == pytest.approx(beta, abs=6e-4)
    assert params["B"] * 1e9 ** -params["beta"] == pytest.approx(B, abs=6e-4)


@both
def test_free_parent_pruning_leads_over_the_whole_measured_range(curves, method):
    found = crossover(*curves[method])
    assert found.verdict == "pruned"
    assert np.isnan(found.value)
    table = found.to_frame()
    assert table["tokens"].iloc[[0, -1]].tolist() == pytest.approx([10e9, 500e9])
    assert (table["difference"] < 0).all()
    assert table["upper"].iloc[0] < 0  # at 10B beyond doubt
    assert found.at_large == "undetermined"
    assert "the order at large budgets is undetermined" in found.status


def test_depth_with_its_parent_charged_meets_near_200_billion(curves):
    found = crossover(*curves["depth"], parent_cost="tokens", parent=PARENT)
    assert found.verdict == "crossing"
    assert 150e9 < found.value < 230e9
    assert found.total == pytest.approx(found.value + 200e9)
    assert (found.below, found.above) == ("scratch", "pruned")
    assert 10e9 < found.lower < found.value
    assert found.upper == np.inf  # five points do not say that pruning ever wins
    assert found.at_large == "undetermined"


def test_width_with_its_parent_charged_meets_between_30_and_60_billion(curves):
    found = crossover(*curves["width"], parent_cost="tokens", parent=PARENT, level=0.8)
    assert found.verdict == "crossing"
    assert 30e9 < found.value < 60e9
    assert 15e9 < found.lower < 30e9
    assert 50e9 < found.upper < 70e9
    assert (found.below, found.above) == ("scratch", "pruned")
    assert found.at_large == "undetermined"


@both
def test_charging_flops_puts_the_crossing_further_out(curves, method):
    """A token of the parent costs 1.8 tokens of the model pruned from it."""
    tokens = crossover(*curves[method], parent_cost="tokens", parent=PARENT)
    flops = crossover(*curves[method], parent_cost="flops", parent=PARENT, size=SIZE[method])
    assert flops.value > 1.5 * tokens.value
    assert flops.total == pytest.approx(6 * 8.03e9 * 200e9 + 6 * SIZE[method] * flops.value)


def test_children_share_the_price_of_the_parent(curves):
    alone = crossover(*curves["width"], parent_cost="tokens", parent=PARENT)
    shared = crossover(*curves["width"], parent_cost="tokens", parent=PARENT, models_per_parent=4)
    assert shared.verdict == "pruned"
    assert (shared.table["difference"] < alone.table["difference"]).all()


def test_a_pruned_start_is_worth_what_the_table_says(curves):
    """Interpolating the depth column in log tokens: 10, 30 and 50B retraining are worth about 42, 85 and 145B."""
    worth = effective_tokens(*curves["depth"], [10e9, 30e9, 50e9, 250e9]).to_frame()
    np.testing.assert_allclose(worth["effective"][:3], [42e9, 85e9, 145e9], rtol=0.15)
    assert worth["effective"][3] > 500e9
    assert np.all(worth["lower"] < worth["effective"])
    assert np.isinf(worth["upper"][3])  # the scratch curve may never get there
