"""Text that training programs print: Megatron-LM, nanotron, nanoGPT and its kin, torchtitan."""

import re
from pathlib import Path

import pandas as pd

from ...errors import DataError
from .log import check_size

SUFFIXES = (".log", ".txt", ".out")
_NUMBER = r"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|[nN][aA][nN]|[iI][nN][fF]))"
_PATTERNS = {
    # Megatron-LM, nanotron
    rf"validation loss at iteration (\d+)(?: on validation set)? +\| lm loss value: {_NUMBER}": ("validation loss",),
    rf"validation loss at iteration (\d+) on test set +\| lm loss value: {_NUMBER}": ("test loss",),
    rf"\biteration:? +(\d+) */ *\d+ \|.*?\blm[ _]loss: {_NUMBER}": ("lm loss",),
    # nanoGPT
    rf"\bstep (\d+): train loss {_NUMBER}, val loss {_NUMBER}": ("train loss", "val loss"),
    rf"\biter (\d+): loss {_NUMBER}": ("loss",),
    # modded-nanogpt, nanochat, llm.c
    rf"\bstep:(\d+)/\d+ val_loss:{_NUMBER}": ("val_loss",),
    rf"\bstep:(\d+)/\d+ train_loss:{_NUMBER}": ("train_loss",),
    rf"\bstep (\d+)/\d+ \([\d.]+%\) \| loss: {_NUMBER}": ("loss",),
    rf"^s:(\d+) tel:{_NUMBER}": ("val loss",),
    rf"^s:(\d+) trl:{_NUMBER}": ("train loss",),
    # torchtitan
    rf"\bvalidate step: +([\d,]+) +loss: +{_NUMBER}": ("validation loss",),
    rf"\bstep: +([\d,]+) +loss: +{_NUMBER}": ("loss",),
}
_MENTIONED = re.compile("loss|^s:")
"""What every line of a loss holds: most lines need no closer look."""
_TOKENS = re.compile(r"tokens per iteration will be: ([\d,]+)")
_COLOUR = r"\x1b\[[\d;]*m"


def lines(path: Path) -> pd.DataFrame:
    """Every loss in a text whose lines are known; what else is printed does not matter, but for nanoGPT's tokens."""
    check_size(path)
    rows: list[tuple[int, str, float]] = []
    tokens: set[int] = set()
    with path.open(encoding="utf-8", errors="replace") as text:
        for line in text:
            if _MENTIONED.search(line):
                rows += _losses(re.sub(_COLOUR, "", line))
            elif found := _TOKENS.search(line):
                tokens.add(int(found[1].replace(",", "")))
    if not rows:
        raise DataError(
            f"no line of {path.name!r} is known: read understands the losses that Megatron-LM, nanotron, nanoGPT, "
            "modded-nanogpt, nanochat, llm.c and torchtitan print. Of others make a table (.csv) with columns step and "
            "loss."
        )
    logged = pd.DataFrame(rows, columns=["step", "metric", "value"])
    return logged.assign(D=logged["step"] * float(tokens.pop())) if len(tokens) == 1 else logged


def _losses(line: str) -> list[tuple[int, str, float]]:
    """(step, metric, value) of each loss that a line of a log prints."""
    for pattern, names in _PATTERNS.items():
        found = re.search(pattern, line)
        if found:
            step, *values = found.groups()
            return [(int(step.replace(",", "")), n, float(v)) for n, v in zip(names, values, strict=True)]
    return []
