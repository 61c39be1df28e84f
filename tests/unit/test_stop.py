"""Stop or go on: forecasts of a run's rest, their probabilities, refusals, the picture."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from scipy.special import stdtrit

import p2law
from p2law.fitting.uncertainty.forecast import BINS, binned, one_run
from p2law.plan.stop import stop_rule
from p2law.plot._tokens import stop as plot_stop


def curve(D: np.ndarray, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    loss = 2.5 + 40 * D**-0.35 + noise * np.random.default_rng(seed).standard_normal(len(D))
    return pd.DataFrame({"D": D, "loss": loss})


@pytest.fixture(scope="module")
def width() -> pd.DataFrame:
    return p2law.datasets.load("mini-pruning", method="width")


@pytest.fixture(scope="module")
def width_fits(width) -> dict[str, p2law.Fit]:
    """P² without the largest size."""
    small = width[width["size"] != "27M"]
    return {b: p2law.fit("p2", small, baseline=b, objective=p2law.Squared()) for b in ("fixed", "control")}


@pytest.fixture(scope="module")
def begun(width) -> pd.DataFrame:
    run = width[(width["size"] == "27M") & (width["rate_target"] == 0.35)]
    return run[run["D"] < 5e6]


def test_a_noiseless_power_law_is_carried_on():
    plan = stop_rule(curve(np.geomspace(1e6, 2e7, 12)), tokens=1e8, eps=0.01)
    assert plan.gain == pytest.approx(40 * (2e7**-0.35 - 1e8**-0.35), rel=0.02)
    low, high = plan.gain_interval
    assert low < plan.gain < high
    assert plan.probability < 0.01
    assert not plan.stop
    exact = ((0.01 + 40 * 1e8**-0.35) / 40) ** (-1 / 0.35)
    assert plan.enough() == pytest.approx(exact, rel=0.005)


def test_gain_intervals_cover_simulated_curves():
    # Independent noise; the truth lies in the model, so 95 % must hold: 99.9 % band for 200 curves starts at .895.
    seen, hits = np.geomspace(1e6, 2e7, 12), 0
    truth = curve(np.array([2e7, 1e8]))["loss"].to_numpy()
    for seed in range(200):
        run = curve(seen, 0.002, seed)
        mean, covariance, dof = one_run(seen, run["loss"].to_numpy(), np.array([1e8]))
        reach = stdtrit(dof, 0.975) * np.sqrt(covariance[0, 0])
        hits += abs(truth[1] - mean[0]) <= reach
    assert hits / 200 >= 0.895


@pytest.mark.parametrize("noise", [5e-5, 2e-5, 1e-6])
def test_gain_intervals_cover_curves_of_little_noise(noise):
    # The curve tells powers apart more finely than the coarse grid: 95 % must hold still.
    seen, ends, hits = np.geomspace(1e6, 1e7, 20), np.array([1e7, 1e8]), 0
    truth = -np.diff(curve(ends)["loss"])[0]
    for seed in range(40):
        run = curve(seen, noise, seed)
        mean, covariance, dof = one_run(seen, run["loss"].to_numpy(), ends)
        spread = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        hits += abs(mean[0] - mean[1] - truth) <= stdtrit(dof, 0.975) * spread
        assert spread < 20 * noise
    assert hits >= 35


def test_a_clean_curve_is_carried_on_to_its_true_end():
    tokens = np.geomspace(1e6, 1e7, 10)
    plan = stop_rule({"D": tokens, "loss": 2 + 50 * tokens**-0.3}, tokens=1e8, eps=0.01)
    assert plan.gain == pytest.approx(50 * (1e7**-0.3 - 1e8**-0.3), rel=1e-4)


def test_a_flat_run_may_stop_and_a_falling_one_may_not():
    flat = curve(np.geomspace(1e9, 2e10, 12), 1e-4)
    assert stop_rule(flat, tokens=2.5e10, eps=0.01).stop
    steep = stop_rule(curve(np.geomspace(1e6, 2e6, 12), 1e-4), tokens=1e9, eps=0.001)
    assert not steep.stop
    assert steep.probability < 1e-3


def test_more_eps_more_probability_fewer_tokens(begun):
    plans = [stop_rule(begun, tokens=1e7, eps=eps) for eps in (0.005, 0.01, 0.02)]
    assert plans[0].probability < plans[1].probability < plans[2].probability
    assert plans[0].enough() > plans[1].enough() > plans[2].enough()
    assert plans[0].enough(0.95) > plans[0].enough(0.5)


@pytest.mark.parametrize("baseline", ["fixed", "control"])
def test_with_a_fit_the_law_and_the_run_go_together(width, width_fits, begun, baseline):
    plan = stop_rule(begun, fit=width_fits[baseline], tokens=9994240, eps=0.01)
    rest = width[(width["run"] == begun["run"].iloc[0]) & (width["D"] > 9e6)]
    gain = float(begun["loss"].iloc[-1] - rest["loss"].iloc[0])
    low, high = plan.gain_interval
    assert low < gain < high
    assert "p2 and the run's own checkpoints" in plan.summary()
    frame = plan.to_frame()
    assert list(frame) == ["tokens", "loss", "lower", "upper", "within_eps"]
    assert frame["within_eps"].iloc[-1] == 1.0
    assert frame["within_eps"].iloc[0] == pytest.approx(plan.probability)
    np.testing.assert_allclose(frame["loss"].iloc[0], begun["loss"].iloc[-1], atol=1e-4)


def test_the_control_may_be_a_fit(width_fits, begun):
    control = p2law.datasets.load("mini-pruning", rows="all", method="control", size="27M", phase="const")
    power = p2law.fit("power", control)
    by_fit = stop_rule(begun, fit=width_fits["control"], control=power, tokens=1e7, eps=0.01)
    assert by_fit.gain == pytest.approx(
        stop_rule(begun, fit=width_fits["control"], tokens=1e7, eps=0.01).gain, abs=3e-3
    )
    with pytest.raises(p2law.DataError, match="L_control"):
        stop_rule(begun.drop(columns="L_control"), fit=width_fits["control"], tokens=1e7, eps=0.01)


def test_dense_logs_are_averaged():
    tokens, loss = binned(*curve(np.geomspace(1e6, 2e7, 5000), 0.02).to_numpy().T)
    assert len(tokens) <= BINS
    assert np.std(loss - 2.5 - 40 * tokens**-0.35) < 0.004
    plan = stop_rule(curve(np.geomspace(1e6, 2e7, 5000), 0.02), tokens=1e8, eps=0.01)
    low, high = plan.gain_interval
    assert low < 40 * (2e7**-0.35 - 1e8**-0.35) < high


def test_columns_may_have_other_names(begun):
    renamed = begun.rename(columns={"D": "tokens", "loss": "val"})
    plan = stop_rule(renamed, columns={"D": "tokens", "loss": "val"}, tokens=1e7, eps=0.01)
    assert plan.gain == stop_rule(begun, tokens=1e7, eps=0.01).gain
    assert plan.gain == stop_rule(begun.sample(frac=1, random_state=0), tokens=1e7, eps=0.01).gain


def test_enough_lies_between_the_points_looked_at(begun):
    plan = stop_rule(begun, tokens=1e7, eps=0.01)
    frame, at = plan.to_frame(), plan.enough(0.9)
    assert np.interp(np.log(at), np.log(frame["tokens"]), frame["within_eps"]) == pytest.approx(0.9, abs=0.005)
    assert plan.now < plan.enough(0.01 + plan.probability) < at < plan.planned
    assert plan.enough(0.99 * plan.probability) == plan.now


def test_bad_requests_are_refused(width, begun):
    good = {"tokens": 1e7, "eps": 0.01}
    for table, options, words in [
        (begun, good | {"tokens": 1e6}, "tokens already"),
        (begun.head(3), good, "needs 5"),
        (width, good, "16 runs"),
        (pd.concat([begun, begun]), good, "a value twice"),
        (begun.drop(columns="loss"), good, "'loss' is missing"),
        (begun.assign(D=0.0), good, "is not positive"),
        (begun.iloc[:0], good, "no rows"),
    ]:
        with pytest.raises(p2law.DataError, match=words):
            stop_rule(table, **options)
    with pytest.raises(p2law.FitError, match="positive loss"):
        stop_rule(begun, tokens=1e7, eps=0)
    with pytest.raises(p2law.FitError, match="between 0 and 1"):
        stop_rule(begun, **good).enough(1.0)


def test_the_plan_can_be_read_and_drawn(begun):
    plan = stop_rule(begun, tokens=1e7, eps=0.01)
    assert str(plan).startswith("Go on: 4.75M of 10M tokens done, forecast from the run's own power law")
    assert "gain left: " in plan._repr_html_()
    ax = plot_stop(plan)
    assert "Go on" in ax.get_title()
    assert len(ax.lines[0].get_xdata()) == len(begun)
    pyplot.close("all")


def test_a_rising_run_is_called_rising():
    tokens = np.geomspace(1e6, 1e8, 12)
    plan = p2law.stop_rule({"D": tokens, "loss": 3 + 0.2 * np.log(tokens / 1e6)}, tokens=1e9, eps=0.01)
    assert plan.stop
    assert str(plan).startswith("Look at the run first: 100M of 1B tokens done")
    assert "forecast to rise" in str(plan)


def test_a_run_rising_ever_faster_is_not_told_to_go_on():
    plan = stop_rule({"D": np.linspace(1e6, 1e7, 10), "loss": np.linspace(3, 4, 10)}, tokens=1e8, eps=0.01)
    assert plan.gain < 0
    assert plan.advice == "Look at the run first"
    assert "Go on" not in str(plan)


def test_probabilities_next_to_0_and_1_are_printed_as_such():
    tokens = np.geomspace(1e6, 1e7, 10)
    run = {"D": tokens, "loss": 2 + 50 * tokens**-0.3}
    assert "0.01 nats or less: below 0.1 %\n" in str(stop_rule(run, tokens=1e8, eps=0.01))
    assert "0.5 nats or less: above 99.9 %\n" in str(stop_rule(run, tokens=1e8, eps=0.5))
