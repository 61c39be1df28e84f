"""Which values of a column are one level: realised sizes and rates scatter around their targets."""

import numpy as np

ONE_LEVEL = 1.05
"""Values within this factor of the smallest of their kind are one level."""


def level_of(values: np.ndarray, within: float = ONE_LEVEL) -> np.ndarray:
    """Number of each value's level in ascending order, (rows,)."""
    found, row = np.unique(values, return_inverse=True)
    number, anchor = np.zeros(len(found), dtype=int), found[0]
    for i in range(1, len(found)):
        apart = found[i] > anchor * within if anchor > 0 else found[i] > anchor
        number[i], anchor = number[i - 1] + apart, found[i] if apart else anchor
    return number[row]
