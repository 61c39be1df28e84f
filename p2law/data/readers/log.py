"""What all logs share: one loss among the logged quantities, tokens from steps, one row per step of a run.

A reader hands over one row per logged number: ``step`` (or ``D``), ``metric`` and ``value``, with ``run`` and ``D``
where the log knows them.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import DataError, DataWarning
from ..arguments import number
from ..columns import numbers, rename, split_name, warn_of_units

STEPS = ("step", "global_step", "_step", "iteration", "iter")
LOSSES = {"ce", "nll", "xent"}
"""Words, beside "loss", that name a cross-entropy."""
SHOWN = 12
"""Names of quantities that an error lists."""
HELD_OUT = {"eval", "evaluation", "val", "valid", "validation", "dev", "heldout"}
LARGEST = 10**9
"""Bytes of JSON or text that are read: more is hardly a log of losses."""


def check_size(path: Path) -> None:
    """Refuse a file too large to be a log."""
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(
            f"{path.name!r} has {size / 1e9:.1f} GB, logs are read up to {LARGEST / 1e9:g}: keep what holds the losses."
        )


def is_step(name: str) -> bool:
    """Whether a column counts steps: "step", "train/global_step", "iteration"."""
    return name.rpartition("/")[2].lower() in STEPS


def select(logged: pd.DataFrame, metric: str | None, source: str) -> pd.DataFrame:
    """The rows of one logged quantity, as ``loss``."""
    name = _chosen(logged["metric"].unique().tolist(), metric, source)
    warn_of_units(name)
    rows = logged[logged["metric"] == name]
    if "D" in rows.columns and rows["D"].isna().any():  # tokens were not counted all along
        rows = rows.drop(columns="D")
    return rows.drop(columns="metric").rename(columns={"value": "loss"}).reset_index(drop=True)


def of_table(frame: pd.DataFrame, metric: str | None, source: str) -> pd.DataFrame:
    """A table with one logged quantity as ``loss``; if it has steps, without the rows that log other quantities."""
    names = frame.columns[[pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]].tolist()
    steps = sorted(filter(is_step, names), key=lambda name: name != "step")
    frame = rename(frame, {"loss": _chosen([name for name in names if name not in steps], metric, source)})
    if not steps:
        return frame
    frame = rename(frame[frame["loss"].notna()], {"step": steps[0]}).reset_index(drop=True)
    if "run" not in frame.columns and frame.drop_duplicates(["step", "loss"]).duplicated("step").any():
        raise DataError(
            f"{source!r} has steps with several losses: name the column of the run, columns={{'run': '...'}}, or, if "
            "it is one run that was restarted, the run itself, given={'run': '...'}.",
            remedies=("columns", "given"),
        )
    return frame


def finish(
    frame: pd.DataFrame, tokens_per_step: float | None, *, run: str, source: str, in_order: bool
) -> pd.DataFrame:
    """The rows with their tokens ``D``, their run, and each step once.

    ``in_order``: rows come as they were logged, so that steps that begin again tell of another run.
    """
    frame = _with_tokens(frame, tokens_per_step, source)
    if "step" in frame.columns:
        frame = frame.assign(run=frame.get("run", run))
        frame = _last_of_each_step(_begun_again(frame, source) if in_order else frame, source)
    first = [name for name in ("run", "step", "D", "loss") if name in frame.columns]
    return frame[[*first, *(name for name in frame.columns if name not in first)]]


def _chosen(names: Sequence[str], metric: str | None, source: str) -> str:
    """The quantity that was asked for, or the only validation loss."""
    if not names:
        raise DataError(f"{source!r} holds no logged numbers.")
    losses = [name for name in names if "loss" in name.lower() or LOSSES.intersection(split_name(name))]
    held_out = [name for name in losses if HELD_OUT.intersection(split_name(name))]
    if metric is None and len(held_out) == 1:
        return held_out[0]
    if metric is not None and metric in names:
        return metric
    what = f"{len(held_out) or 'no'} validation losses" if metric is None else f"no {metric!r}"
    some = held_out or losses or names
    more = f" and {len(some) - SHOWN} more" * (len(some) > SHOWN)
    shown = ", ".join(map(repr, some[:SHOWN]))
    raise DataError(f"{source!r} holds {what}: name the loss with metric=, one of {shown}{more}.", remedies=["metric"])


def _with_tokens(frame: pd.DataFrame, tokens_per_step: float | None, source: str) -> pd.DataFrame:
    """The log with its column of tokens, as counted or computed from steps."""
    if tokens_per_step is None:
        if "D" in frame.columns:
            return frame
        raise DataError(
            f"{source!r} does not count tokens: give p2law.read tokens_per_step=, batch size x sequence length; of a "
            "table that has them, columns={'D': '...'}.",
            remedies=("tokens_per_step", "columns"),
        )
    number("tokens_per_step", tokens_per_step, low=0, error=DataError)
    if "D" in frame.columns:
        if "step" in frame.columns and np.allclose(frame["D"], frame["step"] * tokens_per_step):
            return frame
        raise DataError(f"{source!r} counts tokens itself (D): leave tokens_per_step= out.")
    if "step" not in frame.columns:
        raise DataError(
            f"tokens_per_step= needs steps, which {source!r} lacks: columns={{'step': '...'}} names them.",
            remedies=["columns"],
        )
    return frame.assign(D=numbers(frame, "step") * tokens_per_step)


def _begun_again(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Runs apart that were logged one after the other under one name: steps fall back to the first or below."""
    once = frame.drop_duplicates(["run", "step", "loss"])  # other ranks log the same
    runs = once.groupby("run", sort=False)["step"]
    again = (once["step"] <= runs.transform("first")) & (once["step"] < runs.shift())
    if not again.any():
        return frame
    warnings.warn(
        f"{source!r}: the steps of run {once['run'][again].iloc[0]!r} begin again at {once['step'][again].iloc[0]}: "
        "what follows is taken for another run, its name with -2 (given={'run': '...'} makes one of all).",
        DataWarning,
        stacklevel=4,
    )
    number = again.groupby(once["run"], sort=False).cumsum()
    return once.assign(run=once["run"].astype(str) + np.where(number > 0, "-" + (number + 1).astype(str), ""))


def _last_of_each_step(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Steps logged once more by other ranks, or by a run that was restarted: the last loss stands."""
    frame = frame.drop_duplicates(["run", "step", "loss"], keep="last")
    again = frame.duplicated(["run", "step"], keep="last")
    if again.any():
        warnings.warn(
            f"{source!r}: {int(again.sum())} rows are left out, for their steps were logged again with another loss, "
            f"as by a restarted run (first: run {frame['run'][again].iloc[0]!r}, step {frame['step'][again].iloc[0]}).",
            DataWarning,
            stacklevel=4,
        )
    return frame[~again].reset_index(drop=True)
