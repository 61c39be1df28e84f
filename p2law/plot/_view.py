"""What a picture of a fit shows: the column on x, the columns told apart by colour and marker, the rows, the curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_rgba_array
from matplotlib.typing import ColorType

from ..data.columns import ONE_LEVEL, level_of
from ..data.quantities import format_quantity
from ..errors import DataError
from ..fitting.fitted import require_fit
from . import _style as style

if TYPE_CHECKING:
    from ..fitting.result import Fit

CROWDED_RUN = 200
"""More rows of a curve than this are drawn small and faint, below the curves."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class View:
    """A choice of columns and rows of a fit to draw."""

    fit: "Fit"
    x: str
    colour: "Levels | None"
    marker: "Levels | None"
    rows: np.ndarray
    """Numbers of the rows shown, (rows shown,) of int."""

    @property
    def x_values(self) -> np.ndarray:
        """Column x of every row (also those not shown), (rows,)."""
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

    @cached_property
    def crowded(self) -> bool:
        """Whether there are too many rows to see each."""
        counts = [len(levels) for levels in (self.colour, self.marker) if levels is not None]
        curves = len(set(self.fit.observations.run[self.rows].tolist())) if self.by_run else int(np.prod(counts))
        return len(self.rows) > style.CROWD or len(self.rows) > CROWDED_RUN * curves

    def label_of(self, name: str) -> str:
        """Axis label of a column: its unit, too, where the law has it."""
        return next((style.label_of(v) for v in self.fit.law.variables if v.name == name), name)

    def row_colours(self, ax: Axes) -> np.ndarray:
        """Colour of every row as RGBA, (rows, 4)."""
        if self.colour is None:
            return np.repeat(to_rgba_array(style.palette(ax)[0]), self.fit.n, axis=0)
        if self.colour.continuous is not None:
            return style.colour_map(ax)(self.colour.norm(self.colour.continuous))
        return to_rgba_array(self.colour.colours(ax))[self.colour.row]

    def scatter(self, ax: Axes, y: np.ndarray) -> None:
        """Draw the rows shown at heights ``y``, (rows,): one collection per marker; crowds below the curves."""
        shape = np.zeros(self.fit.n, dtype=int) if self.marker is None else self.marker.row % len(MARKERS)
        colours = self.row_colours(ax)
        size, alpha, order = (5, 0.3, 1.8) if self.crowded else (16, 0.75, 2.5)
        for each in dict.fromkeys(shape[self.rows].tolist()):
            rows = self.rows[shape[self.rows] == each]
            looks: dict[str, Any] = {"s": size, "c": colours[rows], "marker": MARKERS[each], "zorder": order}
            ax.scatter(self.x_values[rows], y[rows], linewidths=0, alpha=alpha, **looks)


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

    MOST = 8
    """More values than this are a continuum: a colour bar instead of legend entries."""
    BINS = 6
    """Representative curves drawn through a continuum."""

    def __len__(self) -> int:
        return len(self.centre)

    @classmethod
    def of(cls, name: str, values: np.ndarray, *, merge: float = 1.0) -> "Levels":
        """Levels of a column, (rows,); values within the factor ``merge`` of each other are one.

        Realised pruning rates, for example, scatter around their target.
        """
        if not (np.issubdtype(values.dtype, np.number) or values.dtype == bool):
            row, found = pd.factorize(values, use_na_sentinel=False)
            return cls(name, row, np.arange(len(found), dtype=float), tuple(map(str, found)), ordered=False)
        values = values.astype(float)
        row = level_of(values, merge)
        many = int(row.max()) >= cls.MOST
        if many:  # bins of equal width, of the logarithm where that makes sense; empty ones are left out
            position = np.log(values) if values.min() > 0 else values
            edges = np.linspace(position.min(), position.max(), cls.BINS + 1)[1:-1]
            row = np.unique(np.digitize(position, edges), return_inverse=True)[1]
        centre = np.array([np.median(values[row == i]) for i in range(int(row.max()) + 1)])
        return cls(name, row, centre, _distinct_texts(centre), continuous=values if many else None)

    @property
    def norm(self) -> Normalize:
        """Scale from values to shares of the colour map."""
        values = self.centre if self.continuous is None else self.continuous
        low, high = float(values.min()), float(values.max())
        return LogNorm(low, high) if low > 0 and high > 5 * low else Normalize(low, high)

    def colours(self, ax: Axes) -> list[ColorType]:
        """Colour of each level, (levels,)."""
        if not self.ordered:
            palette = style.palette(ax)
            return [palette[i % len(palette)] for i in range(len(self))]
        if self.continuous is not None:
            return [style.colour_map(ax)(self.norm(c)) for c in self.centre]
        return style.gradient(ax, len(self))

    def names(self, rows: np.ndarray) -> list[tuple[int, str]]:
        """Number and legend text of each level among these rows, given by number."""
        sign = "=" if self.continuous is None else "≈"
        texts = [f"{self.name} {sign} {text}" if self.ordered else style.short(text) for text in self.text]
        return [(i, texts[i]) for i in np.unique(self.row[rows]).tolist()]


def _distinct_texts(centres: np.ndarray) -> tuple[str, ...]:
    """As few digits as keep the levels apart."""
    for digits in (2, 3, 4):
        texts = tuple(format_quantity(float(f"{c:.{digits}g}"), max(digits, 3)) for c in centres)
        if len(set(texts)) == len(texts):
            return texts
    return tuple(format_quantity(c, 6) for c in centres)


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
    order = {"size": 0, "rate": 1}  # the baseline loss has lines of its own instead of a colour
    free = [v for v in fit.law.variables if v.kind.role != "loss" and v.name != x]
    candidates = [_levels_of(fit, v.name) for v in sorted(free, key=lambda v: order.get(v.kind.role, 2))]
    varying = [each for each in candidates if len(each) > 1]
    coloured = _levels_of(fit, colour) if colour else next(iter(varying), None)
    others = [each for each in varying if coloured is None or each.name != coloured.name]
    marked = _levels_of(fit, marker) if marker else next((e for e in others if e.continuous is None), None)
    if coloured is None and 1 < fit.run_count <= Levels.MOST and fit.run_count < fit.n:
        coloured = Levels.of("run", fit.observations.run)
    return View(fit, x, coloured, marked, _rows(fit, runs))


def _levels_of(fit: "Fit", name: str) -> Levels:
    """Levels of a column of the law, or of any other of the fitted table."""
    for variable in fit.law.variables:
        if variable.name == name:
            merge = ONE_LEVEL if variable.kind.role in ("size", "rate") else 1.0
            return Levels.of(name, fit.observations.columns[name], merge=merge)
    if name not in fit.observations.frame.columns:
        have = ", ".join(map(str, fit.observations.frame.columns))
        raise DataError(f"there is no column {name!r} to tell rows apart by; the table has {have}.")
    return Levels.of(name, fit.observations.frame[name].to_numpy())


def _rows(fit: "Fit", runs: str | Sequence[str] | None) -> np.ndarray:
    """Numbers of the rows of these runs; of all rows without."""
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
    """Numbers of the rows it belongs to, (its rows,) of int."""
    x: np.ndarray
    """(points,)"""
    fitted: np.ndarray
    """The law at x, (points,)."""
    baseline: np.ndarray | None
    """The loss the law measures its excess from, at x, (points,)."""
    measured: np.ndarray
    """Where x lies within this curve's data, (points,) of bool."""


def lines(view: View, extend: float) -> list[Line]:
    """One curve per run; without runs, one per level of colour and marker. ``extend`` is the factor beyond the data."""
    runs = view.fit.observations.run
    if view.by_run:
        labels = list(dict.fromkeys(runs[view.rows].tolist()))
        return [_line(view, str(label), view.rows[runs[view.rows] == label], extend) for label in labels]
    shown = [levels for levels in (view.colour, view.marker) if levels is not None]
    key = np.column_stack([np.zeros_like(view.rows), *(levels.row[view.rows] for levels in shown)])
    out = []
    for level in np.unique(key, axis=0):
        label = ", ".join(f"{each.name} = {each.text[i]}" for each, i in zip(shown, level[1:], strict=True))
        out.append(_line(view, label or view.fit.law.name, view.rows[(key == level).all(1)], extend))
    return out


def _line(view: View, label: str, rows: np.ndarray, extend: float) -> Line:
    """A curve through these rows: other columns follow a run's own values, or stand at their median."""
    fit, at = view.fit, view.x_values[rows]
    base = fit.law.variable("loss")
    further = extend if base is None or view.x == fit.law.variable("tokens") else 1.0  # no parent's loss is known there
    x, measured = _grid(at, further, log=view.log_x)
    columns = {}
    for variable in fit.law.variables:
        values = fit.observations.columns[variable.name][rows]
        if variable.name == view.x:
            columns[variable.name] = x
        elif view.by_run or (variable.kind.role == "loss" and not view.shaded):
            columns[variable.name] = _along(x, at, values, log=view.log_x)
        else:
            columns[variable.name] = np.full_like(x, np.median(values))
    fitted = np.broadcast_to(fit.law(*columns.values(), **fit.params), x.shape)
    return Line(label, rows, x, fitted, columns[base] if base else None, measured)


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
