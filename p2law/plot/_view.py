"""What a picture shows: the column on x, the columns told apart by colour and marker, the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..checks import require_fit
from ..errors import DataError
from ..levels import ONE_LEVEL
from ._levels import MOST, Levels, levels

if TYPE_CHECKING:
    from ..result import Fit


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
