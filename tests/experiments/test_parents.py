import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import architecture, parents
from p2law.experiments.parents import fingerprint
from tests.experiments.models import KINDS, SHAPE, logits, random_parent, tiny, torch


@pytest.mark.parametrize(("family", "tied"), KINDS)
def test_counts_by_formula_are_those_of_the_model(family, tied):
    shape = tiny(family, tied)
    count = parents.count(parents.build(shape))
    assert (count.body, count.embedding, count.total) == (shape.body, shape.embedding, shape.total)


def test_linear_counts_the_block_matrices():
    shape = tiny("qwen2")
    model = parents.build(shape)
    matrices = [layer.weight.numel() for block in parents.blocks(model) for layer in parents.linears(block).values()]
    assert sum(matrices) == shape.linear


@pytest.mark.parametrize(
    ("name", "total"),
    [("1B", 1_235_814_400), ("8B", 8_030_261_248)],
)
def test_formula_gives_published_sizes(name, total):
    shapes = {
        "1B": architecture.ModelShape("llama", 16, 2048, 8192, 32, 8, 64, 128256, tied=True),
        "8B": architecture.ModelShape("llama", 32, 4096, 14336, 32, 8, 128, 128256, tied=False),
    }
    assert shapes[name].total == total


def test_saved_model_is_the_live_one(parent, tokens, tmp_path):
    parents.save(parent, tmp_path)
    again = parents.load(tmp_path)
    assert torch.equal(logits(again, tokens), logits(parent, tokens))
    assert parents.shape_of(tmp_path) == architecture.of_config(parent.config)


def test_same_seed_same_weights():
    one, same, other = (parents.build(tiny(), seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_building_leaves_the_users_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    parents.build(tiny(), seed=9)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "gpt2"}, "family='gpt2': choose llama"),
        ({"heads": 6}, "heads must be a multiple of the groups"),
        ({"layers": 0}, "layers=0: give a whole number"),
        ({"hidden": 68}, "heads divide the hidden size"),
        ({"head_dim": 7}, "head_dim=7"),
        ({"depth": 3}, "unknown: depth"),
    ],
)
def test_impossible_architectures_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        architecture.from_table({"family": "llama", **SHAPE, **changes})


def test_head_dim_defaults_to_hidden_by_heads():
    table = {"family": "llama", **SHAPE}
    del table["head_dim"]
    assert architecture.from_table(table) == tiny()


def test_missing_model_is_refused(tmp_path):
    with pytest.raises(DataError, match="give a model folder or a hub id"):
        parents.load(tmp_path / "nowhere")


def test_foreign_model_type_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(DataError, match="model type 'gpt2' is not supported"):
        parents.load(tmp_path)


def test_blocks_of_several_kinds_are_refused():
    """Which block attends how would have to be carried through every method."""
    config = architecture.to_config(tiny("qwen2"))
    config.layer_types = ["full_attention", "full_attention", "sliding_attention", "sliding_attention"]
    with pytest.raises(DataError, match="blocks of several kinds"):
        architecture.of_config(config)


def test_a_fingerprint_tells_weights_apart(tmp_path):
    model = random_parent(tiny())
    for name, scale in (("one", 1.0), ("same", 1.0), ("other", 1.001)):
        with torch.no_grad():
            model.model.norm.weight.mul_(scale)
        parents.save(model, tmp_path / name)
    one, same, other = (fingerprint(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same != other


def test_a_fingerprint_tells_configurations_apart(tmp_path):
    """The same weights in other norms are another model."""
    model = parents.build(tiny())
    parents.save(model, tmp_path / "one")
    model.config.rms_norm_eps *= 2
    parents.save(model, tmp_path / "two")
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "two")


def test_models_that_lack_weights_are_refused(tmp_path):
    """What transformers would draw at random, differently for every child."""
    parents.build(tiny(tied=False)).model.save_pretrained(tmp_path)
    with pytest.raises(DataError, match=r"lacks lm_head.weight: it was not saved as a causal language model"):
        parents.load(tmp_path)


def test_dropout_is_refused():
    config = architecture.to_config(tiny(), attention_dropout=0.1)
    with pytest.raises(DataError, match=r"attention_dropout=0\.1: set it to 0"):
        architecture.of_config(config)
