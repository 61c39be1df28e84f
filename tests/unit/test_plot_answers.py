"""Pictures of short lists of answers: the numbers drawn are the plan's."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import p2law
from p2law.laws.published import BESIROGLU_2024
from p2law.plan import Parent, best_pruning, compute_optimal, overtraining, parabola_bias, sparse_pretraining


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def test_ranking_lists_every_way_best_first(pruned_fit, ax):
    parents = {"2B": Parent(size=2e9, loss=2.28), "8B": Parent(size=8e9, loss=2.21)}
    found = best_pruning({"width": pruned_fit}, parents, size=1.4e9, budget=1e8)
    p2law.plot.ranking(found, ax)
    assert ax.lines[0].get_xdata() == pytest.approx(found.to_frame()["loss"])
    assert [t.get_text() for t in ax.get_yticklabels()] == [f"width from {p}" for p in found.to_frame()["parent"]]
    with pytest.raises(p2law.DataError, match="mapping of names to Parents"):
        best_pruning({"width": pruned_fit}, [{"N0": 8e9}], size=4e9, budget=1e8)


def test_sparse_plan_beside_its_dense_twins(dense_fit, ax):
    found = sparse_pretraining(dense_fit, 5e8, 1e20)
    p2law.plot.sparse(found, ax)
    assert ax.lines[0].get_xdata() == pytest.approx(found.to_frame()["loss"])
    assert len(ax.get_yticklabels()) == 3


def test_sizes_show_what_is_given_up(dense_fit, ax):
    found = overtraining(dense_fit, 1e20, [1e8, 3e8, 1e9])
    p2law.plot.sizes(found, ax)
    assert ax.lines[0].get_ydata() == pytest.approx(found.to_frame()["penalty"])
    assert ax.get_xscale() == "log"


def test_parabola_shows_its_bias(ax):
    budgets = (1e19, 1e20)
    sizes = [compute_optimal(BESIROGLU_2024, C).N * np.geomspace(1 / 8, 8, 9) for C in budgets]
    found = parabola_bias(BESIROGLU_2024, C=np.repeat(budgets, 9), N=np.concatenate(sizes))
    p2law.plot.parabola(found, ax)
    assert ax.lines[0].get_ydata() == pytest.approx(100 * (found.to_frame()["ratio"] - 1))
