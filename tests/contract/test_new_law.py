"""A new law is one decorated function: everything else works with no other edit."""

import importlib

import numpy as np
import pandas as pd
import pytest

import p2law

SOURCE = '''
"""Chinchilla with a pruning rate, as a user would add it."""

import p2law
from p2law.laws import Amplitude, Exponent, Params, Rate, Real, Tokens


@p2law.law(title="Sparse Chinchilla", reference="made up for a test")
def sparse(N: Params, D: Tokens, rho: Rate, *, E: Amplitude, A: Amplitude, B: Amplitude,
           alpha: Exponent, beta: Exponent, kappa: Real):
    r"""Loss of a model of N parameters, a fraction rho of them removed, after D tokens.

    .. math:: L = E + A\\,N^{-\\alpha} (1 - \\rho)^{-\\kappa} + B\\,D^{-\\beta}
    """
    return E + A * N**-alpha * (1 - rho) ** -kappa + B * D**-beta
'''
TRUTH = {"E": 1.8, "A": 400.0, "B": 900.0, "alpha": 0.33, "beta": 0.29, "kappa": 0.7}


@pytest.fixture(scope="module")
def sparse(tmp_path_factory) -> p2law.Law:
    """The law, imported from a file of its own."""
    assert len(SOURCE.strip().splitlines()) <= 40
    folder = tmp_path_factory.mktemp("laws")
    (folder / "my_laws.py").write_text(SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return importlib.import_module("my_laws").sparse


@pytest.fixture(scope="module")
def table(sparse) -> pd.DataFrame:
    levels = {"N": np.geomspace(1e7, 1e10, 5), "D": np.geomspace(1e8, 1e11, 5), "rho": [0.1, 0.4, 0.7]}
    runs = pd.MultiIndex.from_product(levels.values(), names=levels.keys()).to_frame(index=False)
    noise = np.random.default_rng(2).standard_normal(len(runs))
    return runs.assign(loss=sparse(runs["N"], runs["D"], runs["rho"], **TRUTH) * np.exp(0.003 * noise))


@pytest.fixture(scope="module")
def fit(sparse, table) -> p2law.Fit:
    return p2law.fit(sparse, table)


def test_it_is_fitted_without_a_start(fit):
    assert fit.converged, fit.status
    assert fit.starts_agreed[0] >= 3
    assert not fit.warnings
    for name, value in TRUTH.items():
        assert abs(fit.params[name] - value) < 5 * fit.standard_errors[name]


def test_it_takes_every_option(sparse, table):
    fit = p2law.fit(sparse, table, tied=[("alpha", "beta")], fixed={"kappa": 0.7}, bounds={"E": (1.0, None)})
    assert fit.converged
    assert fit.params["alpha"] == fit.params["beta"]
    assert fit.params["kappa"] == 0.7


def test_it_is_reported(fit):
    for report in (fit.summary(), fit._repr_html_()):
        assert "Sparse Chinchilla" in report
        assert "kappa" in report
    assert list(fit.to_frame().index) == list(TRUTH)


def test_it_is_saved_and_loaded(sparse, fit, tmp_path):
    fit.to_json(tmp_path / "fit.json")
    loaded = p2law.Fit.from_json(tmp_path / "fit.json", law=sparse)
    assert dict(loaded.params) == dict(fit.params)
    assert dict(loaded.standard_errors) == dict(fit.standard_errors)


def test_it_predicts_and_warns_outside(sparse, fit, table):
    np.testing.assert_array_equal(fit.predict(table), fit.fitted)
    with pytest.warns(p2law.ExtrapolationWarning, match=r"rho = 0\.9 is 1\.29× the largest fitted"):
        fit.predict(N=1e9, D=1e10, rho=0.9)
    assert sparse(N=1e9, D=1e10, rho=0.5, **TRUTH) == pytest.approx(fit.predict(N=1e9, D=1e10, rho=0.5), rel=0.01)


def test_its_data_are_checked_by_the_kinds_of_its_columns(sparse, table):
    with pytest.raises(p2law.DataError, match=r"column 'rho', row 0: 1\.5 is not strictly between 0 and 1"):
        p2law.fit(sparse, table.assign(rho=1.5))


def test_what_its_data_leave_open_is_said(sparse, table):
    fit = p2law.fit(sparse, table[table["rho"] == 0.4])
    assert "kappa cannot be told from one value of rho" in " ".join(fit.warnings)


def test_it_is_plotted(fit):
    pytest.importorskip("matplotlib").use("Agg")
    assert p2law.plot.curves(fit).get_lines()
    assert p2law.plot.residuals(fit).get_xlabel()
