"""Wrong arguments of the public functions: each ends in p2law's own error, which names the argument and its value."""

import numpy as np
import pytest

import p2law
from p2law import plan
from p2law.laws.published import BESIROGLU_2024 as PUBLISHED
from p2law.plan import Parent, Price, Recovered, Remaining, Slope
from p2law.schedules import PruningSchedule


@pytest.fixture(scope="module")
def fit():
    tokens = np.geomspace(1e6, 1e9, 12)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(12)
    return p2law.fit("power", {"D": tokens, "loss": 2.5 + 100 * tokens**-0.3 + noise}, objective=p2law.Squared())


BEGUN = {"D": np.geomspace(1e5, 1e6, 8), "loss": np.linspace(4, 3, 8)}
NOT_NUMBERS = ["1e9", None, True, [1.0], 1 + 2j, float("nan"), pytest.param(object(), id="object")]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda v: p2law.stop_rule(BEGUN, tokens=v, eps=0.02),
        lambda v: p2law.stop_rule(BEGUN, tokens=1e7, eps=v),
        lambda v: p2law.Huber(v),
        lambda v: Slope(v),
        lambda v: Remaining(v),
        lambda v: Recovered(v, start=1e6),
        lambda v: Recovered(0.5, start=v),
        lambda v: Price(per_nat=1.0, per_gpu_hour=2.0, mfu=v, peak=1e15),
        lambda v: PruningSchedule(sparsity=v),
        lambda v: PruningSchedule().at_steps(v),
        lambda v: plan.cost_model("sunk", models_per_parent=v),
        lambda v: p2law.compute_optimal(PUBLISHED, 1e21, level=v),
        lambda v: plan.sparse_pretraining(PUBLISHED, N_final=2e9, C=1e21, most=v),
        lambda v: p2law.best_pruning({"p2": PUBLISHED}, Parent(size=8e9), size=v, budget=1e9),
    ],
)
def test_what_is_no_number_is_refused(call, value):
    with pytest.raises(p2law.P2LawError):
        call(value)


@pytest.mark.parametrize("value", ["a", -1, 2.5, 1 + 2j], ids=repr)
def test_seeds_are_whole_numbers(fit, value):
    with pytest.raises(p2law.FitError, match="rng="):
        fit.bootstrap(3, rng=value)


@pytest.mark.parametrize("value", ["10", 0, -1, 2.5, True, None], ids=repr)
def test_draws_are_counted_in_whole_numbers(fit, value):
    with pytest.raises(p2law.FitError, match="bootstrap"):
        fit.bootstrap(value)


@pytest.mark.parametrize("value", ["1e6", None, -1.0, 0.0, float("nan"), [], [[1e6], [1e6, 2e6]], ["a"], {}], ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda fit, v: fit.predict(D=v),
        lambda fit, v: fit.predict_interval(D=v),
        lambda fit, v: p2law.effective_tokens(fit, fit, [v]),
        lambda fit, v: p2law.extrapolate(fit, D=v),
    ],
    ids=["predict", "interval", "worth", "extrapolate"],
)
def test_columns_asked_about_are_positive_numbers(fit, call, value):
    with pytest.raises(p2law.DataError):
        call(fit, value)


@pytest.mark.parametrize(
    "wrong", [None, "power", 5, {}, p2law.laws.get("power")], ids=["none", "text", "5", "{}", "law"]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda fit: p2law.optimal_tokens(fit, criterion=Slope(0.1)),
        lambda fit: p2law.crossover(fit, fit),
        lambda fit: p2law.effective_tokens(fit, fit),
        lambda fit: p2law.compute_optimal(fit, 1e21),
        lambda fit: p2law.extrapolate(fit, D=1e6),
        lambda fit: p2law.next_runs(fit, {"D": [1e9]}, target={"D": 1e10}),
        lambda fit: p2law.stop_rule(BEGUN, tokens=1e7, eps=0.02, fit=0 if fit is None else fit),
        lambda fit: p2law.best_pruning({"width": fit}, Parent(size=8e9), size=1e9, budget=1e9),
        lambda fit: p2law.estimate(lambda p: p["beta"], fit),
        lambda fit: p2law.conditions(fit),
        lambda fit: p2law.plot.curves(fit),
        lambda fit: p2law.plot.parameters(fit),
    ],
)
def test_what_is_no_fit_is_refused(call, wrong):
    with pytest.raises(p2law.FitError, match="give a fit made by"):
        call(wrong)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (lambda p: p["zeta"], "asks for a constant 'zeta'; there are"),
        (lambda one, other: 1.0, "one mapping of constants per fit"),
        (lambda p: "high", "'high'"),
        (lambda p: None, "None"),
    ],
)
def test_quantities_that_cannot_be_had_are_named(fit, quantity, message):
    with pytest.raises(p2law.FitError, match=message):
        p2law.estimate(quantity, fit)


@pytest.mark.parametrize("ends", [(2e6, 1e6), (0, 1e6), ("a", "b"), (1e6,), 5, (np.nan, 1e6)], ids=repr)
def test_ranges_run_upwards(fit, ends):
    with pytest.raises(p2law.P2LawError, match="range"):
        p2law.crossover(fit, fit, range=ends)


@pytest.mark.parametrize(
    "draw", [name for name in vars(p2law.plot) if not name.startswith("_") and name not in ("isoflop", "tokens")]
)
def test_pictures_refuse_what_they_cannot_draw(draw):
    with pytest.raises(p2law.P2LawError):
        getattr(p2law.plot, draw)(object())


def test_pictures_refuse_what_are_no_axes(fit):
    with pytest.raises(p2law.DataError, match="axes"):
        p2law.plot.curves(fit, ax="left")  # type: ignore[arg-type]
