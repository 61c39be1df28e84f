"""Choice between laws: criteria against closed forms, order and sentences of the comparison."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

import p2law
from p2law.fitting.objective import threshold
from p2law.fitting.options import Options
from p2law.fitting.solver.problem import huber
from p2law.validate import Comparison, compare
from p2law.validate.compare import _log_normaliser, criteria, deviance, effective_rows, free_constants


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    return p2law.datasets.load("mini-pruning", method="width")


@pytest.fixture(scope="module")
def compared(curves) -> Comparison:
    return compare(["p2", "p2_log_rate", "average_params"], curves, min_tokens=3e5)


def test_held_out_error_comes_first(compared):
    table = compared.to_frame()
    assert table["error"].is_monotonic_increasing
    assert compared.best == table.index[0]
    assert f"{compared.best} predicts the held-out rows best" in compared.findings[0]
    assert "of 4 held-out runs, too few to prefer it for that alone" in compared.findings[0]
    for name in table.index:
        assert table.loc[name, "error"] == pytest.approx(compared.holdouts[name].error)
        assert compared.holdouts[name].folds[0].label == "N0 up to 13.8M -> 27.1M"
    assert table["delta_aicc"].min() == 0
    assert table["constants"].to_dict() == {"p2": 7, "p2_log_rate": 7}


def test_laws_that_cannot_be_fitted_are_listed(compared):
    assert set(compared.failed) == {"average_params"}
    assert "column 'N_avg' is missing" in compared.failed["average_params"]
    assert "average_params is left out" in compared.summary()


def test_rows_count_for_less_where_runs_have_levels_of_their_own(compared):
    assert compared.rows == 224
    assert 16 <= compared.effective_rows < 60
    assert "since checkpoints of a run are correlated" in compared.summary()


def test_report(compared):
    assert "ΔAICc" in str(compared)
    assert "p2_log_rate" in compared._repr_html_()
    with pytest.raises(TypeError):
        compared.fits["p2"] = None  # type: ignore[index]


def test_the_true_law_is_preferred(pruned):
    found = compare(["p2", "p2_additive"], pruned, by="N0")
    assert found.best == "p2"
    assert found.table.loc["p2_additive", "delta_aicc"] > 10
    assert "AICc prefers p2" in found.summary()
    assert found.preferred == ("p2",)


@pytest.mark.parametrize("objective", [p2law.Squared(), p2law.LeastAbsolute(), p2law.Huber(1e-3), p2law.Huber(10.0)])
def test_deviance_is_that_of_the_likelihood_the_objective_belongs_to(dense, objective):
    fit = p2law.fit("chinchilla", dense, objective=objective)
    n, total = fit.n, fit.objective_value
    if isinstance(objective, p2law.LeastAbsolute):
        expected = 2 * n * (1 + np.log(2 * total / n))
    elif threshold(objective) > 1:
        expected = n * (1 + np.log(2 * np.pi * 2 * total / n))
    else:
        # Profiled by brute force with the normaliser integrated numerically.
        def at(tau):
            z = 2 * quad(lambda r: np.exp(-huber(np.array([r]), 1e-3)[0] / tau), 0, 0.5, points=[1e-3], limit=200)[0]
            return 2 * total / tau + 2 * n * np.log(z)

        expected = min(at(total / n * f) for f in np.geomspace(0.5, 2.0, 401))
    assert deviance(fit) == pytest.approx(expected, abs=1e-3)


def test_normaliser_lies_between_laplace_and_gauss():
    tau = np.array([1e-4])
    assert _log_normaliser(tau, 1e6) == pytest.approx(_log_normaliser(tau, np.inf))
    small = 1e-9
    assert _log_normaliser(tau * small, small) == pytest.approx(_log_normaliser(tau, 0), abs=1e-5)


def test_weights_scale_the_likelihood_of_a_row(dense):
    """A row of weight two has half the variance: -2 log L falls by log 2 for it."""
    plain = p2law.fit("chinchilla", dense, objective=p2law.Squared())
    double = p2law.fit("chinchilla", dense, objective=p2law.Squared(), weights=np.full(len(dense), 2.0))
    assert deviance(double) == pytest.approx(deviance(plain), abs=1e-6)
    dropped = p2law.fit("chinchilla", dense, objective=p2law.Squared(), weights=np.arange(len(dense)) >= 5)
    fewer = p2law.fit("chinchilla", dense.iloc[5:], objective=p2law.Squared())
    assert deviance(dropped) == pytest.approx(deviance(fewer), abs=1e-6)


def test_effective_rows_run_from_runs_to_rows():
    rng = np.random.default_rng(0)
    tokens = np.tile(np.geomspace(1e6, 1e9, 10), 30)
    run = np.repeat(np.arange(30), 10)
    curve = 2 + 300 * tokens**-0.4
    levels = p2law.fit("power", {"D": tokens, "loss": curve + 0.01 * rng.standard_normal(30)[run], "run": run})
    noise = p2law.fit("power", {"D": tokens, "loss": curve + 0.01 * rng.standard_normal(300), "run": run})
    alone = p2law.fit("power", {"D": tokens, "loss": curve + 0.01 * rng.standard_normal(300)})
    assert effective_rows(levels) == pytest.approx(30, rel=0.02)
    assert 200 < effective_rows(noise) <= 300
    assert effective_rows(alone) == 300
    few = run < 3
    three = p2law.fit("power", {"D": tokens[few], "loss": curve[few], "run": run[few]})
    assert effective_rows(three) == 3


def test_constants_are_counted_as_fitted(dense_fit):
    assert free_constants(dense_fit) == 5
    options = Options(fixed={"E": 1.7}, tied=(("alpha", "beta"),))
    assert free_constants(replace(dense_fit, options=options)) == 3


def test_aicc_needs_more_rows_than_constants(dense_fit):
    aicc, bic = criteria(dense_fit, n_eff=7.0)
    assert aicc == np.inf
    assert np.isfinite(bic)
    aicc, bic = criteria(dense_fit, n_eff=40.0)
    assert aicc == pytest.approx(deviance(dense_fit) + 12 + 84 / 33)
    assert bic == pytest.approx(deviance(dense_fit) + 6 * np.log(40))


def test_undefined_criteria_are_said():
    runs = p2law.datasets.load("mini-pruning", method="2:4")
    found = compare(["p2", "p2_log_rate"], runs, min_tokens=3e5)
    assert "AICc is undefined: there are more constants than effective rows" in found.summary()
    assert found.effective_rows < 9
    assert found.preferred == ()


@pytest.mark.parametrize(
    ("laws", "message"),
    [
        (["p2"], "two laws or more"),
        (["p2", "p2"], "of different names"),
        (["average_params", "chinchilla"], "no law can be fitted. average_params: column 'N_avg' is missing"),
    ],
)
def test_bad_input_ends_in_a_sentence(pruned, laws, message):
    with pytest.raises(p2law.DataError, match=message):
        compare(laws, pruned)


def test_laws_of_different_columns_are_refused(dense):
    @p2law.law(title="Score", response="score")
    def score(N, *, A: p2law.laws.Real):
        return A + 0 * N

    with pytest.raises(p2law.DataError, match="predict different columns"):
        compare(["chinchilla", score], dense)
