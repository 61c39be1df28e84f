"""Fitted curves as arrays: which there are, where they were measured, how far they are carried on."""

from dataclasses import dataclass

import numpy as np

from ._view import View

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
