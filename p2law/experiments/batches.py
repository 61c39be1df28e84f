"""Which tokens are seen when: windows of one length in an order that follows from the seed alone."""

from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ._torch import torch


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
    """Draw the batches of a run.

    Parameters
    ----------
    passes : int
        How often the text may be read. Each pass is another order.

    Raises
    ------
    DataError
        If the text is too short.
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
    """Windows spread evenly over a text: a fixed set to measure on, of as many documents as may be.

    Raises
    ------
    DataError
        If the text has fewer.
    """
    there = window_count(tokens, sequence)
    if there < count:
        raise DataError(f"{what} wants {count} sequences of {sequence} tokens, the text has {there}: ask for fewer.")
    return windows(tokens, sequence, np.arange(count) * there // count)
