"""MLflow's two stores: the same curves, runs told apart, what was deleted left out."""

import sqlite3
import sys
from contextlib import closing

import numpy as np
import pytest

import p2law

STEPS, TRAIN, LOSSES = [50, 100, 150], [3.25, 3.0, 2.5], [3.125, 2.96875, 2.875]
DELETED = "deleted"
"""The name of a deleted experiment; all runs are named "a"."""


def database(folder, experiments):
    """The tables of MLflow 3, as far as they matter."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT, lifecycle_stage TEXT)")
        store.execute("CREATE TABLE runs (run_uuid, name, start_time, lifecycle_stage, experiment_id INTEGER)")
        store.execute("CREATE TABLE metrics (key, value FLOAT, timestamp, run_uuid, step, is_nan BOOLEAN)")
        for number, (experiment, curves) in enumerate(experiments.items()):
            stage = "deleted" if experiment == DELETED else "active"
            store.execute("INSERT INTO experiments VALUES (?, ?, ?)", (number, experiment, stage))
            for index, losses in enumerate(curves):
                run = f"{number}{index}abcdef0123456789"
                store.execute("INSERT INTO runs VALUES (?, 'a', ?, 'active', ?)", (run, index, number))
                store.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows(run, losses))
    return folder / "mlflow.db"


def rows(run, losses):
    """Numbers that are not finite are kept as MLflow keeps them."""
    for metric, values in {"train/loss": TRAIN, "eval/loss": losses}.items():
        for time, (step, value) in enumerate(zip(STEPS, values, strict=False)):
            finite = 0.0 if np.isnan(value) else min(value, sys.float_info.max)
            yield metric, finite, time, run, step, bool(np.isnan(value))


def folder(folder, experiments):
    """The files of MLflow 2."""
    store = folder / "mlruns"
    write(store / "0" / "meta.yaml", "experiment_id: '0'", "name: Default")
    for number, (experiment, curves) in enumerate(experiments.items()):
        where = store / (".trash" if experiment == DELETED else "") / f"10{number}"
        write(where / "meta.yaml", f"experiment_id: '10{number}'", f"name: {experiment}")
        for index, losses in enumerate(curves):
            run = where / f"{number}{index}abcdef0123456789"
            write(run / "meta.yaml", "lifecycle_stage: active", f"start_time: {index}")
            write(run / "tags" / "mlflow.runName", "a")
            for metric, values in {"train/loss": TRAIN, "eval/loss": losses}.items():
                lines = zip(range(3), values, STEPS, strict=False)
                write(run / "metrics" / metric, *(" ".join(map(str, line)) for line in lines))
    return store


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))


both = pytest.mark.parametrize("store", [database, folder])


@both
def test_a_store_gives_the_curve(tmp_path, store):
    log = store(tmp_path, {"tries": [LOSSES]})
    read = p2law.read(log, tokens_per_step=1000)
    assert read["run"].tolist() == ["a"] * 3
    assert read["D"].tolist() == [50_000, 100_000, 150_000]
    assert read["loss"].tolist() == LOSSES
    assert p2law.read(log, tokens_per_step=1000, metric="train/loss")["loss"].tolist() == TRAIN


def test_an_experiment_or_a_run_of_a_folder_is_a_store_too(tmp_path):
    experiment = folder(tmp_path, {"tries": [LOSSES]}) / "100"
    for part in (experiment, next(experiment.glob("00*"))):
        assert p2law.read(part, tokens_per_step=1)["loss"].tolist() == LOSSES


@both
@pytest.mark.parametrize(
    ("experiments", "names"),
    [
        ({"x": [[3.0]], DELETED: [[9.0]]}, ["a"]),
        ({"x": [[3.0]], "y": [[2.0]]}, ["x/a", "y/a"]),
        ({"x": [[3.0], [2.0]]}, ["a-00abcdef", "a-01abcdef"]),
    ],
    ids=["a deleted experiment", "two experiments", "two runs of a name"],
)
def test_runs_are_told_apart(tmp_path, store, experiments, names):
    assert p2law.read(store(tmp_path, experiments), tokens_per_step=1)["run"].tolist() == names


@both
def test_losses_that_are_not_finite_stay_so(tmp_path, store):
    log = store(tmp_path, {"x": [[2.0, np.nan, np.inf]]})
    np.testing.assert_array_equal(p2law.read(log, tokens_per_step=1)["loss"], [2.0, np.nan, np.inf])


def test_deleted_runs_are_left_out(tmp_path):
    experiments = {"x": [[2.0], [3.0]]}
    logs = database(tmp_path, experiments), folder(tmp_path, experiments)
    with closing(sqlite3.connect(logs[0])) as store, store:
        store.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE start_time = 0")
    meta = next(logs[1].glob("100/00*/meta.yaml"))
    meta.write_text(meta.read_text().replace("active", "deleted"))
    for log in logs:
        assert p2law.read(log, tokens_per_step=1)["loss"].tolist() == [3.0]


def test_other_databases_and_broken_lines_are_refused(tmp_path):
    (tmp_path / "other.db").write_text("not a database")
    with pytest.raises(p2law.DataError, match=r"'other.db' is no database of MLflow: file is not a database"):
        p2law.read(tmp_path / "other.db", tokens_per_step=1)
    store = folder(tmp_path, {"x": [LOSSES]})
    write(next(store.glob("100/00*/metrics/eval/loss")), "1 2.0 50", "1 2.0")
    with pytest.raises(p2law.DataError, match=r"'eval/loss' of run 'a', line 2: '1 2.0' is not time, value and step"):
        p2law.read(store, tokens_per_step=1)
