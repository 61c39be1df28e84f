"""Sparse pre-training follows its schedule."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.experiments.prune.masks import pruned_weights
from p2law.experiments.train import remasking
from p2law.schedules import PruningSchedule
from tests.experiments.models import tiny, torch
from tests.experiments.test_train import RECIPE, Killed, kill_at, model, plain, run

SCHEDULE = PruningSchedule(sparsity=0.75)


def remask(pattern="layer"):
    return remasking(SCHEDULE, RECIPE.steps, every=3, pattern=pattern)


@pytest.mark.parametrize("pattern", ["layer", "global"])
def test_density_follows_the_schedule_step_by_step(pattern):
    child, linear, seen = model(), None, []
    step_of, linear = remask(pattern), 2 * (2 * 32 * 8 * (4 + 2) + 3 * 32 * 48)
    masks = {}
    for step in range(RECIPE.steps):
        masks = step_of(step, child) or masks
        seen.append(1 - pruned_weights(masks) / linear)
    assert seen == pytest.approx(SCHEDULE.at_steps(RECIPE.steps, every=3), abs=2e-3)
    assert seen[0] == 1
    assert seen[-1] == pytest.approx(0.25, abs=2e-3)


def test_the_average_measured_is_the_one_planned():
    rows = run(model(), remask=remask(), start="initial")
    linear = tiny(layers=2, hidden=32, ffn=48, heads=4, kv_heads=2, vocabulary=64).linear
    stairs = SCHEDULE.at_steps(RECIPE.steps, every=3)
    assert rows[-1]["zeros_mean"] == pytest.approx((1 - stairs.mean()) * linear, rel=1e-3)
    assert rows[-1]["zeros"] == pytest.approx(0.75 * linear, rel=1e-3)
    assert rows[0]["phase"] == "initial"


def test_pruned_weights_never_come_back():
    child, step_of, before = model(), remask(), {}
    for step in range(RECIPE.steps):
        with torch.no_grad():
            for parameter in child.parameters():
                parameter.add_(0.01 * torch.randn_like(parameter))
            for name, mask in before.items():
                child.get_parameter(name).mul_(mask)
        after = step_of(step, child) or before
        assert all(not (after[name] & ~mask).any() for name, mask in before.items())
        before = after
    assert before


def test_a_resumed_sparse_run_equals_the_uninterrupted_one(tmp_path):
    expected = run(model(), remask=remask())
    with pytest.raises(Killed):
        run(model(), remask=remask(), folder=tmp_path, checkpoint_every=5, log=kill_at(16))
    resumed = run(model(), remask=remask(), folder=tmp_path, checkpoint_every=5)
    assert plain(resumed) == plain(expected)


def test_no_sparsity_is_dense_training():
    dense = run(model(), replace(RECIPE, seed=2))
    schedule = replace(SCHEDULE, sparsity=0.0)
    same = run(model(), replace(RECIPE, seed=2), remask=remasking(schedule, RECIPE.steps, every=3))
    assert plain(same) == plain(dense)
    assert np.isfinite(dense[-1]["loss"])
