"""Real curves that ship with p2law, each with a data card (``describe``)."""

from typing import TYPE_CHECKING, Any, cast

from ...errors import DataError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import pandas as pd

_FIT_READY = {
    "mini-pruning": "phase == 'const' and method != 'control'",
    "mini-dense": "phase == 'decayed'",
    "mini-sparse-pretraining": "phase == 'decayed'",
    "mini-prune-vs-scratch": "phase == 'const' and kind in ('pruned', 'scratch')",
}
"""Which rows of each set a law may be fitted to."""


def names() -> tuple[str, ...]:
    """Names of the bundled data sets."""
    return tuple(_FIT_READY)


def load(name: str, *, rows: str = "fit", **where: Any) -> "pd.DataFrame":
    """Load a bundled data set.

    Parameters
    ----------
    name : {"mini-pruning", "mini-dense", "mini-sparse-pretraining", "mini-prune-vs-scratch"}
        Post-training curves of pruned Llama-style models; the pre-training curves of their parents; dense and sparse
        pre-training of very small models; pruned ones beside models of their shape from random weights.
    rows : {"fit", "all"}
        ``"fit"``: the rows a law may be fitted to as they are (constant learning rate for post-training curves and
        those beside them, without controls; decayed end points for pre-training). ``"all"``: every logged row.
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
    import pandas as pd  # here, so that the names of the data sets come without it

    file = _file(name, "csv")
    if rows not in ("fit", "all"):
        raise DataError(f"rows={rows!r}: choose 'fit' or 'all'.")
    with file.open("rb") as handle:
        frame: pd.DataFrame = pd.read_csv(handle)
    frame = frame.query(_FIT_READY[name]) if rows == "fit" else frame
    for column, value in where.items():
        if column not in frame.columns:
            raise DataError(f"{name} has no column {column!r}; it has {', '.join(map(str, frame.columns))}.")
        values = frame[column].drop_duplicates().tolist()
        if value not in values:
            raise DataError(f"{name} has no {column} = {value!r}; it has {', '.join(map(str, values))}.")
        frame = cast("pd.DataFrame", frame[frame[column] == value])
    return frame.reset_index(drop=True)


def describe(name: str) -> str:
    """The data card: what was measured, how, and what to know before using it."""
    return _file(name, "md").read_text(encoding="utf-8")


def _file(name: Any, kind: str) -> "Traversable":
    from importlib.resources import files

    if not isinstance(name, str) or name not in _FIT_READY:
        raise DataError(f"no data set {name!r}; there are {', '.join(_FIT_READY)}.")
    return files(__name__).joinpath(f"{name.replace('-', '_')}.{kind}")
