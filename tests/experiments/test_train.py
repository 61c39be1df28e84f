"""Training: the rate and the phases, masks that hold, and runs that resume as if nothing had happened."""

import gc
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import parents, prune
from p2law.experiments.batches import fixed_windows, make_batches
from p2law.experiments.prune.masks import verify
from p2law.experiments.recipe import Recipe
from p2law.experiments.runtime import storage as checkpoint
from p2law.experiments.runtime.loss import mean_loss
from p2law.experiments.train import TrainingError, train
from tests.experiments.models import tiny, torch

SMALL = {"layers": 2, "hidden": 32, "ffn": 48, "heads": 4, "kv_heads": 2, "vocabulary": 64}
RECIPE = Recipe(tokens=30 * 4 * 16, lr=3e-3, batch=4, sequence=16, warmup=3, points=8)
TOKENS = np.cumsum(np.random.default_rng(0).choice([1, 2, 5], size=6000, p=[0.7, 0.2, 0.1])) % 64
"""A text that can be learnt: the next token is one of three."""


def model(seed=0, **changes):
    return parents.build(tiny(**SMALL | changes), seed=seed, sequence=64)


def run(child, recipe=RECIPE, **more):
    batches = make_batches(
        TOKENS, sequence=recipe.sequence, batch=recipe.batch, steps=recipe.steps, seed=recipe.seed, passes=recipe.passes
    )
    validation = fixed_windows(TOKENS[5000:], sequence=recipe.sequence, count=8, what="validation")
    return train(child, batches, validation, recipe, **more)


def plain(rows):
    """Rows without the time they took."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def weights(trained):
    return {name: tensor.clone() for name, tensor in trained.state_dict().items()}


class Killed(BaseException):
    pass


def kill_at(step):
    def log(rows):
        if rows[-1]["step"] >= step:
            raise Killed

    return log


def test_training_learns_and_says_where_it_stands():
    rows = run(model())
    assert rows[0]["D"] == 0
    assert rows[0]["phase"] == "pruned"
    assert rows[0]["loss"] == pytest.approx(np.log(64), abs=0.3)
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.5
    assert rows[-1]["D"] == RECIPE.tokens
    assert [row["phase"] for row in rows if row["step"] > 3] == ["const"] * (len(rows) - 5) + ["decayed"]
    assert {row["phase"] for row in rows if 0 < row["step"] <= 3} == {"warmup"}


def test_same_seed_same_rows():
    assert plain(run(model())) == plain(run(model()))
    assert plain(run(model())) != plain(run(model(), replace(RECIPE, seed=1)))


@pytest.mark.parametrize("pattern", [None, "2:4"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tmp_path, pattern):
    def fresh():
        child = prune.prune(model(), "magnitude", 0.5, pattern="2:4")
        return (child.model, child.masks) if pattern else (model(), {})

    whole, masks = fresh()
    expected = run(whole, masks=masks)
    broken, masks = fresh()
    with pytest.raises(Killed):
        run(broken, masks=masks, folder=tmp_path, checkpoint_every=5, log=kill_at(12))
    assert checkpoint.load(checkpoint.newest(tmp_path)).step == 15
    resumed, masks = fresh()
    assert plain(run(resumed, masks=masks, folder=tmp_path, checkpoint_every=5)) == plain(expected)
    assert all(torch.equal(weights(resumed)[name], tensor) for name, tensor in weights(whole).items())


def test_a_spoilt_checkpoint_is_passed_over(tmp_path):
    expected = run(model(), folder=tmp_path, checkpoint_every=10)
    newest = max(tmp_path.iterdir()) / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    assert checkpoint.load(checkpoint.newest(tmp_path)).step == 20
    assert plain(run(model(), folder=tmp_path, checkpoint_every=10)) == plain(expected)


def test_two_checkpoints_are_kept_and_half_written_ones_ignored(tmp_path):
    run(model(), folder=tmp_path, checkpoint_every=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000025", "000000030"]
    (tmp_path / "part").mkdir()
    (tmp_path / "000000040").mkdir()
    assert checkpoint.load(checkpoint.newest(tmp_path)).step == 30


def test_spoilt_checkpoints_are_not_kept_for_new_ones(tmp_path):
    for name in ("000000400", "000000500"):
        (tmp_path / name).mkdir()
    run(model(), folder=tmp_path, checkpoint_every=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000020", "000000030"]


@pytest.mark.parametrize(("method", "pattern"), [("magnitude", "2:4"), ("magnitude", "global"), ("magnitude", "row")])
def test_zeros_survive_training_exactly(method, pattern):
    child = prune.prune(model(), method, 0.5, pattern=pattern)
    before = weights(child.model)
    rows = run(child.model, masks=child.masks)
    verify(child.model, child.masks)
    name, mask = next(iter(child.masks.items()))
    trained = child.model.get_parameter(name)
    if pattern == "2:4":
        assert (trained.reshape(-1, 4) == 0).sum(1).unique().tolist() == [2]
    assert not torch.equal(trained[mask], before[name][mask])
    assert {row["zeros_mean"] for row in rows} == {parents.count(child.model).body - child.body}


def test_masked_training_is_training_of_the_sliced_model():
    """Dropped neurons as masks on the parent: the same losses as the smaller model."""
    parent, calibration = model(), torch.from_numpy(TOKENS[:160].reshape(10, 16))
    keep = prune.METHODS["ffn"].choose(parent, tiny(**SMALL | {"ffn": 32}), calibration)
    sliced = prune.slice.cut(parent, tiny(**SMALL | {"ffn": 32}), keep)
    masks = {}
    for i in range(2):
        alive = torch.zeros(48, dtype=torch.bool)
        alive[keep.ffn[i]] = True
        masks[f"model.layers.{i}.mlp.gate_proj.weight"] = alive[:, None].expand(48, 32).clone()
        masks[f"model.layers.{i}.mlp.up_proj.weight"] = masks[f"model.layers.{i}.mlp.gate_proj.weight"]
        masks[f"model.layers.{i}.mlp.down_proj.weight"] = alive[None].expand(32, 48).clone()
    prune.masks.mask_weights(parent, masks)
    losses = [[row["loss"] for row in run(*each)] for each in ((sliced, RECIPE),)]
    masked = [row["loss"] for row in run(parent, masks=masks)]
    assert losses[0] == pytest.approx(masked, abs=1e-4)


@pytest.mark.parametrize("change", [{"micro_batch": 2}, {"recompute": True}])
def test_memory_savers_change_nothing_but_rounding(change):
    plain_losses = [row["loss"] for row in run(model())]
    assert [row["loss"] for row in run(model(), replace(RECIPE, **change))] == pytest.approx(plain_losses, abs=1e-3)


@pytest.mark.parametrize(("writing", "kept"), [(0, [7, 14, 21, 28, 30]), (10, [7, 28, 30])])
def test_slow_steps_are_kept_more_often_than_the_plan_asks(tmp_path, monkeypatch, writing, kept):
    """Steps of 10 s: a checkpoint after a minute, but not where writing takes over a twentieth of the time."""
    now, honest, steps = [0.0], checkpoint.save, []

    def slow(folder, what):
        now[0] += writing
        steps.append(what.step)
        honest(folder, what)

    def stop():
        now[0] += 10
        return False

    monkeypatch.setattr(checkpoint, "save", slow)
    monkeypatch.setattr("p2law.experiments.train.monotonic", lambda: now[0])
    run(model(), folder=tmp_path, checkpoint_every=1000, stop=stop)
    assert steps == kept


def test_a_model_is_freed_when_it_is_no_longer_used():
    used = model()
    run(used, replace(RECIPE, recompute=True))
    gone = weakref.ref(used)
    gc.disable()  # what only the collector would free keeps a GPU full
    try:
        del used
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's compiler, of itself
@pytest.mark.parametrize(("recompute", "widths"), [(False, (16, 24, 32, 40, 48)), (True, (16,))])
def test_blocks_are_compiled_once_and_for_every_shape(recompute, widths, monkeypatch):
    """Also inside checkpoints, and for more shapes than are kept compiled in a process."""
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    how = replace(RECIPE, compile=True, recompute=recompute)
    for ffn in widths:
        before = len(graphs)
        losses = [row["loss"] for row in run(model(ffn=ffn), how)]
        assert 1 <= len(graphs) - before <= 3  # training and evaluation; all blocks share them
        assert losses == pytest.approx([row["loss"] for row in run(model(ffn=ffn))], abs=1e-3)


def test_bf16_stays_near_fp32_and_keeps_float32_weights():
    trained = model()
    losses = [row["loss"] for row in run(trained, replace(RECIPE, precision="bf16"))]
    assert losses == pytest.approx([row["loss"] for row in run(model())], abs=0.05)
    assert {parameter.dtype for parameter in trained.parameters()} == {torch.float32}


def test_distillation_pulls_towards_the_teacher():
    teacher = model(seed=4)
    run(teacher, replace(RECIPE, lr=1e-2))
    windows = fixed_windows(TOKENS, sequence=16, count=8, what="test")

    def distance(student):
        with torch.no_grad():
            one, two = (each(input_ids=windows, use_cache=False).logits.log_softmax(-1) for each in (student, teacher))
        return float((two.exp() * (two - one)).sum(-1).mean())

    alone, taught = model(), model()
    run(alone)
    rows = run(taught, replace(RECIPE, distil=1.0), teacher=teacher)
    assert distance(taught) < distance(alone)
    assert rows[-1]["loss"] == mean_loss(taught, fixed_windows(TOKENS[5000:], sequence=16, count=8, what="validation"))


def test_a_diverging_run_is_stopped():
    with pytest.raises(TrainingError, match=r"after step \d+ of 30: lower lr=1e\+10"):
        run(model(), replace(RECIPE, lr=1e10, clip=1e30))


def test_rates_of_the_three_schedules():
    base = Recipe(tokens=100, lr=1.0, batch=1, sequence=1, warmup=10, schedule="constant")
    assert [base.rate(step) for step in (1, 5, 10, 50, 100)] == [0.1, 0.5, 1.0, 1.0, 1.0]
    wsd = replace(base, schedule="wsd", decay=0.2)
    assert [wsd.rate(step) for step in (80, 90, 100)] == pytest.approx([1.0, 0.5, 0.0])
    cosine = replace(base, schedule="cosine")
    assert cosine.rate(100) == pytest.approx(0.1)
    assert all(cosine.rate(step) >= cosine.rate(step + 1) for step in range(10, 100))
    assert cosine.phase(50) == "decaying"
    assert cosine.phase(100) == "decayed"
    assert base.phase(100) == "const"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": 100}, "leave none at the full rate"),
        ({"schedule": "linear"}, "schedule='linear': choose"),
        ({"lr": 0}, "lr=0: give a positive number"),
        ({"micro_batch": 3}, "micro_batch=3 does not divide batch=4"),
        ({"decay": 1.5}, "decay=1.5"),
        ({"precision": "fp8"}, "precision='fp8'"),
    ],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        replace(RECIPE, **change)


def test_measurements_are_log_spaced_and_reach_both_ends():
    recipe = Recipe(tokens=10_000, lr=1.0, batch=1, sequence=1, warmup=10, points=12)
    steps = sorted(recipe.measured())
    assert (steps[0], steps[1], steps[-2], steps[-1]) == (0, 1, 8500, 10_000)
    assert np.diff(np.log(steps[3:-1])) == pytest.approx(np.log(8500) / 11, abs=0.1)


def test_progress_is_shown_only_when_asked(capsys):
    run(model())
    assert capsys.readouterr().err == ""
    run(model(), progress=True)
    assert "tokens/s" in capsys.readouterr().err
