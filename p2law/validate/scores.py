"""Numbers of a hold-out test, from its table of held-out rows: see :attr:`p2law.Holdout.rows` for the columns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ..fitting import metrics

SAMPLING_ERRORS = 2.0
"""Coverage further below its level than this many sampling errors is too low for chance."""


def by_method(rows: pd.DataFrame, law: str, tokens: str | None) -> pd.DataFrame:
    """Scores of each method, one row each, and its RMSE over that of the law on the same rows (``ratio``)."""
    keys = ["fold", "row"]
    reference = rows[rows["method"] == law].set_index(keys)["error"]
    out = {}
    for method, own in rows.groupby("method", sort=False):
        same = reference.reindex(pd.MultiIndex.from_frame(own[keys]))
        out[method] = _scores(own, tokens) | {"ratio": rmse(own["error"]) / max(rmse(same), 1e-300)}
    return pd.DataFrame.from_dict(out, orient="index").rename_axis("method").infer_objects()


def _scores(rows: pd.DataFrame, tokens: str | None) -> dict[str, float | str]:
    """Errors and coverage of one method over its rows; see :meth:`p2law.Holdout.to_frame` for the names."""
    relative = rows["relative"].abs()
    loss, predicted = rows["loss"].to_numpy(), rows["predicted"].to_numpy()
    curve = rows["fold"].astype(str) + rows["run"].astype(str)
    known, half_width = rows["lower"].notna(), (rows["upper"] - rows["lower"]) / 2
    return {
        "rows": len(rows),
        "runs": rows["run"].nunique(),
        "signed": float(rows["relative"].mean()),
        "absolute": float(relative.mean()),
        "rms": rmse(rows["error"]),
        "worst": float(relative.max()),
        "worst_run": rows["run"].iloc[int(np.argmax(relative))],
        "r2": metrics.r2(loss, predicted),
        "asd": metrics.asd(loss, predicted, rows[tokens], curve) if tokens else np.nan,
        "asd_relative": metrics.asd(loss, predicted, rows[tokens], curve, relative=True) if tokens else np.nan,
        "coverage": float(inside(rows)[known].mean()) if known.any() else np.nan,
        "reach": float(half_width[known].median()) if known.any() else np.nan,
    }


def inside(rows: pd.DataFrame) -> pd.Series:
    """Whether each measured loss lies in its interval, (rows,) of bool."""
    return (rows["lower"] <= rows["loss"]) & (rows["loss"] <= rows["upper"])


def by_group(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Errors by run or split: rows, outside, bias (mean of predicted − measured, nats), rms, signed, coverage."""
    grouped = rows.assign(inside=inside(rows).where(rows["lower"].notna())).groupby(keys, sort=False)
    out = pd.DataFrame(
        {
            "rows": grouped.size(),
            "outside": grouped["outside"].max(),
            "bias": grouped["error"].mean(),
            "rms": grouped["error"].apply(rmse),
            "signed": grouped["relative"].mean(),
            "coverage": grouped["inside"].mean(),
        }
    )
    return out.reset_index()


def by_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of each held-out run in each split, worst first."""
    return by_group(rows, ["fold", "run"]).sort_values("rms", ascending=False, ignore_index=True)


def rmse(errors: pd.Series) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.asarray(errors, dtype=float) ** 2)))


@dataclass(frozen=True)
class IntervalCheck:
    """The intervals of one method against the held-out runs; the rows of a run are one trial."""

    unbounded: int
    """Rows whose interval has no end."""
    runs: int
    """Held-out runs, counted once per split; rows where each is its own run."""
    missed: int
    """Runs of which less than half of the rows lie inside their interval."""
    sampling_error: float
    """Standard error of the share of runs covered, were the intervals right."""
    too_narrow: Literal["", "misses runs", "below level"]
    """Missed runs (binomial test, 5 %) or a coverage (two sampling errors) that chance does not explain; else empty."""


def check_intervals(rows: pd.DataFrame, level: float) -> IntervalCheck:
    """Compare the coverage of one method's intervals at this level with what chance allows."""
    from scipy.stats import binom

    runs, covered = by_run(rows)["coverage"], inside(rows)[rows["lower"].notna()].mean()
    missed, sampling_error = int((runs < 0.5).sum()), float(np.sqrt(level * (1 - level) / len(runs)))
    too_narrow = ""
    if missed and binom.sf(missed - 1, len(runs), 1 - level) < 0.05:
        too_narrow = "misses runs"
    elif covered < level - SAMPLING_ERRORS * sampling_error:
        too_narrow = "below level"
    unbounded = int((~np.isfinite(rows["upper"] - rows["lower"])).sum())
    return IntervalCheck(unbounded, len(runs), missed, sampling_error, too_narrow)
