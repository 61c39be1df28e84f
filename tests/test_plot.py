"""What is drawn: data of lines and points, labels, legends; never pixels."""

import io
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETRIGHT

import p2law
from p2law.errors import DataError
from p2law.fitting.uncertainty.profile import Profile
from p2law.laws import Real, SignedAmplitude
from p2law.plan import Parent, Remaining, Target, best_pruning
from p2law.plot import _style as style
from p2law.plot import curves, residuals
from p2law.plot._view import Levels


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


@pytest.fixture(scope="session")
def control_fit():
    table = p2law.datasets.load("mini-pruning", method="2:4")
    return p2law.fit("p2_without_size_term", table, baseline="control")


@pytest.fixture(scope="session")
def power_fit():
    return p2law.fit("power", p2law.datasets.load("mini-pruning", run="14M-width-0.35-lr0.2-s0"))


@pytest.fixture(scope="session")
def scattered_fit():
    rng = np.random.default_rng(3)
    N, D = np.exp(rng.uniform(16, 22, 60)), np.exp(rng.uniform(20, 25, 60))
    loss = 1.7 + 400 * N**-0.34 + 900 * D**-0.3
    return p2law.fit("chinchilla", {"N": N, "D": D, "loss": loss * np.exp(0.01 * rng.standard_normal(60))})


@pytest.fixture(scope="session")
def own_fit():
    @p2law.law(title="Own law", response="error")
    def own(temperature, width, *, a: SignedAmplitude, b: SignedAmplitude, k: Real):
        return a + b * temperature + width**k

    temperature, width = np.tile(np.linspace(-1, 3, 9), 3), np.repeat([1.0, 2.0, 4.0], 9)
    error = 0.3 - 0.5 * temperature + width**0.4 + 0.01 * np.sin(np.arange(27))
    table = {"temperature": temperature, "width": width, "error": error}
    return p2law.fit(own, table, objective=p2law.Squared())


def points(ax):
    """Everything scattered, sorted."""
    found = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections if len(c.get_offsets())])
    return found[np.lexsort(found.T)]


def styled(ax, style):
    return [line for line in ax.lines if line.get_linestyle() == style]


def labelled(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_points_are_the_measured_losses(pruned_fit, ax):
    assert curves(pruned_fit, ax) is ax
    expected = pruned_fit.table[["D", "loss"]].to_numpy()
    np.testing.assert_allclose(points(ax), expected[np.lexsort(expected.T)])


def test_every_run_has_its_fitted_curve(pruned_fit, ax):
    drawn = labelled(curves(pruned_fit, ax))
    table = pruned_fit.table
    assert set(drawn) == set(table["run"])
    for run, rows in table.groupby("run"):
        x, y = drawn[run].get_data()
        assert (x.min(), x.max()) == pytest.approx((rows["D"].min(), rows["D"].max()))
        at = {name: rows[name].iloc[0] for name in ("N0", "rho", "L0")}
        np.testing.assert_allclose(y, pruned_fit.law(D=x, **at, **pruned_fit.params))


def test_extrapolation_is_dashed_and_starts_where_the_data_end(pruned_fit, ax):
    curves(pruned_fit, ax, extend=5, baseline=False)
    dashed = styled(ax, "--")
    assert len(dashed) == pruned_fit.run_count
    last = pruned_fit.table["D"].max()
    for line, solid in zip(dashed, styled(ax, "-"), strict=True):
        x, y = line.get_data()
        assert (x[0], x[-1]) == pytest.approx((last, 5 * last))
        assert y[0] == pytest.approx(solid.get_ydata()[-1])


def test_nothing_beyond_the_data_if_not_asked(pruned_fit, ax):
    curves(pruned_fit, ax, extend=1)
    assert not styled(ax, "--") or all(len(line.get_xdata()) > 40 for line in styled(ax, "--"))
    assert max(line.get_xdata().max() for line in ax.lines) == pytest.approx(pruned_fit.table["D"].max())
    assert "extrapolated" not in legend_texts(ax)


def test_one_baseline_per_parent(pruned_fit, ax):
    curves(pruned_fit, ax)
    flat = [line for line in ax.lines if np.ptp(line.get_ydata()) == 0]
    assert sorted(line.get_ydata()[0] for line in flat) == pytest.approx(sorted(pruned_fit.table["L0"].unique()))
    before = len(ax.lines)
    other = curves(pruned_fit, Figure().subplots(), baseline=False)
    assert len(other.lines) == before - len(flat)


def test_legend_names_sizes_rates_and_styles_once(pruned_fit, ax):
    texts = legend_texts(curves(pruned_fit, ax))
    assert texts == [
        *("N0 = 100M", "N0 = 500M", "N0 = 2B", "N0 = 8B"),
        *("rho = 0.15", "rho = 0.25", "rho = 0.35", "rho = 0.5"),
        *("fitted", "extrapolated", "parent (L0)"),
    ]


def test_labels_carry_units_and_the_title_the_law(pruned_fit, ax):
    curves(pruned_fit, ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("D (tokens)", "loss (nats/token)")
    assert ax.get_title() == f"P² law · 128 rows, 16 runs · RMSE {pruned_fit.metrics['rmse']:.3g} nats/token"
    assert ax.get_xscale() == "log"


def test_ticks_are_human(power_fit, ax):
    curves(power_fit, ax)
    ax.figure.draw_without_rendering()
    assert {"500k", "1M", "10M"} <= {tick.get_text() for tick in ax.get_xticklabels()}


def test_a_failed_fit_says_so_in_the_picture(pruned_fit, ax):
    failed = replace(pruned_fit, converged=False)
    assert "NOT CONVERGED" in curves(failed, ax).get_title()
    assert "NOT CONVERGED" in residuals(failed, ax).get_title()


def test_control_baseline_follows_the_control(control_fit, ax):
    curves(control_fit, ax, extend=2)
    assert legend_texts(ax)[-1] == "control (held beyond)"
    run, rows = next(iter(control_fit.table.groupby("run", sort=False)))
    rows = rows.sort_values("D")
    x, y = labelled(ax)[run].get_data()
    base = np.interp(np.log(x), np.log(rows["D"]), rows["L_control"])
    at = {name: rows[name].iloc[0] for name in ("N0", "rho")}
    np.testing.assert_allclose(y, control_fit.law(D=x, L0=base, **at, **control_fit.params))
    below = [line for line in ax.lines if line.get_ydata()[-1] == pytest.approx(rows["L_control"].iloc[-1])]
    assert len(below) == 1
    assert below[0].get_xdata()[-1] == pytest.approx(2 * rows["D"].max())


def test_only_the_runs_asked_for(pruned_fit, ax):
    runs = list(dict.fromkeys(pruned_fit.table["run"]))[:2]
    curves(pruned_fit, ax, runs=runs)
    assert set(labelled(ax)) == set(runs)
    assert len(points(ax)) == 16
    assert [text for text in legend_texts(ax) if text.startswith("N0")] == ["N0 = 100M"]
    assert set(labelled(curves(pruned_fit, Figure().subplots(), runs=runs[0]))) == {runs[0]}


def test_mistakes_are_named(pruned_fit, ax):
    with pytest.raises(DataError, match=r"'nobody', which was not fitted; there are 16 runs"):
        curves(pruned_fit, ax, runs="nobody")
    with pytest.raises(DataError, match="no column 'seed'"):
        curves(pruned_fit, ax, color="seed")
    with pytest.raises(DataError, match="x='loss'"):
        residuals(pruned_fit, ax, x="loss")
    with pytest.raises(DataError, match=r"extend=0\.5"):
        curves(pruned_fit, ax, extend=0.5)


def test_dense_law_without_runs_has_a_curve_per_size(dense_fit, ax):
    drawn = labelled(curves(dense_fit, ax))
    sizes = sorted(dense_fit.table["N"].unique())
    assert len(drawn) == len(sizes)
    for size, line in zip(sizes, drawn.values(), strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y, dense_fit.law(N=size, D=x, **dense_fit.params))


def test_another_column_on_x(dense_fit, ax):
    curves(dense_fit, ax, x="N")
    assert ax.get_xlabel() == "N (parameters)"
    assert set(labelled(ax)) == {
        f"D = {text}" for text in ("100M", "270M", "720M", "1.9B", "5.2B", "14B", "37B", "100B")
    }


def test_laws_with_a_baseline_are_carried_on_in_tokens_only(pruned_fit, ax):
    curves(pruned_fit, ax, x="N0")
    assert max(line.get_xdata().max() for line in ax.lines) == pytest.approx(8e9)


def test_a_continuum_gets_a_colour_bar_and_few_curves(scattered_fit, ax):
    curves(scattered_fit, ax)
    assert len(labelled(ax)) <= 6
    bar = next(other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "N (parameters)"
    sticks = next(c for c in ax.collections if hasattr(c, "get_segments"))
    ends = np.array([segment[:, 1] for segment in sticks.get_segments()])
    np.testing.assert_allclose(ends, np.column_stack([scattered_fit.table["loss"], scattered_fit.fitted]))
    assert legend_texts(ax) == ["measured", "to its own fitted value", "fitted", "extrapolated"]


def test_a_single_run(power_fit, ax):
    curves(power_fit, ax)
    assert list(labelled(ax)) == ["14M-width-0.35-lr0.2-s0"]
    assert "14 rows ·" in ax.get_title()
    assert legend_texts(ax) == ["measured", "fitted", "extrapolated"]


def test_a_law_of_ones_own_shows_its_first_column(own_fit, ax):
    curves(own_fit, ax)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("temperature", "error", "linear")
    assert legend_texts(ax)[:3] == ["width = 1", "width = 2", "width = 4"]
    assert max(line.get_xdata().max() for line in ax.lines) == 3  # a linear axis is not carried on
    assert "nats" not in ax.get_title()


def test_colour_by_any_column_of_the_table(pruned, ax):
    fit = p2law.fit("p2_without_size_term", pruned.assign(kind=np.where(pruned["rho"] < 0.3, "mild", "hard")))
    curves(fit, ax, color="kind", marker="rho")
    assert legend_texts(ax)[:2] == ["mild", "hard"]
    assert to_hex(ax.get_legend().get_lines()[0].get_color()) == "#0072b2"


def test_residuals_are_drawn_run_by_run_with_their_band(pruned_fit, ax):
    assert residuals(pruned_fit, ax) is ax
    table = pruned_fit.table.assign(residual=pruned_fit.residuals)
    expected = table[["D", "residual"]].to_numpy()
    np.testing.assert_allclose(points(ax), expected[np.lexsort(expected.T)])
    for run, rows in table.groupby("run"):
        np.testing.assert_allclose(labelled(ax)[run].get_ydata(), rows.sort_values("D")["residual"])
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((-pruned_fit.metrics["rmse"], pruned_fit.metrics["rmse"]))
    assert any(np.all(np.asarray(line.get_ydata()) == 0) for line in ax.lines)
    assert ax.get_ylabel() == "measured − fitted loss (nats/token)"
    assert legend_texts(ax)[-1] == "± RMSE"


@pytest.mark.parametrize("draw", [curves, residuals])
@pytest.mark.parametrize("name", ["pruned_fit", "dense_fit", "scattered_fit", "power_fit", "own_fit", "control_fit"])
def test_saved_as_a_picture_without_side_effects(draw, name, request, capsys):
    fit, before, open_figures = request.getfixturevalue(name), dict(matplotlib.rcParams), plt.get_fignums()
    figure = Figure()  # no layout engine: the legend goes inside
    draw(fit, figure.subplots())
    target = io.BytesIO()
    figure.savefig(target, format="png")
    assert target.getvalue().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == open_figures
    assert capsys.readouterr() == ("", "")


def test_without_axes_a_new_figure_is_made(power_fit):
    ax = curves(power_fit, legend=False)
    try:
        assert ax.get_legend() is None
        assert ax.figure.number in plt.get_fignums()
    finally:
        plt.close(ax.figure)


def test_levels_merge_realised_values_and_keep_order():
    found = Levels.of("rho", np.array([0.4993, 0.1498, 0.4998, 0.1502]), merge=1.05)
    assert found.row.tolist() == [1, 0, 1, 0]
    assert found.text == ("0.15", "0.5")
    assert Levels.of("width", np.array([1.0, 1.02, 1.04])).text == ("1", "1.02", "1.04")
    assert Levels.of("method", np.array(["depth", "2:4", "depth"], dtype=object)).text == ("depth", "2:4")
    assert Levels.of("on", np.array([True, False])).row.tolist() == [1, 0]


def test_many_levels_become_bins_of_a_continuum():
    values = np.geomspace(1e6, 1e12, 40)
    found = Levels.of("N", values)
    assert len(found) == 6
    assert found.continuous is not None
    assert np.all(np.diff(found.row) >= 0)
    centre = Levels.of("t", np.linspace(-1, 1, 30)).centre.tolist()
    assert centre == sorted(centre)


def test_a_flat_profile_is_drawn_flat(pruned, ax):
    found = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])]).profile("alpha")
    assert found.flat
    assert "flat" in str(found)
    p2law.plot.profile(found, ax)
    line = ax.lines[0]
    assert line.get_xdata().min() == 0.05
    assert line.get_xdata().max() == 5
    assert max(line.get_ydata()) < 0.1
    assert "no limit" in ax.get_title(loc="left")


def test_a_profile_passes_its_limit_at_the_ends_of_the_interval(dense_fit, ax):
    found = dense_fit.profile("alpha")
    assert not found.flat
    p2law.plot.profile(found, ax)
    value, share = ax.lines[0].get_data()
    for end in (found.lower, found.upper):
        assert np.interp(end, value, share) == pytest.approx(1, abs=0.2)
    assert found.to_frame()["value"].is_monotonic_increasing
    assert "<table" in found._repr_html_()


def test_parameters_show_every_method_at_hand(dense_fit, ax):
    p2law.plot.parameters(dense_fit.bootstrap(40), ax)
    assert [c.get_label() for c in ax.collections] == ["wald", "bootstrap"]
    segment = ax.collections[0].get_segments()[3]
    table = dense_fit.intervals(method="wald").set_index("parameter").loc["alpha"]
    assert segment[0][0] == pytest.approx(table["lower"] / table["estimate"] - 1)
    assert [t.get_text().split(" = ")[0] for t in ax.get_yticklabels()] == ["E", "A", "B", "alpha", "beta"]


@pytest.fixture(scope="session")
def open_answers():
    """Ways to a model of which some are impossible, some rest on no support, some on no parent."""
    table = p2law.datasets.load("mini-pruning")
    fits = {m: p2law.fit("p2_without_size_term", table[table["method"] == m]) for m in ("width", "2:4")}
    scratch = p2law.fit("chinchilla", p2law.datasets.load("mini-dense"), columns={"N": "N_nonemb"})
    parents = {"27M": Parent(size=27.1e6, loss=3.279), "2M": Parent(size=2.2e6, loss=3.57)}
    return best_pruning(fits, parents, size=10e6, budget=10e6, scratch=scratch)


def ticks(axis):
    axis.figure.draw_without_rendering()
    low, high = sorted(axis.get_view_interval())
    return [t.get_text() for t in axis.get_ticklabels() if low <= t.get_position()[axis.axis_name == "y"] <= high]


@pytest.mark.parametrize("ends", [(1e9, 3e9), (3e7, 9e8), (1e10, 1.4e10), (1e3, 1e16), (2.1e8, 4.9e8)])
@pytest.mark.parametrize("size", [(8, 5), (2, 2)])
def test_axes_of_counts_have_readable_ticks_at_every_width_and_range(ends, size):
    ax = Figure(figsize=size).subplots()
    ax.set(xscale="log", xlim=ends)
    style.count_ticks(ax.xaxis)
    found = ticks(ax.xaxis)
    assert 2 <= len(found) <= (8 if size[0] > 2 else 4)
    assert len(set(found)) == len(found)


def test_contours_are_labelled_on_the_scale_they_are_drawn_on(dense_fit, ax):
    p2law.plot.isoloss(dense_fit, ax, N=(1e9, 3e9), D=(1e10, 3e10))
    assert len(ticks(ax.xaxis)) >= 2
    assert len(ticks(ax.yaxis)) >= 2
    contours = next(c for c in ax.collections if len(c.get_paths()) > 3)
    for path in contours.get_paths():  # an unbroken line, or one broken by its label: no gap of a third of the axes
        at = ax.transAxes.inverted().transform(ax.transData.transform(path.vertices))
        assert len(at) < 2 or np.abs(np.diff(at, axis=0)).max() < 0.3


def test_long_titles_are_wrapped_to_their_axes(pruned_fit):
    left, _, right = Figure(figsize=(12, 3)).subplots(1, 3)
    for drawn in (curves(pruned_fit, left, legend=False), residuals(pruned_fit, right, legend=False)):
        drawn.figure.draw_without_rendering()
        box = drawn.title.get_window_extent()
        assert box.width < 1.15 * drawn.bbox.width
    assert "\n" in left.get_title()


def test_many_and_long_names_leave_room_for_the_picture(pruned):
    names = pruned["run"].astype(str) + "-" + 70 * "x"
    fit = p2law.fit("p2_without_size_term", pruned.assign(run=names + pruned["N0"].astype(str)))
    ax = Figure(figsize=(8, 5), layout="constrained").subplots()
    curves(fit, ax, color="run", runs=list(dict.fromkeys(fit.table["run"]))[:6])
    ax.figure.draw_without_rendering()
    assert max(map(len, legend_texts(ax))) <= 40
    assert ax.bbox.width > 0.5 * ax.figure.bbox.width


def test_a_legend_of_many_names_says_how_many_more():
    many = [Line2D([], [], label=str(i)) for i in range(40)]
    first = [line.get_label() for line in style.truncate_legend(many)]
    assert first == [*"01234567", "… and 32 more"]
    spread = [line.get_label() for line in style.truncate_legend(many, spread=True)]
    assert (spread[0], spread[-2], spread[-1]) == ("0", "39", "… and 32 more")
    assert style.truncate_legend(many[:5]) == many[:5]


def test_everything_is_seen_on_a_dark_ground(pruned_fit, dense_fit):
    with plt.style.context("dark_background"):
        drawn = Figure(figsize=(12, 8)).subplots(1, 3)
        curves(pruned_fit, drawn[0])
        residuals(pruned_fit, drawn[1])
        p2law.plot.isoloss(dense_fit, drawn[2])
    for ax in drawn:
        shades = [line.get_color() for line in ax.lines]
        shades += [colour for c in ax.collections for colour in (*c.get_facecolor(), *c.get_edgecolor())]
        brightness = [np.dot(to_rgba(shade)[:3], (0.2126, 0.7152, 0.0722)) for shade in shades]
        assert min(brightness) > 0.12


def test_a_way_without_interval_parent_or_answer_says_so(open_answers, ax):
    p2law.plot.ranking(open_answers, ax)
    table = open_answers.to_frame()
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert len(names) == len(table)
    assert "scratch" in names
    words = [t.get_text() for t in ax.texts]
    assert words.count("impossible") == table["loss"].isna().sum() > 0
    assert words.count("no support") == np.isinf(table["upper"]).sum() > 0
    arrows = [line for line in ax.lines if line.get_marker() in "<>" and len(line.get_xdata())]
    assert [len(line.get_xdata()) for line in arrows] == [np.isinf(table["upper"]).sum()] * 2


def test_forecasts_are_dashed_wherever_the_report_says_outside(pruned_fit, ax):
    D = pruned_fit.table["D"]
    grid = np.geomspace(D.min(), D.max(), 20)
    p2law.plot.extrapolation(p2law.extrapolate(pruned_fit, N0=1e11, rho=0.25, D=grid, L0=2.0), ax)
    assert not [line for line in ax.lines if line.get_linestyle() == "-"]
    inside = Figure().subplots()
    at = {"N0": 2e9, "rho": 0.25, "L0": 2.28}
    p2law.plot.extrapolation(p2law.extrapolate(pruned_fit, D=1.005 * grid, **at), inside)
    solid = next(line for line in inside.lines if line.get_linestyle() == "-")
    assert np.isfinite(solid.get_ydata()).all()


def test_a_forecast_at_one_number_of_tokens_is_a_point_with_bars(pruned_fit, ax):
    p2law.plot.extrapolation(p2law.extrapolate(pruned_fit, N0=2e9, rho=0.25, D=1e8, L0=2.28), ax)
    assert [line.get_marker() for line in ax.lines] == ["o"]
    bars = [c for c in ax.collections if hasattr(c, "get_segments")]
    assert len(bars) == 2
    assert all(np.ptp(bar.get_segments()[0][:, 1]) > 0 for bar in bars)


def test_models_that_never_get_there_and_cut_intervals_are_marked(pruned_fit, ax):
    drawn = p2law.plot.tokens(pruned_fit, ax, criterion=Target(2.32), N0=2e9, rho=[0.15, 0.7], L0=2.28)
    assert [t.endswith(": never") for t in legend_texts(drawn)] == [False, True]
    assert "bars: 95 % intervals" in drawn.get_title()
    plan = drawn_plan(pruned_fit)
    far = p2law.plot.tokens(replace(plan, _table=plan.table.assign(upper=np.inf)), Figure().subplots())
    assert CARETRIGHT in [line.get_marker() for line in far.lines]
    assert p2law.plot.tokens(drawn_plan(pruned_fit), Figure().subplots(), legend=False).get_legend() is None


def drawn_plan(fit):
    return p2law.optimal_tokens(fit, criterion=Remaining(0.02), N0=2e9, rho=0.25, L0=2.28)


def test_many_models_do_not_fill_the_picture_with_names(pruned_fit, ax):
    p2law.plot.tokens(pruned_fit, ax, criterion=Remaining(0.02), N0=2e9, rho=np.linspace(0.1, 0.7, 30))
    assert len(legend_texts(ax)) <= 9
    assert legend_texts(ax)[-1] == "… and 22 more"


def test_profiles_on_a_logarithmic_scale_where_values_span_decades(ax):
    value = np.array([-1e3, -1.0, -0.1, 0.1, 1.0, 10.0, 1e5])
    points = pd.DataFrame({"value": value, "rise": np.abs(np.arange(7.0) - 3)})
    found = Profile("E", 0.1, -1.0, 10.0, 0.95, 1.0, points)
    assert p2law.plot.profile(found, ax).get_xscale() == "asinh"


def test_parameters_mark_estimates_and_what_has_no_interval(pruned, ax):
    fit = p2law.fit("p2_without_size_term", pruned, fixed={"gamma": 0.5})
    p2law.plot.parameters(fit, ax)
    assert [t.get_text() for t in ax.texts] == ["fixed, no interval"]
    marks = next(line for line in ax.lines if line.get_marker() == "D")
    assert len(marks.get_xdata()) == len(fit.params)
    assert fit.law.title in ax.get_title()


def test_worth_of_one_point_and_of_what_is_never_reached(ax):
    tokens = [10e9, 30e9, 50e9, 250e9, 500e9]
    good, bad = ([2.70, 2.59, 2.54, 2.46, 2.43], [3.4, 3.2, 3.1, 3.0, 2.98])
    fits = [p2law.fit("power", {"D": tokens, "loss": y}, objective=p2law.Squared()) for y in (good, bad)]
    p2law.plot.worth(p2law.effective_tokens(*fits, 30e9), ax)
    assert np.ptp(ax.lines[0].get_xdata()) > 0
    assert legend_texts(ax) == ["as many as retrained", "no upper end; without a point: never"]


def test_a_crowd_of_rows_does_not_hide_the_curves():
    D = np.geomspace(1e7, 1e9, 600)
    fit = p2law.fit("power", {"D": D, "loss": 2 + 50 * D**-0.3 + 0.003 * np.sin(np.arange(600.0))})
    ax = curves(fit, Figure().subplots())
    assert ax.collections[0].get_zorder() < labelled(ax)["power"].get_zorder()


def test_isoflop_profiles_are_dashed_outside_the_data(dense_fit, ax):
    p2law.plot.isoflop(dense_fit, 1e24, ax)
    assert "extrapolated" in legend_texts(ax)
    curve = next(line for line in ax.lines if line.get_label() == "C = 1e+24 FLOPs")
    assert curve.get_linestyle() == "--"


def test_the_undecided_stretch_looks_unlike_the_interval(ax):
    tokens = [10e9, 30e9, 50e9, 250e9, 500e9]
    losses = ([2.70, 2.59, 2.54, 2.46, 2.43], [3.09, 2.81, 2.64, 2.49, 2.47])
    fits = [p2law.fit("power", {"D": tokens, "loss": y}, objective=p2law.Squared()) for y in losses]
    p2law.plot.crossover(p2law.crossover(*fits), ax)
    assert any(patch.get_hatch() for patch in ax.get_legend().get_patches())


def test_held_out_rows_at_one_number_of_tokens_are_drawn_over_another_column(pruned):
    found = p2law.holdout("p2_without_size_term", pruned, by="D")
    assert found.rows["D"].nunique() == 1
    drawn = p2law.plot.holdout(found, Figure().subplots())
    assert drawn.get_xlabel() == "N0 (parameters)"


def test_old_names_of_arguments_warn(pruned_fit, ax):
    old = {"colour": "rho"}
    with pytest.warns(DeprecationWarning, match=r"curves\(colour=\.\.\.\) is deprecated: use color="):
        curves(pruned_fit, ax, **old)
    assert legend_texts(ax)[0] == "rho = 0.15"
