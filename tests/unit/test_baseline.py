"""baseline="control": the excess measured from the unpruned parent at the same tokens."""

import numpy as np
import pandas as pd
import pytest

import p2law

P2 = p2law.laws.get("p2")
TRUTH = {"N_C": 20.0, "alpha": 0.3, "D_C": 250.0, "beta": 0.4, "E": 0.4, "gamma": -1.3, "delta": 0.05}


def control_loss(table: pd.DataFrame) -> pd.Series:
    """The parent goes on improving by 0.01 nats per e-fold of tokens."""
    return table["L0"] - 0.01 * np.log(table["D"] / 1e6)


@pytest.fixture
def moving(pruned) -> pd.DataFrame:
    """Exact P² curves above a parent that keeps moving; its loss is column L_control."""
    table = pruned.assign(L_control=control_loss(pruned))
    loss = P2(table["N0"], table["D"], table["rho"], table["L_control"], **TRUTH)
    return table.assign(loss=loss * (1 + 1e-4 * np.sin(np.arange(len(table)))))


@pytest.fixture
def with_rows(moving) -> pd.DataFrame:
    """The same, with the control given as rows at other tokens; a loss linear in log D interpolates exactly."""
    sizes = moving.drop_duplicates("N0")
    tokens = pd.DataFrame({"D": np.geomspace(5e5, 2e9, 5)})
    control = sizes.drop(columns="D").merge(tokens, how="cross").assign(rho=0.0, run="control")
    control["loss"] = control_loss(control)
    return pd.concat([moving, control], ignore_index=True).drop(columns="L_control")


@pytest.fixture
def control_fit(moving) -> p2law.Fit:
    return p2law.fit("p2", moving, baseline="control")


def test_column_takes_the_place_of_the_fixed_loss(moving, control_fit):
    by_hand = p2law.fit("p2", moving.assign(L0=moving["L_control"]))
    assert control_fit.objective_value == by_hand.objective_value
    assert control_fit.metrics["rmse"] < 0.1 * p2law.fit("p2", moving).metrics["rmse"]
    assert "the control's at equal tokens" in control_fit.summary()


def test_control_rows_are_interpolated_in_log_tokens_and_left_out(with_rows, control_fit):
    fit = p2law.fit("p2", with_rows, baseline="control")
    assert fit.n == control_fit.n
    np.testing.assert_allclose(fit.table["L0"], control_loss(with_rows[with_rows["rho"] > 0]), rtol=1e-12)
    np.testing.assert_allclose(fit.fitted, control_fit.fitted, rtol=1e-9)


def test_control_rows_at_equal_tokens_are_averaged(with_rows):
    control = with_rows[with_rows["rho"] == 0]
    seeds = [control.assign(loss=control["loss"] + shift) for shift in (-0.02, 0.02)]
    table = pd.concat([with_rows[with_rows["rho"] > 0], *seeds])
    one, two = (p2law.fit("p2", t, baseline="control") for t in (with_rows, table))
    np.testing.assert_allclose(two.fitted, one.fitted, rtol=1e-9)


def test_minimum_tokens_apply_before_the_control_is_asked(with_rows, control_fit):
    start = with_rows.head(1).assign(D=0.0)
    fit = p2law.fit("p2", pd.concat([start, with_rows], ignore_index=True), baseline="control", min_tokens=1e5)
    assert fit.n == control_fit.n


def test_minimum_tokens_leave_the_control_whole(with_rows):
    fit = p2law.fit("p2", with_rows, baseline="control", min_tokens=1e7)
    below = with_rows[(with_rows["rho"] > 0) & (with_rows["D"] < 1e7)]
    assert fit.table["D"].min() >= 1e7
    assert fit.observations.dropped == len(below)


CONTROL_ERRORS = [
    (lambda t: t[t["rho"] > 0], r"needs the unpruned control's loss: a column 'L_control'.*or control rows.*rho = 0"),
    (lambda t: t[(t["rho"] > 0) | (t["N0"] > 1e8)], r"no control run for N0 = 1e\+08: post-train.*or drop this size"),
    (lambda t: t[(t["rho"] > 0) | (t["D"] < 1e9)], r"column 'D', row 6: 3.72759e\+08 lies outside the.*carry the con"),
]


@pytest.mark.parametrize(("cut", "message"), CONTROL_ERRORS)
def test_missing_control_is_named(with_rows, cut, message):
    with pytest.raises(p2law.DataError, match=message):
        p2law.fit("p2", cut(with_rows), baseline="control")


@pytest.mark.parametrize("column", ["N0", "D", "loss"])
def test_missing_column_is_named_with_control_rows_too(with_rows, column):
    with pytest.raises(p2law.DataError, match=f"column '{column}' is missing"):
        p2law.fit("p2", with_rows.drop(columns=column), baseline="control")


@pytest.mark.parametrize("column", ["N0", "D", "loss"])
def test_text_is_refused_with_control_rows_too(with_rows, column):
    text = with_rows[column].astype(object)
    text.loc[3] = "many"
    with pytest.raises(p2law.DataError, match=f"column '{column}', row 3: 'many' is not a number"):
        p2law.fit("p2", with_rows.assign(**{column: text}), baseline="control")


def test_bad_control_value_is_named_as_such(moving):
    moving.loc[3, "L_control"] = np.nan
    with pytest.raises(p2law.DataError, match=r"column 'L_control', row 3: nan"):
        p2law.fit("p2", moving, baseline="control")


def test_law_without_a_baseline_has_no_control(dense):
    with pytest.raises(p2law.DataError, match=r"needs a law with a baseline loss such as L0; chinchilla has none"):
        p2law.fit("chinchilla", dense, baseline="control")


def test_prediction_asks_for_the_control(control_fit):
    with pytest.raises(p2law.DataError, match=r"give L_control .* or control=<fit of law 'power'.*L0 before .* not"):
        control_fit.predict(N0=1e9, D=1e8, rho=0.3, L0=2.4)


def test_prediction_takes_the_control_as_a_column(moving, control_fit):
    np.testing.assert_array_equal(control_fit.predict(moving), control_fit.fitted)
    row = moving.iloc[0]
    predicted = control_fit.predict(N0=row["N0"], D=row["D"], rho=row["rho"], L_control=row["L_control"])
    assert predicted == control_fit.fitted[0]


def test_prediction_takes_the_control_as_a_fit(control_fit):
    tokens = np.geomspace(1e6, 1e9, 20)
    curve = p2law.fit("power", {"D": tokens, "loss": 2.3 + 5 * tokens**-0.3})
    by_fit = control_fit.predict(N0=1e9, D=tokens, rho=0.3, control=curve)
    by_column = control_fit.predict(N0=1e9, D=tokens, rho=0.3, L_control=curve.fitted)
    np.testing.assert_allclose(by_fit, by_column, rtol=1e-12)


def test_control_fit_that_needs_other_columns_is_refused(control_fit, dense_fit):
    with pytest.raises(p2law.DataError, match="'N'"):
        control_fit.predict(N0=1e9, D=1e9, rho=0.3, control=dense_fit)


def test_control_fit_survives_json(control_fit):
    loaded = p2law.Fit.from_json(control_fit.to_json())
    assert loaded.baseline == "control"
    np.testing.assert_array_equal(loaded.fitted, control_fit.fitted)
