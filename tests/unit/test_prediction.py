"""Prediction: at rows, at keywords, and a warning for what lies outside."""

import warnings

import numpy as np
import pytest

import p2law


def test_keywords_are_broadcast_together(dense_fit):
    tokens = np.array([1e9, 1e10])
    predicted = dense_fit.predict(N=1e9, D=tokens)
    assert predicted.shape == (2,)
    assert predicted[0] == dense_fit.predict(N=1e9, D=1e9)
    assert isinstance(dense_fit.predict(N=1e9, D=1e9), float)


@pytest.mark.parametrize("form", [lambda t: t, lambda t: t.to_dict("list"), lambda t: t.iloc[::-1]])
def test_rows_come_back_in_order(dense, dense_fit, form):
    table = form(dense)
    np.testing.assert_array_equal(dense_fit.predict(table), dense_fit.law(table["N"], table["D"], **dense_fit.params))


def test_rows_need_no_loss(dense, dense_fit):
    np.testing.assert_array_equal(dense_fit.predict(dense.drop(columns="loss")), dense_fit.fitted)


def test_path_may_be_given(dense, dense_fit, tmp_path):
    dense.to_csv(tmp_path / "rows.csv", index=False)
    np.testing.assert_allclose(dense_fit.predict(tmp_path / "rows.csv"), dense_fit.fitted, rtol=1e-12)


def test_result_is_the_callers_to_change(dense, dense_fit):
    dense_fit.predict(dense)[0] = 0.0
    assert dense_fit.fitted[0] > 0


REFUSED = [
    ({}, r"give either a table or columns by keyword"),
    ({"N": 1e9, "D": 1e9, "rho": 0.5}, r"chinchilla has no column 'rho'; its columns are D, N"),
    ({"N": 1e9}, r"column 'D' is missing"),
    ({"N": 7.0, "D": 1e9}, r"column 'N', row 0: 7 is too small for a parameter count"),
    ({"N": 1e9, "D": [1e9, np.nan]}, r"column 'D', row 1: nan is not a finite number"),
    ({"N": [1e8, 1e9], "D": [1e9, 1e9, 1e9]}, r"the columns do not go together: shapes"),
    ({"N": "7B", "D": 1e9}, r"N"),
]


@pytest.mark.parametrize(("columns", "message"), REFUSED, ids=str)
def test_impossible_rows_are_refused(dense_fit, columns, message):
    with pytest.raises(p2law.DataError, match=message):
        dense_fit.predict(**columns)


def test_table_and_keywords_together_are_refused(dense, dense_fit):
    with pytest.raises(p2law.DataError, match="either a table or columns"):
        dense_fit.predict(dense, N=1e9)


def test_columns_of_a_table_may_be_renamed(dense, dense_fit):
    theirs = dense.rename(columns={"N": "params"})
    np.testing.assert_array_equal(dense_fit.predict(theirs, columns={"N": "params"}), dense_fit.fitted)


def test_inside_the_range_nothing_is_said(dense_fit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dense_fit.predict(N=[1e7, 1e10], D=[1e8, 1e11])


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ({"N": 8e10, "D": 1e9}, r"N = 80B is 8× the largest fitted value \(10B\)\."),
        ({"N": 1e6, "D": 1e9}, r"N = 1M is 10× below the smallest fitted value \(10M\)\."),
        ({"N": [1e9, 2e10, 4e10], "D": 1e9}, r"N = 40B is 4× the largest"),
        ({"N": 2e10, "D": 5e11}, r"N = 20B is 2× the largest .*; D = 500B is 5× the largest"),
    ],
)
def test_outside_the_range_every_variable_is_named_with_its_factor(dense_fit, at, said):
    with pytest.warns(p2law.ExtrapolationWarning, match=f"Extrapolation with chinchilla: {said}"):
        dense_fit.predict(**at)


def test_warning_points_at_the_callers_line(dense_fit):
    with pytest.warns(p2law.ExtrapolationWarning) as caught:
        dense_fit.predict(N=8e10, D=1e9)
    assert caught[0].filename == __file__


def test_loss_of_a_better_parent_is_no_extrapolation(pruned_fit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pruned_fit.predict(N0=1e9, D=1e8, rho=0.3, L0=1.5)


def test_predictions_beyond_the_compiled_size_agree(dense_fit):
    sizes = np.geomspace(1e7, 1e10, 1000)
    expected = dense_fit.law(sizes, 1e10, **dense_fit.params)
    np.testing.assert_array_equal(dense_fit.predict(N=sizes, D=1e10), expected)


@pytest.fixture(scope="module")
def isoflop_fit():
    """Two budgets, with the large models on few tokens: the corner of large models and many tokens is empty."""
    size, budget = (each.ravel() for each in np.meshgrid(np.geomspace(1e8, 1e10, 6), [1e20, 1e21]))
    table = {"N": size, "D": budget / (6 * size)}
    truth = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.339, "beta": 0.285}
    return p2law.fit("chinchilla", {**table, "loss": p2law.laws.get("chinchilla")(table["N"], table["D"], **truth)})


def test_more_compute_than_any_run_had_is_said(isoflop_fit):
    with pytest.warns(p2law.ExtrapolationWarning, match=r"C = 6 N D = 1e\+23 is 100× the largest .* \(1e\+21\)"):
        isoflop_fit.predict(N=1e10, D=1e23 / 6e10)
    with pytest.warns(p2law.ExtrapolationWarning, match=r"C = 6 N D = 1e\+18 is 100× below .* \(1e\+20\)"):
        isoflop_fit.predict(N=1e8, D=1e18 / 6e8)
    assert "C 100× outside the fitted range" in p2law.compute_optimal(isoflop_fit, 1e23).status
    assert p2law.compute_optimal(isoflop_fit, 5e20).status == "inside the fitted range"


def test_compute_is_not_said_where_its_factors_say_it(dense_fit):
    seen = dense_fit.observations.columns
    with pytest.warns(p2law.ExtrapolationWarning) as caught:
        dense_fit.predict(N=2 * seen["N"].max(), D=2 * seen["D"].max())
    assert "C = " not in str(caught[0].message)


def test_a_column_named_as_compute_keeps_its_own_range(dense):
    @p2law.law(title="with a column C")
    def own(N: p2law.laws.Params, D: p2law.laws.Tokens, C: p2law.laws.Number, *, E: p2law.laws.Amplitude):
        return E + 0.0 * (N + D + C)

    fit = p2law.fit(own, dense.assign(C=np.linspace(1, 2, len(dense))))
    seen = fit.observations.columns
    with pytest.warns(p2law.ExtrapolationWarning, match=r"C = 6 is 3× the largest fitted value \(2\)"):
        fit.predict(N=seen["N"].max(), D=seen["D"].max(), C=6.0)
