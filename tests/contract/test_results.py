"""What a fit of any law offers: report, table, JSON, prediction inside and outside its range."""

import numpy as np
import pandas as pd
import pytest

import p2law


def test_fit_converges_and_starts_agree(fit):
    assert fit.converged, fit.status
    assert fit.starts_agreed[0] >= 3


def test_text_and_html_name_the_law_and_its_status(law, fit):
    for report in (fit.summary(), fit._repr_html_()):
        assert law.title in report
        assert fit.status in report
        assert all(p.name in report for p in law.parameters)


def test_frame_holds_every_constant_with_its_error(law, fit):
    frame = fit.to_frame()
    assert list(frame.index) == [p.name for p in law.parameters]
    assert list(frame["value"]) == list(fit.params.values())
    assert np.all(frame["standard_error"] > 0)
    assert set(frame["treatment"]) == {"free"}


def test_json_round_trip_is_exact_to_the_last_bit(fit, tmp_path):
    fit.to_json(tmp_path / "fit.json")
    loaded = p2law.Fit.from_json(tmp_path / "fit.json")
    assert dict(loaded.params) == dict(fit.params)
    assert (loaded.objective, loaded.objective_value) == (fit.objective, fit.objective_value)
    assert (loaded.status, loaded.warnings, loaded.starts_agreed) == (fit.status, fit.warnings, fit.starts_agreed)
    assert dict(loaded.standard_errors) == dict(fit.standard_errors)
    np.testing.assert_array_equal(loaded.residuals, fit.residuals)
    pd.testing.assert_frame_equal(loaded.table[fit.table.columns], fit.table, check_exact=True)
    assert loaded.to_json() == fit.to_json()


def test_prediction_at_the_fitted_rows_gives_the_fitted_values(fit, table):
    np.testing.assert_array_equal(fit.predict(table), fit.fitted)


def test_prediction_by_keyword_gives_one_number(law, fit, table):
    row = {v.name: table[v.name].iloc[0] for v in law.variables}
    assert fit.predict(**row) == fit.fitted[0]
    assert isinstance(fit.predict(**row), float)


def test_extrapolation_warns_with_variable_and_factor(law, fit, table):
    for variable in (v.name for v in law.variables if v.kind.role != "loss"):
        row = {v.name: table[v.name].median() for v in law.variables} | {variable: 1.5 * table[variable].max()}
        with pytest.warns(p2law.ExtrapolationWarning, match=rf"{variable} = \S+ is 1\.5× the largest fitted"):
            fit.predict(**row)
