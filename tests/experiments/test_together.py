"""Runs side by side, a full disk, want of memory, a GPU that is not there, a parent made anew."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import parents, plan, table
from p2law.experiments import sweep as execution
from p2law.experiments.runtime import storage as checkpoint
from p2law.experiments.runtime.storage import holding
from p2law.experiments.study import make_study, shortage
from p2law.experiments.sweep import sweep
from p2law.experiments.train import TrainingError
from tests.experiments.models import random_parent, tiny, torch
from tests.experiments.test_sweep import PARENT, folder, losses, made, swept, table_of  # noqa: F401

# ruff: noqa: F811


def test_runs_side_by_side_are_those_one_after_another(swept, folder):
    said = []
    outcome = sweep(made(folder, scratch=True), jobs=2, say=said.append)
    assert (outcome.failed, outcome.left) == ({}, ())
    order = [line.partition(":")[0] for line in said]
    assert sorted(order) == sorted(outcome.done)
    assert order.index("tiny-parent") < order.index("tiny-control-s0")
    pd.testing.assert_frame_equal(losses(outcome), losses(swept[2]))
    assert len(pd.read_csv(folder / "out" / "curves.csv")) == len(outcome.rows)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_of_several_processes_killed_leaves_no_process_and_no_lock(swept, folder, how):
    (folder / "plan.json").write_text(json.dumps(table_of(checkpoint_every=1, scratch=True)))
    (folder / "run.py").write_text(
        "import json, pathlib\n"
        "from p2law.experiments import plan, sweep\n"
        "if __name__ == '__main__':\n"
        f"    here = pathlib.Path({str(folder)!r})\n"
        "    sweep.sweep(plan.from_mapping(json.loads((here / 'plan.json').read_text()), here), jobs=2)\n"
    )
    command, environment = [sys.executable, str(folder / "run.py")], {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    lock, deadline = folder / "out" / "runs" / "tiny-control-s0" / "lock", time.monotonic() + 120
    while not lock.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    process.wait(timeout=60)

    def free():
        with holding(lock) as ours:
            return ours

    while not free():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pd.testing.assert_frame_equal(losses(sweep(made(folder, checkpoint_every=1, scratch=True))), losses(swept[2]))


def test_a_killed_process_ends_the_sweep_in_words(folder, monkeypatch):
    monkeypatch.setattr("p2law.experiments.sweep._carry_out", killed)
    with pytest.raises(TrainingError, match=r"a process was killed, .* with fewer jobs.*__name__ == \"__main__\""):
        sweep(made(folder), jobs=2)
    monkeypatch.undo()
    assert sweep(made(folder)).left == ()


def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_jobs_that_cannot_be_are_refused(folder, monkeypatch):
    with pytest.raises(DataError, match="jobs=0: give a whole number"):
        sweep(made(folder), jobs=0)
    with pytest.raises(DataError, match="progress shows a single run"):
        sweep(made(folder), jobs=2, progress=True)
    monkeypatch.setattr("p2law.experiments.study.memory", lambda _: 1.2e6)
    make_study(made(folder))
    with pytest.raises(DataError, match=r"tiny-parent and tiny-control-s0 together need .* start fewer jobs"):
        make_study(made(folder), jobs=2)


def test_a_disk_that_fills_is_said_and_costs_the_step_under_way_only(folder, monkeypatch):
    """Neither checkpoint nor reason can be written: the sweep says so, and goes on from what is there next time."""
    one, said, honest, saved = ["tiny-parent"], [], checkpoint.save, []

    def full(*_):
        raise OSError(28, "No space left on device")

    def filling(where, what):
        if len(saved) == 3:
            full()
        honest(where, what)
        saved.append(what.step)

    monkeypatch.setattr(checkpoint, "save", filling)
    monkeypatch.setattr("p2law.experiments.runs.Record.fail", full)
    outcome = sweep(made(folder, checkpoint_every=1), only=one, say=said.append)
    assert outcome.done == ()
    assert "No space left on device (which could not be recorded" in said[0]
    monkeypatch.undo()
    resumed = sweep(made(folder, checkpoint_every=1), only=one)
    pd.testing.assert_frame_equal(losses(resumed), losses(sweep(made(folder, out="other"), only=one)))
    monkeypatch.setattr(table, "write", full)
    with pytest.raises(TrainingError, match=r"tables cannot be written .* make room"):
        sweep(made(folder, checkpoint_every=1), only=one)


def test_want_of_memory_is_recorded_with_what_to_change(folder, monkeypatch):
    def large(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(execution, "train", large)
    reason = sweep(made(folder), only=["tiny-parent"]).failed["tiny-parent"]
    assert reason.startswith("OutOfMemoryError: CUDA out of memory. Lower micro_batch, set recompute = true, or")


def test_tables_are_gathered_and_written_by_one_process_at_a_time(folder, monkeypatch):
    """Or the slower of two would write tables that lack the run of the other."""
    honest, seen = table.gather, []

    def watched(study):
        with holding(study.plan.out / "lock") as free:
            seen.append(free)
        return honest(study)

    monkeypatch.setattr(table, "gather", watched)
    sweep(made(folder), only=["tiny-parent"])
    assert set(seen) == {False}


def test_children_of_other_weights_are_not_taken_for_those_of_these(folder):
    """The name and shape of a parent stay, its weights change: what was made from the old ones is refused."""
    whole = table_of(parents=[{"name": "q", "lr": 1e-3, "model": "model"}])
    del whole["pretrain"]
    model = random_parent(tiny("qwen2", **PARENT), scale=1.0)
    parents.save(model, folder / "model")
    sweep(plan.from_mapping(whole, folder), only=["q-control-s0"])
    with torch.no_grad():
        model.lm_head.weight.mul_(1.01)
    parents.save(model, folder / "model")
    with pytest.raises(DataError, match="q-control-s0 was begun with another parent_weights"):
        sweep(plan.from_mapping(whole, folder))


def test_a_parent_whose_model_was_deleted_does_not_cost_what_is_done(folder):
    two = ["tiny-parent", "tiny-control-s0"]
    rows = sweep(made(folder), only=two).rows
    shutil.rmtree(folder / "out" / "runs" / "tiny-parent" / "model")
    assert len(sweep(made(folder), only=two).rows) == len(rows)
    failed = sweep(made(folder), only=["tiny-ffn-0.3-s0"]).failed
    assert "no model at" in failed["tiny-ffn-0.3-s0"]


def test_children_of_a_parent_that_was_deleted_are_refused(folder):
    sweep(made(folder), only=["tiny-parent", "tiny-control-s0"])
    shutil.rmtree(folder / "out" / "runs" / "tiny-parent")
    with pytest.raises(DataError, match=r"tiny-control-s0 was made from tiny-parent, which is not there any more"):
        sweep(made(folder))


def test_a_plan_for_another_machine_is_shown_and_not_begun(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    elsewhere = made(folder, device="cuda:1")
    study = make_study(elsewhere, room=False)
    assert len(study.table()) == len(study.runs)
    assert float(study.table()["minutes"].iloc[0]) < float(make_study(made(folder)).table()["minutes"].iloc[0])
    assert "torch sees no GPU here" in shortage(study)
    with pytest.raises(DataError, match="torch sees no GPU here"):
        sweep(elsewhere)


def test_no_time_is_no_training(folder):
    outcome = sweep(made(folder), minutes=0)
    assert outcome.done == ()
    assert "tiny-parent" in outcome.left


def test_checkpoints_left_by_a_kill_after_the_end_are_deleted(folder):
    sweep(made(folder), only=["tiny-parent"])
    stale = folder / "out" / "runs" / "tiny-parent" / "checkpoints"
    stale.mkdir()
    sweep(made(folder), only=["tiny-parent"])
    assert not stale.exists()


def test_drift_of_the_controls(swept):
    outcome = swept[2]
    control = outcome.rows.query("kind == 'control' and phase == 'const'")
    assert table.controls(outcome.rows)["tiny"] == pytest.approx(control["loss"].iloc[-1] - control["L0"].iloc[-1])
    assert len(table.controls(outcome.rows.head(0))) == 0


def test_a_run_whose_parent_could_not_be_loaded_is_tried_again_when_it_is_back(folder):
    sweep(made(folder), only=["tiny-parent"])
    model, aside = (folder / "out" / "runs" / "tiny-parent" / name for name in ("model", "aside"))
    model.rename(aside)
    assert list(sweep(made(folder), only=["tiny-control-s0"]).failed) == ["tiny-control-s0"]
    aside.rename(model)
    assert sweep(made(folder), only=["tiny-control-s0"]).failed == {}


def test_parents_count_for_the_disk_though_no_models_are_kept(folder, monkeypatch):
    """A parent's model stays until its children are made, whatever the plan says of models."""
    one, parent = {"keep_models": False, "prune": []}, table_of()["parents"][0]
    several = [{**parent, "name": f"tiny{i}"} for i in range(40)]
    model = 4 * make_study(made(folder, **one)).runs[0].shape.total
    monkeypatch.setattr("p2law.experiments.study.shutil.disk_usage", lambda _: type("Usage", (), {"free": 39 * model}))
    assert shortage(make_study(made(folder, **one))) == ""
    assert "may fill" in shortage(make_study(made(folder, **one, parents=several), room=False))
