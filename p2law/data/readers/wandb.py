"""Charts exported from Weights & Biases as CSV: three columns for each run and metric, of which two are bounds.

``run - metric``, ``run - metric__MIN``, ``run - metric__MAX``; where the bounds differ, the first is W&B's mean over
several logged values. A Runs table exported from W&B is a table like any other.
"""

import re

import pandas as pd

from ...errors import DataError
from .log import is_step

_SERIES = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<twin>\.\d+)?")


def is_chart(table: pd.DataFrame) -> bool:
    """Whether a table is a chart of W&B."""
    return any(_SERIES.fullmatch(str(name)) and f"{name}__MIN" in table.columns for name in table.columns)


def chart(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Every point of a chart over steps or tokens."""
    axis = str(table.columns[0])
    if not is_step(axis) and "token" not in axis.lower():
        raise DataError(f"the x-axis of {source!r} is {axis!r}: export the chart over steps, or over tokens.")
    x = {"step" if is_step(axis) else "D": table[axis]}
    parts: list[pd.DataFrame] = []
    for name in table.columns[1:]:
        series = _SERIES.fullmatch(name)
        if series is None or re.search(r"__(MIN|MAX)(\.\d+)?$", name):
            continue
        run, metric, twin = series.group("run", "metric", "twin")
        if twin and name.removesuffix(twin) in table.columns:  # pandas numbers the columns of runs of one name
            run += twin
        else:
            metric += twin or ""
        parts.append(pd.DataFrame({"run": run, **x, "metric": metric, "value": table[name]}))
    return pd.concat(parts, ignore_index=True).dropna(subset="value")
