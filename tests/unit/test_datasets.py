"""The bundled curves and their data cards."""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.data import datasets


@pytest.mark.parametrize("name", datasets.names())
def test_every_set_loads_and_has_a_card(name):
    everything, ready = datasets.load(name, rows="all"), datasets.load(name)
    assert 0 < len(ready) < len(everything)
    assert np.all(everything["loss"] > 0)
    card = datasets.describe(name)
    assert all(f"`{column}`" in card for column in everything.columns)


def test_rows_ready_to_fit_hold_one_phase_and_no_control():
    ready = datasets.load("mini-pruning")
    assert set(ready["phase"]) == {"const"}
    assert "control" not in set(ready["method"])
    assert set(datasets.load("mini-dense")["phase"]) == {"decayed"}


def test_rows_are_chosen_by_column():
    width = datasets.load("mini-pruning", method="width", seed=0)
    assert set(width["method"]) == {"width"}
    assert list(width.index) == list(range(len(width)))


def test_loaded_table_is_the_callers_own():
    table = datasets.load("mini-dense")
    table["loss"] = 0.0
    assert datasets.load("mini-dense")["loss"].min() > 0


def test_dense_runs_are_fitted_by_chinchilla():
    fit = p2law.fit("chinchilla", datasets.load("mini-dense"), columns={"N": "N_nonemb"})
    assert fit.converged
    assert fit.metrics["r2"] > 0.97


def test_end_points_of_sparse_runs_are_near_the_law_of_dense_ones():
    """Figures of the data card."""
    dense, sparse = (datasets.load("mini-sparse-pretraining", kind=kind) for kind in ("dense", "sparse"))
    assert (len(dense), len(sparse)) == (12, 20)
    assert (sparse["N_avg"] / sparse["N_plan"] - 1).abs().max() < 0.006
    fit = p2law.fit("average_params", dense)
    with pytest.warns(p2law.ExtrapolationWarning):
        bounds = fit.predict_interval(sparse, kind="new")
    assert (bounds["lower"].to_numpy() < sparse["loss"]).all()
    assert (bounds["upper"].to_numpy() > sparse["loss"]).all()
    sparse = sparse[(sparse["start"] == 0.25) & (sparse["end"] == 0.75)]
    assert fit.metrics["rmse"] == pytest.approx(0.0116, abs=5e-4)
    with pytest.warns(p2law.ExtrapolationWarning):
        rms = {
            column: ((fit.predict(sparse.assign(N_avg=sparse[column])) - sparse["loss"]) ** 2).mean() ** 0.5
            for column in ("N_avg", "N", "N0")
        }
    assert rms == pytest.approx({"N_avg": 0.0194, "N": 0.0095, "N0": 0.0466}, abs=2e-3)


def test_pruned_curves_stand_beside_curves_from_scratch():
    curves = datasets.load("mini-prune-vs-scratch")
    assert set(curves["kind"]) == {"pruned", "scratch"}
    ends = datasets.load("mini-prune-vs-scratch", rows="all", phase="decayed").set_index("run")["loss"]
    names = [run for run in ends.index if f"{run}-scratch" in ends.index]
    assert len(names) == 12
    assert all(ends[run] < ends[f"{run}-scratch"] for run in names)
    assert sum(ends[run] > ends[f"{run}-scratch-256000"] for run in names) == 11
    child, twin = (
        p2law.fit("power", curves[curves["run"] == run], min_tokens=6e3)
        for run in ("w64-depth-0.75-s0", "w64-depth-0.75-s0-scratch-256000")
    )
    assert p2law.crossover(child, twin).status.startswith("pruned has lower predicted loss throughout the range")


def test_controls_may_be_rows_or_a_column():
    table = datasets.load("mini-pruning", rows="all").query("phase == 'const' and method in ('width', 'control')")
    rows = p2law.fit("p2", table.drop(columns="L_control"), baseline="control", min_tokens=3e5)
    column = p2law.fit("p2", table, baseline="control", min_tokens=3e5)
    assert rows.n == column.n
    np.testing.assert_allclose(rows.table["L0"], column.table["L0"], atol=2e-3)


def test_bundled_tables_are_those_measured(shared_table):
    for name, theirs in (("mini-pruning", "pruned_curves"), ("mini-dense", "dense_curves")):
        ours = datasets.load(name, rows="all")
        pd.testing.assert_frame_equal(ours, shared_table(theirs)[ours.columns])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.load("maxi"), r"no data set 'maxi'; there are mini-pruning, mini-dense"),
        (lambda: datasets.describe("maxi"), r"no data set 'maxi'"),
        (lambda: datasets.load("mini-dense", rows="some"), r"rows='some': choose 'fit' or 'all'"),
        (lambda: datasets.load("mini-pruning", kind="width"), r"mini-pruning has no column 'kind'; it has run, family"),
        (lambda: datasets.load("mini-pruning", method="wide"), r"no method = 'wide'; it has .*width"),
    ],
)
def test_what_is_not_there_is_refused(call, message):
    with pytest.raises(p2law.DataError, match=message):
        call()
