"""Pruning schedules: density, averages and bills against sums over steps, and the inverse problems."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from p2law.data.flops import counted_flops, inference_flops, training_flops
from p2law.errors import DataError
from p2law.plot._answers import schedule as draw
from p2law.schedules import LoggedSchedule, PruningSchedule, from_log

MIDPOINTS = (np.arange(20000) + 0.5) / 20000


def square(progress):
    return progress**2


schedules = st.builds(
    lambda sparsity, ends, unit, shape: PruningSchedule(sparsity, min(ends), max(ends), unit, shape),
    st.floats(0, 0.95),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.sampled_from(["compute", "steps"]),
    st.sampled_from(["geometric", "cubic", "linear", square]),
)


@given(schedules)
def test_average_is_the_mean_over_steps(schedule):
    assert schedule.average_density() == pytest.approx(np.mean(schedule.density(MIDPOINTS)), abs=1e-4)


@given(schedules)
def test_density_falls_from_one_to_what_is_left(schedule):
    density = np.asarray(schedule.density(np.append(MIDPOINTS, 1.0)))
    assert np.all(np.diff(density) <= 1e-12)
    assert density[-1] == pytest.approx(1 - schedule.sparsity, abs=1e-12)
    if schedule.window[0] > 1e-3:
        assert density[0] == 1


@given(schedules, st.floats(0.01, 1))
def test_compute_share_is_the_running_sum_of_density(schedule, t):
    before = (np.arange(20000) + 0.5) / 20000 * t
    expected = t * np.mean(schedule.density(before)) / schedule.average_density()
    assert schedule.compute_share(t) == pytest.approx(expected, abs=5e-4)
    assert schedule.compute_share(1.0) == pytest.approx(1, abs=1e-9)


@given(schedules)
def test_window_lies_at_the_fractions_asked_for(schedule):
    if schedule.unit == "steps":
        assert schedule.window == (schedule.start, schedule.end)
    elif schedule.end > schedule.start:
        np.testing.assert_allclose(schedule.compute_share(schedule.window), [schedule.start, schedule.end], atol=1e-9)


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.8])
def test_closed_form_of_the_quarter_schedule(sparsity):
    rate = np.log(1 / (1 - sparsity))
    mean = 1 / (0.25 + 0.5 * rate / sparsity + 0.25 / (1 - sparsity))
    schedule = PruningSchedule(sparsity)
    assert schedule.average_density() == pytest.approx(mean, rel=1e-14)
    assert schedule.window == pytest.approx((0.25 * mean, 1 - 0.25 / (1 - sparsity) * mean), rel=1e-14)


def test_staircase_prunes_as_often_as_asked():
    stairs = PruningSchedule(0.5, 0.25, 0.75, unit="steps").at_steps(1000, every=100)
    expected = [1.0] * 250 + [0.5 ** (k / 6) for k in range(1, 6) for _ in range(100)] + [0.5] * 250
    np.testing.assert_allclose(stairs, expected, rtol=1e-14)


@pytest.mark.parametrize("schedule", [PruningSchedule(0.7), PruningSchedule(0.7, 0.1, 0.6, "steps", "cubic")])
def test_staircase_of_single_steps_is_the_schedule(schedule):
    stairs = schedule.at_steps(20000, every=1)
    np.testing.assert_allclose(stairs, schedule.density(MIDPOINTS), atol=3e-4)


def test_one_shot_pruning():
    schedule = PruningSchedule(0.6, 0.5, 0.5, unit="steps")
    np.testing.assert_array_equal(schedule.density([0.0, 0.49, 0.5, 1.0]), [1, 1, 0.4, 0.4])
    assert schedule.average_density() == pytest.approx(0.7)


def test_what_counts_is_explicit():
    schedule = PruningSchedule(0.5)
    linear = schedule.average_params(1.14e9)
    assert linear == pytest.approx(0.6929 * 1.14e9, rel=1e-4)
    assert schedule.average_params(1.14e9, unpruned=6e7) == pytest.approx(linear + 6e7, rel=1e-14)
    assert schedule.final_params(1.14e9, unpruned=6e7) == pytest.approx(0.57e9 + 6e7, rel=1e-14)
    assert schedule.flops(1.14e9, 1e11) == pytest.approx(6 * linear * 1e11, rel=1e-14)
    assert schedule.average_params(np.array([1e9, 2e9])).shape == (2,)


@given(schedules, st.floats(1e18, 1e24), st.floats(0, 1e8))
def test_tokens_and_steps_for_a_budget(schedule, budget, unpruned):
    tokens = schedule.tokens(1e9, budget, unpruned=unpruned)
    assert schedule.flops(1e9, tokens, unpruned=unpruned) == pytest.approx(budget, rel=1e-12)
    steps = schedule.steps(1e9, budget, 4e6, unpruned=unpruned)
    assert schedule.flops(1e9, 4e6 * steps, unpruned=unpruned) <= budget * (1 + 1e-9)
    assert schedule.flops(1e9, 4e6 * (steps + 1), unpruned=unpruned) > budget


@given(schedules, st.floats(0.05, 1))
def test_sparsity_for_a_final_size(schedule, kept):
    found = schedule.with_final_params(1e9, kept * 1e9 + 5e7, unpruned=5e7)
    assert found.final_params(1e9, unpruned=5e7) == pytest.approx(kept * 1e9 + 5e7, rel=1e-12)
    assert (found.start, found.end, found.shape) == (schedule.start, schedule.end, schedule.shape)


@given(schedules)
def test_sparsity_for_an_average(schedule):
    average = schedule.average_params(1e9, unpruned=5e7)
    found = schedule.with_average_params(1e9, average, unpruned=5e7)
    assert found.average_params(1e9, unpruned=5e7) == pytest.approx(average, rel=1e-9)


def test_averages_out_of_reach_are_named():
    early = PruningSchedule(0.5, 0.5, 0.75, unit="steps")
    with pytest.raises(DataError, match=r"average = 4e\+08 parameters: no sparsity reaches it.*up to 1B"):
        early.with_average_params(1e9, 4e8)
    with pytest.raises(DataError, match=r"final = 2e\+09 parameters"):
        early.with_final_params(1e9, 2e9)


def test_log_of_a_staircase_gives_its_average():
    schedule = PruningSchedule(0.8, 0.1, 0.5, unit="steps")
    stairs = schedule.at_steps(5000, every=50)
    logged = from_log({"step": np.arange(5000), "density": stairs}, total=5000)
    assert logged.average_density() == pytest.approx(stairs.mean(), rel=1e-12)
    np.testing.assert_array_equal(logged.density(np.arange(5000) / 5000), stairs)
    changes = np.flatnonzero(np.append(True, np.diff(stairs) != 0))
    sparse = from_log({"tokens": 4e6 * changes, "kept": stairs[changes]}, density="kept", step="tokens", total=2e10)
    assert sparse.average_density() == pytest.approx(stairs.mean(), rel=1e-12)
    t = np.linspace(0, 1, 51)
    np.testing.assert_allclose(logged.compute_share(t), schedule.compute_share(t), atol=5e-3)
    assert logged.flops(1e9, 1e10) == pytest.approx(6e19 * stairs.mean())
    assert logged.flops(1e9, logged.tokens(1e9, 1e20)) == pytest.approx(1e20)
    assert logged.steps(1e9, 1e20, 4e6) == int(logged.tokens(1e9, 1e20) / 4e6)
    assert logged.final_params(1e9) == pytest.approx(2e8)


def test_log_may_be_unsorted_and_regrow():
    logged = from_log({"step": [50, 0, 75, 100], "density": [0.4, 1.0, 0.6, 0.6]})
    assert logged.average_density() == pytest.approx(0.5 + 0.25 * 0.4 + 0.25 * 0.6)
    assert list(logged.to_frame()["density"]) == [1.0, 0.4, 0.6]


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ({"step": [0, 10], "density": [1.0, 0.0]}, r"column 'density', row 1: 0 is not in \(0, 1\]"),
        ({"step": [0, 10], "density": [100.0, 50.0]}, "column 'density', row 0: 100 is not in"),
        ({"step": [0, 0], "density": [1.0, 0.5]}, "column 'step', row 1: 0 appears twice"),
        ({"step": [0, 30], "density": [1.0, 0.5]}, "30 lies beyond total = 20"),
        ({"step": [-1, 10], "density": [1.0, 0.5]}, "-1 is negative"),
        ({"step": [0, 10]}, "column 'density' is missing"),
        ({"step": [], "density": []}, "the log is empty"),
    ],
)
def test_bad_logs_are_refused(log, message):
    with pytest.raises(DataError, match=message):
        from_log(log, total=20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparsity": 1.0}, "sparsity=1.0"),
        ({"start": 0.8}, "0 <= start <= end <= 1"),
        ({"end": 75}, "end=75"),
        ({"unit": "tokens"}, "choose 'compute' or 'steps'"),
        ({"shape": "cosine"}, "choose 'geometric', 'cubic', 'linear'"),
        ({"shape": lambda progress: progress / 2}, r"1 at 1 \(is 0.5\)"),
    ],
)
def test_bad_schedules_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        PruningSchedule(**arguments)


@pytest.mark.parametrize("t", [-0.1, 1.5, float("nan")])
def test_time_is_a_fraction(t):
    with pytest.raises(DataError, match="fraction of all training steps"):
        PruningSchedule().density(t)


@pytest.mark.parametrize("arguments", [{"N": -1, "C": 1e20}, {"N": 1e9, "C": 0}])
def test_counts_must_be_positive(arguments):
    with pytest.raises(DataError, match="give a positive number"):
        PruningSchedule().tokens(**arguments)


def test_a_budget_pays_for_one_token_and_one_step_or_is_refused():
    schedule = PruningSchedule(0.5)
    price = 6 * schedule.average_params(1e9)
    assert schedule.tokens(1e9, price) == pytest.approx(1)
    assert schedule.steps(1e9, 1e6 * price, batch_tokens=1e6) == 1
    with pytest.raises(DataError, match=r"C = 1000 FLOPs does not pay for one token, which costs 4.16e\+09 FLOPs"):
        schedule.tokens(1e9, np.array([1e20, 1e3]))
    with pytest.raises(DataError, match=r"C = 1000 FLOPs does not pay for one step of 1M tokens, which costs 4.16e"):
        schedule.steps(N=1e9, C=1e3, batch_tokens=1e6)


def test_summary_has_units_and_phases():
    schedule = PruningSchedule(0.8)
    text = schedule.summary(1.14e9, 200.4e9)
    assert "average 455M" in text
    assert "200B tokens: 5.47e+20 FLOPs" in text
    assert str(schedule) == schedule.summary()
    np.testing.assert_allclose(schedule.to_frame()["compute"], [0.25, 0.5, 0.25])
    assert "average density 0.3991" in schedule._repr_html_()
    logged = LoggedSchedule(np.array([0.0, 0.5]), np.array([1.0, 0.5]))
    assert "average 0.75, final 0.5, parameters: average 750M, final 500M" in logged.summary(1e9)
    assert "Logged pruning schedule" in logged._repr_html_()


def test_flops_by_hand():
    assert training_flops(1e9, 2e10) == 1.2e20
    assert inference_flops(1e9, 2e10) == 4e19
    # two blocks of width 8 and sequences of 4: 3 matrix products, each 2 FLOPs per multiply-add, backward twice
    attention = 2 * 2 * 4 * 8  # products of queries with keys and of attention with values, per token
    counted = counted_flops(10, linear=1000, layers=2, width=8, sequence=4, vocabulary=100)
    assert counted == 3 * 2 * 10 * (1000 + attention + 100 * 8)
    half = counted_flops(10, linear=1000, layers=2, width=8, sequence=4, vocabulary=100, causal=True)
    assert counted - half == 3 * 2 * 10 * attention / 2
    with pytest.raises(DataError, match="D = -1"):
        training_flops(1e9, -1)


@pytest.mark.parametrize("schedule", [PruningSchedule(0.8), from_log({"step": [0, 5, 10], "density": [1, 0.5, 0.5]})])
def test_picture_shows_density_average_and_compute(schedule):
    ax = Figure().subplots()
    assert draw(schedule, ax) is ax
    lines = {line.get_label(): line for line in ax.lines}
    t, density = lines["density"].get_data()
    np.testing.assert_allclose(density, schedule.density(t))
    assert lines[f"average {schedule.average_density():.3f}"].get_ydata()[0] == schedule.average_density()
    assert lines["compute spent"].get_ydata()[-1] == pytest.approx(1)
    assert plt.get_fignums() == []
