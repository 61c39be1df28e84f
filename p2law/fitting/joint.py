"""One law over several groups (methods, families): some constants shared, the rest for each group.

The joint law is a law like any other, made from the given one with an extra column, the group's number; everything a
fit can do follows. Whether groups agree in a constant is tested on the separate fits, which nothing ties together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..data.arguments import plain
from ..data.columns import require
from ..data.control import split_control
from ..data.finding import Finding
from ..data.observations import Table, as_frame
from ..errors import DataError, FitError
from ..laws import FrozenDict, Law, get
from ..laws.joint import GROUP, joint_law, own_name
from . import saved
from .fit import fit_law, warn_of_doubts
from .group import GroupFit, group_fit
from .prediction import prediction_columns, warn_outside
from .result import Fit
from .uncertainty.intervals import predictions

ROUNDS = 6
"""At most this often the groups are re-optimised, given the shared constants found."""


@dataclass(frozen=True, eq=False, repr=False)
class Joint:
    """One law fitted to several groups at once."""

    fit: Fit
    """The fit of the joint law: parameters ``beta`` (shared) and ``gamma[width]`` (of one group)."""
    by: str
    groups: tuple[str, ...]
    shared: tuple[str, ...]
    separate: Mapping[str, Fit]
    """Each group fitted alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "separate", FrozenDict(self.separate))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What to know before trusting the constants; those that concern one group alone name it."""
        return self.fit.findings

    @property
    def params(self) -> pd.DataFrame:
        """Constants in raw units, a row per group."""
        names = [p.name for p in self._law.parameters]
        rows = [[self.fit.params[own_name(name, g, self.shared)] for name in names] for g in self.groups]
        return pd.DataFrame(rows, pd.Index(self.groups, name=self.by), pd.Index(names))

    def intervals(self, level: float = 0.95, **options: Any) -> pd.DataFrame:
        """As :meth:`Fit.intervals`, with a column for the group (empty for shared parameters)."""
        table = self.fit.intervals(level, **options)
        names = table["parameter"].str.extract(r"^([^\[]+)(?:\[(.*)\])?$").fillna("")
        return table.assign(parameter=names[0], group=names[1])[["parameter", "group", "estimate", "lower", "upper"]]

    def sharing(self) -> pd.DataFrame:
        """Whether the groups, each fitted alone, agree in a parameter: Welch's test of equal means (Welch 1951).

        Returns
        -------
        DataFrame
            A row per parameter of the law: the value of each group alone, F, the p value, and ``verdict``:
            "not rejected" (p > 0.05), "rejected", or "cannot be tested" where fewer than two groups determine it.
        """
        rows = [welch(name, self.separate) for name in (p.name for p in self._law.parameters)]
        return pd.DataFrame(rows).assign(shared=lambda t: t["parameter"].isin(self.shared))

    def of(self, group: str) -> GroupFit:
        """One group as a fit of the law itself, for predictions and plans: ``optimal_tokens(joint.of("depth"), ...)``.

        Its constants and rows are the group's, its intervals those of the joint fit; in a comparison of two groups the
        errors that they share cancel. What refits (``bootstrap``, ``profile``, ``influence``) is asked of the whole.

        Raises
        ------
        DataError
            If there is no such group.
        """
        code = int(_codes(pd.Series([group]), self.groups, self.by)[0])
        label = self.groups[code]
        return group_fit(self.fit, self._law, code, label, self.shared, _held(self.separate[label], self.shared))

    def predict(self, table: Table | None = None, **at: Any) -> np.ndarray | float:
        """As :meth:`Fit.predict`, with the group as a column or keyword: ``predict(method="width", N0=8e9, ...)``."""
        rows, given = self._asked(table, at)
        return self.fit.predict(*rows, **given)

    def predict_interval(
        self, table: Table | None = None, *, level: float = 0.95, kind: str = "mean", **at: Any
    ) -> pd.DataFrame:
        """As :meth:`Fit.predict_interval`, with the group as a column or keyword."""
        rows, given = self._asked(table, at)
        values, _ = prediction_columns(self.fit, *rows, at=given)
        warn_outside(self.fit, values)
        parts = []
        for code in np.unique(values[GROUP]).tolist():
            place = np.flatnonzero(values[GROUP] == code)
            columns = {name: column[place] for name, column in values.items() if name != GROUP}
            found = predictions(self.of(self.groups[int(code)]), columns, level=level, kind=kind, method=None)
            parts.append(found.set_axis(place, axis=0))
        return pd.concat(parts).sort_index().reset_index(drop=True)

    def bootstrap(self, n: int = 1000, **options: Any) -> "Joint":
        """As :meth:`Fit.bootstrap`."""
        return replace(self, fit=self.fit.bootstrap(n, **options))

    def summary(self) -> str:
        """Text: the status, the constants, and whether the data reject the sharing."""
        sharing = self.sharing().set_index("parameter")
        alone = sum(f.objective_value for f in self.separate.values())
        lines = [
            f"{self._law.title} over {len(self.groups)} values of {self.by}: {self.fit.status}",
            f"objective {self.fit.objective_value:.6g} together, {alone:.6g} alone; {self.fit.n} rows, "
            f"{self.fit.run_count} runs; {len(self.fit.params)} constants, "
            f"{sum(len(f.params) for f in self.separate.values())} alone",
            "",
            self.params.to_string(float_format=lambda v: f"{v:.5g}"),
            "",
        ]
        for name in self.shared:
            row = sharing.loc[name]
            p = float(np.asarray(row["p"]))
            lines.append(f"sharing {name}: {row['verdict']}" + (f" (p = {p:.2g})" if np.isfinite(p) else ""))
        return "\n".join([*lines, *(f"* {w}" for w in self.fit.warnings)])

    def to_frame(self) -> pd.DataFrame:
        """The constants, a row per group."""
        return self.params

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Save the joint fit, its rows and the separate fits, as :meth:`Fit.to_json` does."""
        return saved.joint_to_json(self.by, self.shared, self.fit, self.separate, path)

    @classmethod
    def from_json(cls, source: str | PathLike[str], *, law: Law | None = None) -> "Joint":
        """Load a saved joint fit from a path or its text; a law of your own must be passed as ``law=``.

        Raises
        ------
        FitError
            If the file is no joint fit, of an unknown format, or its law is not known here.
        """
        by, shared, fit, separate = saved.joint_from_json(source, law=law)
        return cls(Fit(**fit), by, tuple(separate), shared, {group: Fit(**each) for group, each in separate.items()})

    def _repr_html_(self) -> str:
        return f"<div><pre>{escape(self.summary())}</pre></div>"

    def __repr__(self) -> str:
        return f"Joint({self.fit!r}, {self.by}: {', '.join(self.groups)}; shared: {', '.join(self.shared)})"

    __str__ = summary

    @property
    def _law(self) -> Law:
        return next(iter(self.separate.values())).law

    def _asked(self, table: Table | None, at: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A table or keywords with the group's number in place of its name, as :meth:`Fit.predict` takes them."""
        if table is not None:
            frame = as_frame(table)
            require(frame, self.by, "it says which group's constants to use")
            return (frame.assign(**{GROUP: _codes(frame[self.by], self.groups, self.by)}),), dict(at)
        if self.by not in at:
            raise DataError(f"say which group to predict for: {self.by}= one of {', '.join(self.groups)}.")
        rest = {k: v for k, v in at.items() if k != self.by}
        codes = _codes(pd.Series(np.atleast_1d(at[self.by])), self.groups, self.by)
        return (), {**rest, GROUP: codes if np.ndim(at[self.by]) else float(codes[0])}


def joint(law: str | Law, table: Table, *, by: str, shared: Sequence[str], **options: Any) -> Joint:
    """Fit one law over several groups with some constants shared.

    Parameters
    ----------
    law : str or Law
        As for :func:`p2law.fit`.
    table : DataFrame, mapping or path
        Rows of all groups.
    by : str
        Column that names the group of each row, e.g. ``"method"``.
    shared : sequence of str
        Parameters that all groups have in common; each group has its own of the others.
    **options
        As for :func:`p2law.fit` (``objective``, ``baseline``, ``min_tokens``, ...). ``fixed`` and ``bounds`` by the
        law's own names hold for every group; ``tied`` and ``starts`` are not taken.

    Returns
    -------
    Joint

    Raises
    ------
    DataError, FitError
        If the column or a parameter is missing, or a group alone has too few rows.
    """
    made = fit_joint(law, table, by=by, shared=shared, **options)
    warn_of_doubts(made.fit, get(law).name)
    return made


def fit_joint(law: str | Law, table: Table, *, by: str, shared: Sequence[str], **options: Any) -> Joint:
    """As :func:`joint`, without a warning."""
    law, shared = get(law), [shared] if isinstance(shared, str) else shared
    if not isinstance(shared, list | tuple | set):
        raise FitError(f"shared={shared!r}: give the names of parameters, e.g. ['beta'].")
    if not isinstance(by, str):
        raise DataError(f"by={by!r}: give the name of the column that tells the groups apart, e.g. 'method'.")
    names = [p.name for p in law.parameters]
    unknown = [name for name in shared if name not in names]
    if unknown or not shared:
        raise FitError(f"shared={list(shared)!r}: name parameters of {law.name}: {', '.join(names)}.")
    if {"tied", "starts"} & set(options):
        raise FitError("joint fits take no tied= or starts=: what is shared is tied, and starts come from each group.")
    frame = as_frame(table, options.pop("columns", None))
    require(frame, by, "joint(by=...) groups the rows by it")
    control = np.zeros(len(frame), dtype=bool)  # rows of the unpruned control, which every group measures from
    if options.get("baseline") == "control":
        control[split_control(frame.reset_index(drop=True), law)[1].index] = True
    nameless = frame.loc[~control, by].isna()
    if nameless.any():
        raise DataError(
            f"column {by!r}, row {plain(nameless.idxmax())!r}: the group has no name; name it or drop the row."
        )
    labels = frame[by].astype(str).to_numpy()
    groups = tuple(sorted(str(label) for label in set(labels[~control])))
    if len(groups) < 2:
        raise DataError(
            f"column {by!r} has {len(groups)} value(s) ({', '.join(groups)}): a joint fit needs two groups or more."
        )
    kept = tuple(name for name in names if name in shared)
    rows = {g: frame[(labels == g) | control] for g in groups}
    separate = {g: _alone(law, rows[g], g, options) for g in groups}
    codes = _codes(pd.Series(np.where(control, groups[0], labels)), groups, by)
    found = _together(law, frame.assign(**{GROUP: codes}), kept, rows, separate, options)
    findings = tuple(f for f in found.findings if not (f.kind == "mixture" and f.names == (by,)))
    findings += tuple(f for g in groups for f in _held_findings(separate[g], g, kept))
    return Joint(replace(found, findings=findings), by, groups, kept, separate)


def _together(
    law: Law,
    frame: pd.DataFrame,
    shared: tuple[str, ...],
    rows: Mapping[str, pd.DataFrame],
    separate: Mapping[str, Fit],
    options: Mapping[str, Any],
) -> Fit:
    """The joint fit.

    Given the shared constants each group has an optimum of its own, found without starts: go on from there until that
    finds nothing better.
    """
    groups = tuple(rows)
    made = joint_law(law, groups, shared)
    given = dict(options) | _own_options(law, groups, shared, separate, options)
    best: Fit | None = None
    values = {name: float(np.median([f.params[name] for f in separate.values()])) for name in shared}
    for _ in range(ROUNDS):
        fixed = dict(options.get("fixed") or {}) | values
        alone = {g: _alone(law, rows[g], g, {**options, "fixed": fixed}) for g in groups}
        start = {own_name(p.name, g, shared): alone[g].params[p.name] for g in groups for p in law.parameters}
        found = fit_law(made, frame, **given, starts=start)
        if best is not None and found.objective_value >= best.objective_value * (1 - 1e-9):
            break
        best, values = found, {name: found.params[name] for name in shared}
    assert best is not None
    status = "converged (re-optimising each group did not improve the fit)" if best.converged else best.status
    return replace(best, status=status)


def _codes(labels: pd.Series, groups: tuple[str, ...], by: str) -> np.ndarray:
    """Number of each row's group."""
    unknown = sorted(set(labels.astype(str)) - set(groups))
    if unknown:
        raise DataError(f"column {by!r}: {unknown[0]!r} was not fitted; the groups are {', '.join(groups)}.")
    return labels.astype(str).map({g: float(i) for i, g in enumerate(groups)}).to_numpy()


def _alone(law: Law, rows: pd.DataFrame, group: str, options: Mapping[str, Any]) -> Fit:
    try:
        return fit_law(law, rows, **options)
    except (DataError, FitError) as error:
        raise type(error)(f"group {group!r} alone: {error}", remedies=error.remedies) from error


def _own_options(
    law: Law, groups: tuple[str, ...], shared: tuple[str, ...], separate: Mapping[str, Fit], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The user's fixed values and bounds under the joint law's names, and what a group alone cannot tell, held."""
    fixed, bounds = {}, {}
    for p in law.parameters:
        for g in groups:
            name = own_name(p.name, g, shared)
            if p.name in (options.get("bounds") or {}):
                bounds[name] = options["bounds"][p.name]
            if p.name in (options.get("fixed") or {}):
                fixed[name] = options["fixed"][p.name]
            elif p.name in _held(separate[g], shared):
                fixed[name] = separate[g].options.held[p.name]
    return {"fixed": fixed, "bounds": bounds}


def _held(alone: Fit, shared: Sequence[str]) -> dict[str, float]:
    """A group's own constants that it cannot tell, at the values they are held at."""
    return {name: at for name, at in alone.options.held.items() if name not in shared}


def _held_findings(alone: Fit, group: str, shared: Sequence[str]) -> list[Finding]:
    """What the group's own fit says of them, with the group's name."""
    names = _held(alone, shared)
    found = [f for f in alone.findings if f.kind == "held" and not set(names).isdisjoint(f.names)]
    return [replace(f, text=f"{group}: {f.text}") for f in found]


def welch(name: str, separate: Mapping[str, Fit]) -> dict[str, Any]:
    """Whether groups, each fitted alone, agree in a parameter: over those that determine it."""
    from scipy.special import fdtrc

    values = {g: f.params[name] for g, f in separate.items()}
    out: dict[str, Any] = {"parameter": name, **values, "F": np.nan, "p": np.nan, "verdict": "cannot be tested"}
    parts = []
    for f in separate.values():
        unit = np.array([float(p.name == name) for p in f.law.parameters])
        variance = f.covariance.variance(unit, bounded=False)
        if 0 < variance < np.inf and name not in f.options.held and name not in f.options.fixed:
            parts.append((f.params[name], variance, max(f.covariance.dof(unit), 1.0)))
    if len(parts) < 2:
        return out
    value, variance, dof = np.array(parts).T
    weight, k = 1 / variance, len(parts)
    mean, share = np.average(value, weights=weight), (1 - weight / weight.sum()) ** 2 / dof
    statistic = np.sum(weight * (value - mean) ** 2) / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * share.sum())
    p = float(fdtrc(k - 1, (k**2 - 1) / (3 * share.sum()), statistic))
    return {**out, "F": float(statistic), "p": p, "verdict": "not rejected" if p > 0.05 else "rejected"}
