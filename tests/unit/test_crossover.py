"""Prune or train from scratch: bills, crossings, named answers, effective tokens, the best method and parent."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from scipy.optimize import brentq
from scipy.stats import binom

import p2law
from p2law import DataError, FitError
from p2law.laws.published import BESIROGLU_2024, HOFFMANN_2022, Constants
from p2law.plan.cost import Architecture, CostModel, Parent, cost_model, flops_per_token
from p2law.plan.crossing import crossover
from p2law.plan.pruning import best_pruning
from p2law.plan.transfer import effective_tokens
from p2law.plot._budgets import crossover as plot_crossover
from p2law.plot._budgets import worth as plot_worth
from p2law.validate.coverage import Noise, simulated


def power(E: float, B: float, beta: float) -> Constants:
    return Constants("own", p2law.laws.get("power"), {"E": E, "B": B, "beta": beta}, "a test", "none")


def sampled(constants: Constants, *, points: int = 8, noise: float = 0.003, seed: int = 0) -> p2law.Fit:
    tokens = np.geomspace(5e9, 1e12, points)
    loss = constants.predict(D=tokens) * np.exp(noise * np.random.default_rng(seed).standard_normal(points))
    return p2law.fit("power", pd.DataFrame({"D": tokens, "loss": loss}), objective=p2law.Squared())


PARENTS = {"2B": Parent(size=2e9, loss=2.4, tokens=2e10), "8B": Parent(size=8e9, loss=2.2, tokens=2e10)}
PRUNED, SCRATCH = power(2.32, 1100.0, 0.348), power(2.30, 2800.0, 0.36)


@pytest.fixture(scope="module")
def fits() -> tuple[p2law.Fit, p2law.Fit]:
    return sampled(PRUNED, seed=1), sampled(SCRATCH, seed=2)


@pytest.fixture(scope="module")
def methods(pruned_fit) -> dict[str, p2law.Fit]:
    """A pruning method, and one that does half as much damage again."""
    table = pruned_fit.table
    worse = table.assign(loss=table["L0"] + 1.5 * (table["loss"] - table["L0"]))
    return {"good": pruned_fit, "worse": p2law.fit("p2", worse)}


class TestBills:
    def test_who_pays(self):
        parent = Parent(tokens=200e9, size=8e9)
        assert cost_model("sunk").scratch_tokens(5e9) == 5e9
        assert cost_model("tokens", parent=parent).scratch_tokens(5e9) == 205e9
        assert cost_model("tokens", parent=parent, models_per_parent=4).scratch_tokens(5e9) == 55e9
        flops = cost_model("flops", parent=parent, size=4e9, models_per_parent=2)
        assert flops.total(5e9) == pytest.approx(6 * 8e9 * 200e9 / 2 + 6 * 4e9 * 5e9)
        assert flops.scratch_tokens(5e9) * 6 * 4e9 == pytest.approx(flops.total(5e9))

    def test_a_smaller_scratch_model_gets_more_tokens(self):
        made = cost_model("flops", parent=Parent(tokens=1e9, size=8e9), size=4e9, scratch_size=2e9)
        assert made.scratch_tokens(3e9) == pytest.approx(4 * 1e9 + 2 * 3e9)
        assert made.retraining_tokens(made.scratch_tokens(3e9)) == pytest.approx(3e9)

    def test_counted_output_layer_and_attention(self):
        shape = Architecture(linear=7e9, layers=32, width=4096, sequence=8192, vocabulary=128_256)
        assert flops_per_token(shape) == 6 * (7e9 + 128_256 * 4096 + 2 * 32 * 8192 * 4096)
        assert flops_per_token(replace(shape, sequence=0, vocabulary=0)) == flops_per_token(7e9)

    @pytest.mark.parametrize(
        ("charge", "more", "says"),
        [
            ("credit", {}, "choose 'sunk', 'tokens' or 'flops'"),
            ("tokens", {}, "needs the parent's training tokens"),
            ("flops", {"parent": Parent(tokens=1e9)}, "needs the parent's size"),
            ("flops", {"parent": Parent(tokens=1e9, size=1e9)}, "needs the size of the model trained"),
            ("tokens", {"parent": Parent(tokens=1e9), "models_per_parent": 0}, "models_per_parent=0"),
        ],
    )
    def test_what_is_missing_is_named(self, charge, more, says):
        with pytest.raises((DataError, FitError), match=says):
            cost_model(charge, **more)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: CostModel(overhead=-1.0),
            lambda: CostModel(per_token=0.0),
            lambda: Parent(tokens=-3.0),
            lambda: Parent(loss=0.0),
            lambda: Architecture(linear=0.0, layers=1, width=1, sequence=1),
            lambda: flops_per_token(float("nan")),
        ],
    )
    def test_impossible_numbers_are_refused(self, make):
        with pytest.raises((DataError, FitError), match=r"must be|give tokens"):
            make()


class TestCrossing:
    @given(
        floor=st.floats(2.31, 2.45),
        overhead=st.floats(0.0, 3e11),
        per_token=st.floats(0.3, 3.0),
    )
    def test_losses_are_equal_there(self, floor, overhead, per_token):
        pruned, way = power(floor, 500.0, 0.33), CostModel(overhead, per_token)
        found = crossover(pruned, SCRATCH, parent_cost=way, range=(1e8, 1e14))
        for row in found.crossings.to_dict("records"):
            at = row["tokens"]
            scratch = SCRATCH.predict(D=overhead + per_token * at)
            assert pruned.predict(D=at) == pytest.approx(scratch, rel=1e-10)
        signs = np.sign(found.table["difference"])
        assert len(found.crossings) == np.count_nonzero(np.diff(signs))
        assert (found.verdict == "crossing") == bool(len(found.crossings))

    def test_agrees_with_a_root_by_hand(self):
        def gap(tokens: float) -> float:
            return PRUNED.predict(D=tokens) - SCRATCH.predict(D=tokens + 200e9)

        found = crossover(PRUNED, SCRATCH, parent_cost="tokens", parent=Parent(tokens=200e9), range=(5e9, 1e12))
        assert found.value == pytest.approx(brentq(gap, 5e9, 1e12, xtol=1, rtol=1e-14), rel=1e-10)
        assert np.isnan(found.lower)
        assert found.method == "published constants"
        assert "below it the model from scratch is better, above it the pruned model" in found.status

    def test_interval_is_where_the_difference_is_undecided(self, fits):
        found = crossover(*fits, parent_cost="tokens", parent=Parent(tokens=200e9))
        assert found.verdict == "crossing"
        assert found.lower < found.value < found.upper < np.inf

        def gap(end: float) -> p2law.Estimate:
            def difference(p, s):
                losses = [q["E"] + q["B"] * t ** -q["beta"] for q, t in ((p, end), (s, end + 200e9))]
                return losses[0] - losses[1]

            return p2law.estimate(difference, *fits)

        assert gap(found.lower).lower == pytest.approx(0, abs=2e-5)  # scratch leads below: its lower end leaves zero
        assert gap(found.upper).upper == pytest.approx(0, abs=2e-5)

    def test_draws_and_local_errors_agree(self, fits):
        drawn = [fit.bootstrap(400, rng=i, scheme="wild") for i, fit in enumerate(fits)]
        local, percentile = (crossover(*f, parent_cost="tokens", parent=Parent(tokens=200e9)) for f in (fits, drawn))
        assert percentile.method == "bootstrap"
        assert np.log(percentile.lower / local.lower) == pytest.approx(0, abs=0.5)
        assert np.log(percentile.upper / local.upper) == pytest.approx(0, abs=0.7)

    def test_several_crossings_are_all_listed(self):
        found = crossover(PRUNED, SCRATCH, parent_cost="tokens", parent=Parent(tokens=200e9), range=(5e9, 1e15))
        assert len(found.crossings) == 2
        assert found.crossings["below"].tolist() == ["scratch", "pruned"]
        assert "they meet 2 times" in found.status

    def test_never(self, fits):
        better = sampled(power(2.0, 1000.0, 0.348), seed=3)
        found = crossover(better, fits[1])
        assert found.verdict == "never"
        assert found.at_large == "pruned"
        assert np.isnan([found.value, found.lower, found.upper]).all()
        assert "they never meet: the pruned model is better at every budget" in str(found)

    def test_scratch_always_better_in_range(self, fits):
        found = crossover(sampled(power(2.32, 9000.0, 0.36), seed=4), fits[1])
        assert found.verdict == "scratch"
        assert "scratch has lower predicted loss throughout the range" in found.status

    def test_undetermined_by_these_data(self):
        found = crossover(sampled(SCRATCH, noise=0.02, seed=5), sampled(SCRATCH, noise=0.02, seed=6))
        assert found.verdict == "undetermined"
        assert (found.lower, found.upper) == (0.0, np.inf)
        assert found.at_large == "undetermined"
        assert "undetermined by these data" in found.status


class TestLaws:
    def test_size_of_the_scratch_model_is_what_pruning_leaves(self, pruned_fit, dense_fit):
        found = crossover(pruned_fit, dense_fit, N0=2e9, rho=0.5, L0=2.4)
        expected = dense_fit.predict(N=1e9, D=found.table["tokens"].iloc[-1])
        assert found.table["scratch"].iloc[-1] == pytest.approx(expected, rel=1e-12)

    def test_parent_gives_size_loss_and_price(self, pruned_fit, dense_fit):
        parent = Parent(tokens=1e10, size=2e9, loss=2.4)
        found = crossover(pruned_fit, dense_fit, parent_cost="flops", parent=parent, rho=0.5)
        assert found.cost.overhead == pytest.approx(2e10)
        by_hand = crossover(pruned_fit, dense_fit, parent_cost=CostModel(2e10), N0=2e9, rho=0.5, L0=2.4)
        pd.testing.assert_series_equal(found.table["difference"], by_hand.table["difference"])

    def test_control_that_moves_comes_as_a_curve(self):
        runs = p2law.datasets.load("mini-pruning", method="width")
        fit = p2law.fit("p2", runs, baseline="control", min_tokens=3e5)
        size = fit.table["N0"].max()
        own = runs[(runs["N0"] == size) & (runs["D"] > 3e5)].drop_duplicates("D")
        control = p2law.fit("power", pd.DataFrame({"D": own["D"], "loss": own["L_control"], "run": "control"}))
        parent, row = Parent(size=size, loss=control), own.iloc[-1]
        found = crossover(fit, control, parent=parent, rho=0.35, range=(1e6, row["D"]))
        expected = fit.predict(N0=size, rho=0.35, D=row["D"], L_control=control.predict(D=row["D"]))
        assert found.table["pruned"].iloc[-1] == pytest.approx(expected, rel=1e-10)
        with pytest.raises(DataError, match="the parent's loss is a curve"):
            crossover(fit, control, parent=Parent(size=size, loss=3.2), rho=0.35)

    @pytest.mark.parametrize(
        ("ask", "says"),
        [
            (lambda f, d: crossover(f, d, N0=2e9, rho=0.5), "needs L0"),
            (lambda f, d: crossover(f, d, N0=2e9, rho=0.5, L0=2.4, depth=3), "no column 'depth'"),
            (lambda f, d: crossover(f, d, N0=2e9, rho=50, L0=2.4), "divide percentages by 100"),
            (lambda f, d: crossover(f, d, N0=[1e9, 2e9], rho=0.5, L0=2.4), "give one number"),
            (lambda f, d: crossover(f, d, N0=2e9, rho=0.5, L0=2.4, range=(2e9, 1e9)), "the smaller first"),
            (lambda f, d: crossover(f, d, N0=2e9, rho=0.5, L0=2.4, level=95), "level=95"),
            (lambda f, d: crossover(HOFFMANN_2022, BESIROGLU_2024, N=1e9), "no measured range"),
        ],
    )
    def test_what_cannot_be_asked_is_named(self, pruned_fit, dense_fit, ask, says):
        with pytest.raises((DataError, FitError), match=says):
            ask(pruned_fit, dense_fit)

    def test_extrapolation_is_said(self, pruned_fit, dense_fit):
        found = crossover(pruned_fit, dense_fit, N0=2e9, rho=0.5, L0=2.4)
        assert found.beyond == {"scratch": {"D": pytest.approx(100.0)}}  # fitted from 1e8 tokens on, asked from 1e6
        assert "the scratch curve is used with D 100× outside the fitted range" in found.status


class TestWorth:
    def test_losses_are_equal(self):
        worth = effective_tokens(PRUNED, SCRATCH, np.geomspace(1e9, 1e10, 5)).to_frame()
        np.testing.assert_allclose(
            SCRATCH.predict(D=worth["effective"].to_numpy()), PRUNED.predict(D=worth["tokens"].to_numpy()), rtol=1e-10
        )
        np.testing.assert_allclose(worth["transferred"], worth["effective"] - worth["tokens"])

    def test_interval_holds_the_truth(self, fits):
        asked = np.array([1e10, 1e11])
        truth = effective_tokens(PRUNED, SCRATCH, asked).to_frame()["effective"]
        worth = effective_tokens(*fits, asked).to_frame()
        assert np.all((worth["lower"] < truth) & (truth < worth["upper"]))

    def test_every_column_outside_its_range_is_named(self, pruned_fit, dense_fit):
        at = {"N0": 5e12, "rho": 0.95, "L0": 1.9, "N": 8e11}
        found = crossover(pruned_fit, dense_fit, **at)
        assert set(found.beyond["pruned"]) == {"N0", "rho"}
        assert set(found.beyond["scratch"]) == {"N", "D"}
        assert f"N0 {found.beyond['pruned']['N0']:.3g}× and rho" in found.status
        assert "the pruned curve is used with N0" in effective_tokens(pruned_fit, dense_fit, **at).summary()

    def test_beyond_all_training_from_scratch(self):
        fits = sampled(power(2.0, 1100.0, 0.348), noise=1e-4), sampled(SCRATCH, noise=1e-4)
        worth = effective_tokens(*fits, 1e12).to_frame().iloc[0]
        assert np.isinf([worth["effective"], worth["lower"], worth["upper"]]).all()
        assert worth["status"] == "the fitted scratch curve never gets there"

    def test_tokens_must_be_positive(self, fits):
        with pytest.raises(DataError, match="tokens = -1e"):
            effective_tokens(*fits, [-1e9])


class TestBest:
    def test_table_says_what_the_law_says(self, methods, pruned_fit):
        found = best_pruning(methods, PARENTS, size=1e9, budget=5e8)
        assert found.best["method"] == "good"
        table = found.to_frame()
        row = table[(table["method"] == "good") & (table["parent"] == "2B")].iloc[0]
        assert (row["rate"], row["tokens"]) == (0.5, 5e8)
        expected = p2law.estimate(lambda p: pruned_fit.law(N0=2e9, rho=0.5, L0=2.4, D=5e8, **p), pruned_fit)
        assert row["loss"] == pytest.approx(expected.value, rel=1e-12)
        assert row[["lower", "upper"]].tolist() == pytest.approx([expected.lower, expected.upper], rel=1e-9)
        assert table["loss"].is_monotonic_increasing
        assert table["behind"].iloc[0] == 0

    def test_parents_of_one_fit_share_its_errors(self, methods):
        """The difference between two parents is known better than either loss."""
        table = best_pruning({"good": methods["good"]}, PARENTS, size=1.6e9, budget=5e8).to_frame()
        wide = np.hypot(*(table["upper"] - table["lower"]))
        assert table["behind_upper"].iloc[1] - table["behind_lower"].iloc[1] < wide

    def test_budget_pays_for_the_parent(self, methods):
        found = best_pruning(methods, PARENTS["2B"], size=1e9, budget=3e20, parent_cost="flops", models_per_parent=2)
        assert found.best["tokens"] == pytest.approx((3e20 - 6 * 2e9 * 2e10 / 2) / 6e9)

    def test_impossible_ways_are_named_and_come_last(self, methods, dense_fit):
        found = best_pruning(methods, PARENTS, size=2e9, budget=1e10, parent_cost="tokens", scratch=dense_fit)
        table = found.to_frame()
        assert found.best["method"] == "scratch"
        assert found.best["loss"] == pytest.approx(dense_fit.predict(N=2e9, D=1e10))
        assert table["loss"].isna().tolist() == [False, True, True, True, True]
        assert "cannot be pruned to it" in str(found)
        assert "its share of the parent costs the whole budget or more" in str(found)

    def test_ties_are_named(self, methods, pruned_fit):
        again = best_pruning({"one": pruned_fit, "same": replace(pruned_fit)}, PARENTS["2B"], size=1e9, budget=5e8)
        assert again.tied == [("same", "the parent")]
        assert "do not tell the best from same" in str(again)

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"budget": 0}, "budget=0"),
            ({"methods": {}}, "one method and one parent"),
            ({"parents": Parent(loss=2.0)}, "has no size"),
            ({"methods": {"dense": BESIROGLU_2024}}, "knows no pruning rate"),
        ],
    )
    def test_what_cannot_be_asked_is_named(self, methods, more, says):
        options = {"methods": methods, "parents": PARENTS, "size": 1e9, "budget": 1e9} | more
        with pytest.raises((DataError, FitError), match=says):
            best_pruning(options.pop("methods"), options.pop("parents"), **options)


def test_records_read_well(fits, pruned_fit):
    meeting = crossover(*fits, parent_cost="tokens", parent=Parent(tokens=200e9))
    ranking = best_pruning({"width": pruned_fit}, Parent(size=2e9, loss=2.4), size=1e9, budget=5e8)
    for record in (meeting, effective_tokens(*fits), ranking):
        assert str(record) == record.summary()
        assert record._repr_html_().startswith("<div>")
        copy = record.to_frame()
        copy["loss"] = np.nan
        assert not record.to_frame().equals(copy)


@pytest.mark.parametrize("charge", ["sunk", "tokens"])
def test_plot_draws_the_difference_with_its_interval(fits, charge):
    found = crossover(*fits, parent_cost=charge, parent=Parent(tokens=200e9))
    _, ax = pyplot.subplots()
    assert plot_crossover(found, ax) is ax
    drawn = np.nanmax([line.get_ydata()[:241] for line in ax.lines if len(line.get_ydata()) == 241], axis=0)
    np.testing.assert_allclose(drawn, found.table["difference"])
    assert len(ax.texts) == len(found.crossings)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert ("fitted curves meet" in labels) == (found.verdict == "crossing")
    assert "95 % interval" in labels
    pyplot.close(ax.figure)


def test_plot_of_worth_draws_open_intervals_as_arrows(fits):
    found = effective_tokens(sampled(power(2.0, 1100.0, 0.348), seed=7), fits[1], [1e10, 1e12])
    _, ax = pyplot.subplots()
    assert plot_worth(found, ax) is ax
    equal, worth, arrows = ax.lines
    np.testing.assert_allclose(equal.get_ydata(), found.table["tokens"])
    np.testing.assert_allclose(worth.get_ydata(), found.table["effective"][np.isfinite(found.table["effective"])])
    open_ended = found.table["tokens"][np.isinf(found.table["upper"])].tolist()
    assert 1e12 in open_ended
    assert arrows.get_xdata().tolist() == open_ended
    pyplot.close(ax.figure)


def test_interval_covers():
    """60 simulated pairs; the bands are those of a binomial count. More in benchmarks/crossover_coverage.py."""
    options = {"parent_cost": "tokens", "parent": Parent(tokens=200e9), "range": (5e9, 1e12)}
    truth = crossover(PRUNED, SCRATCH, **options).value
    covered = {0.8: 0, 0.95: 0}
    pairs = [simulated(sampled(one, noise=0), Noise(0.004), reps=60, rng=i) for i, one in enumerate((PRUNED, SCRATCH))]
    for fits in zip(*pairs, strict=True):
        for level in covered:
            found = crossover(*fits, **options, level=level)
            covered[level] += found.lower <= truth <= found.upper
    for level, count in covered.items():
        low, high = binom.interval(0.99, 60, level)
        assert low <= count <= high
