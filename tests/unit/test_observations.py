"""The table: what is accepted, and how everything else is refused with column, row, value and remedy."""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.data.observations import observe

CHINCHILLA, P2 = p2law.laws.get("chinchilla"), p2law.laws.get("p2")


def with_value(frame: pd.DataFrame, column: str, value) -> pd.DataFrame:
    """The table with one cell, in the row labelled 3, replaced."""
    column_values = frame[column].astype(object)
    column_values.loc[3] = value
    return frame.assign(**{column: column_values if isinstance(value, str) else column_values.astype(float)})


BAD_CELLS = [
    ("loss", np.nan, r"nan is not a finite number; drop or repair"),
    ("loss", np.inf, r"inf is not a finite number; drop or repair"),
    ("loss", 0.0, r"0 is not positive; losses are in nats per token"),
    ("loss", -1.5, r"-1.5 is not positive; losses are in nats per token"),
    ("loss", "diverged", r"'diverged' is not a number. Convert"),
    ("N0", -7e9, r"-7e\+09 is not positive"),
    ("N0", 7.0, r"7 is too small for a parameter count; N0 counts single parameters: multiply by 1e9 if"),
    ("N0", "7B", r"'7B' is not a number.*p2law.read understands '7B'"),
    ("D", 0.0, r"0 is not positive; drop the rows at zero tokens"),
    ("rho", 0.0, r"0 is not strictly between 0 and 1; .*leave out unpruned \(control\) rows, or fit with baseline"),
    ("rho", 1.0, r"1 is not strictly between 0 and 1; rho is the fraction"),
    ("rho", 25.0, r"25 is not strictly between 0 and 1; rho is a fraction: divide percentages by 100"),
    ("rho", np.nan, r"nan is not a finite number"),
    ("L0", np.nan, r"nan is not a finite number"),
    ("L0", -2.0, r"-2 is not positive; losses are in nats per token"),
]


@pytest.mark.parametrize(("column", "value", "message"), BAD_CELLS)
def test_bad_cell_is_refused_with_column_row_value_and_remedy(pruned, column, value, message):
    with pytest.raises(p2law.DataError, match=f"column '{column}', row 3: {message}"):
        p2law.fit("p2", with_value(pruned, column, value))


def test_row_is_named_by_its_label_and_others_are_counted(dense):
    table = dense.sample(frac=1, random_state=0)
    table.loc[[10, 20, 30], "loss"] = np.nan
    with pytest.raises(p2law.DataError, match=r"column 'loss', row (10|20|30): nan .* \(3 such rows\)"):
        p2law.fit("chinchilla", table)


BAD_COLUMNS = [
    ({"N": True}, r"column 'N', row 0: True is not a number"),
    ({"N": "1000000"}, r"column 'N'.*'1000000'.*[Cc]onvert"),
    ({"loss": 2 + 1j}, r"column 'loss'"),
    ({"weight": -1.0}, r"column 'weight', row 0: -1 is not a number >= 0 \(40 such rows\)"),
    ({"weight": np.nan}, r"column 'weight', row 0: nan is not a number >= 0"),
    ({"weight": 0.0}, r"all weights are zero"),
    ({"sigma": 0.0}, r"column 'sigma', row 0: 0 is not a positive number .*; sigma is the standard error"),
    ({"sigma": 0.1, "weight": 1.0}, r"both 'weight' and 'sigma': keep one"),
    ({"run": None}, r"column 'run', row 0: the run has no name"),
]


@pytest.mark.parametrize(("columns", "message"), BAD_COLUMNS, ids=str)
def test_bad_column_is_refused(dense, columns, message):
    with pytest.raises(p2law.DataError, match=message):
        p2law.fit("chinchilla", dense.assign(**columns))


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("L0", r"L0 is the loss of the unpruned parent"),
        ("rho", r"rho is the fraction of parameters removed"),
        ("N0", r"N0 is the parameter count before pruning"),
        ("D", r"pass columns=\{'D': '<its name>'\}"),
        ("loss", r"pass columns=\{'loss': '<its name>'\}"),
    ],
)
def test_missing_column_is_named_with_what_it_means(pruned, column, hint):
    with pytest.raises(p2law.DataError, match=rf"column '{column}' is missing: the law p2 needs it.*{hint}"):
        p2law.fit("p2", pruned.drop(columns=column))


OPTIONS = [
    ({"run": "curve"}, r"run='curve' is not a column of the table"),
    ({"weights": "importance"}, r"column 'importance' is missing: weights='importance' was asked for"),
    ({"weights": [1.0, 2.0]}, r"weights have shape \(2,\), the table has 40 rows"),
    ({"columns": {"N": "params"}}, r"columns= names \['params'\], which the table lacks"),
    ({"min_tokens": 1e15}, r"min_tokens=1e\+15 leaves no row: the largest D is 1e\+11"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=str)
def test_option_that_does_not_fit_the_table_is_refused(dense, options, message):
    with pytest.raises(p2law.DataError, match=message):
        p2law.fit("chinchilla", dense, **options)


def test_fewer_rows_than_parameters_are_refused(dense):
    with pytest.raises(
        p2law.DataError, match=r"4 rows cannot determine the 5 free parameters of chinchilla: give more"
    ):
        p2law.fit("chinchilla", dense.head(4))
    assert p2law.fit("chinchilla", dense.head(4), tied=[("alpha", "beta")]).n == 4


def test_rows_without_weight_do_not_count(dense):
    weight = np.where(np.arange(len(dense)) < 4, 1.0, 0.0)
    with pytest.raises(p2law.DataError, match=r"4 rows cannot determine the 5 free parameters"):
        p2law.fit("chinchilla", dense, weights=weight)


@pytest.mark.parametrize(("table", "message"), [({}, "empty"), (7, "cannot read a table from int")])
def test_what_is_no_table_is_refused(table, message):
    with pytest.raises(p2law.DataError, match=message):
        p2law.fit("chinchilla", table)


def test_repeated_column_is_refused(dense):
    with pytest.raises(p2law.DataError, match=r"column 'loss' appears 2 times"):
        p2law.fit("chinchilla", pd.concat([dense, dense["loss"]], axis=1))


def as_arrays(table):
    return {name: table[name].to_numpy() for name in table}


def as_lists(table):
    return {name: table[name].tolist() for name in table}


def as_nullable(table):
    return table.convert_dtypes()


def as_objects(table):
    return table.astype(object)


def as_foreign(table):
    """A table of another library that knows ``to_pandas``."""
    return type("Foreign", (), {"to_pandas": lambda self: table})()


@pytest.mark.parametrize("form", [as_arrays, as_lists, as_nullable, as_objects, as_foreign])
def test_many_kinds_of_table_give_the_same_fit(dense, dense_fit, form):
    assert p2law.fit("chinchilla", form(dense)).objective_value == dense_fit.objective_value


def test_columns_are_renamed_on_the_way(dense, dense_fit):
    theirs = dense.rename(columns={"N": "params", "D": "tokens"}).assign(N="unused")
    fit = p2law.fit("chinchilla", theirs, columns={"N": "params", "D": "tokens"})
    assert fit.objective_value == dense_fit.objective_value


def test_renaming_may_move_a_name_to_another_column(pruned, pruned_fit):
    theirs = pruned.rename(columns={"L0": "loss", "loss": "final"})
    fit = p2law.fit("p2", theirs, columns={"L0": "loss", "loss": "final"})
    assert fit.objective_value == pruned_fit.objective_value


def test_missing_values_of_nullable_columns_are_found(dense):
    table = dense.astype({"N": "Float64"})
    table.loc[3, "N"] = pd.NA
    with pytest.raises(p2law.DataError, match=r"column 'N', row 3: nan is not a finite number"):
        p2law.fit("chinchilla", table)


def test_sigma_weighs_by_inverse_variance(dense):
    sigma = np.linspace(0.001, 0.01, len(dense))
    by_sigma = observe(CHINCHILLA, dense.assign(sigma=sigma)).weight
    np.testing.assert_allclose(by_sigma, (np.median(sigma) / sigma) ** 2)


@pytest.mark.parametrize("form", [list, tuple, pd.Series, np.asarray])
def test_weights_may_be_any_array(dense, form):
    weight = np.linspace(0.5, 2.0, len(dense))
    by_column = p2law.fit("chinchilla", dense.assign(w=weight), weights="w")
    assert p2law.fit("chinchilla", dense, weights=form(weight)).objective_value == by_column.objective_value


def test_min_tokens_leaves_rows_out_and_counts_them(pruned):
    seen = observe(P2, pruned, min_tokens=1e7)
    assert seen.frame["D"].min() >= 1e7
    assert seen.dropped == (pruned["D"] < 1e7).sum()
    assert "left out" in p2law.fit("p2", pruned, min_tokens=1e7).summary()


def test_rows_are_their_own_runs_unless_named(dense, pruned):
    assert observe(CHINCHILLA, dense).run_count == len(dense)
    assert observe(P2, pruned).run_count == 16
    assert observe(P2, pruned, run="rho").run_count == 4


def test_the_callers_table_is_left_alone(pruned):
    before = pruned.copy()
    p2law.fit("p2", pruned, columns={"L0": "L0"}, weights=np.ones(len(pruned)), min_tokens=1e7)
    pd.testing.assert_frame_equal(pruned, before)


def test_later_changes_of_the_callers_table_do_not_reach_the_fit(dense):
    fit = p2law.fit("chinchilla", dense)
    before = fit.residuals.copy()
    dense.loc[0, "loss"] = 99.0
    dense["note"] = "changed"
    assert "note" not in fit.table
    assert fit.observations.response[0] != 99.0
    np.testing.assert_array_equal(p2law.Fit.from_json(fit.to_json()).residuals, before)


NAMES = {
    "numbers and text": lambda code: code if code % 2 else str(code),
    "tuples": lambda code: (code, "width"),
    "the same text": lambda code: code // 2 if code % 2 else str(code // 2),
}


@pytest.mark.parametrize("kind", NAMES)
def test_run_names_may_be_of_any_kind(dense, kind):
    codes = np.arange(len(dense)) // 4
    names = pd.Series([NAMES[kind](code) for code in codes.tolist()], index=dense.index, dtype=object)
    rows = observe(CHINCHILLA, dense.assign(run=names))
    assert len(np.unique(rows.run)) == codes.max() + 1
    np.testing.assert_array_equal(pd.factorize(rows.run)[0], codes)


def test_fits_and_intervals_do_not_depend_on_how_runs_are_named(dense):
    codes = (np.arange(len(dense)) // 4).tolist()
    named = dense.assign(run=pd.Series([(code, "a") for code in codes], index=dense.index, dtype=object))
    ends = [p2law.fit("chinchilla", t).intervals()["upper"] for t in (dense.assign(run=codes), named)]
    np.testing.assert_allclose(*ends, rtol=1e-6)


def test_a_list_is_no_name(dense):
    lists = pd.Series([[1]] * len(dense), index=dense.index, dtype=object)
    with pytest.raises(p2law.DataError, match=r"column 'run', row 0: \[1\] is no name"):
        observe(CHINCHILLA, dense.assign(run=lists))


def test_run_names_of_one_kind_stay_as_they_are(dense):
    for names in (np.arange(len(dense)), [f"r{i}" for i in range(len(dense))]):
        assert observe(CHINCHILLA, dense.assign(run=names)).run.tolist() == list(names)


@pytest.mark.parametrize("unit", [1e6, 1e9])
def test_tokens_in_millions_or_billions_are_refused(pruned, unit):
    with pytest.raises(p2law.DataError, match=r"column 'D': the largest value is .*counts single tokens.* by 1e9"):
        p2law.fit("p2", pruned.assign(D=pruned["D"] / pruned["D"].max() * 9e9 / unit))


def test_a_log_may_begin_with_few_tokens(pruned):
    first = pruned["D"].to_numpy().copy()
    first[0] = 512.0
    assert observe(P2, pruned.assign(D=first)).columns["D"][0] == 512
