"""Forecast curves of models not trained: values, intervals that widen, refusals, the picture."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

import p2law
from p2law.plan.extrapolation import extrapolate
from p2law.plot._tokens import extrapolation as plot_extrapolation

GRID = np.geomspace(1e6, 1e10, 5)
AT = {"rho": 0.25, "D": GRID}


def parent_loss(size):
    return 2 + 20 * np.asarray(size) ** -0.2


@pytest.fixture(scope="module")
def fit() -> p2law.Fit:
    """Nine curves around P² without its size term, each a little off the law."""
    table = pd.MultiIndex.from_product(
        [[1e8, 1e9, 8e9], [0.15, 0.25, 0.5], np.geomspace(1e6, 1e9, 8)], names=["N0", "rho", "D"]
    ).to_frame(index=False)
    rng = np.random.default_rng(4)
    off = 1 + 0.02 * np.repeat(rng.standard_normal(9), 8)
    excess = table["rho"] ** 1.3 * table["N0"] ** -0.05 * (250 * table["D"] ** -0.4 + 0.4) * off
    L0 = parent_loss(table["N0"])
    table = table.assign(L0=L0, run=np.repeat(np.arange(9), 8), loss=L0 + excess + 5e-4 * rng.standard_normal(72))
    return p2law.fit("p2_without_size_term", table, objective=p2law.Squared())


@pytest.fixture(scope="module")
def parents() -> p2law.Fit:
    """A dense law whose value at 1e11 tokens is near the parents' loss, with its own uncertainty."""
    sizes, tokens = np.meshgrid(np.geomspace(1e7, 8e9, 5), np.geomspace(1e9, 1e11, 5))
    table = pd.DataFrame({"N": sizes.ravel(), "D": tokens.ravel()})
    noise = np.exp(0.002 * np.random.default_rng(1).standard_normal(len(table)))
    loss = (parent_loss(table["N"]) + 500 * (table["D"] ** -0.35 - 1e11**-0.35)) * noise
    return p2law.fit("chinchilla", table.assign(loss=loss))


def test_the_law_and_its_interval_are_those_of_the_fit(fit):
    plan = extrapolate(fit, N0=2e9, L0=2.3, rho=0.25, D=np.geomspace(1e6, 1e9, 4))
    for kind, names in (("mean", ("lower", "upper")), ("new", ("new_lower", "new_upper"))):
        same = fit.predict_interval(plan.table, kind=kind)
        np.testing.assert_allclose(plan.table["loss"], same["loss"])
        np.testing.assert_allclose(plan.table[list(names)], same[["lower", "upper"]], rtol=1e-6)
    assert "inside the fitted range" in str(plan)


def test_intervals_widen_with_the_distance_and_nest(fit):
    plan = extrapolate(fit, N0=[2e9, 3.2e10, 5e11], L0=2.2, **AT)
    t = plan.table
    assert (t["new_lower"] < t["lower"]).all()
    assert (t["upper"] < t["new_upper"]).all()
    share = (t["upper"] - t["lower"]) / (t["loss"] - 2.2)
    by_size = share.to_numpy().reshape(3, 5)
    assert (np.diff(by_size, axis=0) > 0).all()
    assert (by_size[1:, 4] > by_size[1:, 3]).all()  # at 2B, within the sizes, the runs' own levels are what counts
    assert list(t["outside_N0"].unique()) == pytest.approx([1, 4, 62.5])
    assert t["outside_D"].max() == pytest.approx(10)
    assert (t["outside_rho"] == 1).all()
    assert "N0 62.5×" in plan.summary()


def test_the_parents_own_uncertainty_is_carried(fit, parents):
    given = extrapolate(fit, N0=3.2e10, L0=float(parents.law(3.2e10, 1e11, **parents.params)), **AT).table
    forecast = extrapolate(fit, N0=3.2e10, L0=parents, parent={"D": 1e11}, **AT).table
    np.testing.assert_allclose(given["loss"], forecast["loss"])
    np.testing.assert_allclose(forecast["L0"], given["L0"])
    assert (forecast["upper"] - forecast["lower"] > given["upper"] - given["lower"]).all()
    assert (forecast["new_upper"] > given["new_upper"]).all()
    alone = p2law.estimate(lambda p: parents.law(3.2e10, 1e11, **p), parents)
    width = forecast["upper"] - forecast["lower"]
    assert (width > 0.9 * (alone.upper - alone.lower)).all()
    assert forecast["outside_parent_N"].iloc[0] == pytest.approx(4)


def test_draws_of_both_fits_are_used(fit, parents):
    plan = extrapolate(fit.bootstrap(40), N0=3.2e10, L0=parents.bootstrap(40), parent={"D": 1e11}, **AT)
    assert plan.method == "bootstrap"
    assert (plan.table["lower"] < plan.table["upper"]).all()


def test_a_held_out_size_is_forecast_on_real_curves():
    runs = p2law.datasets.load("mini-pruning", method="width")
    fit = p2law.fit("p2", runs[runs["size"] != "27M"], objective=p2law.Squared(), min_tokens=3e5, baseline="control")
    unseen = runs[(runs["size"] == "27M") & (runs["D"] > 3e5)]
    control = p2law.fit(
        "power", p2law.datasets.load("mini-pruning", rows="all", method="control", size="27M", phase="const")
    )
    hits = []
    for rho, run in unseen.groupby("rho"):
        t = extrapolate(fit, N0=27106240, rho=rho, D=run["D"].to_numpy(), control=control).table
        hits.append((t["new_lower"].to_numpy() <= run["loss"]) & (run["loss"] <= t["new_upper"].to_numpy()))
    assert np.mean(hits) >= 0.9
    held = extrapolate(fit, N0=27106240, rho=0.25, D=[1e6, 1e7], L_control=3.26)
    np.testing.assert_allclose(held.table["L0"], 3.26)
    with pytest.raises(p2law.DataError, match="control=<fit of law 'power'"):
        extrapolate(fit, N0=27106240, rho=0.25, D=1e7)


def test_a_law_without_a_baseline(dense_fit):
    plan = extrapolate(dense_fit, N=[7e10, 7e11], D=[1e11, 1e12])
    np.testing.assert_allclose(plan.table["loss"].iloc[0], dense_fit.law(7e10, 1e11, **dense_fit.params))
    assert plan.models == ("N",)


def test_bad_requests_are_refused(fit, parents):
    for at, words in [
        ({}, "needs L0"),
        ({"L0": 2.2, "width": 2}, "no column 'width'"),
        ({"L0": parents}, "needs D: give parent="),
        ({"L0": 2.2, "parent": {"D": 1e11}}, "no such fit"),
        ({"L0": -1.0}, "is not positive"),
        ({"L0": [2.2, 2.3, 2.4], "N0": [1e9, 2e9]}, "do not go together"),
    ]:
        with pytest.raises(p2law.DataError, match=words):
            extrapolate(fit, **{"N0": 1e10, **AT, **at})
    with pytest.raises(p2law.DataError, match="needs N0"):
        extrapolate(fit, L0=2.2, **AT)
    with pytest.raises(p2law.FitError, match="fixed parent"):
        extrapolate(fit, control=parents, N0=1e10, **AT)


def test_the_plan_can_be_read_and_drawn(fit):
    plan = extrapolate(fit, N0=[1e10, 1e11], L0=[2.2, 2.13], **AT)
    assert "<table" in plan._repr_html_()
    assert len(str(plan).splitlines()) == 3
    seen = pd.DataFrame({"D": [1e7, 1e8], "loss": [2.3, 2.28]})
    ax = plot_extrapolation(plan, measured=seen)
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts == ["N0 = 10B", "N0 = 100B", "the law", "a new run", "measured"]
    assert "N0 ×12.5" in ax.get_title()
    with pytest.raises(p2law.FitError, match="too many"):
        plot_extrapolation(extrapolate(fit, N0=np.geomspace(1e9, 1e12, 9), L0=2.2, **AT))
    pyplot.close("all")
