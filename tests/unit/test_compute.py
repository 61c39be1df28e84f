"""Sharing budgets: first-order conditions, budgets, closed against numeric, costs, profiles, sparse plans, pictures."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar

import p2law
from p2law.errors import DataError, FitError
from p2law.laws import Amplitude, Exponent, Number, average_params, chinchilla
from p2law.laws.published import BESIROGLU_2024, HOFFMANN_2022, Constants
from p2law.plan.compute import compute_for_loss, compute_optimal
from p2law.plan.isoflops import isoflop, overtraining, parabola_bias
from p2law.plan.sparse import sparse_pretraining
from p2law.plan.surface import Surface, allocate, allocate_numerically, budget_for
from p2law.plot._budgets import isoflop as draw_isoflop
from p2law.plot._budgets import isoloss as draw_isoloss
from p2law.schedules import PruningSchedule


@p2law.law(title="Same as Chinchilla")
def twin(N, D, *, E: Amplitude, A: Amplitude, B: Amplitude, alpha: Exponent, beta: Exponent):
    return E + A * N**-alpha + B * D**-beta


@p2law.law(title="Coupled powers")
def coupled(N, D, *, E: Amplitude, A: Amplitude, B: Exponent, alpha: Exponent, beta: Exponent, k: Exponent):
    return E + A * (1e3 * N**-alpha + B * D**-beta) ** k


@p2law.law(title="With repetition")
def repeated(N, D, epochs: Number, *, E: Amplitude, A: Amplitude, B: Amplitude, alpha: Exponent, beta: Exponent):
    return E + A * N**-alpha + B * (D / epochs**0.1) ** -beta


def constants(law, params):
    return Constants(law.title, law, params, "made up", "none")


sums = st.builds(
    lambda E, N, D, excess, tilt, alpha, beta: {
        "E": E,
        "A": excess * N**alpha,
        "B": excess * np.exp(tilt) * D**beta,
        "alpha": alpha,
        "beta": beta,
    },
    st.floats(0, 2.5),
    st.floats(1e7, 1e10),
    st.floats(1e9, 1e12),
    st.floats(0.1, 2),
    st.floats(-1, 1),
    st.floats(0.1, 1.0),
    st.floats(0.1, 1.0),
)
budgets = st.floats(1e17, 1e26)


@given(sums, budgets, st.sampled_from([0.0, 1e9, 1e13]))
def test_budget_and_first_order_condition_hold(params, budget, inference):
    plan = compute_optimal(constants(chinchilla, params), budget, inference_tokens=inference)
    N, D = plan.N, plan.D
    assert 6 * N * D + 2 * N * inference == pytest.approx(budget, rel=1e-8)
    size = params["alpha"] * params["A"] * N ** -params["alpha"]
    tokens = params["beta"] * params["B"] * D ** -params["beta"]
    assert size == pytest.approx(tokens * (1 + inference / (3 * D)), rel=1e-8)
    assert plan.loss == pytest.approx(chinchilla(N, D, **params), rel=1e-12)
    assert plan.tokens_per_param == pytest.approx(D / N, rel=1e-12)


@given(sums, st.lists(budgets, min_size=1, max_size=4))
def test_closed_and_numeric_agree(params, costs):
    cost = np.array(costs)
    closed = allocate(Surface(chinchilla, params, {}), cost)
    for law in (chinchilla, twin):
        numeric = allocate_numerically(Surface(law, params, {}), cost)
        np.testing.assert_allclose(numeric, closed, rtol=1e-8)


@given(st.floats(0.3, 0.9), budgets)
def test_first_order_condition_of_any_law(k, budget):
    params = {"E": 1.5, "A": 1.0, "B": 2e3, "alpha": 0.35, "beta": 0.4, "k": k}
    plan = compute_optimal(constants(coupled, params), budget)
    assert pytest.approx(budget, rel=1e-12) == 6 * plan.N * plan.D
    # whatever k, the optimum is where the inner sum is smallest
    inner = {"E": 0.0, "A": 1e3, "B": 2e3, "alpha": 0.35, "beta": 0.4}
    expected = compute_optimal(constants(chinchilla, inner), budget)
    assert pytest.approx(expected.N, rel=1e-8) == plan.N


@pytest.mark.parametrize("law", [chinchilla, average_params])
def test_both_shipped_laws_share_budgets(law):
    plan = compute_optimal(constants(law, BESIROGLU_2024.params), [1e20, 1e22])
    np.testing.assert_allclose(plan.N, compute_optimal(BESIROGLU_2024, [1e20, 1e22]).N, rtol=1e-14)


@pytest.mark.parametrize("inference", [0.0, 1e11, 1e13])
def test_optimum_by_brute_force(inference):
    def loss(log_size):
        N = np.exp(log_size)
        return float(chinchilla(N, (1e22 / N - 2 * inference) / 6, **BESIROGLU_2024.params))

    top = np.log(1e22 / (2 * inference)) - 1e-3 if inference else np.log(1e12)
    best = minimize_scalar(loss, bounds=(np.log(1e6), top), method="bounded", options={"xatol": 1e-10})
    plan = compute_optimal(BESIROGLU_2024, 1e22, inference_tokens=inference)
    assert plan.loss == pytest.approx(best.fun, rel=1e-12)
    assert np.log(plan.N) == pytest.approx(best.x, abs=1e-5)


def test_inference_favours_smaller_models_trained_longer():
    plans = [compute_optimal(BESIROGLU_2024, 1e23, inference_tokens=i) for i in (0, 1e11, 1e12, 1e13)]
    assert all(a.N > b.N and a.tokens_per_param < b.tokens_per_param for a, b in pairwise(plans))
    share = plans[-1].to_frame()["training_share"].iloc[0]
    assert share == pytest.approx(6 * plans[-1].N * plans[-1].D / 1e23)


@given(sums, st.floats(0.02, 1.5), st.sampled_from([0.0, 1e12]))
def test_budget_for_a_loss_is_the_inverse(params, excess, inference):
    source = constants(chinchilla, params)
    plan = compute_for_loss(source, params["E"] + excess, inference_tokens=inference)
    assert 6 * plan.N * plan.D + 2 * plan.N * inference == pytest.approx(plan.C, rel=1e-8)
    assert compute_optimal(source, plan.C, inference_tokens=inference).loss == pytest.approx(plan.loss, rel=1e-8)
    assert chinchilla(plan.N, plan.D, **params) == pytest.approx(plan.loss, rel=1e-8)


def test_closed_and_numeric_inverse_agree():
    targets = np.array([1.9, 2.2, 3.0, 1.8])
    closed, numeric = (budget_for(Surface(law, BESIROGLU_2024.params, {}), targets) for law in (chinchilla, twin))
    np.testing.assert_allclose(numeric, closed, rtol=1e-8)
    assert np.isinf(closed[-1])


@pytest.mark.parametrize("inference", [0.0, 1e12])
def test_target_below_the_floor_is_never_reached(inference):
    plan = compute_for_loss(BESIROGLU_2024, [2.0, 1.8], inference_tokens=inference)
    assert np.isfinite(plan.C[0])
    assert np.isinf([plan.C[1], plan.N[1], plan.D[1]]).all()
    assert plan.status[1].startswith("never: the target lies at or below 1.817")
    assert "never: the target" in plan.summary()


@pytest.mark.parametrize("law", [chinchilla, twin])
@pytest.mark.parametrize("name", ["A", "B"])
def test_no_balance_is_named(name, law):
    source = constants(law, {**BESIROGLU_2024.params, name: 0.0})
    for inference in (0.0, 1e10):
        plan = compute_optimal(source, 1e22, inference_tokens=inference)
        assert np.isnan(plan.N)
        assert plan.status.startswith("no answer")
        assert np.isnan(compute_for_loss(source, 2.5, inference_tokens=inference).C)
    assert np.isnan(overtraining(source, 1e22, 1e9).table["penalty"][0])
    assert "no optimum" in str(overtraining(source, 1e22, 1e9))
    with pytest.raises(FitError, match="do not balance"):
        isoflop(source, 1e22)
    with pytest.raises(DataError, match="nothing to plan"):
        sparse_pretraining(source, 1e9, 1e22)


def test_other_columns_are_given_by_name():
    params = {**BESIROGLU_2024.params}
    once, often = (compute_optimal(constants(repeated, params), 1e22, epochs=n) for n in (1, 8))
    assert pytest.approx(compute_optimal(BESIROGLU_2024, 1e22).N, rel=1e-8) == once.N
    assert often.D > once.D
    with pytest.raises(DataError, match="repeated needs epochs beside N and D: give epochs="):
        compute_optimal(constants(repeated, params), 1e22)
    with pytest.raises(DataError, match="chinchilla has no column 'rho' beside N and D"):
        compute_optimal(BESIROGLU_2024, 1e22, rho=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"C": -1e22}, "C = -1e\\+22: give a positive number"),
        ({"C": [1e22, float("nan")]}, "C = nan"),
        ({"C": "much"}, "C='much'"),
        ({"C": [[1e22]]}, "C has shape"),
        ({"C": []}, "C is empty"),
        ({"C": 1e22, "inference_tokens": -1}, "inference_tokens = -1"),
        ({"C": 1e22, "inference_tokens": [1e9, 1e10]}, "inference_tokens=.* give a single number"),
        ({"C": 1e22, "level": 95}, "level=95"),
    ],
)
def test_bad_requests_are_refused(arguments, message):
    with pytest.raises((DataError, FitError), match=message):
        compute_optimal(BESIROGLU_2024, **arguments)


def test_laws_without_a_size_to_choose_are_refused():
    with pytest.raises(FitError, match="p2 describes post-training of a given parent"):
        compute_optimal(constants(p2law.laws.get("p2"), {}), 1e20)
    with pytest.raises(FitError, match="power has no column for size"):
        compute_optimal(constants(p2law.laws.get("power"), {}), 1e20)


def test_intervals_of_a_fit(dense_fit):
    plan = compute_optimal(dense_fit, [1e18, 1e20, 1e25])
    frame = plan.to_frame()
    for name in ("N", "D", "loss", "tokens_per_param"):
        lower, upper = plan.interval(name)
        assert np.all((lower < frame[name]) & (frame[name] < upper))
    widths = np.log(frame["N_upper"] / frame["N_lower"])
    assert widths[2] > widths[1]
    alone = p2law.estimate(lambda p: compute_optimal(constants(chinchilla, p), 1e21).N, dense_fit, log=True)
    assert compute_optimal(dense_fit, 1e21).interval("N") == pytest.approx((alone.lower, alone.upper), rel=1e-6)
    assert plan.interval("C") == (pytest.approx(plan.C), pytest.approx(plan.C))
    assert plan.status[1] == "inside the fitted range"
    assert "extrapolated: N" in plan.status[2]


@pytest.fixture(scope="module")
def twin_fit(dense_fit):
    """The same fit by a law that p2law knows no closed form of."""
    return replace(dense_fit, law=twin)


def test_numeric_intervals_are_the_closed_ones(dense_fit, twin_fit):
    closed, numeric = (compute_optimal(fit, 1e23).to_frame() for fit in (dense_fit, twin_fit))
    columns = [c for c in closed if c != "status"]
    np.testing.assert_allclose(numeric[columns].to_numpy(float), closed[columns].to_numpy(float), rtol=1e-6)


def test_bootstrap_intervals(dense_fit):
    plan = compute_optimal(dense_fit.bootstrap(100), 1e21)
    lower, upper = plan.interval("N")
    assert lower < plan.N < upper
    assert (lower, upper) != compute_optimal(dense_fit, 1e21).interval("N")
    floor = compute_for_loss(dense_fit.bootstrap(100), dense_fit.params["E"] + 1e-3)
    assert np.isinf(floor.interval("C")[1])  # in some draws the floor lies above the target


def test_undetermined_by_one_size(dense):
    fit = p2law.fit("chinchilla", dense[dense["N"] == dense["N"].min()])
    plan = compute_optimal(fit, 1e20)
    assert plan.status.startswith("undetermined: these data leave it free")
    assert plan.interval("N") == (0, np.inf)


def test_published_constants_have_no_interval():
    plan = compute_optimal(BESIROGLU_2024, 1e22)
    assert np.isnan(plan.interval("N")).all()
    assert plan.status == "from published constants: no interval, the correlations of their errors are unknown"
    assert "[" not in plan.summary()


def test_plan_is_written_with_units(dense_fit):
    text = str(compute_optimal(dense_fit, 1e21, inference_tokens=1e12))
    assert "with 1T tokens of inference (95 % intervals)" in text
    assert "C = 1e+21 FLOPs: N = " in text
    assert "nats/token" in text
    assert "<table" in compute_optimal(dense_fit, 1e21)._repr_html_()


@given(st.floats(0.3, 20), budgets)
def test_cost_of_another_size_does_not_depend_on_the_budget(factor, budget):
    """Tokens for the same loss at k times the optimal size: (1 - (k^-alpha - 1) beta / alpha)^(-1 / beta) times."""
    p = HOFFMANN_2022.params
    best = compute_optimal(HOFFMANN_2022, budget)
    row = overtraining(HOFFMANN_2022, budget, factor * best.N).table.iloc[0]
    inside = 1 - (factor ** -p["alpha"] - 1) * p["beta"] / p["alpha"]
    expected = factor * inside ** (-1 / p["beta"]) if inside > 0 else np.inf
    assert row["compute_ratio"] == pytest.approx(expected, rel=1e-8)
    assert row["loss"] == pytest.approx(chinchilla(factor * best.N, best.D / factor, **p), rel=1e-12)
    assert row["penalty"] == pytest.approx(row["loss"] - best.loss, abs=1e-12)


def test_cost_of_sizes_of_a_fit_and_of_any_law(dense_fit, twin_fit):
    sizes = [1e7, 3e8, 1e12]
    cost, own = (overtraining(fit, 1e20, sizes) for fit in (dense_fit, twin_fit))
    np.testing.assert_allclose(own.table["compute_ratio"], cost.table["compute_ratio"], rtol=1e-8)
    frame = cost.to_frame()
    assert np.all(frame["penalty_lower"] >= 0)
    assert np.isinf(frame["compute_ratio"][0])
    assert "no budget reaches the optimum's loss at this size" in cost.summary()
    assert "x the budget reaches" in cost.summary()
    assert "<table" in cost._repr_html_()


def test_profiles_have_their_lowest_point_at_the_optimum():
    found = isoflop(BESIROGLU_2024, [1e20, 1e22], reach=10)
    for cost, curve in found.to_frame().groupby("C"):
        np.testing.assert_allclose(6 * curve["N"] * curve["D"], cost, rtol=1e-12)
        low = curve.loc[curve["loss"].idxmin()]
        assert low["N"] == pytest.approx(compute_optimal(BESIROGLU_2024, cost).N, rel=1e-12)
        assert curve["penalty"].min() == pytest.approx(0, abs=1e-12)
    assert "C = 1e+20 FLOPs: least loss" in str(found)
    assert "<table" in found._repr_html_()
    given_sizes = isoflop(BESIROGLU_2024, 1e20, [1e8, 1e9])
    assert list(given_sizes.table["N"]) == [1e8, 1e9]


def grid(centre=1.0, source=BESIROGLU_2024):
    cost = np.repeat([1e19, 1e20, 1e21], 7)
    best = compute_optimal(source, cost).N
    return cost, centre * best * np.tile(np.geomspace(0.25, 4, 7), 3)


def test_parabola_is_unbiased_for_a_symmetric_law_on_a_centred_grid():
    symmetric = constants(chinchilla, {"E": 1.7, "A": 400.0, "B": 400.0, "alpha": 0.3, "beta": 0.3})
    bias = parabola_bias(symmetric, *grid(source=symmetric), forecast=1e25)
    np.testing.assert_allclose(bias.table["ratio"], 1, rtol=1e-9)
    assert bias.exponent_parabola == pytest.approx(0.5, rel=1e-9)
    assert bias.forecast["ratio"][0] == pytest.approx(1, rel=1e-8)


@pytest.mark.parametrize("centre", [1 / 4, 4.0])
def test_parabola_misses_on_a_grid_off_centre(centre):
    bias = parabola_bias(BESIROGLU_2024, *grid(centre), forecast=[1e24])
    N = grid(centre)[1][:7]
    a, b, _ = np.polyfit(np.log(N), chinchilla(N, 1e19 / (6 * N), **BESIROGLU_2024.params), 2)
    assert bias.table["N_parabola"][0] == pytest.approx(np.exp(-b / (2 * a)), rel=1e-6)
    assert abs(bias.worst - 1) > 0.05
    assert bias.exponent == pytest.approx(0.3658 / (0.3658 + 0.3478), rel=1e-9)
    assert "forecast, C = 1e+24 FLOPs" in str(bias)
    assert "<table" in bias._repr_html_()
    assert len(bias.to_frame()) == 3


def test_parabola_on_the_fitted_rows(dense, dense_fit):
    with pytest.raises(DataError, match="no budget of this grid has three sizes"):
        parabola_bias(dense_fit, gap=1.0001)
    bias = parabola_bias(dense_fit, gap=10)
    assert bias.table["sizes"].min() >= 3
    assert bias.table["C"].between(6 * 1e15, 6 * 1e21).all()


def test_parabola_without_a_lowest_point_is_named():
    """Far to one side of the optimum a profile is nearly straight, and may bend the wrong way in log N."""

    @p2law.law(title="Saturating")
    def saturating(N, D, *, E: Amplitude, A: Amplitude, B: Amplitude, alpha: Exponent, beta: Exponent):
        return E + A / (1 + N**alpha) + B * D**-beta

    params = {"E": 1.7, "A": 1.0, "B": 1.0, "alpha": 0.1, "beta": 0.9}
    cost, sizes = np.repeat([1e19, 1e20], 3), np.tile([1e-4, 1e-3, 1e-2], 2)
    bias = parabola_bias(constants(saturating, params), cost, sizes, forecast=1e22)
    assert np.isnan(bias.worst)
    assert np.isnan(bias.exponent_parabola)
    assert list(bias.table["status"]) == ["the parabola has no lowest point"] * 2
    assert "fewer than two parabolas have a lowest point" in bias.summary()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "published constants come without runs"),
        ({"C": 1e20}, "give both C and N"),
        ({"C": [1e20] * 3, "N": [1e9] * 2}, "C has 3 entries and N has 2"),
        ({"C": [1e20] * 3, "N": [1e9, 2e9, 3e9], "gap": 1}, "gap = 1"),
    ],
)
def test_bad_grids_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        parabola_bias(BESIROGLU_2024, **arguments)


@pytest.mark.parametrize("unit", ["compute", "steps"])
@pytest.mark.parametrize("size", [1.5e9, 2.2e9])
def test_sparse_plan_averages_the_optimal_size(unit, size):
    schedule = PruningSchedule(unit=unit)
    plan = sparse_pretraining(BESIROGLU_2024, size, 1e21, schedule=schedule, most=0.9)
    best = compute_optimal(BESIROGLU_2024, 1e21)
    assert plan.N_avg == pytest.approx(best.N, rel=1e-8)
    assert plan.schedule.average_params(plan.N_start) == pytest.approx(plan.N_avg, rel=1e-8)
    assert plan.schedule.final_params(plan.N_start) == pytest.approx(size, rel=1e-12)
    assert plan.schedule.flops(plan.N_start, plan.D) == pytest.approx(1e21, rel=1e-8)
    assert plan.loss == pytest.approx(best.loss, rel=1e-12)
    dense = chinchilla(size, 1e21 / (6 * size), **BESIROGLU_2024.params)
    assert plan.gain == pytest.approx(dense - plan.loss, abs=1e-12)
    twin_row = plan.to_frame().loc["dense twin"]
    assert 6 * twin_row["N_avg"] * twin_row["D"] == pytest.approx(1e21, rel=1e-8)
    assert twin_row["loss"] == plan.loss


def test_sparse_plan_is_the_best_of_all_sparsities():
    def loss(sparsity):
        average = PruningSchedule(sparsity).average_params(1e9 / (1 - sparsity))
        return float(chinchilla(average, 5e20 / (6 * average), **BESIROGLU_2024.params))

    plan = sparse_pretraining(BESIROGLU_2024, 1e9, 5e20)
    tried = [loss(s) for s in np.linspace(0, 0.8, 801)]
    assert plan.loss <= min(tried) + 1e-12
    assert plan.sparsity == pytest.approx(np.linspace(0, 0.8, 801)[int(np.argmin(tried))], abs=2e-3)


def test_sparse_plan_at_its_limits():
    large = sparse_pretraining(BESIROGLU_2024, 1e10, 1e21)
    assert large.sparsity == 0
    assert large.gain == pytest.approx(0, abs=1e-12)
    assert large.status.startswith("dense training is best")
    small = sparse_pretraining(BESIROGLU_2024, 1e8, 1e21, most=0.75)
    assert small.sparsity == pytest.approx(0.75, abs=1e-12)
    assert "out of reach" in small.status
    with pytest.raises(DataError, match="most=1"):
        sparse_pretraining(BESIROGLU_2024, 1e9, 1e21, most=1)


def test_sparse_plan_of_a_fit_has_intervals(dense_fit):
    best = compute_optimal(dense_fit, 1e20)
    plan = sparse_pretraining(dense_fit, best.N / 1.6, 1e20)
    assert plan.intervals["N_avg"] == pytest.approx(best.interval("N"), rel=1e-8)
    for name in ("sparsity", "N_start", "D", "loss", "gain"):
        lower, upper = plan.intervals[name]
        assert lower < getattr(plan, name) < upper
    ends = [plan.schedule.with_final_params(n, plan.N_final) for n in plan.intervals["N_start"]]
    assert [s.sparsity for s in ends] == pytest.approx(plan.intervals["sparsity"], rel=1e-8)
    assert "inside the fitted range" in str(plan)
    assert "<table" in plan._repr_html_()


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def test_picture_of_profiles(dense_fit, ax):
    assert draw_isoflop(dense_fit, [1e18, 1e20], ax) is ax
    curves = [line for line in ax.lines if str(line.get_label()).startswith("C = ")]
    plan = compute_optimal(dense_fit, [1e18, 1e20])
    for curve, N, loss in zip(curves, plan.N, plan.loss, strict=True):
        assert curve.get_xdata()[np.argmin(curve.get_ydata())] == pytest.approx(N, rel=1e-9)
        assert np.min(curve.get_ydata()) == pytest.approx(loss, rel=1e-12)
    shown = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])
    table = dense_fit.table
    cost = 6 * table["N"] * table["D"]
    near = (np.abs(np.log(cost / 1e18)) < np.log(1.15)) | (np.abs(np.log(cost / 1e20)) < np.log(1.15))
    assert sorted(shown[:, 1]) == sorted(table["loss"][near])
    assert [t.get_text() for t in ax.get_legend().get_texts()][-3:] == [
        "compute-optimal",
        "its 95 % interval",
        "measured, about this C",
    ]


def test_picture_of_equal_losses(dense_fit, ax):
    draw_isoloss(dense_fit, ax)
    lines = {line.get_label(): line for line in ax.lines}
    N, D = lines["compute-optimal"].get_data()
    np.testing.assert_allclose(compute_optimal(dense_fit, 6 * N * D).N, N, rtol=1e-9)
    assert len(ax.collections[-1].get_offsets()) == dense_fit.n
    assert "its 95 % interval" in lines
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_pictures_of_published_constants(ax):
    draw_isoflop(BESIROGLU_2024, 1e22, ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["C = 1e+22 FLOPs", "compute-optimal"]
    other = draw_isoloss(BESIROGLU_2024, Figure().subplots(), N=(1e9, 1e10), D=(1e10, 1e12))
    assert other.get_xlim() == (1e9, 1e10)
    assert [t.get_text() for t in other.get_legend().get_texts()] == ["compute-optimal"]


def test_plans_are_frozen():
    plan = compute_optimal(BESIROGLU_2024, 1e22)
    with pytest.raises(AttributeError):
        plan.level = 0.5
    assert replace(plan, level=0.5).level == 0.5
    with pytest.raises(TypeError):
        BESIROGLU_2024.params["E"] = 1.0


def test_a_law_of_the_product_alone_has_no_best_split():
    from p2law.laws import Amplitude, Exponent, Params, Tokens

    @p2law.law(title="Compute alone")
    def compute_alone(N: Params, D: Tokens, *, E: Amplitude, A: Amplitude, a: Exponent):
        return E + A * (N * D) ** -a

    size, tokens = np.geomspace(1e7, 1e10, 8), np.geomspace(1e9, 1e11, 8)
    table = {"N": np.repeat(size, 8), "D": np.tile(tokens, 8)}
    fit = p2law.fit(compute_alone, {**table, "loss": 1.7 + 900 * (table["N"] * table["D"]) ** -0.2})
    plan = p2law.compute_optimal(fit, 1e21)
    assert np.isnan(plan.N)
    assert "no answer" in plan.status
