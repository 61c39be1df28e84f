"""Plans: what is of the wrong kind, out of range or asked for twice is refused before anything is trained."""

from inspect import signature
from math import inf, nan

import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import plan
from p2law.experiments.plan import ParentModel, SparseSpec
from p2law.experiments.recipe import Recipe
from p2law.experiments.runs import runs
from p2law.schedules import PruningSchedule
from tests.experiments.test_sweep import PARENT, TRAINING, made, table_of

ARCHITECTURE = {"family": "llama", **PARENT}
STEP = 4 * 16
RECIPE = {"tokens": 20 * STEP, "lr": 1e-3, "batch": 4, "sequence": 16, "warmup": 3}


def parent(**changes):
    return {"parents": [{"name": "tiny", "lr": 3e-3, "architecture": ARCHITECTURE, **changes}]}


def shaped(**changes):
    return parent(architecture={**ARCHITECTURE, **changes})


def cell(**changes):
    return {"prune": [{"method": "ffn", "rates": [0.3], **changes}]}


def grown(**changes):
    return {"sparse": [{"sparsity": [0.5], **changes}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, r"seeds=0: give a list, such as seeds = \[0\]"),
        ({"seeds": ["a"]}, "seeds='a': give a whole number, 0 or more"),
        ({"seeds": [-1]}, "seeds=-1: give a whole number"),
        ({"parent_seeds": 1}, "parent_seeds=1: give a list"),
        ({"horizons": 2000}, r"horizons=2000: give a list, such as horizons = \[2000\]"),
        ({"horizons": "2k"}, "horizons='2k': give a list"),
        ({"horizons": ["soon"]}, "horizons='soon': give a number"),
        ({"scratch": 2000}, r"scratch=2000: give a list, such as scratch = \[2000\]"),
        ({"scratch": [True]}, "scratch=True: give a number"),
        (
            {"scratch": True, "posttrain": {**TRAINING, "sequence": 32, "tokens": 40 * STEP}},
            r"\[pretrain\] sequence=16, \[posttrain\] sequence=32: .* make them equal",
        ),
        ({"scratch": ["10M"], "prune": [], "posttrain": None}, r"\[posttrain\]"),
        ({"text": 3}, "text=3: give text in quotation marks"),
        ({"out": 3}, "out=3: give text"),
        ({"family": 3}, "family=3: give text"),
        ({"parents": {"name": "tiny"}}, r"parents is .*each under \[\[parents\]\] with two brackets"),
        ({"parents": ["tiny"]}, r"each under \[\[parents\]\]"),
        ({"prune": {"method": "ffn", "rates": [0.3]}}, r"each under \[\[prune\]\]"),
        ({"sparse": 0.5}, r"each under \[\[sparse\]\]"),
        ({"pretrain": 3}, r"\[pretrain\] is 3: give a table"),
        ({"posttrain": [TRAINING]}, r"\[posttrain\] is .*: give a table"),
        ({"validation_sequences": "8"}, "validation_sequences='8': give a whole number, 1 or more"),
        ({"validation_sequences": 0}, "validation_sequences=0: give a whole number"),
        ({"calibration_sequences": 0}, "calibration_sequences=0: give a whole number"),
        ({"calibration_sequences": True}, "calibration_sequences=True: give a whole number"),
        ({"checkpoint_every": 0}, "checkpoint_every=0: give a whole number"),
        ({"keep_models": "false"}, "keep_models='false': give true or false, without quotation marks"),
        ({"device": "gpu"}, "device='gpu': choose 'auto', 'cpu', 'cuda'"),
        ({"device": 0}, "device=0: choose"),
        ({"speed": "fast"}, "speed='fast': give FLOP/s"),
        ({"speed": nan}, "speed=nan: give FLOP/s"),
        (parent(lr="abc"), "parent tiny: lr='abc': give a positive number"),
        (parent(lr=0), "parent tiny: lr=0: give a positive number"),
        (parent(lr=inf), "parent tiny: lr=inf"),
        (parent(lr=True), "parent tiny: lr=True"),
        (parent(name=5), "name=5: give text"),
        (parent(name=""), "name='': give text"),
        (parent(name="a/b"), "name='a/b': folders are named after it, so leave out /"),
        (parent(name="a\\b"), "folders are named after it"),
        (parent(seeds=1), "parent tiny: seeds=1: give a list"),
        (parent(tokens="lots"), "parent tiny: tokens='lots': give a number"),
        (parent(architecture=3), "parent tiny: architecture=3: give a table"),
        (shaped(hidden="32"), "parent tiny: hidden='32': give a whole number"),
        (shaped(heads=0), "parent tiny: heads=0: give a whole number"),
        (shaped(layers=True), "parent tiny: layers=True: give a whole number"),
        (shaped(tied="yes"), "parent tiny: tied='yes': give true or false"),
        (cell(rates=0.5), r"\[\[prune\]\] rates=0.5: give a list, such as rates = \[0.5\]"),
        (cell(rates=["x"]), r"\[\[prune\]\] rates='x': give a finite number"),
        (cell(rates=[nan]), r"\[\[prune\]\] rates=nan"),
        (cell(method=["ffn"]), r"\[\[prune\]\] method=\['ffn'\]: give text"),
        (cell(pattern=24), r"\[\[prune\]\] pattern=24: give text"),
        (cell(label=3), r"\[\[prune\]\] label=3: give text"),
        (cell(label="ffn/2"), r"\[\[prune\]\] label='ffn/2': folders are named after it"),
        (grown(sparsity=0.5), r"\[\[sparse\]\] sparsity=0.5: give a list, such as sparsity = \[0.5\]"),
        (grown(start="x"), r"\[\[sparse\]\] start='x': a fraction of training"),
        (grown(pattern="2:4"), r"\[\[sparse\]\] pattern='2:4': choose .* n:m has a sparsity of its own"),
        (grown(pattern="block"), r"\[\[sparse\]\] pattern='block': choose 'layer', 'row' or 'global'"),
        (grown(pattern=["row"]), r"\[\[sparse\]\] pattern=\['row'\]: choose"),
        (grown(every=0), r"\[\[sparse\]\] every=0: give a whole number, 1 or more"),
        (grown(every=2.5), r"\[\[sparse\]\] every=2.5: give a whole number"),
    ],
)
def test_wrong_entries_are_refused_by_name_and_value(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        made(tmp_path, **changes)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("tokens", "many", "give a number from 1 on, such as 500_000 or '10M'"),
        ("tokens", nan, "give a number"),
        ("tokens", "1e999", "give a number"),
        ("tokens", 0.5, "give a number"),
        ("lr", "abc", "give a positive number, or 0"),
        ("lr", -1, "give a positive number, or 0"),
        ("lr_fraction", 0, "give a positive number"),
        ("lr_fraction", True, "give a positive number"),
        ("split", 3, "give text in quotation marks"),
        ("batch", "64", "give a whole number, 1 or more"),
    ],
)
def test_wrong_trainings_are_refused_by_name_and_value(tmp_path, entry, value, message):
    for where in ("pretrain", "posttrain"):
        with pytest.raises(DataError) as refused:
            made(tmp_path, **{where: {**TRAINING, entry: value}})
        assert str(refused.value).startswith(f"[{where}] {entry}={value!r}: {message}")


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("tokens", 1e4, "give a whole number"),
        ("batch", "64", "give a whole number"),
        ("batch", True, "give a whole number"),
        ("sequence", 2.5, "give a whole number"),
        ("points", 1.5, "give a whole number"),
        ("passes", 0, "give a whole number, 1 or more"),
        ("warmup", -3, "give a whole number, 0 or more"),
        ("warmup", "3", "give a whole number"),
        ("micro_batch", -2, "give a whole number, 0 or more"),
        ("seed", -1, "give a whole number, 0 or more"),
        ("lr", inf, "give a positive number"),
        ("lr", "x", "give a positive number"),
        ("clip", 0, "give a positive number"),
        ("decay", 1.5, "a fraction from 0 to 1"),
        ("distil", nan, "a fraction from 0 to 1"),
        ("weight_decay", -1, "give 0 or more"),
        ("weight_decay", "x", "give 0 or more"),
        ("betas", 0.9, "give two numbers, each 0 or more and below 1"),
        ("betas", (0.9,), "give two numbers"),
        ("betas", (1.0, 0.9), "give two numbers"),
        ("betas", ("a", 0.9), "give two numbers"),
        ("betas", "ab", "give two numbers"),
        ("compile", "no", "give true or false, without quotation marks"),
        ("recompute", 1, "give true or false"),
        ("schedule", ["wsd"], "choose constant"),
    ],
)
def test_recipes_check_their_own_entries(entry, value, message):
    with pytest.raises(DataError, match=rf"{entry}=.*: {message}"):
        Recipe(**{**RECIPE, entry: value})


def test_whole_numbers_quantities_and_edges_are_taken(tmp_path):
    tokens = "1.28k"
    training = {**TRAINING, "tokens": tokens, "lr": 1, "weight_decay": 0, "betas": [0, 0.95], "clip": 1, "decay": 0}
    found = made(
        tmp_path, posttrain=training, horizons=["2k", 3e3], scratch=["3k"], device="cuda:1", speed=0, **parent(lr=1)
    )
    assert found.posttrain.recipe(found.parents[0], 0).tokens == 1280
    assert (found.horizons, found.scratch) == ((2000, 3000), (3000,))
    assert Recipe(**RECIPE, betas=(0.0, 0.0)).steps == 20
    with pytest.raises(DataError, match="lr=0: give a positive"):
        ParentModel("tiny", found.parents[0].shape, 0)
    with pytest.raises(DataError, match="every=0"):
        SparseSpec(PruningSchedule(), every=0)


def test_a_plan_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "plan.toml").write_bytes('family = "café"'.encode("latin-1"))
    with pytest.raises(DataError, match=r"plan.toml is not TOML: 'utf-8' codec"):
        plan.read(tmp_path / "plan.toml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parent_seeds": [1, 1]}, "tiny-p1-parent would be run twice"),
        ({"parents": 2 * table_of()["parents"]}, "tiny-parent would be run twice"),
        (parent(seeds=[0, 0]), "tiny-control-s0 would be run twice"),
        ({"horizons": ["1k", 1000]}, "tiny-parent-1000 would be run twice"),
        ({"horizons": [TRAINING["tokens"]]}, "tiny-parent and tiny-parent-1280, the same training, would be run twice"),
        ({"horizons": [15 * STEP, 15 * STEP + 1]}, "tiny-parent-960 and tiny-parent-961, the same training"),
        ({"scratch": ["1k", "1k"]}, "tiny-ffn-0.3-s0-scratch-1000 would be run twice"),
        (grown(sparsity=[0.5, 0.5]), "tiny-sparse-0.5-geometric-layer would be run twice"),
        ({"sparse": 2 * [{"sparsity": [0.5], "every": 5}]}, "or make the second in another out="),
    ],
)
def test_what_would_count_double_is_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        runs(made(tmp_path, **changes))


def test_children_of_one_shape_share_the_model_from_scratch(tmp_path):
    ways = [{"method": method, "rates": [0.5]} for method in ("influence", "ffn", "contiguous")]
    found = [run.name for run in runs(made(tmp_path, prune=ways, scratch=True)) if run.kind == "scratch"]
    assert found == ["tiny-influence-0.5-s0-scratch", "tiny-ffn-0.5-s0-scratch"]


def test_what_is_alike_but_not_the_same_is_run(tmp_path):
    """Same length, another kind; same cell, another seed; and tables that say nothing."""
    found = runs(made(tmp_path, seeds=[0, 1], parent_seeds=[0, 1], scratch=True, horizons=["1k"], sparse=[]))
    assert len({run.name for run in found}) == len(found) == 20
    often = runs(made(tmp_path, sparse=[{"sparsity": [0.5]}, {"sparsity": [0.5], "every": 5}]))
    assert [run.name for run in often if run.kind == "sparse"] == [
        "tiny-sparse-0.5-geometric-layer",
        "tiny-sparse-0.5-geometric-layer-every5",
    ]
    assert [run.name for run in runs(plan.from_mapping(table_of(prune=[]), tmp_path))] == [
        "tiny-parent",
        "tiny-control-s0",
    ]


def test_old_names_work_with_a_warning():
    import p2law.experiments as package
    from p2law.experiments import architecture, prune, study, train

    old = {
        package: {"Architecture": "ModelShape"},
        architecture: {"Architecture": "ModelShape"},
        plan: {"Cell": "PruneSpec", "Growth": "SparseSpec", "Parent": "ParentModel"},
        prune: {"Target": "PruneTarget"},
        study: {"Estimate": "RunCost"},
        train: {"Remask": "MaskSchedule"},
    }
    for module, names in old.items():
        for name, new in names.items():
            with pytest.warns(DeprecationWarning, match=f"{name} is deprecated: use {new}") as warned:
                assert getattr(module, name) is getattr(module, new)
            assert warned[0].filename == __file__
        with pytest.raises(AttributeError, match="no attribute 'absent'"):
            module.absent  # noqa: B018


def test_signatures_show_plain_types():
    assert str(signature(Recipe)).startswith("(tokens: int, lr: float, batch: int = 64")
