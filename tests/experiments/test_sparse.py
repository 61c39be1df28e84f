"""Sparse methods: which weights go, how many, and that they stay away."""

import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import parents, prune
from p2law.experiments.architecture import of_config
from p2law.experiments.prune import sparsegpt
from p2law.experiments.prune.masks import MaskError, mask_gradients, mask_weights, pruned_weights, verify
from p2law.experiments.prune.pattern import parse, threshold
from p2law.experiments.prune.sparse import WANDA, magnitude, ria, wanda
from tests.experiments.models import logits, torch

SPARSE = ("magnitude", "wanda", "ria", "sparsegpt")


@pytest.fixture
def weight():
    return torch.randn(24, 64, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def inputs():
    """Correlated activations of 64 channels at different scales."""
    generator = torch.Generator().manual_seed(6)
    return torch.randn(500, 64, generator=generator) @ torch.randn(64, 64, generator=generator)


def zeros_by_group(mask, m):
    return (~mask).reshape(-1, m).sum(1).unique().tolist()


@pytest.mark.parametrize("method", SPARSE)
def test_every_family_is_pruned(parent, tokens, method):
    child = prune.prune(parent, method, 0.5, calibration=tokens, pattern="2:4")
    assert child.body == parents.count(parent).body - pruned_weights(child.masks)
    verify(child.model, child.masks)


@pytest.mark.parametrize("method", SPARSE)
@pytest.mark.parametrize("pattern", ["row", "layer", "2:4", "4:8"])
def test_zeros_are_counted_exactly(llama, tokens, method, pattern):
    child = prune.prune(llama, method, 0.5, calibration=tokens, pattern=pattern)
    before = parents.count(llama)
    assert child.rate == pytest.approx(0.5, abs=0.01)
    assert child.body == before.body - pruned_weights(child.masks)
    assert child.rate_total == 1 - child.total / before.total
    verify(child.model, child.masks)
    for mask in child.masks.values():
        if ":" in pattern:
            assert zeros_by_group(mask, int(pattern[2])) == [int(pattern[2]) - int(pattern[0])]


@pytest.mark.parametrize("rate", [0.3, 0.37, 0.701])
@pytest.mark.parametrize("pattern", ["row", "layer", "global"])
def test_what_is_left_is_known_to_the_last_weight_before(parent, pattern, rate):
    """Rows lose whole numbers of weights."""
    goal = prune.target(of_config(parent.config), "magnitude", rate, pattern=pattern)
    assert prune.prune(parent, "magnitude", rate, pattern=pattern).body == goal.body


@pytest.mark.parametrize("method", ["magnitude", "wanda", "ria"])
def test_global_pattern_meets_the_rate_and_differs_between_layers(llama, tokens, method):
    child = prune.prune(llama, method, 0.4, calibration=tokens, pattern="global")
    assert child.rate == pytest.approx(0.4, abs=1e-4)
    shares = {round(1 - float(mask.float().mean()), 3) for mask in child.masks.values()}
    assert len(shares) > 3


def test_threshold_separates_exactly_the_share_wanted(weight):
    scores = {"a": weight.abs(), "b": 3 * weight.abs()}
    least = threshold(scores, 0.3)
    assert sum(int((score < least).sum()) for score in scores.values()) == round(0.3 * 2 * weight.numel())


@pytest.mark.parametrize("pattern", ["row", "layer", "2:4"])
def test_sparsegpt_with_identity_hessian_is_magnitude(weight, pattern):
    new, mask = sparsegpt.zero(weight, torch.eye(64), parse(pattern), 0.5)
    plain = parse(pattern).kept(magnitude(weight), 0.5)
    assert torch.equal(mask, plain)
    assert torch.equal(new, weight * plain)


@pytest.mark.parametrize("method", [wanda, ria])
def test_equal_norms_leave_the_weights_to_decide(weight, method):
    """Wanda becomes row-wise magnitude; the relative importance of RIA does not depend on the common norm."""
    where = parse("row")
    expected = magnitude(weight) if method is wanda else ria(weight, torch.ones(64))
    assert torch.equal(where.kept(method(weight, torch.full((64,), 4.0)), 0.5), where.kept(expected, 0.5))


def test_wanda_spares_loud_inputs(weight):
    norms = torch.ones(64)
    norms[3] = 1e6
    assert parse("row").kept(wanda(weight, norms), 0.9)[:, 3].all()


def test_ria_by_hand():
    weight = torch.tensor([[1.0, -2.0], [3.0, 2.0]])
    score = ria(weight, torch.tensor([4.0, 9.0]))
    by_hand = [[(1 / 4 + 1 / 3) * 2, (2 / 4 + 2 / 3) * 3], [(3 / 4 + 3 / 5) * 2, (2 / 4 + 2 / 5) * 3]]
    torch.testing.assert_close(score, torch.tensor(by_hand))


def test_ria_of_zeros_is_zero():
    score = ria(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), torch.ones(2))
    torch.testing.assert_close(score, torch.tensor([[0.0, 0.0], [0.0, 2.0]]))


@pytest.mark.parametrize("pattern", ["row", "2:4"])
def test_sparsegpt_loses_less_of_the_output_than_wanda(weight, inputs, pattern):
    where, gram = parse(pattern), inputs.T @ inputs
    corrected, _ = sparsegpt.zero(weight, gram, where, 0.5, block=16)
    plain, _ = WANDA.zero(weight, gram.diagonal().sqrt(), where, 0.5)
    error = [float((inputs @ (weight - each).T).square().sum()) for each in (corrected, plain)]
    assert error[0] < 0.9 * error[1]


def test_sparsegpt_meets_the_best_correction_of_one_column(inputs):
    """With the last columns zeroed, the others take the least-squares solution given those zeros."""
    inputs = inputs[:, :8].double()
    weight = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    weight[:, 0] = 1e-6  # the cheapest by far: every row drops it first
    gram = inputs.T @ inputs
    new, mask = sparsegpt.zero(weight, gram, parse("row"), 1 / 8)
    assert (~mask).nonzero()[:, 1].tolist() == [0, 0, 0]
    damped = gram + 0.01 * gram.diagonal().mean() * torch.eye(8)
    best = torch.linalg.solve(damped[1:, 1:], damped[1:] @ weight.T).T
    torch.testing.assert_close(new[:, 1:], best, rtol=1e-4, atol=1e-5)


def test_sparsegpt_takes_inputs_that_never_fire(weight):
    gram = torch.eye(64)
    gram[5, 5] = 0
    new, _ = sparsegpt.zero(weight, gram, parse("layer"), 0.5)
    assert new.isfinite().all()


@pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
def test_later_blocks_are_judged_on_what_pruned_ones_pass_on(llama, tokens, method):
    """Pruning the whole model equals pruning the last block of a model whose first blocks are pruned already."""
    child = prune.prune(llama, method, 0.5, calibration=tokens)
    half = prune.prune(llama, method, 0.5, calibration=tokens).model
    last = "model.layers.3.mlp.down_proj.weight"
    seen = []
    hook = parents.blocks(half)[3].mlp.down_proj.register_forward_hook(lambda _, x, __: seen.append(x[0].flatten(0, 1)))
    parents.blocks(half)[3].load_state_dict(parents.blocks(llama)[3].state_dict())
    logits(half, tokens)
    hook.remove()
    x = torch.cat(seen)
    gathered = x.square().sum(0).sqrt() if method == "wanda" else x.T @ x
    _, mask = prune.METHODS[method].zero(
        llama.get_parameter(last), gathered, parse(child_pattern(method)), sparsity(llama)
    )
    assert (mask == child.masks[last]).float().mean() > 0.999


@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "width", "influence", "leave-one-out"])
def test_activations_in_half_precision_lead_to_much_the_same_child(llama, tokens, method, monkeypatch):
    """As on a GPU: products in bfloat16; weights, sums and Gram matrices in float32."""
    plain = prune.prune(llama, method, 0.5, calibration=tokens)
    for file in ("activations", "depth"):
        monkeypatch.setattr(f"p2law.experiments.prune.{file}.precision_on", lambda *_: "bf16")
    half = prune.prune(llama, method, 0.5, calibration=tokens)
    assert half.body == plain.body
    for name, weight in half.model.named_parameters():
        assert weight.dtype == torch.float32
        assert ((weight == 0) == (plain.model.get_parameter(name) == 0)).float().mean() > 0.97
    verify(half.model, half.masks)
    assert not torch.is_autocast_enabled("cpu")


def child_pattern(method):
    return prune.METHODS[method].pattern


def sparsity(model):
    from p2law.experiments.architecture import of_config

    return prune.target(of_config(model.config), "magnitude", 0.5).sparsity


def test_saved_child_is_the_live_one_with_its_zeros(parent, tokens, tmp_path):
    child = prune.prune(parent, "wanda", 0.5, calibration=tokens, pattern="2:4")
    parents.save(child.model, tmp_path)
    again = parents.load(tmp_path)
    assert torch.equal(logits(again, tokens), logits(child.model, tokens))
    verify(again, child.masks)


def test_weights_that_are_not_numbers_are_no_fault_of_the_masks(llama):
    """They are of a run that diverges, which its loss tells."""
    child = prune.prune(llama, "magnitude", 0.5)
    with torch.no_grad():
        for parameter in child.model.parameters():
            parameter.fill_(float("nan"))
    verify(child.model, child.masks)


def test_token_ids_may_come_as_an_array(llama, tokens):
    one, other = (prune.prune(llama, "wanda", 0.5, calibration=text) for text in (tokens, tokens.numpy()))
    assert all(torch.equal(one.masks[name], mask) for name, mask in other.masks.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ([[1, -1]], "calibration holds token -1"),
        ([[1, 257]], "calibration holds token 257, the model's vocabulary ends at 256"),
        ([[0.5]], "of torch.float64: give token ids"),
        ([1, 2], "give token ids"),
        (None, "needs calibration="),
    ],
)
def test_calibration_that_is_no_text_is_refused(llama, text, message):
    with pytest.raises(DataError, match=message):
        prune.prune(llama, "wanda", 0.5, calibration=text)


def test_masks_drop_gradients_and_bring_weights_back(llama):
    child = prune.prune(llama, "magnitude", 0.5)
    for parameter in child.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    mask_gradients(child.model, child.masks)
    name, mask = next(iter(child.masks.items()))
    assert torch.equal(child.model.get_parameter(name).grad, mask.float())
    with torch.no_grad():
        child.model.get_parameter(name).add_(1)
    with pytest.raises(MaskError, match=rf"{name}: \d+ pruned weights are not zero"):
        verify(child.model, child.masks)
    mask_weights(child.model, child.masks)
    verify(child.model, child.masks)


@pytest.mark.parametrize(
    ("method", "rate", "pattern", "message"),
    [
        ("sparsegpt", 0.5, "global", "works layer by layer"),
        ("wanda", 0.7, "2:4", "rate=0.7 is out of reach of wanda"),
        ("wanda", 0.9999, None, "stay below 0.99"),
        ("wanda", 0.5, "4:2", "pattern='4:2': choose"),
        ("wanda", 0.3, "2:3", "not all multiples of 3"),
    ],
)
def test_impossible_patterns_are_refused(llama, tokens, method, rate, pattern, message):
    with pytest.raises(DataError, match=message):
        prune.prune(llama, method, rate, calibration=tokens, pattern=pattern)
