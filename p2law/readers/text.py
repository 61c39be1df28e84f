"""Text that training programs print: Megatron-LM, nanotron, nanoGPT, torchtitan."""

import re
from pathlib import Path

import pandas as pd

from ..errors import DataError
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
    # torchtitan
    rf"\bvalidate step: +([\d,]+) +loss: +{_NUMBER}": ("validation loss",),
    rf"\bstep: +([\d,]+) +loss: +{_NUMBER}": ("loss",),
}
_COLOUR = r"\x1b\[[\d;]*m"


def lines(path: Path) -> pd.DataFrame:
    """Every loss in a text whose lines are known; what else is printed does not matter."""
    check_size(path)
    rows = []
    with path.open(encoding="utf-8", errors="replace") as text:
        for line in text:
            if "loss" in line:
                rows += _losses(re.sub(_COLOUR, "", line))
    if not rows:
        raise DataError(
            f"no line of {path.name!r} is known: read understands the losses that Megatron-LM, nanotron, nanoGPT and "
            "torchtitan print. Of others make a table (.csv) with columns step and loss."
        )
    return pd.DataFrame(rows, columns=["step", "metric", "value"])


def _losses(line: str) -> list[tuple[int, str, float]]:
    for pattern, names in _PATTERNS.items():
        found = re.search(pattern, line)
        if found:
            step, *values = found.groups()
            return [(int(step.replace(",", "")), n, float(v)) for n, v in zip(names, values, strict=True)]
    return []
