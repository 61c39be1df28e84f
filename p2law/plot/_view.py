"""What a picture shows: the column on x, the columns told apart by colour and marker, the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..data.arguments import require_fit
from ..data.columns import ONE_LEVEL, level_of
from ..data.quantities import format_quantity
from ..errors import DataError

if TYPE_CHECKING:
    from ..fitting.result import Fit


# Which values of a column to tell apart in a picture.


MOST = 8
"""More values than this are a continuum: a colour bar instead of legend entries."""
BINS = 6
"""Representative curves drawn through a continuum."""


@dataclass(frozen=True)
class Levels:
    """A column as few values to tell apart: the level of each row, and what each level stands for."""

    name: str
    row: np.ndarray
    """Level of each row, (rows,) of int."""
    centre: np.ndarray
    """Value a level stands for, (levels,); for text the level's number."""
    text: tuple[str, ...]
    ordered: bool = True
    """Whether the levels are numbers."""
    continuous: np.ndarray | None = None
    """The values themselves, (rows,), where there are too many to name."""

    def __len__(self) -> int:
        return len(self.centre)


def levels(name: str, values: np.ndarray, *, merge: float = 1.0) -> Levels:
    """Levels of a column; values within the factor ``merge`` of each other are one (realised rates around a target)."""
    if not (np.issubdtype(values.dtype, np.number) or values.dtype == bool):
        row, found = pd.factorize(values, use_na_sentinel=False)
        return Levels(name, row, np.arange(len(found), dtype=float), tuple(map(str, found)), ordered=False)
    values = values.astype(float)
    row = level_of(values, merge)
    many = int(row.max()) >= MOST
    row = _bins(values) if many else row
    centre = np.array([np.median(values[row == i]) for i in range(int(row.max()) + 1)])
    return Levels(name, row, centre, _texts(centre), continuous=values if many else None)


def _bins(values: np.ndarray) -> np.ndarray:
    """Bin of each value: equal widths, of the logarithm where that makes sense; empty bins are left out."""
    position = np.log(values) if values.min() > 0 else values
    edges = np.linspace(position.min(), position.max(), BINS + 1)[1:-1]
    return np.unique(np.digitize(position, edges), return_inverse=True)[1]


def _texts(centres: np.ndarray) -> tuple[str, ...]:
    """As few digits as keep the levels apart."""
    for digits in (2, 3, 4):
        texts = tuple(format_quantity(float(f"{c:.{digits}g}"), max(digits, 3)) for c in centres)
        if len(set(texts)) == len(texts):
            return texts
    return tuple(format_quantity(c, 6) for c in centres)


@dataclass(frozen=True)
class View:
    """A choice of columns and rows of a fit to draw."""

    fit: "Fit"
    x: str
    colour: Levels | None
    marker: Levels | None
    rows: np.ndarray
    """Numbers of the rows shown."""

    @property
    def x_values(self) -> np.ndarray:
        """Column x of every row (also those not shown), (n,)."""
        return self.fit.observations.columns[self.x]

    @property
    def log_x(self) -> bool:
        """Whether x is drawn on a logarithmic axis: counts, and positive numbers over more than a decade."""
        role = next(v.kind.role for v in self.fit.law.variables if v.name == self.x)
        low, high = self.x_values.min(), self.x_values.max()
        return bool(role in ("tokens", "size") or (low > 0 and high > 10 * low))

    @cached_property
    def by_run(self) -> bool:
        """Whether a run is a curve along x, rather than a single row, or rows at one x."""
        pairs = {*zip(self.fit.observations.run.tolist(), self.x_values.tolist(), strict=True)}
        return len(pairs) > self.fit.run_count and self.fit.run_count < self.fit.n

    @property
    def shaded(self) -> bool:
        """Whether curves stand for a continuum of rows, none of which need lie on them."""
        return not self.by_run and self.colour is not None and self.colour.continuous is not None


def view(
    fit: "Fit",
    *,
    x: str | None = None,
    colour: str | None = None,
    marker: str | None = None,
    runs: str | Sequence[str] | None = None,
) -> View:
    """Choose what to show; see :func:`p2law.plot.curves`."""
    require_fit("fit", fit)
    names = [v.name for v in fit.law.variables]
    x = x or fit.law.variable("tokens") or names[0]
    if x not in names:
        raise DataError(f"x={x!r}: {fit.law.name} has no such column; choose one of {', '.join(names)}.")
    free = [n for n in _by_interest(fit) if n != x]
    shade = _levels_of(fit, colour) if colour else _first([_levels_of(fit, n) for n in free])
    rest = [_levels_of(fit, n) for n in free if shade is None or n != shade.name]
    shape = _levels_of(fit, marker) if marker else _first([each for each in rest if each.continuous is None])
    if shade is None and 1 < fit.run_count <= MOST and fit.run_count < fit.n:
        shade = levels("run", fit.observations.run)
    return View(fit, x, shade, shape, _rows(fit, runs))


def _by_interest(fit: "Fit") -> list[str]:
    """The law's columns in the order they deserve colour; the baseline loss has lines of its own."""
    order = {"size": 0, "rate": 1}
    shown = [v for v in fit.law.variables if v.kind.role != "loss"]
    return [v.name for v in sorted(shown, key=lambda v: order.get(v.kind.role, 2))]


def _levels_of(fit: "Fit", name: str) -> Levels:
    for variable in fit.law.variables:
        if variable.name == name:
            merge = ONE_LEVEL if variable.kind.role in ("size", "rate") else 1.0
            return levels(name, fit.observations.columns[name], merge=merge)
    if name not in fit.observations.frame.columns:
        have = ", ".join(map(str, fit.observations.frame.columns))
        raise DataError(f"there is no column {name!r} to tell rows apart by; the table has {have}.")
    return levels(name, fit.observations.frame[name].to_numpy())


def _first(candidates: list[Levels]) -> Levels | None:
    return next((each for each in candidates if len(each) > 1), None)


def _rows(fit: "Fit", runs: str | Sequence[str] | None) -> np.ndarray:
    if runs is None:
        return np.arange(fit.n)
    wanted = [runs] if isinstance(runs, str) else list(runs)
    have = fit.observations.run
    for run in wanted:
        if run not in have:
            some = ", ".join(map(str, list(dict.fromkeys(have.tolist()))[:4]))
            raise DataError(f"runs= names {run!r}, which was not fitted; there are {fit.run_count} runs: {some}, ...")
    return np.flatnonzero(np.isin(have, wanted))


# Fitted curves as arrays: which there are, where they were measured, how far they are carried on.


POINTS = 80
"""Points of a curve within its data."""


@dataclass(frozen=True)
class Line:
    """One fitted curve."""

    label: str
    rows: np.ndarray
    """Numbers of the rows it belongs to."""
    x: np.ndarray
    fitted: np.ndarray
    baseline: np.ndarray | None
    """The loss the law measures its excess from, at x."""
    measured: np.ndarray
    """Where x lies within this curve's data."""


def lines(view: View, extend: float) -> list[Line]:
    """One curve per run; without runs, one per level of colour and marker. ``extend`` is the factor beyond the data."""
    runs = view.fit.observations.run
    if view.by_run:
        labels = list(dict.fromkeys(runs[view.rows].tolist()))
        return [_line(view, str(label), view.rows[runs[view.rows] == label], extend) for label in labels]
    key = np.zeros((len(view.rows), 2), dtype=int)
    for i, told in enumerate((view.colour, view.marker)):
        key[:, i] = told.row[view.rows] if told is not None else 0
    return [_line(view, _name(view, k), view.rows[(key == k).all(1)], extend) for k in np.unique(key, axis=0)]


def _name(view: View, key: np.ndarray) -> str:
    told = [(each, k) for each, k in zip((view.colour, view.marker), key, strict=True) if each is not None]
    return ", ".join(f"{each.name} = {each.text[k]}" for each, k in told) or view.fit.law.name


def _line(view: View, label: str, rows: np.ndarray, extend: float) -> Line:
    """A curve through these rows: other columns follow a run's own values, or stand at their median."""
    fit, at = view.fit, view.x_values[rows]
    base = fit.law.variable("loss")
    further = extend if base is None or view.x == fit.law.variable("tokens") else 1.0  # no parent's loss is known there
    x, measured = _grid(at, further, log=view.log_x)
    columns = []
    for variable in fit.law.variables:
        values = fit.observations.columns[variable.name][rows]
        if variable.name == view.x:
            columns.append(x)
        elif view.by_run or (variable.kind.role == "loss" and not view.shaded):
            columns.append(_along(x, at, values, log=view.log_x))
        else:
            columns.append(np.full_like(x, np.median(values)))
    baseline = columns[[v.name for v in fit.law.variables].index(base)] if base else None
    fitted = np.broadcast_to(fit.law(*columns, **fit.params), x.shape)
    return Line(label, rows, x, fitted, baseline, measured)


def _grid(at: np.ndarray, extend: float, *, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values of x, and which of them lie within the data: the last measured one also starts the continuation."""
    low, high = float(at.min()), float(at.max())
    space = np.geomspace if log else np.linspace
    inner = space(low, high, POINTS) if high > low else np.array([low])
    outer = space(high, extend * high, POINTS // 2)[1:] if log and extend > 1 else np.array([])
    return np.concatenate([inner, outer]), np.arange(len(inner) + len(outer)) < len(inner)


def _along(x: np.ndarray, at: np.ndarray, values: np.ndarray, *, log: bool) -> np.ndarray:
    """A column along the curve, held at its last value beyond the data."""
    found, row = np.unique(at, return_inverse=True)
    means = np.bincount(row, weights=values) / np.bincount(row)
    position = np.log if log else np.asarray
    return np.interp(position(x), position(found), means)
