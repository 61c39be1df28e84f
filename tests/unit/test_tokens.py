"""How many tokens: formulas, prices, intervals, named answers, the picture."""

import numpy as np
import pytest
from matplotlib import pyplot

import p2law
from p2law.fitting.source import Source
from p2law.laws import Amplitude, Exponent, Positive
from p2law.laws.published import BESIROGLU_2024
from p2law.plan import Price, Recovered, Remaining, Slope, Target
from p2law.plan.curve import LossCurve, tokens_needed
from p2law.plan.tokens import optimal_tokens
from p2law.plot._tokens import tokens as plot_tokens


def test_the_laws_own_formula_is_what_the_paper_implies(pruned_fit):
    p, N0, rho = pruned_fit.params, 2e9, 0.3
    scale = rho ** -p["gamma"] * N0 ** -p["delta"] * p["D_C"]
    at = {"N0": N0, "rho": rho, "L0": 2.3}
    slope = optimal_tokens(pruned_fit, criterion=Slope(1e-11), **at).value
    assert slope == pytest.approx((p["beta"] * scale / 1e-11) ** (1 / (1 + p["beta"])), rel=1e-9)
    left = optimal_tokens(pruned_fit, criterion=Remaining(0.01), **at).value
    assert left == pytest.approx((scale / 0.01) ** (1 / p["beta"]), rel=1e-9)
    recovered = optimal_tokens(pruned_fit, criterion=Recovered(0.9, start=1e7), **at).value
    assert recovered == pytest.approx(1e7 * 0.1 ** (-1 / p["beta"]), rel=1e-9)
    target = optimal_tokens(pruned_fit, criterion=Target(2.34), **at)
    assert pruned_fit.predict(D=target.value, **at) == pytest.approx(2.34, rel=1e-9)


def test_more_damage_needs_more_tokens_and_larger_models_fewer(pruned_fit):
    rates = optimal_tokens(pruned_fit, criterion=Slope(1e-11), N0=2e9, rho=[0.15, 0.25, 0.5]).to_frame()
    assert rates["tokens"].is_monotonic_increasing
    sizes = optimal_tokens(pruned_fit, criterion=Slope(1e-11), N0=[1e8, 1e9, 8e9], rho=0.25).to_frame()
    assert sizes["tokens"].is_monotonic_decreasing


def test_the_price_minimises_the_bill(pruned_fit):
    at = {"N0": 2e9, "rho": 0.25, "L0": 2.3}
    price = Price(per_nat=1e4, per_gpu_hour=2.0, mfu=0.4, peak=1e15)
    plan = optimal_tokens(pruned_fit, criterion=price, **at)
    per_token = 6 * 1.5e9 * 2.0 / (3600 * 0.4 * 1e15)
    assert plan.table["cost"].iloc[0] == pytest.approx(plan.value * per_token, rel=1e-12)
    D = plan.value * np.geomspace(0.5, 2, 401)
    bill = per_token * D + 1e4 * plan.curve.loss(D[None])[0]
    assert D[np.argmin(bill)] == pytest.approx(plan.value, rel=1e-3)


def test_many_models_at_once_are_the_single_ones(pruned_fit):
    many = optimal_tokens(pruned_fit, criterion=Remaining(0.02), N0=[1e8, 2e9], rho=[0.15, 0.5]).to_frame()
    for i, (N0, rho) in enumerate([(1e8, 0.15), (2e9, 0.5)]):
        one = optimal_tokens(pruned_fit, criterion=Remaining(0.02), N0=N0, rho=rho)
        np.testing.assert_allclose(many[["tokens", "lower", "upper"]].loc[i], [one.value, one.lower, one.upper])


def test_the_interval_is_that_of_estimate(pruned_fit):
    plan = optimal_tokens(pruned_fit, criterion=Remaining(0.02), level=0.8, N0=2e9, rho=0.25)

    def by_hand(p):
        return (0.25 ** -p["gamma"] * 2e9 ** -p["delta"] * p["D_C"] / 0.02) ** (1 / p["beta"])

    same = p2law.estimate(by_hand, pruned_fit, level=0.8, log=True)
    assert (plan.lower, plan.upper) == pytest.approx((same.lower, same.upper), rel=1e-4)
    assert plan.method == "wald"
    wider = optimal_tokens(pruned_fit, criterion=Remaining(0.02), N0=2e9, rho=0.25)
    assert wider.lower < plan.lower < plan.value < plan.upper < wider.upper


def test_draws_give_percentiles_and_the_share_that_meets_it(pruned_fit):
    drawn = pruned_fit.bootstrap(60)
    at = {"N0": 8e9, "rho": 0.25, "L0": 2.21}
    floor = optimal_tokens(drawn, criterion=Remaining(0.01), **at)
    assert floor.method == "bootstrap"
    assert floor.lower < floor.value < floor.upper
    assert floor.table["met"].iloc[0] == 1.0
    level_of_it = float(floor.curve.floor()[0])
    edge = optimal_tokens(drawn, criterion=Target(level_of_it - 1e-4), **at)
    assert edge.value == np.inf
    assert 0 < edge.table["met"].iloc[0] < 1
    assert "of the draws" in edge.status
    assert edge.lower < np.inf == edge.upper


def test_answers_beyond_the_data_and_impossible_ones_are_named(pruned_fit):
    at = {"N0": 2e9, "rho": 0.25, "L0": 2.3}
    assert optimal_tokens(pruned_fit, criterion=Target(2.34), **at).status == "inside the fitted range"
    far = optimal_tokens(pruned_fit, criterion=Remaining(0.001), N0=3.2e10, rho=0.25)
    assert "extrapolated: N0 4× and D " in far.status
    assert "outside the fitted range" in far.status
    never = optimal_tokens(pruned_fit, criterion=Target(2.2), **at)
    assert never.value == np.inf
    assert never.status.startswith("never: the target lies below the loss")
    assert "first token" in optimal_tokens(pruned_fit, criterion=Remaining(1e9), N0=2e9, rho=0.25).status
    rising = p2law.laws.Constants("rising", p2law.laws.get("power"), {"E": 3.0, "B": -1.0, "beta": 0.5}, "", "")
    assert "does not fall" in optimal_tokens(rising, criterion=Remaining(0.1)).status
    assert np.isnan(optimal_tokens(rising, criterion=Remaining(0.1)).value)


def test_published_constants_have_no_interval():
    plan = optimal_tokens(BESIROGLU_2024, criterion=Remaining(0.05), N=[7e9, 70e9])
    p = BESIROGLU_2024.params
    np.testing.assert_allclose(plan.table["tokens"], (p["B"] / 0.05) ** (1 / p["beta"]))
    assert plan.table["lower"].isna().all()
    assert plan.method == "none"


def test_bad_requests_are_refused_with_a_sentence(pruned_fit, dense_fit):
    cases = [
        ({"N0": 2e9}, "needs rho"),
        ({"N0": 2e9, "rho": 0.3, "width": 3}, "no column 'width'"),
        ({"N0": 2e9, "rho": 30}, "divide percentages by 100"),
        ({"N0": 2.0, "rho": 0.3}, "counts single parameters"),
        ({"N0": [1e9, 2e9], "rho": [0.1, 0.2, 0.3]}, "do not go together"),
    ]
    for at, words in cases:
        with pytest.raises(p2law.DataError, match=words):
            optimal_tokens(pruned_fit, criterion=Slope(1e-9), **at)
    with pytest.raises(p2law.DataError, match="needs L0"):
        optimal_tokens(pruned_fit, criterion=Target(2.5), N0=2e9, rho=0.3)
    with pytest.raises(p2law.FitError, match="give Slope"):
        optimal_tokens(pruned_fit, criterion=1e-9, N0=2e9, rho=0.3)  # type: ignore[arg-type]
    with pytest.raises(p2law.FitError, match="fixed parent"):
        optimal_tokens(pruned_fit, criterion=Slope(1e-9), control=dense_fit, N0=2e9, rho=0.3)


@pytest.fixture(scope="module")
def control_fits() -> tuple[p2law.Fit, p2law.Fit]:
    """P² measured from the control, and the curve of the largest parent's control."""
    runs = p2law.datasets.load("mini-pruning", method="width")
    control = p2law.datasets.load("mini-pruning", rows="all", method="control", size="2M", phase="const")
    return p2law.fit("p2", runs, baseline="control", min_tokens=3e5), p2law.fit("power", control)


def test_with_a_moving_control_the_criteria_speak_of_the_excess_or_of_the_loss(control_fits):
    fit, control = control_fits
    at = {"N0": 2215040, "rho": 0.3}
    with pytest.raises(p2law.DataError, match="control=<fit of law 'power'"):
        optimal_tokens(fit, criterion=Target(3.7), **at)
    held = optimal_tokens(fit, criterion=Target(3.7), L_control=3.58, **at)
    assert fit.predict(D=held.value, L_control=3.58, **at) == pytest.approx(3.7, rel=1e-9)
    moving = optimal_tokens(fit, criterion=Target(3.7), control=control, **at)
    assert fit.predict({"D": [moving.value], "N0": [2215040], "rho": [0.3]}, control=control)[0] == pytest.approx(3.7)
    assert moving.lower < moving.value < moving.upper
    excess = optimal_tokens(fit, criterion=Slope(0.04, per="doubling"), **at)
    assert np.isnan(excess.loss)
    whole = optimal_tokens(fit, criterion=Slope(0.04, per="doubling"), control=control, **at)
    fall = fit.predict({"D": whole.value * np.array([1, 2]), **{k: [v, v] for k, v in at.items()}}, control=control)
    assert fall[0] - fall[1] == pytest.approx(0.04, rel=1e-8)


def test_a_law_of_ones_own_needs_no_closed_form():
    @p2law.law
    def shifted(D, *, E: Amplitude, B: Amplitude, beta: Exponent, shift: Positive):
        return E + B * (D + shift) ** -beta

    params = {"E": 2.0, "B": 30.0, "beta": 0.3, "shift": 1e6}
    curve = LossCurve(Source(p2law.laws.Constants("mine", shifted, params, "", "")), {}, models=1)
    exact = (30.0 / 0.05) ** (1 / 0.3) - 1e6
    assert tokens_needed(Remaining(0.05), curve)[0] == pytest.approx(exact, rel=1e-9)


def test_records_can_be_read_by_people(pruned_fit):
    plan = optimal_tokens(pruned_fit, criterion=Remaining(0.02), N0=[1e8, 2e9], rho=0.25)
    assert "N0 = 2B, rho = 0.25: " in str(plan)
    assert "95 % interval" in plan.summary()
    assert "<table" in plan._repr_html_()
    with pytest.raises(p2law.FitError, match="to_frame"):
        _ = plan.value
    frame = plan.to_frame()
    frame["tokens"] = 0.0
    assert (plan.to_frame()["tokens"] > 0).all()


def test_the_picture_shows_the_choice_and_its_neighbours(pruned_fit):
    plan = optimal_tokens(pruned_fit, criterion=Remaining(0.02), N0=2e9, rho=0.25, L0=2.3)
    ax = plot_tokens(plan)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [w.split(":")[0] for w in words[-3:]] == ["half", "chosen", "twice"]
    marked = {line.get_marker(): line.get_xdata()[0] for line in ax.lines}
    assert [marked[m] for m in "<o>"] == pytest.approx([plan.value / 2, plan.value, 2 * plan.value])
    assert len(ax.figure.axes) == 2
    many = plot_tokens(pruned_fit, criterion=Remaining(0.02), N0=2e9, rho=[0.15, 0.5])
    assert [t.get_text() for t in many.get_legend().get_texts()] == ["rho = 0.15", "rho = 0.5"]
    assert "never" in plot_tokens(pruned_fit, criterion=Target(2.0), N0=2e9, rho=0.2, L0=2.3).get_title()
    with pytest.raises(p2law.FitError, match="its criterion"):
        plot_tokens(pruned_fit, N0=2e9, rho=0.25)
    pyplot.close("all")
