"""Several processes on one model, as torchrun starts them: the curves of one process, also after a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import parents, plan
from p2law.experiments.runtime import parallel
from p2law.experiments.study import make_study
from p2law.experiments.sweep import sweep
from tests.experiments.test_sweep import TRAINING, made, table_of, written

HALF, SPARSE = "tiny-magnitude-2of4-0.5-s0", "tiny-sparse-0.75-geometric-layer-every2"
RUNS = ["tiny-parent", HALF, SPARSE]
CHANGES = {
    "checkpoint_every": 4,
    "sparse": [{"sparsity": [0.75], "every": 2}],
    "posttrain": {**TRAINING, "lr_fraction": 0.2, "compile": True},
}
BACKEND = "aot_eager"  # traces and differentiates as usual, but has no C++ to compile
SCRIPT = f"""
import functools, json, os, pathlib, sys, torch
torch.set_num_threads(1)
torch.compile = functools.partial(torch.compile, backend="{BACKEND}")
from p2law.experiments import plan, sweep
here = pathlib.Path(sys.argv[1])
(here / f"{{os.getpid()}}.pid").touch()
wanted = plan.from_mapping(json.loads((here / "plan.json").read_text()), here)
sweep.sweep(wanted, only=sys.argv[2:], say=print)
"""


def start(folder):
    """Two processes on the plan in a folder."""
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(folder / "script.py"), str(folder), *RUNS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def killed_at(folder, step):
    """Start, and kill all processes once the parent has got so far."""
    process, checkpoints = start(folder), folder / "out" / "runs" / "tiny-parent" / "checkpoints"
    deadline = time.monotonic() + 120
    while max((int(path.name) for path in checkpoints.glob("0*")), default=0) < step:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    process.stdout.close()
    for path in folder.glob("*.pid"):
        os.kill(int(path.stem), signal.SIGKILL)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder where two processes made ``out`` after a kill; one process finished ``begun`` and made ``alone``."""
    folder = written(tmp_path_factory.mktemp("parallel"))
    (folder / "plan.json").write_text(json.dumps(table_of(**CHANGES)))
    killed_at(folder, 4)
    shutil.copytree(folder / "out", folder / "begun")
    process = start(folder)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert said.count("done in") == len(RUNS)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(torch, "compile", partial(torch.compile, backend=BACKEND))
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor")  # torch's compiler, of itself
        for out in ("begun", "alone"):
            assert sweep(made(folder, **CHANGES, out=out), only=RUNS).failed == {}
    return folder


def rows(folder, out):
    return pd.read_csv(folder / out / "curves.csv").set_index(["run", "D"])


@pytest.mark.slow
def test_two_processes_make_the_curves_of_one(swept):
    ours, expected = rows(swept, "out"), rows(swept, "alone")
    assert ours.index.equals(expected.index)
    np.testing.assert_allclose(ours["loss"], expected["loss"], atol=1e-5)
    assert (ours["N_avg"] == expected["N_avg"]).all()


@pytest.mark.slow
def test_a_run_begun_by_two_processes_is_finished_by_one(swept):
    np.testing.assert_allclose(rows(swept, "begun")["loss"], rows(swept, "alone")["loss"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [HALF, SPARSE])
def test_zeros_stay_exact_and_models_are_saved_whole(swept, name):
    ours, expected = (parents.load(swept / out / "runs" / name / "model") for out in ("out", "alone"))
    for (one, ours_), (other, theirs) in zip(ours.named_parameters(), expected.named_parameters(), strict=True):
        assert one == other
        assert ((ours_ == 0) == (theirs == 0)).all()
        np.testing.assert_allclose(ours_.detach(), theirs.detach(), atol=1e-3)
    if name == HALF:
        for block in parents.blocks(ours):
            assert (block.mlp.up_proj.weight.reshape(-1, 4) == 0).sum(1).unique().tolist() == [2]


def test_batches_that_cannot_be_shared_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "size", lambda: 3)
    with pytest.raises(DataError, match="run tiny-parent: batch = 4 is not a multiple of the 3 processes"):
        make_study(made(written(tmp_path)))
    fitting = {**TRAINING, "batch": 6, "tokens": 20 * 6 * 16}
    whole = table_of(pretrain=fitting, posttrain={**fitting, "lr_fraction": 0.2})
    with pytest.raises(DataError, match="validation_sequences = 8 is not a multiple"):
        make_study(plan.from_mapping(whole, tmp_path))


def test_alone_there_is_nothing_to_share():
    assert (parallel.size(), parallel.is_rank0(), parallel.broadcast("x"), parallel.mean(2.0)) == (1, True, "x", 2.0)
