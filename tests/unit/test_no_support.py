"""A method fitted at one rate says nothing at another: every plan gives an open interval there, and why."""

from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot

import p2law
from p2law.plan import Parent, best_pruning
from p2law.plot._budgets import crossover as plot_crossover
from p2law.plot._budgets import worth as plot_worth
from p2law.plot._tokens import extrapolation as plot_extrapolation

LAW = "p2_without_size_term"
REASON = r"no support: fitted at one rho (0.4996)"
PARENT = {"27M": Parent(size=27.1e6, loss=3.279)}
FAR: dict[str, Any] = {"N0": 27.1e6, "rho": 0.8, "L0": 3.27}


@pytest.fixture(scope="module")
def runs():
    return p2law.datasets.load("mini-pruning")


@pytest.fixture(scope="module")
def width(runs) -> p2law.Fit:
    return p2law.fit(LAW, runs[runs["method"] == "width"])


@pytest.fixture(scope="module")
def single(runs) -> p2law.Fit:
    """2:4 sparsity: one rate by construction, so that gamma is held."""
    return p2law.fit(LAW, runs[runs["method"] == "2:4"])


def test_extrapolation_is_open_at_another_rate(single):
    plan = p2law.extrapolate(single, N0=27.1e6, rho=[0.2, 0.4995], D=1e7, L0=3.27)
    for low, high in (("lower", "upper"), ("new_lower", "new_upper")):
        assert plan.table[low].iloc[0] == -np.inf
        assert plan.table[high].iloc[0] == np.inf
        assert np.isfinite(plan.table[[low, high]].iloc[1]).all()
    assert plan.summary().count(REASON) == 1


def test_a_way_without_support_is_not_ranked_above_others(width, single):
    ranking = best_pruning({"2:4": single, "width": width}, PARENT, size=10e6, budget=1e7)
    table = ranking.to_frame()
    assert table["method"].tolist() == ["width", "2:4"]
    assert table["behind"].iloc[0] == 0
    assert table[["lower", "upper", "behind_lower", "behind_upper"]].iloc[1].to_list() == [-np.inf, np.inf] * 2
    assert REASON in table["status"].iloc[1]
    assert ranking.tied == [("2:4", "27M")]


def test_crossover_is_undetermined_without_support(width, single):
    found = p2law.crossover(single, width, **FAR)
    assert found.verdict == found.at_large == "undetermined"
    assert (found.lower, found.upper) == (0.0, np.inf)
    assert f"the pruned curve has {REASON}" in found.status
    assert "scratch" not in found.no_support


def test_worth_is_open_without_support(width, single):
    table = p2law.effective_tokens(single, width, [1e6, 4e5], **FAR).to_frame()
    assert (table["lower"] == 0).all()
    assert (table["upper"] == np.inf).all()
    assert all(f"the pruned curve has {REASON}" in said for said in table["status"])


def test_forecast_is_open_at_another_rate(runs, single):
    begun = runs[runs["method"] == "2:4"].query("run == run.iloc[0]").sort_values("D").head(4)
    assert np.isfinite(single.forecast(begun, [1e7, 2e7]).interval()).all(axis=None)
    ahead = single.forecast(begun.assign(rho=0.1), [1e7, 2e7]).interval()
    assert (ahead["lower"] == -np.inf).all()
    assert (ahead["upper"] == np.inf).all()


def test_open_intervals_can_be_drawn(width, single):
    figure, ax = pyplot.subplots()
    plot_crossover(p2law.crossover(single, width, **FAR), ax)
    plot_worth(p2law.effective_tokens(single, width, **FAR), ax)
    plot_extrapolation(p2law.extrapolate(single, D=[1e6, 1e7], **FAR), ax)
    figure.canvas.draw()
    pyplot.close(figure)


def test_the_stop_rule_refuses_a_law_that_says_nothing_of_the_run(single, runs):
    begun = runs[(runs["run"] == "27M-width-0.35-lr0.2-s0") & (runs["D"] < 5e6)]
    with pytest.raises(p2law.DataError, match="leave fit out"):
        p2law.stop_rule(begun, tokens=1e7, eps=0.02, fit=single)
