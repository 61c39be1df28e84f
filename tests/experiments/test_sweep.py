"""Plans and sweeps: what is refused, that nothing is lost to a kill or a failure, that the tables are right."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import count

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

import p2law
from p2law.cli.experiments import _shares
from p2law.errors import DataError
from p2law.experiments import parents, plan, table, text
from p2law.experiments import sweep as execution
from p2law.experiments.architecture import of_config
from p2law.experiments.runtime.storage import holding
from p2law.experiments.study import make_study
from p2law.experiments.sweep import sweep
from p2law.experiments.tokenize import BYTES
from p2law.schedules import PruningSchedule
from tests.experiments.models import random_parent, tiny

TRAINING = {"tokens": 20 * 4 * 16, "batch": 4, "sequence": 16, "warmup": 3, "points": 6}
PARENT = {"layers": 2, "hidden": 32, "ffn": 48, "heads": 4, "kv_heads": 2, "vocabulary": 257}


def written(folder):
    """A prepared text in a folder."""
    rng = np.random.default_rng(0)
    documents = [rng.choice([97, 98, 99, 100], size=200, p=[0.6, 0.2, 0.1, 0.1]) for _ in range(120)]
    text.prepare(documents, folder / "text", BYTES, splits={"pretrain": 0.45, "posttrain": 0.45, "validation": 0.1})
    return folder


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder with a finished sweep, what it said and its outcome."""
    folder, said = written(tmp_path_factory.mktemp("swept")), []
    return folder, said, sweep(made(folder, scratch=True), say=said.append)


def table_of(**changes):
    whole = {
        "text": "text",
        "validation_sequences": 8,
        "calibration_sequences": 8,
        "checkpoint_every": 100,
        "device": "cpu",
        "parents": [{"name": "tiny", "lr": 3e-3, "architecture": {"family": "llama", **PARENT}}],
        "pretrain": TRAINING,
        "posttrain": {**TRAINING, "lr_fraction": 0.2},
        "prune": [{"method": "ffn", "rates": [0.3]}, {"method": "magnitude", "pattern": "2:4", "rates": [0.5]}],
    }
    return whole | changes


def made(folder, **changes):
    return plan.from_mapping(table_of(**changes), folder)


def losses(outcome):
    rows = outcome.rows.drop(columns="seconds").sort_values(["run", "D"])
    return rows.reset_index(drop=True)


def test_a_sweep_leaves_tables_records_and_models(swept):
    folder, said, outcome = swept
    assert outcome.failed == {}
    assert outcome.left == ()
    assert said[0].startswith("tiny-parent: done in")
    rows = pd.read_csv(folder / "out" / "curves.csv")
    assert set(rows["kind"]) == {"parent", "control", "pruned", "scratch"}
    assert len(rows) == len(outcome.rows)
    assert not rows.duplicated(["run", "D"]).any()
    ready = pd.read_csv(folder / "out" / "pruned.csv")
    assert (ready["phase"] == "const").all()
    assert ready[["N0", "D", "rho", "L0", "L_control", "loss"]].notna().all().all()
    control = rows[rows["kind"] == "control"]
    assert (control["rho"] == 0).all()
    assert (ready["L0"] == control["loss"][control["D"] == 0].item()).all()
    assert not (folder / "out" / "runs" / "tiny-parent" / "checkpoints").exists()


def test_counts_in_the_tables_are_those_of_the_saved_models(swept):
    folder, _, outcome = swept
    rows = outcome.rows.groupby("run").first()
    for name in outcome.done:
        model = parents.load(folder / "out" / "runs" / name / "model")
        zeros = sum(int((p == 0).sum()) for n, p in model.named_parameters() if "proj" in n)
        count = parents.count(model)
        assert rows.loc[name, "N"] == count.body - zeros
        assert rows.loc[name, "N_total"] == count.total - zeros
        assert rows.loc[name, "rho"] == pytest.approx(1 - (count.body - zeros) / rows.loc[name, "N0"])
    half = parents.load(folder / "out" / "runs" / "tiny-magnitude-2of4-0.5-s0" / "model")
    for block in parents.blocks(half):
        assert (block.mlp.up_proj.weight.reshape(-1, 4) == 0).sum(1).unique().tolist() == [2]


def test_what_is_done_is_skipped(swept):
    folder, _, outcome = swept
    said = []
    again = sweep(made(folder, scratch=True), say=said.append)
    assert all(line.endswith("done before") for line in said)
    pd.testing.assert_frame_equal(losses(again), losses(outcome))


def test_the_same_plan_gives_the_same_rows(swept):
    folder, _, outcome = swept
    again = sweep(made(folder, scratch=True, out="other"))
    pd.testing.assert_frame_equal(losses(again), losses(outcome))


def test_a_failed_run_is_recorded_the_others_go_on_and_it_is_tried_again(folder, monkeypatch):
    honest = execution.prune.prune

    def failing(model, method, rate, **more):
        if method == "ffn":
            raise RuntimeError("out of memory")
        return honest(model, method, rate, **more)

    monkeypatch.setattr(execution.prune, "prune", failing)
    outcome = sweep(made(folder))
    assert outcome.failed == {"tiny-ffn-0.3-s0": "RuntimeError: out of memory"}
    assert "tiny-magnitude-2of4-0.5-s0" in outcome.done
    monkeypatch.undo()
    assert sweep(made(folder)).failed == {}


def test_children_wait_for_a_parent_that_failed(folder, monkeypatch):
    monkeypatch.setattr(execution.parents, "build", lambda *_, **__: 1 / 0)
    outcome = sweep(made(folder))
    assert list(outcome.failed) == ["tiny-parent"]
    assert "tiny-control-s0" in outcome.left


def test_a_sweep_killed_in_the_middle_goes_on_where_it_was(folder):
    """kill -9 at some step, then again: the tables are those of an undisturbed sweep."""
    (folder / "plan.json").write_text(json.dumps(table_of(checkpoint_every=1)))
    script = (
        "import json, pathlib, torch; torch.set_num_threads(1)\n"
        "from p2law.experiments import plan, sweep\n"
        f"here = pathlib.Path({str(folder)!r})\n"
        "sweep.sweep(plan.from_mapping(json.loads((here / 'plan.json').read_text()), here))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoints = folder / "out" / "runs" / "tiny-parent" / "checkpoints"

    def reached():
        return max((int(path.name) for path in checkpoints.glob("0*")), default=0)

    deadline = time.monotonic() + 120
    while reached() < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 4 <= reached() < 20
    one = ["tiny-parent", "tiny-ffn-0.3-s0"]
    resumed = sweep(made(folder, checkpoint_every=1), only=one)
    undisturbed = sweep(made(folder, out="other"), only=one)
    pd.testing.assert_frame_equal(losses(resumed), losses(undisturbed))


def test_a_plan_without_posttrain_is_one_of_pretraining(folder):
    whole = table_of(prune=[], horizons=[10 * 4 * 16])
    del whole["posttrain"]
    study = make_study(plan.from_mapping(whole, folder))
    assert [run.name for run in study.runs] == ["tiny-parent", "tiny-parent-640"]
    with pytest.raises(DataError, match=r"no \[posttrain\]"):
        plan.from_mapping({**whole, "prune": table_of()["prune"]}, folder)


def test_a_run_another_process_has_is_left_to_it(folder):
    parent = folder / "out" / "runs" / "tiny-parent"
    parent.mkdir(parents=True)
    with holding(parent / "lock") as free:
        assert free
        outcome = sweep(made(folder))
    assert set(outcome.left) >= {"tiny-parent", "tiny-control-s0"}
    assert outcome.failed == {}


def test_a_sweep_in_pieces_is_the_sweep_in_one(swept, folder, monkeypatch):
    """Stopped by the clock after every few steps and run again, it ends where the undisturbed one does."""
    pieces, said, seconds = 0, [], count()
    monkeypatch.setattr("p2law.experiments.sweep.time", lambda: float(next(seconds)))  # a second per look
    while (outcome := sweep(made(folder, scratch=True), minutes=12 / 60, say=said.append)).left:
        pieces += 1
        assert pieces < 50
        assert outcome.failed == {}
    assert any("stopped after step" in line for line in said)
    assert any("the time is over" in line for line in said)
    pd.testing.assert_frame_equal(losses(outcome), losses(swept[2]))


def test_only_some_runs(folder):
    outcome = sweep(made(folder), only=["tiny-parent"])
    assert outcome.done == ("tiny-parent",)
    with pytest.raises(DataError, match="no run 'tiny'; it has tiny-parent"):
        sweep(made(folder), only=["tiny"])


def test_an_existing_model_is_pruned_as_it_is(folder):
    model = random_parent(tiny("qwen2", **PARENT), scale=1.0)
    parents.save(model, folder / "model")
    whole = table_of(parents=[{"name": "q", "lr": 1e-3, "model": "model", "tokens": "1B"}])
    del whole["pretrain"]
    outcome = sweep(plan.from_mapping(whole, folder))
    assert outcome.failed == {}
    rows = outcome.rows
    assert (rows["D0"] == 1e9).all()
    child = parents.load(folder / "out" / "runs" / "q-ffn-0.3-s0" / "model")
    assert of_config(child.config).family == "qwen2"
    assert np.isfinite(rows["L0"]).all()


def test_changed_settings_under_the_same_name_are_refused(folder):
    sweep(made(folder), only=["tiny-parent"])
    with pytest.raises(DataError, match=r"run tiny-parent was begun with another recipe"):
        make_study(made(folder, pretrain={**TRAINING, "batch": 2}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prune": [{"method": "wand", "rates": [0.5]}]}, "no pruning method 'wand'"),
        ({"prune": [{"method": "ffn", "rates": [0.9]}]}, "parent tiny: rate=0.9 is out of reach of ffn"),
        ({"prune": [{"method": "ffn", "rates": [0.3, 0.301]}]}, "come to the same child"),
        (
            {"prune": [{"method": "wanda", "rates": [0.3, 0.301]}]},
            "wanda-row at 0.3 and at 0.301 come to",
        ),
        ({"prune": [{"method": "ffn", "rates": [0.3, 0.3]}]}, "come to the same child"),
        ({"prune": [{"method": "ffn"}]}, "give method and rates"),
        ({"seeds": [0, 0]}, "tiny-control-s0 would be run twice"),
        ({"parents": []}, "parents is empty"),
        ({"parent_seeds": []}, "parent_seeds is empty"),
        ({"parents": [{"name": "a", "lr": 1}]}, "either architecture or model"),
        ({"posttrain": {**TRAINING, "rate": 1}}, r"\[posttrain\] has an unknown entry 'rate'"),
        ({"posttrain": {"batch": 4}}, "does not say how many tokens"),
        ({"posttrain": {**TRAINING, "split": "validation"}}, r"\[posttrain\] split='validation': the loss is measured"),
        ({"pretrain": {**TRAINING, "distil": 0.5}}, r"\[pretrain\] distil: .* no parent to teach them"),
        ({"posttrain": {**TRAINING, "tokens": 100}}, "leave none at the full rate"),
        ({"posttrain": {**TRAINING, "tokens": "1M"}}, "run tiny-control-s0 wants .* tokens of the split 'posttrain'"),
        ({"posttrain": {**TRAINING, "split": "test"}}, "no split 'test'"),
        ({"validation_sequences": 10_000}, "of the split 'validation'"),
        ({"calibration_sequences": 10_000}, "calibration_sequences=10000"),
        ({"text": "nowhere"}, "no prepared text"),
        ({"texts": 1}, "the plan has an unknown entry 'texts'"),
        ({"sparse": [{"start": 0.5}]}, "give sparsity"),
        (
            {"parents": [{"name": "a", "lr": 1e-3, "architecture": {"family": "llama", **PARENT, "vocabulary": 200}}]},
            "the text has a vocabulary of 257",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_training(folder, changes, message):
    with pytest.raises(DataError, match=message):
        make_study(made(folder, **changes))
    assert not (folder / "out").exists()


def test_no_calibration_text_is_asked_of_a_method_that_reads_none(folder):
    study = make_study(made(folder, prune=[{"method": "magnitude", "rates": [0.5]}], calibration_sequences=10_000))
    assert [run.kind for run in study.runs] == ["parent", "control", "pruned"]


def test_a_missing_pretrain_and_a_bad_file_are_refused(folder):
    whole = table_of()
    del whole["pretrain"]
    with pytest.raises(DataError, match=r"no \[pretrain\]"):
        plan.from_mapping(whole, folder)
    (folder / "plan.toml").write_text("text = ")
    with pytest.raises(DataError, match="not TOML"):
        plan.read(folder / "plan.toml")
    with pytest.raises(DataError, match="no plan file"):
        plan.read(folder / "none.toml")


def test_a_disk_too_small_is_refused(folder, monkeypatch):
    monkeypatch.setattr("p2law.experiments.study.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DataError, match="make room"):
        make_study(made(folder))


def test_the_dry_run_names_every_run_and_touches_nothing(folder):
    study = make_study(made(folder, speed=1e9, sparse=[{"sparsity": [0.5]}]))
    rows = study.table().set_index("run")
    assert len(rows) == 5
    assert rows.loc["tiny-parent", "status"] == "to do"
    flops, minutes = float(rows.loc["tiny-parent", "FLOPs"]), float(rows.loc["tiny-parent", "minutes"])
    assert minutes == pytest.approx(flops / 1e9 / 60, rel=0.1)
    assert not (folder / "out").exists()


def test_sparse_pretraining_logs_the_average_it_had(folder):
    outcome = sweep(
        made(folder, prune=[], sparse=[{"sparsity": [0.75], "every": 2}], horizons=[10 * 4 * 16], out="sparse")
    )
    assert outcome.failed == {}
    average = pd.read_csv(folder / "sparse" / "average.csv").set_index("run")
    name = "tiny-sparse-0.75-geometric-layer-every2"
    shape = tiny(**PARENT)
    assert average.loc[name, "N"] == pytest.approx(shape.body - 0.75 * shape.linear, rel=1e-3)
    assert list(average.loc[name, ["method", "rate_target"]]) == ["sparse-geometric-layer-every2", 0.75]
    stairs = PruningSchedule(sparsity=0.75).at_steps(20, every=2)
    assert average.loc[name, "N_avg"] == pytest.approx(shape.body - (1 - stairs.mean()) * shape.linear, rel=1e-3)
    assert average.loc[name, "N_plan"] == pytest.approx(average.loc[name, "N_avg"], rel=0.1)
    assert average.loc[name, "N"] < average.loc[name, "N_avg"] < shape.body
    assert (average.drop(index=name)["N_avg"] == shape.body).all()
    assert sorted(average.drop(index=name)["D"]) == [10 * 4 * 16, 20 * 4 * 16]


def test_shares_of_the_command_line():
    assert _shares("a=0.9, b=0.1") == {"a": 0.9, "b": 0.1}


def test_tables_name_the_columns_of_the_bundled_curves(swept):
    ours = swept[2].rows.columns
    assert set(p2law.datasets.load("mini-pruning", rows="all").columns) <= set(ours)
    assert set(table.TABLES) == {"curves", "pruned", "dense", "average"}


def test_children_and_control_are_taught_by_the_parent(swept):
    """Taught by itself alone the control stays where it is, while the plain one goes on learning."""
    folder, _, outcome = swept
    taught = {**TRAINING, "lr_fraction": 0.2, "distil": 1.0}
    only = ["tiny-parent", "tiny-control-s0", "tiny-ffn-0.3-s0"]
    rows = sweep(made(folder, posttrain=taught, out="taught"), only=only).rows.set_index("run")["loss"]
    plain = outcome.rows.set_index("run")["loss"]
    drift = [abs(loss["tiny-control-s0"].iloc[-1] - loss["tiny-control-s0"].iloc[0]) for loss in (rows, plain)]
    assert drift[0] < 0.25 * drift[1]
    assert rows["tiny-ffn-0.3-s0"].iloc[-1] != plain["tiny-ffn-0.3-s0"].iloc[-1]
