"""The table: columns checked against the law, every complaint with column, row, value and remedy."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError
from ..laws import Law, Variable
from .arguments import array, number
from .columns import finite, numbers, refuse, rename, require, row_label
from .control import control_loss, split_control

Table = pd.DataFrame | Mapping[str, Any] | str | PathLike[str]


@dataclass(frozen=True)
class Observations:
    """Rows ready to be fitted: the law's columns and the response as float64, run labels, weights."""

    frame: pd.DataFrame
    """The rows used, sorted by run and tokens only where the caller sorted them: order is the caller's."""
    columns: dict[str, np.ndarray]
    response: np.ndarray
    run: np.ndarray
    weight: np.ndarray
    dropped: int
    """Rows left out because the caller asked (``min_tokens``)."""

    def __repr__(self) -> str:
        return f"Observations({len(self.response)} rows, {self.run_count} runs: {', '.join(self.columns)})"

    @property
    def identical_runs(self) -> bool:
        """Whether several runs hold exactly the same rows: copies, which say nothing about how runs differ."""
        if not 1 < self.run_count < len(self.response):
            return False
        rows = np.column_stack([*self.columns.values(), self.response])
        first, *others = (rows[self.run == name] for name in pd.unique(pd.Series(self.run)))
        return all(np.array_equal(first, other) for other in others)

    @property
    def run_codes(self) -> np.ndarray:
        """Number of each row's run, (rows,)."""
        return np.unique(self.run, return_inverse=True)[1]

    @property
    def run_count(self) -> int:
        return len(pd.unique(self.run))

    def rows(self, mask: np.ndarray) -> "Observations":
        """Some of the rows."""
        kept = {name: getattr(self, name)[mask] for name in ("frame", "response", "run", "weight")}
        return replace(self, columns={name: values[mask] for name, values in self.columns.items()}, **kept)


def as_frame(table: Table, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A DataFrame with the law's names from a DataFrame, a mapping of arrays, a file, or anything with ``to_pandas``.

    ``columns`` maps the law's names to the table's: ``{"N0": "params", "D": "tokens"}``.
    """
    if isinstance(table, (str, PathLike)):
        from .readers import read

        return read(table, columns=columns)
    given: Any = table
    if not isinstance(given, pd.DataFrame) and hasattr(given, "to_pandas"):
        given = given.to_pandas()
    try:
        frame = given if isinstance(given, pd.DataFrame) else pd.DataFrame(dict(given))
    except (ValueError, TypeError) as error:
        raise DataError(f"cannot read a table from {type(given).__name__}: {error}") from error
    return rename(frame, columns)


def observe(
    law: Law,
    table: Table,
    *,
    columns: Mapping[str, str] | None = None,
    run: str = "run",
    weights: Any = None,
    baseline: str = "fixed",
    min_tokens: float | None = None,
) -> Observations:
    """Check a table against a law.

    Raises
    ------
    DataError
        Naming column, row, value and remedy.
    """
    frame = as_frame(table, columns).copy()
    if len(frame) == 0:
        raise DataError("the table is empty.")
    if isinstance(weights, str):
        require(frame, weights, f"weights={weights!r} was asked for")
        frame = frame.assign(weight=frame[weights])
    elif weights is not None:
        mask = getattr(weights, "dtype", None) == np.dtype(bool)  # which rows count
        weight, rows = array("weights", np.asarray(weights, dtype=float) if mask else weights), len(frame)
        if weight.shape != (rows,):
            raise DataError(f"weights have shape {weight.shape}, the table has {rows} rows: give one weight per row.")
        frame = frame.assign(weight=weight)
    control = frame.iloc[:0]
    if baseline == "control":
        frame, control = split_control(frame, law)
    given = len(frame)
    frame = frame if min_tokens is None else _after(frame, law, min_tokens)
    dropped = given - len(frame)
    frame = control_loss(frame, control, law) if baseline == "control" else frame
    values = {v.name: check_column(frame, v, law, fitted=True) for v in law.variables}
    response = check_column(frame, law.response, law)
    return Observations(frame, values, response, run=_runs(frame, run), weight=_weights(frame), dropped=dropped)


def check_column(frame: pd.DataFrame, variable: Variable, law: Law, *, fitted: bool = False) -> np.ndarray:
    """One column as float64, (rows,), inside its domain; one to be ``fitted`` also of a size that fits its unit."""
    name, kind = variable.name, variable.kind
    require(frame, name, f"the law {law.name} needs it", _HINTS.get(name, ""))
    values = finite(frame, name)
    low, high = values <= kind.lower, values >= kind.upper
    if kind.role == "rate":
        remedy = "rho is the fraction of parameters removed, between 0 and 1"
        remedy += "; leave out unpruned (control) rows, or fit with baseline='control'"
        if np.any(values > 1) and np.all(values < 100):
            remedy = "rho is a fraction: divide percentages by 100"
        refuse(frame, name, values, low | high, "is not strictly between 0 and 1", remedy)
    refuse(frame, name, values, low, "is not positive", _POSITIVE.get(kind.role, "drop or repair the row"))
    refuse(frame, name, values, high, f"is not below {kind.upper:g}", "drop or repair the row")
    unit = f"{name} counts single {kind.unit}: multiply by 1e9 if it is in billions, by 1e6 if in millions"
    refuse(frame, name, values, values < kind.smallest, f"is too small for a {kind.label}", unit)
    if fitted and len(values) and values.max() < kind.largest:
        largest = f"the largest value is {values.max():g}, too small for {kind.label}"
        raise DataError(f"column {name!r}: {largest}; {unit}.")
    return values


_HINTS = {
    "L0": " L0 is the loss of the unpruned parent on the same validation text, one value per parent.",
    "rho": " rho is the fraction of parameters removed by pruning.",
    "N0": " N0 is the parameter count before pruning.",
    "N_avg": " N_avg is the parameter count averaged over training; for dense runs it equals N.",
}
_POSITIVE = {
    "tokens": "drop the rows at zero tokens (min_tokens=1 does): the law holds once training has begun",
    "loss": "losses are in nats per token; drop or repair the row",
}


def _runs(frame: pd.DataFrame, run: str) -> np.ndarray:
    """The run of each row, (rows,); without a column each row is its own."""
    if not isinstance(run, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DataError(f"run={run!r}: give the name of a column.")
    if run not in frame.columns:
        if run != "run":
            raise DataError(f"run={run!r} is not a column of the table; it has {list(frame.columns)}.")
        return np.arange(len(frame))
    labels = frame[run]
    if labels.isna().any():
        first = row_label(frame, int(labels.isna().argmax()))
        raise DataError(f"column {run!r}, row {first}: the run has no name; name it or drop the row.")
    wrong = [i for i, label in enumerate(labels) if not isinstance(label, Hashable)]
    if wrong:
        where, label = row_label(frame, wrong[0]), labels.iloc[wrong[0]]
        raise DataError(f"column {run!r}, row {where}: {label!r} is no name: give text.")
    return _sortable(labels.to_numpy())


def _sortable(labels: np.ndarray) -> np.ndarray:
    """Run names as they are; those that have no order among them (of mixed type, tuples) as text."""
    kinds: set[type] = {type(label) for label in labels.tolist()}
    if labels.dtype != object or (len(kinds) == 1 and kinds <= {str, int, float}):
        return labels
    codes, names = pd.factorize(labels)
    text = [str(name) for name in names]
    if len(set(text)) < len(text):  # 1 and "1" are two runs
        text = [f"{name!r} (run {k})" for k, name in enumerate(names, start=1)]
    return np.array(text, dtype=object)[codes]


def _weights(frame: pd.DataFrame) -> np.ndarray:
    """The weight of each row, (rows,), from column ``weight`` or ``sigma``; ones without either."""
    if "weight" in frame.columns and "sigma" in frame.columns:
        raise DataError(
            "the table has both 'weight' and 'sigma': keep one (weight multiplies a row's term, sigma is its error)."
        )
    if "sigma" in frame.columns:
        sigma = numbers(frame, "sigma")
        bad = ~(np.isfinite(sigma) & (sigma > 0))
        refuse(frame, "sigma", sigma, bad, "is not a positive number", "sigma is the standard error of the loss")
        return (np.median(sigma) / sigma) ** 2
    if "weight" not in frame.columns:
        return np.ones(len(frame))
    weight = numbers(frame, "weight")
    bad = ~(np.isfinite(weight) & (weight >= 0))
    refuse(frame, "weight", weight, bad, "is not a number >= 0", "repair it, or drop the row")
    if not weight.any():
        raise DataError("all weights are zero: nothing is left to fit.")
    return weight


def _after(frame: pd.DataFrame, law: Law, min_tokens: float) -> pd.DataFrame:
    """The rows with at least so many tokens."""
    tokens = law.variable("tokens")
    if tokens is None:
        raise DataError(f"min_tokens= needs a law with a tokens column; {law.name} has none.")
    require(frame, tokens, "min_tokens= was given")
    number("min_tokens", min_tokens, error=DataError)
    kept = frame[numbers(frame, tokens) >= min_tokens]
    if len(kept) == 0:
        raise DataError(f"min_tokens={min_tokens:g} leaves no row: the largest {tokens} is {frame[tokens].max():g}.")
    return kept
