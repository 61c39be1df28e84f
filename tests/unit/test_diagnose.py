"""fit.warnings: what the data do not determine, in plain sentences, and nothing where all is well."""

import re
import warnings
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.fitting.diagnostics import resolution
from p2law.laws import Amplitude, Real


def said(fit: p2law.Fit) -> str:
    return " ".join(fit.warnings)


def test_good_data_need_no_warning(dense_fit):
    assert dense_fit.warnings == ()


def test_gamma_is_held_where_there_is_one_rate(pruned):
    fit = p2law.fit("p2", pruned[pruned["rho"] == 0.25])
    assert fit.converged
    assert fit.params["gamma"] == 0
    assert fit.to_frame().loc["gamma", "treatment"] == "held: not determined"
    assert fit.standard_errors["gamma"] == 0
    assert "gamma cannot be told from one value of rho" in said(fit)
    assert "Predictions at another rho have no support" in said(fit)


def test_realised_rates_around_one_target_count_as_one(pruned):
    one = pruned[pruned["rho"] == 0.25]
    fit = p2law.fit("p2", one.assign(rho=np.where(one["N0"] > 1e9, 0.2497, 0.2503)))
    assert "gamma cannot be told from one value of rho (0.2497 to 0.2503)" in said(fit)


def test_gamma_that_is_given_is_not_held(pruned):
    fit = p2law.fit("p2", pruned[pruned["rho"] == 0.25], fixed={"gamma": -1.3})
    assert fit.params["gamma"] == -1.3
    assert "cannot be told" not in said(fit)


def test_alpha_is_held_where_there_is_one_size(dense):
    fit = p2law.fit("chinchilla", dense[dense["N"] == dense["N"].max()])
    assert "alpha cannot be told from one value of N" in said(fit)
    assert fit.converged


def test_two_sizes_leave_the_size_term_open(pruned):
    fit = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])])
    assert fit.converged
    assert "alpha is not determined by these data (N0 has 2 distinct values" in said(fit)
    assert "Consider p2_without_size_term, which has no alpha" in said(fit)
    assert all(fit.standard_errors[name] == np.inf for name in ("N_C", "alpha", "E"))
    assert np.isfinite(list(fit.params.values())).all()


def test_two_sizes_do_not_send_a_larger_model_off(pruned):
    fit = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])])
    at = {"D": 1e9, "rho": 0.35, "L0": 2.2}
    with pytest.warns(p2law.ExtrapolationWarning):
        larger = fit.predict(N0=1.6e10, **at)
    assert abs(larger - fit.predict(N0=8e9, **at)) < 0.1


def test_losses_below_the_parent_are_kept_and_said(pruned):
    below = pruned.assign(loss=pruned["loss"].where(pruned.index % 8 != 7, pruned["L0"] - 0.01))
    fit = p2law.fit("p2", below)
    assert fit.n == len(pruned)
    assert "16 of 128 rows lie at or below L0 (first: row 7)" in said(fit)
    assert "baseline='control'" in said(fit)


def test_floor_that_the_data_push_to_zero_is_said():
    tokens = np.geomspace(1e8, 1e11, 30)
    bent = 60 * tokens**-0.12 * (1 - 0.004 * np.log(tokens / 1e8))  # falls faster than any power with a floor
    fit = p2law.fit("power", {"D": tokens, "loss": bent})
    assert fit.params["E"] == 0
    assert "E hit its lower bound (0)" in said(fit)


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ({"alpha": (0.5, 2.0)}, "alpha hit its lower bound (0.5)"),
        ({"alpha": (0.01, 0.2)}, "alpha hit its upper bound (0.2)"),
        ({"E": (None, 1.5)}, "E hit its upper bound (1.5)"),
        ({"E": (1.8, 3.0)}, "E hit its lower bound (1.8)"),
    ],
)
def test_constant_at_a_bound_is_said(dense, bounds, sentence):
    assert sentence in said(p2law.fit("chinchilla", dense, bounds=bounds))


def test_second_optimum_of_nearly_equal_depth_is_said():
    @p2law.law(response="y")
    def nearly_even(x, *, A: Amplitude, w: Real):
        return A * jnp.exp(-(w**2) * x) + 0.002 * w * x

    x = np.linspace(0, 2, 40)
    y = np.exp(-x) + 0.05 * np.sin(9 * x)
    fit = p2law.fit(nearly_even, {"x": x, "y": y}, objective=p2law.Squared())
    assert fit.converged
    assert "Two optima fit almost equally: another lies" in said(fit)
    assert re.search(r"w -?0\.9|w -?1\.0", said(fit))


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("method", ["depth", "width"], "one set of constants holds for one pruning method"),
        ("family", ["llama", "qwen"], "one set of constants holds for one model family"),
        ("phase", ["const", "decayed"], "keep one phase"),
    ],
)
def test_mixtures_are_said(pruned, column, values, why):
    fit = p2law.fit("p2", pruned.assign(**{column: np.resize(values, len(pruned))}))
    assert f"The table mixes 2 values of '{column}' ({values[0]} and {values[1]})" in said(fit)
    assert why in said(fit)
    assert "mixes" not in said(p2law.fit("p2", pruned.assign(**{column: values[0]})))


def test_laws_without_a_rate_may_mix_methods(pruned):
    """Dense and sparse runs share a law in the average count."""
    mixed = pruned.assign(method=["dense", "sparse"] * (len(pruned) // 2))
    assert "mixes" not in said(p2law.fit("chinchilla", mixed, columns={"N": "N0"}))


def test_repeated_rows_are_said(dense):
    fit = p2law.fit("chinchilla", pd.concat([dense, dense.loc[[3, 5]]]))
    assert "2 rows repeat another one exactly (first: rows [3, 3])" in said(fit)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_rounding_that_makes_the_noise_is_said(dense, kind):
    exact = 1.7 + 400 * dense["N"] ** -0.34 + 900 * dense["D"] ** -0.3
    coarse = p2law.fit("chinchilla", dense.assign(loss=exact.round(2).astype(kind)))
    assert "Column loss is rounded to 0.01: that alone scatters it by 0.0029, where the law leaves 0.00" in said(coarse)
    assert "log more digits" in said(coarse)
    assert "rounded" not in said(p2law.fit("chinchilla", dense.assign(loss=exact.astype(kind))))


def test_rounding_far_below_the_noise_is_not_said(dense):
    assert p2law.fit("chinchilla", dense.assign(loss=dense["loss"].round(3))).warnings == ()


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("decimals", [1, 2, 3, 4])
def test_resolution_is_that_of_the_coarsest_step(kind, decimals):
    values = np.random.default_rng(1).uniform(2, 4, 100)
    rounded = values.round(decimals).astype(kind).astype(float)
    assert resolution(rounded, least=1e-6) == pytest.approx(10.0**-decimals)
    assert resolution(rounded, least=2 * 10.0**-decimals) is None
    assert resolution(np.append(rounded, values[0]), least=1e-6) is None


def test_start_far_away_that_does_not_arrive_says_so(dense, dense_fit):
    """A single start in a hopeless place either reaches the optimum or is not called converged."""
    fit = p2law.fit("chinchilla", dense, starts={"E": 0, "A": 1e-9, "B": 1e-9, "alpha": 9.9, "beta": 9.9})
    reached = fit.objective_value <= dense_fit.objective_value * (1 + 1e-6)
    assert reached or not fit.converged or fit.warnings


def test_one_run_says_nothing_of_others(pruned):
    run = pruned[pruned["run"] == pruned["run"].iloc[0]]
    (said,) = [w for w in p2law.fit("p2", run).warnings if "one run" in w]
    assert said.startswith("All rows are of one run: intervals say how well its own curve is known")


@pytest.mark.parametrize(("unit", "said"), [(1.0, 0), (1e6, 1)])
def test_tokens_in_millions_are_asked_about(dense, unit, said):
    fit = p2law.fit("chinchilla", dense.assign(D=dense["D"] / unit))
    assert sum("tokens per parameter: is D in tokens, and N in parameters?" in w for w in fit.warnings) == said


def test_as_many_constants_as_rows_are_said_to_pass_through_them_only_if_they_do():
    rows = {"D": [1e8, 1e9, 1e10], "loss": [3.0, 2.6, 2.4]}
    assert any("passes through every row" in w for w in p2law.fit("power", rows).warnings)
    twice = {"D": [1e9, 1e9, 1e10], "loss": [2.5, 3.0, 2.6]}
    assert any("no row is left to judge the law by" in w for w in p2law.fit("power", twice).warnings)


def test_findings_are_records_of_what_the_sentences_say(pruned):
    fit = p2law.fit("p2", pruned[pruned["rho"] == 0.25])
    assert fit.warnings == tuple(finding.text for finding in fit.findings)
    held = next(finding for finding in fit.findings if finding.kind == "held")
    assert (held.names, held.numbers) == (("gamma",), {"gamma": 0.0})


def test_findings_name_rows(dense):
    twice = pd.concat([dense, dense.iloc[[3]].rename({3: 99})])
    (found,) = p2law.fit("chinchilla", twice).findings
    assert (found.kind, found.rows, found.numbers) == ("duplicate rows", (3, 99), {"rows": 1})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (lambda t: t[t["rho"] == 0.25], "p2: gamma cannot be told from one value of rho"),
        (lambda t: t[t["N0"].isin([1e8, 8e9])], "p2: .*not determined by these data"),
        (lambda t: t.assign(method=t["N0"].astype(str)), r"p2: .* \(1 more: fit.warnings\)"),
    ],
)
def test_a_doubtful_fit_warns_once(pruned, rows, said):
    with pytest.warns(p2law.FitWarning, match=said) as caught:
        p2law.fit("p2", rows(pruned))
    assert [Path(w.filename).name for w in caught] == [Path(__file__).name]


def test_a_good_fit_does_not_warn(dense):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p2law.fit("chinchilla", dense)
