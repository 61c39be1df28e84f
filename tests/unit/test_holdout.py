"""Hold-out tests: which rows are held out, what is compared, what is said."""

import matplotlib
import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.data.columns import level_of
from p2law.plot._holdout import holdout as draw
from p2law.validate import Holdout, holdout
from p2law.validate.naive import naive_baselines

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    return p2law.datasets.load("mini-pruning")


@pytest.fixture(scope="module")
def by_rate(curves) -> Holdout:
    return holdout("p2", curves[curves.method == "depth"], by="rho", min_tokens=3e5)


@pytest.fixture(scope="module")
def by_size(curves) -> Holdout:
    return holdout("p2", curves[curves.method == "width"], by="N0", baseline="control", min_tokens=3e5)


@pytest.fixture(scope="module")
def along(curves) -> Holdout:
    return holdout("p2", curves[curves.method == "2:4"], by="D", fraction=0.3, min_tokens=3e5)


def test_depth_at_a_higher_rate_fails_and_four_runs_do_not_blame_the_interval(by_rate):
    assert not by_rate.generalises
    assert by_rate.to_frame().loc["p2", "rms"] == pytest.approx(0.164, abs=0.003)
    assert by_rate.coverage == 0.75
    assert "does not generalise here" in by_rate.summary()
    assert "wide enough for the law's errors there" in by_rate.summary()


def test_width_generalises_to_the_largest_size(by_size):
    assert by_size.generalises
    assert by_size.to_frame().loc["p2", "rms"] == pytest.approx(0.0188, abs=0.0005)
    assert "The control's loss at the held-out tokens is taken as known." in by_size.findings
    held = by_size.rows[by_size.rows["method"] == "p2"]
    assert held["N0"].min() > 2e7
    assert held["outside"].to_numpy() == pytest.approx(27131904 / 13848576, rel=0.01)
    assert set(held["outside_in"]) == {"N0"}


def test_a_run_begun_is_forecast_better_than_by_the_law_alone(along):
    table = along.to_frame()
    assert table.loc["p2, run begun", "ratio"] < 0.9
    assert table.loc["last value", "ratio"] > 2
    assert table.loc["last value", "asd_relative"] == pytest.approx(1.0)
    held = along.rows[along.rows["method"] == "p2"]
    assert (held["D"] > 0.3 * 9994240).all()


def test_errors_are_those_of_a_fit_by_hand(curves, by_rate):
    table = curves[(curves.method == "depth") & (curves.D >= 3e5)]
    fit = p2law.fit("p2", table[table.rho < 0.4])
    held = table[table.rho > 0.4]
    with pytest.warns(p2law.ExtrapolationWarning):
        interval = fit.predict_interval(held, kind="new")
    own = by_rate.rows[by_rate.rows["method"] == "p2"]
    np.testing.assert_allclose(own["predicted"], interval["loss"], rtol=1e-12)
    np.testing.assert_allclose(own["upper"], interval["upper"], rtol=1e-9)
    error = interval["loss"].to_numpy() / held["loss"].to_numpy() - 1
    line = by_rate.to_frame().loc["p2"]
    assert line["signed"] == pytest.approx(error.mean())
    assert line["absolute"] == pytest.approx(np.abs(error).mean())
    assert line["worst"] == pytest.approx(np.abs(error).max())
    assert line["r2"] == pytest.approx(p2law.metrics.r2(held["loss"], interval["loss"]))
    assert by_rate.error == line["absolute"]


def test_runs_and_splits_are_listed_worst_first(by_rate):
    runs = by_rate.by_run()
    assert runs["run"].iloc[0] == "14M-depth-0.5-lr0.2-s0"
    assert runs["rms"].is_monotonic_decreasing
    assert by_rate.by_split()["rows"].tolist() == [56]
    assert by_rate.by_run("nearest rho")["coverage"].isna().all()
    with pytest.raises(p2law.DataError, match="method='none': choose one of p2, nearest rho"):
        by_rate.by_run("none")


def test_baselines_by_hand(pruned):
    """The nearest size takes the ratio to L0 of the next smaller model; the line goes through all of them."""
    law = p2law.laws.get("p2")
    rows = p2law.data.observations.observe(law, pruned)
    largest = rows.columns["N0"] == 8e9
    found = naive_baselines(law, rows.rows(~largest), rows.rows(largest))
    assert set(found) == {"nearest N0", "power law in N0"}
    ratio = (pruned["loss"] / pruned["L0"]).to_numpy()
    near = ratio[(pruned["N0"] == 2e9).to_numpy()] * pruned["L0"].to_numpy()[largest]
    np.testing.assert_allclose(found["nearest N0"], near, rtol=1e-12)
    smaller = np.log(ratio[~largest].reshape(3, -1))
    line = [np.polyval(np.polyfit(np.log([1e8, 5e8, 2e9]), column, 1), np.log(8e9)) for column in smaller.T]
    np.testing.assert_allclose(found["power law in N0"], np.exp(line) * pruned["L0"][largest], rtol=1e-10)


def test_own_power_law_recovers_a_power_law():
    tokens = np.geomspace(1e6, 1e9, 12)
    table = pd.DataFrame({"D": tokens, "loss": 2.0 + 300 * tokens**-0.4, "run": "one"})
    law = p2law.laws.get("power")
    rows = p2law.data.observations.observe(law, table)
    seen = tokens < 1e8
    found = naive_baselines(law, rows.rows(seen), rows.rows(~seen))
    np.testing.assert_allclose(found["run's own power law"], table["loss"][~seen], rtol=1e-4)
    np.testing.assert_array_equal(found["last value"], table["loss"][seen].iloc[-1])


def test_tables_of_end_points_hold_out_the_longest_and_the_largest(dense):
    tokens = holdout("chinchilla", dense)
    assert tokens.folds[0].label == "D up to 13.9B -> 37.3B to 100B"
    assert tokens.folds[0].rows == 10
    sizes = holdout("chinchilla", dense, by="N", fraction=0.6)
    assert sizes.folds[0].rows == 16
    assert "power law in N" in sizes.methods
    assert tokens.error < 0.01


def test_compute_is_predicted_upwards_and_other_numbers_in_turn(dense):
    table = dense.assign(C=6 * dense["N"] * dense["D"], seed=np.arange(len(dense)) % 3)
    upwards = holdout("chinchilla", table, by="C")
    (fold,) = upwards.folds
    assert fold.label.startswith("C up to")
    assert table["C"][fold.fit.observations.frame.index].max() < table.loc[upwards.rows["row"], "C"].min()
    assert len(holdout("chinchilla", table, by="seed").folds) == 3


def test_rolling_origin_predicts_all_that_lies_beyond(pruned):
    rolled = holdout("p2", pruned, by="N0", fraction=(0.5, 0.75))
    assert [fold.label for fold in rolled.folds] == ["N0 up to 2B -> 8B", "N0 up to 500M -> 2B to 8B"][::-1]
    assert rolled.by_split()["rows"].tolist() == [64, 32]


def test_each_value_in_turn_and_splits_that_cannot_be_fitted(pruned):
    labelled = pruned.assign(family=np.where(pruned["N0"] < 2e8, "a", "b"))
    each = holdout("p2", labelled, by="family")
    assert [fold.label for fold in each.folds] == ["without family = a", "without family = b"]
    few = pd.concat([labelled[labelled["family"] == "a"].head(3), labelled[labelled["family"] == "b"]])
    some = holdout("p2", few, by="family")
    assert len(some.folds) == 1
    assert some.failed[0].startswith("without family = b: 3 rows cannot determine the 7 free parameters")
    assert "Left out: without family = b" in some.summary()


def test_a_function_says_what_is_held_out(pruned):
    rule = holdout("p2", pruned, by=lambda t: t["rho"] == 0.35)
    assert rule.folds[0].rows == 32
    labels = holdout("p2", pruned, by=lambda t: t["rho"].map(lambda r: "low" if r < 0.3 else "high"))
    assert [fold.label for fold in labels.folds] == ["without group = low", "without group = high"]


def test_control_rows_serve_every_split(curves):
    every = p2law.datasets.load("mini-pruning", rows="all")
    every = every[(every.phase == "const") & every.method.isin(["2:4", "control"])]
    own = every.assign(rho=np.where(every.method == "control", 0.0, every.rho)).drop(columns="L_control")
    options = {"by": "N0", "baseline": "control", "min_tokens": 3e5}
    from_rows = holdout("p2", own, **options)
    from_column = holdout("p2", curves[curves.method == "2:4"], **options)
    np.testing.assert_allclose(from_rows.rows["predicted"], from_column.rows["predicted"], rtol=1e-8)


def test_what_the_rows_leave_open_has_no_end(pruned):
    """Two sizes cannot determine N_C, alpha and E: the interval of a third says so."""
    two = holdout("p2", pruned, by="N0", fraction=0.5)
    assert "For 64 rows the new-run interval is unbounded" in two.summary()


def test_one_rate_supports_no_other(curves):
    """gamma is held where one rate was seen: the interval at another rate has no end."""
    two = holdout("p2", curves[curves.method == "unstructured"], by="rho", min_tokens=3e5)
    assert (
        "For 56 rows the new-run interval is unbounded: the fitted rows do not determine the loss there"
        in two.summary()
    )
    assert two.intervals["p2"].unbounded == 56
    assert not two.generalises


def test_an_interval_that_misses_whole_runs_is_said_to_be_too_narrow(curves):
    narrow = holdout("p2", curves[curves.method == "width"], by="rho", baseline="control", min_tokens=3e5, level=0.8)
    assert narrow.coverage < 0.5
    assert "too narrow, it misses" in narrow.summary()
    assert narrow.intervals["p2"].too_narrow == "misses runs"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"N0": 1e8}, {"by": "N0"}, "by='N0': the table has one N0, 100M; the higher cannot be predicted"),
        ({"run": "only"}, {"by": "run"}, "by='run': the table has one run, only; at least two are needed"),
        ({}, {"by": "colour"}, "by='colour' is not a column"),
        ({}, {"by": "D", "fraction": 1.2}, "fraction=1.2: give the share that is fitted, between 0 and 1"),
        ({}, {"by": "D", "fraction": 1e-4}, "no row lies in the first 0.01 % of each run's D"),
        ({}, {"by": lambda t: t["rho"] > 0.9}, "holds out no row, so that nothing is tested"),
        ({}, {"by": lambda t: t["rho"] > 0.1}, "holds out every row, so that nothing is left to fit"),
        ({}, {"by": lambda t: [True]}, "returned shape .1,. for 128 rows"),
        (
            {},
            {"by": lambda t: np.arange(128) > 4},
            "no split leaves rows that can be fitted. .*5 rows cannot determine",
        ),
        ({}, {"by": "rho", "level": 95}, "level=95: must lie between 0 and 1"),
    ],
)
def test_bad_input_ends_in_a_sentence(pruned, change, options, message):
    with pytest.raises((p2law.DataError, p2law.FitError), match=message):
        holdout("p2", pruned.assign(**change), **options)


def test_no_tokens_to_hold_out_by():
    @p2law.law(title="Size only")
    def size_only(N, *, A: p2law.laws.Amplitude, alpha: p2law.laws.Exponent):
        return A * N**-alpha

    table = pd.DataFrame({"N": [1e7, 1e8, 1e9, 1e10], "loss": [5.0, 4.0, 3.2, 2.56]})
    with pytest.raises(p2law.DataError, match=r"say what to hold out, e\.g\. by='run'"):
        holdout(size_only, table)
    assert holdout(size_only, table, by="N").error < 1e-6


def test_levels_take_realised_values_together():
    np.testing.assert_array_equal(level_of(np.array([0.5003, 0.2499, 0.4998, 0.15, 0.2501])), [2, 1, 2, 0, 1])
    np.testing.assert_array_equal(level_of(np.array([0.0, 1.0, 0.0])), [0, 1, 0])


def test_the_report_is_text_table_and_html(along):
    text = str(along)
    assert "20 rows of 4 runs held out (first 30 % of each run's D -> the rest)" in text
    assert "p2, run begun" in along._repr_html_()
    assert list(along.to_frame().index) == list(along.methods)
    with pytest.raises(AttributeError):
        along.level = 0.5


def test_plot_draws_every_run_and_the_best_baseline(along, dense):
    ax = draw(along)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[-3:] == ["p2", "its interval", "run's own power law"]
    assert len(ax.lines) == 1 + 4 + 4
    assert "first 30 % of each run's D → the rest" in ax.get_title()
    assert ax.get_xscale() == "log"
    held = along.rows[along.rows["method"] == "p2"]
    first = held[held["run"] == held["run"].iloc[0]]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 100 * first["relative"])
    ends = draw(holdout("chinchilla", dense, by="N"), x="N", comparator="")
    assert ends.get_xlabel() == "N (parameters)"
    assert len(ends.collections) == 8
    with pytest.raises(p2law.DataError, match="method='best': choose one of"):
        draw(along, method="best")
    with pytest.raises(p2law.DataError, match="x='loss': p2 has no such column"):
        draw(along, x="loss")
    for drawn in (ax, ends):
        matplotlib.pyplot.close(drawn.figure)


def test_what_is_found_can_be_asked_without_reading_sentences(by_rate, by_size, along):
    assert by_rate.best_baseline == by_size.best_baseline.replace("N0", "rho") == "power law in rho"
    assert list(along.intervals) == ["p2", "p2, run begun"]
    check = by_rate.intervals["p2"]
    assert (check.runs, check.unbounded, check.too_narrow) == (4, 0, "")
    assert check.sampling_error == pytest.approx(np.sqrt(0.95 * 0.05 / 4))


def test_the_old_name_of_the_verdict_warns(along):
    with pytest.warns(DeprecationWarning, match="use .generalises"):
        assert along.carries == along.generalises
