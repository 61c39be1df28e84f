"""Joint fits: shared constants recovered, the sum of the groups where all is shared apart, Welch's test both ways."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.fitting.uncertainty.intervals import new_run_spread

TRUTH = {"D_C": 300.0, "beta": 0.4, "E": 0.5, "gamma": -1.4, "delta": 0.05}


@pytest.fixture(scope="module")
def groups():
    """Two methods that share beta and delta, and differ in gamma and D_C; run levels differ by 2 % of the excess."""
    rng, law, tables = np.random.default_rng(3), p2law.laws.get("p2_without_size_term"), []
    for method, own in {"depth": {"gamma": -1.0, "D_C": 500.0}, "width": {}}.items():
        for size in (1e8, 5e8, 2e9, 8e9):
            for rate in (0.15, 0.25, 0.35, 0.5):
                table = pd.DataFrame({"D": np.geomspace(1e6, 1e9, 8)}).assign(N0=size, rho=rate, L0=2.5, method=method)
                clean = law(table["N0"], table["D"], table["rho"], table["L0"], **{**TRUTH, **own})
                level = 1 + 0.02 * rng.standard_normal()
                noise = 0.001 * rng.standard_normal(8)
                run = f"{method} {size:g} {rate}"
                tables.append(table.assign(loss=2.5 + (clean - 2.5) * level + noise, run=run))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def joined(groups):
    return p2law.joint("p2_without_size_term", groups, by="method", shared=["beta", "delta"], objective=p2law.Squared())


def test_constants_are_recovered(joined):
    assert joined.fit.converged
    assert joined.fit.params["beta"] == pytest.approx(0.4, rel=0.05)
    assert joined.params.loc["depth", "gamma"] == pytest.approx(-1.0, abs=0.1)
    assert joined.params.loc["width", "gamma"] == pytest.approx(-1.4, abs=0.1)
    assert joined.params.loc["depth", "beta"] == joined.params.loc["width", "beta"]


def test_sharing_costs_and_more_constants_do_not(joined):
    alone = sum(f.objective_value for f in joined.separate.values())
    assert alone <= joined.fit.objective_value < 1.5 * alone


def test_optimum_is_that_of_the_tied_problem(groups, joined):
    """Holding the shared constants at their joint values, the groups alone add up to the joint objective."""
    held = {name: joined.fit.params[name] for name in joined.shared}
    parts = [
        p2law.fit("p2_without_size_term", rows, fixed=held, objective=p2law.Squared()).objective_value
        for _, rows in groups.groupby("method")
    ]
    assert sum(parts) == pytest.approx(joined.fit.objective_value, rel=1e-8)


def test_welch_tells_what_may_be_shared(joined):
    verdict = joined.sharing().set_index("parameter")["verdict"]
    assert verdict["beta"] == verdict["delta"] == "not rejected"
    assert verdict["gamma"] == "rejected"


def test_shared_constants_are_known_better(joined):
    pooled = joined.fit.standard_errors["beta"]
    assert all(pooled < alone.standard_errors["beta"] for alone in joined.separate.values())


def test_predictions_take_the_group(joined, groups):
    at = {"N0": 2e9, "D": 1e8, "rho": 0.25, "L0": 2.5}
    depth = joined.predict(method="depth", **at)
    assert depth > joined.predict(method="width", **at)
    assert joined.predict(groups.head(3)) == pytest.approx(joined.fit.fitted[:3])
    interval = joined.predict_interval(method="depth", **at, kind="new")
    assert interval["lower"].item() < depth < interval["upper"].item()


def test_intervals_and_draws_carry_the_group(joined):
    table = joined.bootstrap(30).intervals()
    assert set(table["group"]) == {"", "depth", "width"}
    assert (table["lower"] <= table["upper"]).all()


def test_control_baseline(groups):
    table = groups.assign(L_control=2.5)
    both = p2law.joint("p2_without_size_term", table, by="method", shared=["beta", "delta"], baseline="control")
    assert both.predict(method="width", N0=2e9, D=1e8, rho=0.25, L_control=2.5) > 2.5


def test_report(joined):
    assert "sharing beta: not rejected" in joined.summary()
    assert "depth" in joined.to_frame().index
    assert "<pre>" in joined._repr_html_()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "family", "shared": ["beta"]}, "family"),
        ({"by": "method", "shared": ["alpha"]}, "name parameters"),
        ({"by": "method", "shared": []}, "name parameters"),
        ({"by": "method", "shared": ["beta"], "tied": [("beta", "delta")]}, "tied"),
    ],
)
def test_nonsense_is_refused(groups, options, message):
    with pytest.raises(p2law.P2LawError, match=message):
        p2law.joint("p2_without_size_term", groups, **options)


def test_group_of_one_row_is_refused(groups):
    odd = groups.assign(method=np.where(np.arange(len(groups)) == 0, "odd", groups["method"]))
    with pytest.raises(p2law.DataError, match="group 'odd' alone"):
        p2law.joint("p2_without_size_term", odd, by="method", shared=["beta"])


def test_one_group_is_refused(groups):
    with pytest.raises(p2law.DataError, match="two groups"):
        p2law.joint("p2_without_size_term", groups[groups["method"] == "width"], by="method", shared=["beta"])


def test_group_without_a_name_is_refused(groups):
    odd = groups.assign(method=groups["method"].where(groups.index > 0))
    with pytest.raises(p2law.DataError, match="column 'method', row 0: the group has no name; name it or drop the row"):
        p2law.joint("p2_without_size_term", odd, by="method", shared=["beta"])


def test_unknown_group_is_refused(joined):
    with pytest.raises(p2law.DataError, match="was not fitted"):
        joined.predict(method="sparse", N0=2e9, D=1e8, rho=0.25, L0=2.5)
    with pytest.raises(p2law.DataError, match="say which group"):
        joined.predict(N0=2e9, D=1e8, rho=0.25, L0=2.5)


POINT: dict[str, Any] = {"N0": 2e9, "rho": 0.25, "L0": 2.5}
TOKENS: dict[str, Any] = {"criterion": p2law.plan.Remaining(0.02), "N0": 2e9, "rho": 0.25}


def test_group_is_a_fit_of_the_law_with_the_joint_intervals(joined):
    depth = joined.of("depth")
    assert depth.law.name == "p2_without_size_term"
    assert dict(depth.params) == joined.params.loc["depth"].to_dict()
    assert depth.standard_errors["gamma"] == joined.fit.standard_errors["gamma[depth]"]
    assert depth.n + joined.of("width").n == joined.fit.n
    for kind in ("mean", "new"):
        mine = depth.predict_interval(D=1e8, **POINT, kind=kind)
        pd.testing.assert_frame_equal(mine, joined.predict_interval(method="depth", D=1e8, **POINT, kind=kind))
    assert "depth, a group of a joint fit" in depth.summary()


def test_a_group_of_two_runs_borrows_how_runs_differ(groups):
    """Two runs alone cannot tell; those of the other group can."""
    few = groups[(groups["method"] == "width") | groups["run"].isin(["depth 1e+08 0.15", "depth 8e+09 0.5"])]
    both = p2law.joint(
        "p2_without_size_term", few, by="method", shared=["beta", "delta", "E"], objective=p2law.Squared()
    )
    widths = {}
    for name in ("depth", "width"):
        fit = both.of(name)
        mean, new = (fit.predict_interval(D=1e8, **POINT, kind=kind) for kind in ("mean", "new"))
        assert new["upper"].item() > mean["upper"].item()
        widths[name] = new_run_spread(fit, {k: np.array([v]) for k, v in {**POINT, "D": 1e8}.items()}).error.item()
    excess = {name: both.of(name).predict(D=1e8, **POINT) - 2.5 for name in widths}
    shares = {name: width / excess[name] for name, width in widths.items()}
    assert 0.01 < shares["depth"] < 0.04
    assert shares["depth"] == pytest.approx(shares["width"], rel=0.5)


def test_a_group_of_many_runs_has_its_own_run_effect(groups):
    """Levels of depth are made ten times as far apart as those of width."""
    rng = np.random.default_rng(7)
    level = dict(zip(groups["run"].unique(), 0.2 * rng.standard_normal(groups["run"].nunique()), strict=True))
    wide = np.where(groups["method"] == "depth", groups["run"].map(level), 0.0)
    table = groups.assign(loss=groups["loss"] + wide * (groups["loss"] - 2.5))
    both = p2law.joint("p2_without_size_term", table, by="method", shared=["beta", "delta"], objective=p2law.Squared())
    assert both.of("depth").run_effect.offset > 4 * both.of("width").run_effect.offset


def test_one_fit_given_twice_cancels(joined):
    depth = joined.of("depth")
    for pair in ((depth, depth), (joined.fit, joined.fit)):
        apart = p2law.estimate(lambda one, other: next(iter(one.values())) - next(iter(other.values())), *pair)
        assert apart.lower == apart.upper == 0


def test_objectives_of_the_groups_add_up(joined):
    parts = sum(joined.of(group).objective_value for group in joined.groups)
    assert parts == pytest.approx(joined.fit.objective_value, rel=1e-12)


def test_errors_that_groups_share_cancel(joined):
    depth, width = joined.of("depth"), joined.of("width")
    same = p2law.estimate(lambda a, b: a["beta"] - b["beta"], depth, width)
    assert (same.value, same.lower, same.upper) == (0.0, 0.0, 0.0)
    apart = p2law.estimate(lambda a, b: a["gamma"] - b["gamma"], depth, width)
    whole = p2law.estimate(lambda p: p["gamma[depth]"] - p["gamma[width]"], joined.fit)
    assert (apart.lower, apart.upper) == (whole.lower, whole.upper)


def test_group_draws_are_those_of_the_whole(joined):
    drawn = joined.bootstrap(30)
    np.testing.assert_array_equal(drawn.of("depth").draws["gamma"], drawn.fit.draws["gamma[depth]"])


@pytest.mark.parametrize(
    "plan",
    [
        lambda fit: p2law.optimal_tokens(fit, **TOKENS).lower,
        lambda fit: p2law.extrapolate(fit, **POINT, D=[1e8, 1e9]).table["lower"].iloc[-1],
        lambda fit: p2law.crossover(fit, _scratch(), **POINT).table["lower"].iloc[0],
        lambda fit: p2law.effective_tokens(fit, _scratch(), [1e7], **POINT).to_frame()["effective"].iloc[0],
        lambda fit: p2law.next_runs(fit, {**POINT, "D": [1e9]}, target={**POINT, "D": 1e10}).now,
    ],
    ids=["tokens", "extrapolate", "crossover", "worth", "next_runs"],
)
def test_plans_take_a_group(joined, plan):
    assert np.isfinite(plan(joined.of("depth")))


def _scratch() -> p2law.Fit:
    tokens = np.geomspace(1e6, 1e9, 8)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(8)
    return p2law.fit("power", {"D": tokens, "loss": 2.5 + 100 * tokens**-0.3 + noise}, objective=p2law.Squared())


def test_groups_are_ranked_together(joined):
    methods = {group: joined.of(group) for group in joined.groups}
    parents = p2law.plan.Parent(size=8e9, loss=2.5)
    ranking = p2law.best_pruning(methods, parents, size=5e9, budget=1e9)
    assert set(ranking.to_frame()["method"]) == {"depth", "width"}


def test_what_refits_is_refused_for_a_group(joined):
    depth = joined.of("depth")
    for ask in (lambda: depth.profile("beta"), lambda: depth.bootstrap(3), depth.influence, depth.identifiability):
        with pytest.raises(p2law.FitError, match="asked of the whole"):
            ask()
    with pytest.raises(p2law.FitError, match="saved with it"):
        depth.to_json()


def test_saved_joint_fit_comes_back(joined, tmp_path):
    drawn = joined.bootstrap(20)
    drawn.to_json(tmp_path / "joint.json")
    loaded = p2law.Joint.from_json(tmp_path / "joint.json")
    assert loaded.summary() == drawn.summary()
    pd.testing.assert_frame_equal(loaded.intervals(), drawn.intervals())
    pd.testing.assert_frame_equal(loaded.of("depth").intervals(), drawn.of("depth").intervals())
    assert loaded.to_json() == drawn.to_json()


def test_saved_fits_are_not_mistaken_for_each_other(joined):
    with pytest.raises(p2law.FitError, match=r"load it with p2law\.Joint\.from_json"):
        p2law.Fit.from_json(joined.to_json())
    with pytest.raises(p2law.FitError, match=r"load it with p2law\.Fit\.from_json"):
        p2law.Joint.from_json(joined.separate["depth"].to_json())


@pytest.fixture(scope="module")
def one_rate() -> p2law.Joint:
    """Real runs: one method at a single rate, whose own gamma is held, beside two at several."""
    return p2law.joint("p2_without_size_term", p2law.datasets.load("mini-pruning"), by="method", shared=["beta"])


@pytest.mark.filterwarnings("ignore::p2law.ExtrapolationWarning")
def test_a_group_at_one_rate_says_nothing_of_others(one_rate):
    group, at = one_rate.of("2:4"), {"N0": 27.1e6, "D": 5e6, "L0": 3.27}
    assert "gamma" in group.options.held
    assert "gamma" not in group.options.fixed
    both = one_rate.predict_interval(method=["width", "2:4"], rho=[0.3, 0.3], **at)
    for found in (group.predict_interval(rho=0.3, **at), both.iloc[[1]]):
        assert np.isinf(found[["lower", "upper"]].to_numpy()).all()
    assert np.isfinite(both.iloc[0]).all()
    assert np.isfinite(one_rate.predict_interval(method="2:4", rho=0.4995, **at)).all(axis=None)
    assert any(w.startswith("2:4: gamma cannot be told from one value of rho") for w in one_rate.fit.warnings)


def test_intervals_of_a_table_of_groups_keep_its_order(joined, groups):
    rows = groups.iloc[[200, 3, 150, 7]]
    mine = joined.predict_interval(rows)
    pd.testing.assert_frame_equal(mine, joined.fit.predict_interval(joined._asked(rows, {})[0][0]))
