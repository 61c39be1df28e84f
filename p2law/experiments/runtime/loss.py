"""Next-token cross-entropy in nats per token."""

import contextlib
from collections.abc import Iterator

from . import Model, torch

LOGITS = 2**26
"""Logits computed at once when only the loss is wanted: 256 MiB in float32."""


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of (sequences, length, vocabulary) logits, in float32."""
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def training_loss(
    logits: torch.Tensor, targets: torch.Tensor, teacher: torch.Tensor | None, distil: float
) -> torch.Tensor:
    """Cross-entropy, of which a share ``distil`` gives way to the divergence from a teacher's predictions."""
    loss = token_loss(logits, targets)
    if teacher is None:
        return loss
    divergence = torch.nn.functional.kl_div(
        logits.float().log_softmax(-1), teacher.float().log_softmax(-1), reduction="none", log_target=True
    )
    return (1 - distil) * loss + distil * divergence.sum(-1).mean()


@torch.no_grad()
def mean_loss(model: Model, windows: torch.Tensor, *, precision: str = "fp32") -> float:
    """Mean loss of predicting each window's tokens from the second on, nats per token; every sequence weighs the same.

    ``windows`` are token ids, (sequences, length + 1). ``precision``, "fp32" or "bf16", is that of the matrix products;
    the loss itself is float32 and its sum float64.
    """
    total, sequences = 0.0, max(1, LOGITS // (model.config.vocab_size * (windows.shape[1] - 1)))
    with evaluating(model):
        for batch in windows.split(sequences):
            batch = batch.to(model.device)
            with autocast(model.device.type, precision):
                logits = model(input_ids=batch[:, :-1], use_cache=False).logits
            total += float(token_loss(logits, batch[:, 1:])) * len(batch)
    return total / len(windows)


def autocast(device: str, precision: str) -> contextlib.AbstractContextManager[object]:
    """Matrix products in bfloat16 over float32 weights, or plain float32."""
    if precision == "bf16":
        return torch.autocast(device, dtype=torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Evaluation mode, and back to what it was."""
    was = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was)
