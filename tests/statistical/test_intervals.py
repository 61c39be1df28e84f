"""Intervals of constants, losses and whatever follows from them, by three methods that must tell one story."""

import numpy as np
import pytest

import p2law


@pytest.fixture(scope="module")
def drawn(dense_fit):
    return dense_fit.bootstrap(600)


@pytest.mark.parametrize("method", ["wald", "bootstrap", "bca", "profile"])
def test_every_method_brackets_the_estimate(drawn, method):
    wide, narrow = (drawn.intervals(level, method=method) for level in (0.95, 0.6))
    assert (wide["lower"] < wide["estimate"]).all()
    assert (wide["estimate"] < wide["upper"]).all()
    assert (wide["upper"] - wide["lower"] > narrow["upper"] - narrow["lower"]).all()


@pytest.mark.parametrize("method", ["bootstrap", "profile"])
def test_methods_agree_where_the_data_are_good(drawn, method):
    local, other = (drawn.intervals(method=m).set_index("parameter") for m in ("wald", method))
    for name in ("E", "alpha", "beta"):
        widths = [t.loc[name, "upper"] - t.loc[name, "lower"] for t in (local, other)]
        assert 0.5 < widths[1] / widths[0] < 2


def test_profile_of_least_squares_is_the_f_criterion(dense):
    """Squares and independent rows: the objective at the end, the rest refitted, is up by t² s² / 2."""
    fit = p2law.fit("chinchilla", dense, objective=p2law.Squared())
    found = fit.profile("alpha", level=0.9)
    t = 1.6895724577802647  # two-sided 90 %, 35 degrees of freedom
    variance = 2 * fit.objective_value / 35
    for end in (found.lower, found.upper):
        held = p2law.fit("chinchilla", dense, objective=p2law.Squared(), fixed={"alpha": end})
        assert held.objective_value - fit.objective_value == pytest.approx(t**2 * variance / 2, rel=0.02)


def test_profile_of_a_loss(dense_fit):
    found = dense_fit.profile(N=3e10, D=1e12)
    with pytest.warns(p2law.ExtrapolationWarning):
        local = dense_fit.predict_interval(N=3e10, D=1e12)
    assert found.estimate == pytest.approx(local["loss"].item())
    assert found.upper - found.lower == pytest.approx((local["upper"] - local["lower"]).item(), rel=0.6)


def test_flat_valley_is_flat(pruned):
    """Two sizes cannot tell alpha: its profile never rises, and the interval is the whole domain."""
    fit = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])])
    found = fit.profile("alpha")
    assert (found.lower, found.upper) == (0.05, 5.0)
    assert found.points["rise"].max() < found.threshold


def test_new_run_is_less_certain_than_the_mean(pruned_fit):
    at = {"N0": 2e9, "D": 1e8, "rho": 0.3, "L0": 2.28}
    mean, new = (pruned_fit.predict_interval(**at, kind=kind) for kind in ("mean", "new"))
    assert (new["upper"] - new["lower"]).item() > (mean["upper"] - mean["lower"]).item()


def test_estimate_of_a_constant_is_its_interval(drawn):
    expected = drawn.intervals(method="wald").set_index("parameter").loc["alpha"]
    found = p2law.estimate(lambda p: p["alpha"], drawn, method="wald", log=True)
    assert (found.lower, found.upper) == pytest.approx((expected["lower"], expected["upper"]), rel=1e-5)
    by_draws = p2law.estimate(lambda p: p["alpha"], drawn, log=True)
    plain = drawn.intervals(method="bootstrap").set_index("parameter").loc["alpha"]
    assert (by_draws.lower, by_draws.upper) == pytest.approx((plain["lower"], plain["upper"]))


def test_estimate_of_an_array(drawn):
    found = p2law.estimate(lambda p: p["E"] * np.array([1.0, 2.0]), drawn)
    assert found.lower == pytest.approx(found.lower[0] * np.array([1, 2]))


def test_estimate_that_does_not_always_exist(drawn):
    middle = float(drawn.draws["alpha"].median())
    found = p2law.estimate(lambda p: p["alpha"] if p["alpha"] > middle else np.nan, drawn)
    assert found.defined == pytest.approx(0.5, abs=0.01)
    assert found.lower > middle


def test_estimate_of_what_is_never_reached(drawn):
    found = p2law.estimate(lambda p: np.inf, drawn)
    assert (found.value, found.lower, found.upper) == (np.inf, np.inf, np.inf)


def test_difference_of_paired_fits_cancels_what_they_share(dense):
    """The same rows under two thresholds: the fits move together."""
    one = p2law.fit("chinchilla", dense).bootstrap(200)
    other = p2law.fit("chinchilla", dense, objective=p2law.Huber(2e-3)).bootstrap(200)

    def difference(p, q):
        return p["beta"] - q["beta"]

    for method in ("wald", "bootstrap"):
        paired, apart = (p2law.estimate(difference, one, other, paired=p, method=method) for p in (True, False))
        assert paired.upper - paired.lower < 0.7 * (apart.upper - apart.lower)


def test_fits_to_different_runs_cannot_be_paired(dense_fit, pruned_fit):
    with pytest.raises(p2law.FitError, match="different"):
        p2law.estimate(lambda p, q: p["beta"] - q["beta"], dense_fit, pruned_fit, paired=True)


def test_undetermined_quantity_has_no_interval(pruned):
    fit = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])])
    assert p2law.estimate(lambda p: p["alpha"], fit).upper == np.inf
    assert np.isfinite(p2law.estimate(lambda p: p["gamma"], fit).upper)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda fit: fit.intervals(95), "between 0 and 1"),
        (lambda fit: fit.intervals(method="boot"), "choose"),
        (lambda fit: fit.intervals(method="bootstrap"), "no bootstrap draws"),
        (lambda fit: fit.predict_interval(N=1e9, D=1e10, kind="row"), "kind"),
        (lambda fit: fit.profile("gamma"), "no parameter"),
        (lambda fit: fit.profile(), "profile one constant"),
        (lambda fit: p2law.estimate(lambda: 1.0), "at least one fit"),
        (lambda fit: p2law.estimate(lambda p: p["E"], fit, method="bca"), "choose"),
    ],
)
def test_nonsense_is_refused(dense_fit, ask, message):
    with pytest.raises(p2law.FitError, match=message):
        ask(dense_fit)
