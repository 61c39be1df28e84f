"""Real curves that ship with p2law, each with a data card (``describe``)."""

from importlib.resources import files
from typing import Any

import pandas as pd

from ..errors import DataError

_SETS = {"mini-pruning": "mini_pruning", "mini-dense": "mini_dense"}
_FIT_READY = {"mini-pruning": "phase == 'const' and method != 'control'", "mini-dense": "phase == 'decayed'"}


def names() -> tuple[str, ...]:
    """Names of the bundled data sets."""
    return tuple(_SETS)


def load(name: str, *, rows: str = "fit", **where: Any) -> pd.DataFrame:
    """Load a bundled data set.

    Parameters
    ----------
    name : {"mini-pruning", "mini-dense"}
        Post-training curves of pruned Llama-style models and the pre-training curves of their parents.
    rows : {"fit", "all"}
        ``"fit"``: the rows a law may be fitted to as they are (constant learning rate for the pruned curves without
        their controls; decayed end points for the dense ones). ``"all"``: every logged row, controls included.
    **where
        Keep the rows whose column has this value: ``load("mini-pruning", method="width")``.

    Returns
    -------
    DataFrame
        N in parameters (non-embedding where the name says so), D in tokens, losses in nats per token.

    Raises
    ------
    DataError
        If there is no such data set, column or value.
    """
    if not isinstance(name, str) or name not in _SETS:
        raise DataError(f"no data set {name!r}; there are {', '.join(_SETS)}.")
    if rows not in ("fit", "all"):
        raise DataError(f"rows={rows!r}: choose 'fit' or 'all'.")
    with files(__name__).joinpath(f"{_SETS[name]}.csv").open("rb") as handle:
        frame = pd.read_csv(handle)
    frame = frame.query(_FIT_READY[name]) if rows == "fit" else frame
    for column, value in where.items():
        if column not in frame.columns:
            raise DataError(f"{name} has no column {column!r}; it has {', '.join(frame.columns)}.")
        if value not in set(frame[column]):
            raise DataError(
                f"{name} has no {column} = {value!r}; it has {', '.join(map(str, frame[column].unique()))}."
            )
        frame = frame[frame[column] == value]
    return frame.reset_index(drop=True)


def describe(name: str) -> str:
    """The data card: what was measured, how, and what to know before using it."""
    if name not in _SETS:
        raise DataError(f"no data set {name!r}; there are {', '.join(_SETS)}.")
    return files(__name__).joinpath(f"{_SETS[name]}.md").read_text(encoding="utf-8")
