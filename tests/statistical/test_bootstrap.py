"""Draws: the published intervals, each draw at its own optimum, and refusals in words."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares

import p2law

PUBLISHED = {  # Besiroglu et al. 2024, bootstrap of the same 240 points
    "A": (285, 744),
    "B": (1042, 5810),
    "E": (1.769, 1.871),
    "alpha": (0.317, 0.373),
    "beta": (0.331, 0.415),
}


@pytest.fixture(scope="module")
def epoch(shared_table):
    table = shared_table("epoch_chinchilla")
    return p2law.fit("chinchilla", table[table["epoch_kept"].astype(bool)]).bootstrap(4000)


def test_published_intervals_are_met(epoch):
    """Within three standard errors of a 2.5 % quantile of 4,000 draws, theirs and ours."""
    found = epoch.intervals().set_index("parameter")
    for name, ends in PUBLISHED.items():
        values = epoch.draws[name]
        for side, share, published in zip(("lower", "upper"), (0.025, 0.975), ends, strict=True):
            noise = 3 * np.sqrt(2 * share * (1 - share) / 4000)
            low, high = values.quantile([max(share - noise, 0), min(share + noise, 1)])
            assert min(low, 0.98 * published) <= found.loc[name, side] <= max(high, 1.02 * published), (name, side)
            assert low * 0.99 <= published <= high * 1.01, (name, side)


def test_every_draw_is_at_its_optimum(epoch):
    """The same sample rebuilt by its counts: scipy, started from the draw, finds nothing better than 1e-8."""
    columns = [epoch.table[c].to_numpy() for c in ("N", "D", "loss")]
    rng, names = np.random.default_rng(0), ["E", "A", "B", "alpha", "beta"]
    for draw in range(8):
        times = np.bincount(rng.integers(0, 240, 240), minlength=240)
        size, tokens, loss = (np.repeat(column, times) for column in columns)
        constants = epoch.draws.loc[draw, names].to_numpy()

        def residual(factors, c=constants, size=size, tokens=tokens, loss=loss):
            E, A, B, alpha, beta = factors * c
            return np.log(loss) - np.log(E + A * size**-alpha + B * tokens**-beta)

        mine = np.abs(residual(np.ones(5)))
        objective = np.sum(np.where(mine <= 1e-3, 0.5 * mine**2, 1e-3 * (mine - 5e-4)))
        assert objective == pytest.approx(epoch.draws.loc[draw, "objective"], rel=1e-9)
        theirs = least_squares(residual, np.ones(5), loss="huber", f_scale=1e-3, xtol=1e-15, ftol=1e-15, gtol=1e-15)
        assert theirs.cost >= objective * (1 - 1e-8)


def test_draws_repeat_with_the_seed_and_differ_without(dense_fit):
    one, same, other = (dense_fit.bootstrap(20, rng=seed).draws for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one, same)
    assert not np.allclose(one["alpha"], other["alpha"])


def test_few_runs_are_drawn_wild_and_many_by_run(pruned_fit, dense_fit):
    assert pruned_fit.bootstrap(4).resampled.scheme == "wild"
    assert dense_fit.bootstrap(4).resampled.scheme == "runs"
    assert "Webb" in pruned_fit.bootstrap(4).resampled.describe()


def test_residual_scheme_exchanges_whole_runs(pruned_fit):
    draws = pruned_fit.bootstrap(60, scheme="residual").draws
    assert draws["gamma"].std() == pytest.approx(pruned_fit.standard_errors["gamma"], rel=0.6)


@pytest.mark.parametrize("scheme", ["runs", "wild"])
def test_spread_of_draws_agrees_with_the_local_errors(dense, scheme):
    fit = p2law.fit("chinchilla", dense, objective=p2law.Squared())
    draws = fit.bootstrap(400, scheme=scheme).draws
    for name in ("alpha", "beta"):
        assert draws[name].std() == pytest.approx(fit.standard_errors[name], rel=0.25)


def test_draws_are_saved_to_the_last_bit(pruned_fit):
    drawn = pruned_fit.bootstrap(10)
    loaded = p2law.Fit.from_json(drawn.to_json())
    pd.testing.assert_frame_equal(loaded.draws, drawn.draws, check_exact=True)
    assert loaded.resampled.describe() == drawn.resampled.describe()


def test_bca_corrects_for_skew(dense_fit):
    """B is skewed: the corrected interval lies apart from the plain one and holds the estimate."""
    drawn = dense_fit.bootstrap(400)
    plain, corrected = (drawn.intervals(method=m).set_index("parameter") for m in ("bootstrap", "bca"))
    assert (corrected["lower"] < corrected["estimate"]).all()
    assert (corrected["estimate"] < corrected["upper"]).all()
    assert not np.allclose(plain["upper"], corrected["upper"], rtol=1e-3)


def one_run(pruned):
    return pruned[pruned["run"] == pruned["run"].iloc[0]]


def test_one_run_cannot_be_resampled(pruned):
    with pytest.raises(p2law.FitError, match="one run alone"):
        p2law.fit("power", one_run(pruned)).bootstrap(10)


def test_copies_of_a_run_are_told(pruned):
    copies = pd.concat([one_run(pruned).assign(run=name) for name in "abc"], ignore_index=True)
    fit = p2law.fit("power", copies)
    assert any("identical" in sentence for sentence in fit.warnings)
    with pytest.raises(p2law.FitError, match="identical"):
        fit.bootstrap(10)
    alone = p2law.fit("power", one_run(pruned))
    assert fit.standard_errors["beta"] > 0.1 * alone.standard_errors["beta"]


def test_no_residuals_nothing_to_resample(dense):
    with pytest.raises(p2law.FitError, match="no residuals"):
        p2law.fit("chinchilla", dense.iloc[[0, 7, 20, 35, 39]]).bootstrap(10)


def test_fewer_runs_than_parameters_are_said(pruned):
    fit = p2law.fit("p2_without_size_term", pruned[pruned["rho"] == 0.5], fixed={"gamma": -1.3})
    few = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9]) & pruned["rho"].isin([0.25, 0.5])])
    assert fit.run_count == 4
    with pytest.warns(p2law.FitWarning, match="too narrow"):
        few.bootstrap(5)


@pytest.mark.parametrize(("options", "message"), [({"n": 0}, "n=0: give"), ({"n": 5, "scheme": "rows"}, "scheme")])
def test_nonsense_is_refused(dense_fit, options, message):
    with pytest.raises(p2law.FitError, match=message):
        dense_fit.bootstrap(**options)


def test_draws_that_all_fail_end_in_a_sentence(dense_fit, monkeypatch):
    import p2law.fitting.uncertainty.resampling as module

    monkeypatch.setattr(module, "refit", lambda *_: (np.full((5, 5), np.nan), np.full(5, np.inf)))
    with pytest.raises(p2law.FitError, match="every bootstrap draw failed"):
        dense_fit.bootstrap(5)


def test_absolute_residuals_are_refitted(dense):
    """A threshold of zero has no curvature to go by: the samples are fitted with one that falls towards it."""
    fit = p2law.fit("chinchilla", dense, objective=p2law.LeastAbsolute())
    drawn = fit.bootstrap(40)
    assert drawn.draws["objective"].median() == pytest.approx(fit.objective_value, rel=0.3)
    assert 0.3 < drawn.draws["beta"].std() / fit.standard_errors["beta"] < 3
    profiled = fit.intervals(method="profile").set_index("parameter").loc["beta"]
    assert 0.28 < profiled["lower"] < fit.params["beta"] < profiled["upper"] < 0.32
    assert fit.influence().abs().to_numpy().max() > 0.01
