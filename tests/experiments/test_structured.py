"""Depth and width: what is removed, and that the child computes what the parent does without it."""

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import parents, prune
from p2law.experiments.architecture import of_config
from p2law.experiments.prune.depth import block_influence, losses_without
from p2law.experiments.prune.slice import channels, cut
from p2law.experiments.prune.width import ffn_scores, group_scores, hidden_scores
from p2law.experiments.runtime.loss import mean_loss
from tests.experiments.models import logits, random_parent, tiny, torch

DEPTH = ("influence", "leave-one-out", "contiguous")
STRUCTURED = (*DEPTH, "ffn", "groups", "width", "hidden")


def identity_block(model, index):
    """Make a block pass its input on unchanged."""
    block = parents.blocks(model)[index]
    with torch.no_grad():
        block.self_attn.o_proj.weight.zero_()
        block.mlp.down_proj.weight.zero_()


def masked_hidden(model, keep):
    """The model with the lost hidden channels at zero wherever something is written into them."""
    lost = torch.ones(model.config.hidden_size, dtype=torch.bool)
    lost[keep] = False
    with torch.no_grad():
        model.get_input_embeddings().weight[:, lost] = 0
        for block in parents.blocks(model):
            block.self_attn.o_proj.weight[lost] = 0
            block.mlp.down_proj.weight[lost] = 0


def masked(model, keep):
    """The model at its full size with everything that is not kept switched off."""
    with torch.no_grad():
        for i, block in enumerate(parents.blocks(model)):
            if keep.layers is not None and i not in keep.layers:
                identity_block(model, i)
            if keep.ffn is not None:
                lost = torch.ones(model.config.intermediate_size, dtype=torch.bool)
                lost[keep.ffn[i]] = False
                block.mlp.down_proj.weight[:, lost] = 0
            if keep.groups is not None:
                heads = block.self_attn.o_proj.weight.shape[1]
                lost = torch.ones(heads, dtype=torch.bool)
                lost[channels(keep.groups[i], heads // model.config.num_key_value_heads)] = False
                block.self_attn.o_proj.weight[:, lost] = 0
    if keep.hidden is not None:
        masked_hidden(model, keep.hidden)
    return model


@pytest.mark.parametrize("method", STRUCTURED)
def test_masked_is_sliced(parent, tokens, method):
    shape, found = of_config(parent.config), prune.METHODS[method]
    goal = prune.target(shape, method, 0.25 if method in DEPTH else {"groups": 0.13}.get(method, 0.3)).shape
    keep = found.choose(parent, goal, tokens)
    sliced = logits(cut(parent, goal, keep), tokens)
    torch.testing.assert_close(sliced, logits(masked(parent, keep), tokens), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", STRUCTURED)
def test_counts_are_those_of_the_target_and_the_parent_is_untouched(parent, tokens, method):
    before = {name: tensor.clone() for name, tensor in parent.state_dict().items()}
    rate = {"groups": 0.13}.get(method, 0.25)
    goal = prune.target(of_config(parent.config), method, rate)
    child = prune.prune(parent, method, rate, calibration=tokens)
    count = parents.count(child.model)
    assert (count.body, count.total) == (child.body, child.total) == (goal.body, goal.shape.total)
    assert child.rate == goal.rate == 1 - child.body / parents.count(parent).body
    assert of_config(child.model.config) == goal.shape
    assert all(torch.equal(before[name], tensor) for name, tensor in parent.state_dict().items())


@pytest.mark.parametrize("method", ["influence", "width", "hidden"])
def test_saved_child_is_the_live_one_and_generates(parent, tokens, tmp_path, method):
    child = prune.prune(parent, method, 0.25, calibration=tokens).model
    parents.save(child, tmp_path)
    again = parents.load(tmp_path)
    assert torch.equal(logits(again, tokens), logits(child, tokens))
    made = again.generate(tokens[:1], max_new_tokens=4, do_sample=False, pad_token_id=0)
    assert made.shape == (1, tokens.shape[1] + 4)


@pytest.mark.parametrize("training", [True, False])
def test_a_child_is_in_the_mode_of_its_parent(llama, tokens, training):
    assert prune.prune(llama.train(training), "ffn", 0.3, calibration=tokens).model.training is training


@pytest.mark.parametrize("planted", [0, 2])
def test_block_influence_finds_a_planted_identity_block(llama, tokens, planted):
    identity_block(llama, planted)
    scores = block_influence(llama, tokens)
    assert scores.argmin() == planted
    assert scores[planted] == pytest.approx(0, abs=1e-6)
    keep = prune.METHODS["influence"].choose(llama, replace(of_config(llama.config), layers=3), tokens)
    assert planted not in keep.layers


def test_leave_one_out_is_the_loss_of_the_cut_model(llama, tokens):
    losses = losses_without(llama, tokens)
    assert len(parents.blocks(llama)) == 4
    shorter = replace(of_config(llama.config), layers=3)
    cuts = [cut(llama, shorter, prune.slice.Keep(layers=tuple({0, 1, 2, 3} - {i}))) for i in range(4)]
    torch.testing.assert_close(losses, torch.tensor([mean_loss(each, tokens) for each in cuts], dtype=torch.float64))


def test_contiguous_finds_a_planted_run(llama, tokens):
    for index in (1, 2):
        identity_block(llama, index)
    keep = prune.METHODS["contiguous"].choose(llama, replace(of_config(llama.config), layers=2), tokens)
    assert keep.layers == (0, 3)


def test_dead_neurons_and_groups_score_zero(llama, tokens):
    block = parents.blocks(llama)[1]
    with torch.no_grad():
        block.mlp.up_proj.weight[7] = 0
        block.self_attn.v_proj.weight[8:16] = 0
    assert ffn_scores(llama, tokens)[1].argmin() == 7
    assert group_scores(llama, tokens)[1].argmin() == 1


def test_hidden_channel_nobody_writes_scores_least(llama, tokens):
    masked_hidden(llama, torch.tensor([i for i in range(64) if i != 5]))
    assert hidden_scores(llama, tokens).argmin() == 5


@pytest.mark.parametrize("family", ["llama", "qwen2"])
@pytest.mark.parametrize("method", STRUCTURED)
def test_everything_reachable_is_smaller_and_allowed(family, method):
    shape = tiny(family)
    bodies = [each.body for each in prune.METHODS[method].reachable(shape, 0.3)]
    assert bodies
    assert max(bodies) < shape.body


def test_a_llama_keeps_heads_that_divide_its_hidden_size():
    """64 / 6 heads is not whole: transformers would refuse the saved child."""
    assert [each.heads for each in prune.METHODS["groups"].reachable(tiny("llama"), 0.3)] == [2, 4]
    assert [each.heads for each in prune.METHODS["groups"].reachable(tiny("qwen2"), 0.3)] == [2, 4, 6]


def test_leading_sizes_of_published_models_are_reached():
    eight = replace(tiny(tied=False), layers=32, hidden=4096, ffn=14336, heads=32, kv_heads=8, head_dim=128)
    assert prune.target(eight, "influence", 0.25).shape.layers == 24
    half = prune.target(eight, "width", 0.5)
    assert (half.shape.kv_heads, half.shape.heads) == (4, 16)
    assert half.rate == pytest.approx(0.5, abs=1e-3)
    assert prune.target(eight, "ffn", 0.3).rate == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("method", "rate", "more", "message"),
    [
        ("influence", 0.36, {}, "rate=0.36 is out of reach of influence on this architecture; nearest: 0.25, 0.5"),
        ("ffn", 0.95, {}, "out of reach of ffn"),
        ("ffn", 1.5, {}, "rate=1.5: give the fraction"),
        ("ffn", 0.0, {}, "rate=0.0: give the fraction"),
        ("ffn", 0.3, {"pattern": "2:4"}, "ffn removes whole structures"),
        ("shortgpt", 0.3, {}, "no pruning method 'shortgpt'; there are influence"),
        ("ffn", 0.3, {"calibration": None}, "ffn needs calibration="),
        ("ffn", 0.3, {"calibration": torch.full((1, 4), 300)}, "holds token 300, the model's vocabulary ends at 256"),
    ],
)
def test_what_cannot_be_done_is_refused(llama, tokens, method, rate, more, message):
    with pytest.raises(DataError, match=message):
        prune.prune(llama, method, rate, **{"calibration": tokens} | more)


def test_same_text_same_child(tokens):
    one, two = (prune.prune(random_parent(tiny()), "width", 0.3, calibration=tokens).model for _ in range(2))
    assert torch.equal(logits(one, tokens), logits(two, tokens))
