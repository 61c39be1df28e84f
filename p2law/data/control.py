"""A moving parent: measure the excess from the unpruned control at the same tokens instead of from a fixed L0.

Post-training text can go on improving the *unpruned* parent, so pruned models drift below the L0 measured before
post-training and no law with a positive excess over it holds. ``baseline="control"`` puts the control's loss at the
row's own tokens where the law wants L0.
"""

import numpy as np
import pandas as pd

from ..errors import DataError
from ..laws import Law
from .columns import finite, numbers, require, row_label

CONTROL = "L_control"


def split_control(frame: pd.DataFrame, law: Law) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pruned rows and control rows (rho = 0) of a table."""
    rate = law.variable("rate")
    if rate is None or rate not in frame.columns:
        return frame, frame.iloc[:0]
    is_control: np.ndarray = numbers(frame, rate) == 0
    return frame[~is_control], frame[is_control]


def control_loss(pruned: pd.DataFrame, control: pd.DataFrame, law: Law) -> pd.DataFrame:
    """The pruned rows with the law's baseline column replaced by the control's loss at equal tokens.

    Taken from column ``L_control`` where it exists, else from the control rows, interpolated in log tokens within each
    parent (N0).

    Raises
    ------
    DataError
        If the law has no baseline, there is no control, or a row lies outside its control's tokens.
    """
    base = law.variable("loss")
    if base is None:
        raise DataError(f"baseline='control' needs a law with a baseline loss such as L0; {law.name} has none.")
    if CONTROL in pruned.columns:
        return pruned.assign(**{base: finite(pruned, CONTROL)})
    if len(control) == 0:
        raise DataError(
            f"baseline='control' needs the unpruned control's loss: a column {CONTROL!r} (its loss at the row's "
            f"tokens) or control rows with {law.variable('rate') or 'rho'} = 0, one control run per parent."
        )
    for name in (law.variable("size"), law.variable("tokens"), law.response.name):
        for rows in (pruned, control):
            if name is not None:
                require(rows, name, "control rows are matched by it")
                finite(rows, name)
    return pruned.assign(**{base: _interpolated(pruned, control, law)})


def _interpolated(pruned: pd.DataFrame, control: pd.DataFrame, law: Law) -> np.ndarray:
    """The control's loss at the tokens of the pruned rows, (rows,), interpolated in log tokens per model size."""
    size, tokens, loss = law.variable("size"), law.variable("tokens"), law.response.name
    control = control[control[tokens] > 0]
    out = np.full(len(pruned), np.nan)
    keys = pruned[size].to_numpy() if size else np.zeros(len(pruned))
    for key in pd.unique(keys):
        rows = np.flatnonzero(keys == key)
        curve = control[control[size] == key] if size else control
        if len(curve) == 0:
            raise DataError(
                f"no control run for {size} = {key:g}: post-train the unpruned parent on the same text and add its "
                "rows with rho = 0, or drop this size."
            )
        curve = curve.groupby(tokens)[loss].mean()
        at = pruned[tokens].to_numpy(dtype=float)[rows]
        low, high = float(curve.index.min()), float(curve.index.max())
        outside = (at < low * (1 - 1e-9)) | (at > high * (1 + 1e-9))
        if outside.any():
            where = row_label(pruned, int(rows[np.flatnonzero(outside)[0]]))
            raise DataError(
                f"column {tokens!r}, row {where}: {at[outside][0]:g} lies outside the control run of {size} = {key:g} "
                f"({low:g} to {high:g} tokens); carry the control on, or leave these rows out."
            )
        out[rows] = np.interp(np.log(at), np.log(curve.index.to_numpy(float)), curve.to_numpy(float))
    return out
