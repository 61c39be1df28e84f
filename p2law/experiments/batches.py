"""Which tokens are seen when: windows of one length in an order that follows from the seed alone."""

import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import DataError
from .runtime import torch


@dataclass(frozen=True, eq=False)
class Batches:
    """Windows of ``sequence + 1`` tokens, the last of each being the first of the next, drawn without repetition.

    Nothing is remembered between steps, so a resumed run sees what an uninterrupted one does.
    """

    tokens: np.ndarray
    sequence: int
    batch: int
    """Sequences per optimiser step."""
    order: np.ndarray

    def at(self, step: int) -> torch.Tensor:
        """The windows of a step, (batch, sequence + 1)."""
        return windows(self.tokens, self.sequence, self.order[step * self.batch : (step + 1) * self.batch])


def make_batches(tokens: np.ndarray, *, sequence: int, batch: int, steps: int, seed: int, passes: int = 1) -> Batches:
    """Draw the batches of a run from token ids, (tokens,), read at most ``passes`` times, each in another order.

    Raises DataError if the text is too short.
    """
    count, needed = window_count(tokens, sequence), steps * batch
    if needed > passes * count:
        raise DataError(
            f"{needed * sequence:,} tokens are asked for, the text has {count * sequence:,} in whole sequences and "
            f"passes={passes}: ask for fewer tokens, prepare more text, or allow more passes."
        )
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(count) for _ in range(-(-needed // count))])
    return Batches(tokens, sequence, batch, order[:needed])


def window_count(tokens: np.ndarray, sequence: int) -> int:
    """Whole windows in a text."""
    return max(0, (len(tokens) - 1) // sequence)


def windows(tokens: np.ndarray, sequence: int, index: np.ndarray) -> torch.Tensor:
    """Windows by number, int64, (windows, sequence + 1)."""
    rows = [tokens[i * sequence : (i + 1) * sequence + 1] for i in index]
    return torch.from_numpy(np.stack(rows).astype(np.int64))


def fixed_windows(tokens: np.ndarray, *, sequence: int, count: int, what: str) -> torch.Tensor:
    """Windows spread evenly over a text, (count, sequence + 1): a fixed set to measure on, of many documents.

    Raises DataError if the text has fewer.
    """
    there = window_count(tokens, sequence)
    if there < count:
        raise DataError(f"{what} wants {count} sequences of {sequence} tokens, the text has {there}: ask for fewer.")
    return windows(tokens, sequence, np.arange(count) * there // count)


RAW = {".u16": "<u2", ".u32": "<u4"}
"""Suffixes of raw files and what they hold."""


def read(path: str | PathLike[str]) -> np.ndarray:
    """The token ids in a file, (tokens,): ``.npy``, or raw little-endian ``.u16`` or ``.u32``, or these as ``.xz``.

    Raises DataError if there is no such file, or it is damaged or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r} to read token ids from.")
    inner = path.with_suffix("") if path.suffix == ".xz" else path
    if path.suffix != ".npy" and inner.suffix not in RAW:
        raise DataError(f"cannot read token ids from {path.name!r}: use .npy, .u16 or .u32, the latter also as .xz.")
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False).ravel()
        content = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        return np.frombuffer(content, RAW[inner.suffix])
    except (ValueError, EOFError, OSError, lzma.LZMAError) as error:
        said = str(error).partition(".")[0]  # NumPy goes on to advise an unsafe way
        raise DataError(f"no token ids can be read from {path.name}: {said}. Fetch or write it anew.") from error


def by_split(sources: Iterable[str]) -> dict[str, list[np.ndarray]]:
    """The arrays, (tokens,), of sources such as ``pretrain=part0.npy``, by split.

    Raises DataError if a source does not say its split, or its file cannot be read.
    """
    found: dict[str, list[np.ndarray]] = {}
    for source in sources:
        split, sign, path = source.partition("=")
        if not (sign and split):
            raise DataError(f"{source!r}: say which split the file belongs to, such as pretrain={source}.")
        found.setdefault(split, []).append(read(path))
    return found
