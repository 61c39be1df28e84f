"""The whole post-training curve of models not trained yet: larger ones, other rates, more tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Copied, Method, Record, Report
from ..data.arguments import check_level, mapping
from ..data.control import CONTROL
from ..data.observations import check_column
from ..data.quantities import format_quantity
from ..errors import DataError, FitError
from ..fitting.fitted import loss_at, require_fit
from ..fitting.prediction import describe_outside, given_rows, no_support, outside, unsupported
from ..fitting.result import Fit
from ..fitting.source import is_source
from ..fitting.uncertainty.estimate import estimate
from ..fitting.uncertainty.intervals import new_run_spread
from ..laws import Law

PARENT = "parent_"
"""Prefix of the parents' own columns in the table."""
OUTSIDE = "outside_"
"""Prefix of the columns that say how far a variable lies outside the fitted range."""


@dataclass(frozen=True, eq=False, repr=False)
class Extrapolation(Record):
    """Curves of models that were not trained, with two intervals each."""

    _table: pd.DataFrame
    models: tuple[str, ...]
    """The columns that tell the models apart."""
    tokens: str
    level: float
    method: str
    """``"wald"`` or ``"bootstrap"``."""
    baseline: str
    """Where the parent's loss comes from."""
    fit: Fit
    table = Copied("_table")
    """One row per model and number of tokens: its columns, loss (nats per token), lower and upper (the
    law itself), new_lower and new_upper (a run of its own), and for each variable ``outside_...``: the factor by which
    it lies outside the fitted range (1 inside)."""

    @property
    def outside(self) -> dict[str, pd.Series]:
        """By variable, the factor by which each row of the table lies outside the fitted range (1 inside)."""
        return {c.removeprefix(OUTSIDE): self._table[c] for c in self._table.columns if c.startswith(OUTSIDE)}

    def _report(self) -> Report:
        table, lines = self._table, []
        for _, rows in table.groupby(list(self.models), sort=False) if self.models else [((), table)]:
            last = rows.sort_values(self.tokens).iloc[-1]
            at = ", ".join(f"{name} = {format_quantity(float(last[name]))}" for name in (*self.models, self.tokens))
            law = f"the law [{last['lower']:.4g}, {last['upper']:.4g}]"
            run = f"a new run [{last['new_lower']:.4g}, {last['new_upper']:.4g}]"
            where = describe_outside({name: last[f"{OUTSIDE}{name}"] for name in self.outside})
            columns = {v.name: np.array([last[v.name]]) for v in self.fit.law.variables if v.name in last.index}
            place = [part for part in (no_support(self.fit, columns), where or "inside the fitted range") if part]
            lines.append(f"  {at}: {last['loss']:.4g} nats per token, {law}, {run}: {'; '.join(place)}")
        head = f"{self.fit.law.title}, {self.baseline}; {100 * self.level:g} % intervals ({self.method})"
        return Report(head, rows=lines)


def extrapolate(
    fit: Fit,
    *,
    level: float = 0.95,
    method: Method | None = None,
    control: Fit | None = None,
    parent: Mapping[str, Any] | None = None,
    **at: Any,
) -> Extrapolation:
    """Forecast whole curves at columns outside the fitted ones, with intervals that widen with the distance.

    Parameters
    ----------
    fit : Fit
        The law fitted to the runs at hand.
    level, method
        As for :func:`p2law.estimate`.
    control : Fit, optional
        For ``baseline="control"``: a fit of law ``power`` to the larger parent's own control curve.
    parent : mapping, optional
        With ``L0`` a fit: its columns for the parents, e.g. ``{"D": 160e6}`` for the tokens they were pre-trained on.
        Its size is that of the pruned model before pruning unless given here.
    **at : float, array_like or Fit
        The law's columns. Its tokens are the grid of the curve; the others describe the models, arrays for several.
        ``L0`` may be a number per model or a fit of a dense law (``chinchilla``), whose own uncertainty then widens
        the intervals; for ``baseline="control"`` give ``L_control`` (held constant) or ``control``.

    Returns
    -------
    Extrapolation
        ``to_frame()``, ``summary()``; draw it with ``p2law.plot.extrapolation``. The first interval is the law's, the
        second that of a single run, which differs from the law as the fitted runs do; both rest on the law's form
        being right out there, which no interval can say.

    Raises
    ------
    DataError, FitError
        If a column is missing, unknown or outside its domain.

    Examples
    --------
    >>> import p2law
    >>> fit = p2law.fit("p2_without_size_term", p2law.datasets.load("mini-pruning", method="width"))
    >>> parents = p2law.fit("chinchilla", p2law.datasets.load("mini-dense"), columns={"N": "N_nonemb"})
    >>> curve = p2law.extrapolate(fit, N0=54e6, rho=0.3, D=[1e6, 1e7], L0=parents, parent={"D": 160e6})
    >>> bool((curve.table.new_upper > curve.table.upper).all())
    True
    """
    check_level(level)
    require_fit("fit", fit)
    if control is not None:
        require_fit("control", control)
    if parent is not None:
        mapping("parent", parent, "{'D': 160e6}", error=DataError)
    tokens = fit.law.variable("tokens")
    if tokens is None:
        raise FitError(f"{fit.law.name} has no column of tokens to draw a curve along: use fit.predict_interval.")
    below = _below(fit, control, at)
    frame = _frame(fit, below, at, parent)
    under = {} if below is None else _under(fit.law, below, frame, moving=control is not None)
    table, chosen = _forecast(fit, below, frame, under, level, method)
    if below is not None and control is None:
        table = table.assign(**{f"{OUTSIDE}{PARENT}{k}": v for k, v in outside(below, under).items()})
    models = tuple(v.name for v in fit.law.variables if v.name in at and v.kind.role not in ("tokens", "loss"))
    return Extrapolation(table, models, tokens, level, chosen, _words(fit, below), fit)


def _below(fit: Fit, control: Fit | None, at: Mapping[str, Any]) -> Fit | None:
    """The fit that gives the baseline loss, if it is not given as numbers."""
    base, moving = fit.law.variable("loss"), fit.baseline == "control"
    if control is not None and not moving:
        raise FitError("control= is for fits with baseline='control'; this one measures from a fixed parent.")
    if base is None or control is not None:
        return control
    if moving and CONTROL not in at:
        raise DataError(
            "this fit measures the excess from the unpruned control: give control=<fit of law 'power' to the new "
            f"parent's control curve>, or {CONTROL} (the control's loss, held constant along tokens).",
            remedies=["control"],
        )
    if not moving and base not in at:
        raise DataError(f"extrapolate needs {base}: the new parent's loss, or a fit of a dense law that forecasts it.")
    source = at.get(base)
    if not is_source(source):
        return None
    require_fit(str(base), source)
    return source


def _frame(fit: Fit, below: Fit | None, at: Mapping[str, Any], parent: Mapping[str, Any] | None) -> pd.DataFrame:
    """Every model at every number of tokens; the parents' own columns have a prefix."""
    law, base, tokens = fit.law, fit.law.variable("loss"), str(fit.law.variable("tokens"))
    if parent and below is None:
        raise DataError("parent= gives the columns of a fit of the parents' losses; this call has no such fit.")
    parents = {f"{PARENT}{name}": value for name, value in (parent or {}).items()}
    given = {name: value for name, value in at.items() if name != tokens and not is_source(value)}
    needed = [v.name for v in law.variables if v.name not in (base, tokens)]
    loss = [] if base is None or (below is not None and base not in at) else [base]
    optional = [*([CONTROL] if loss and fit.baseline == "control" else loss), *parents]
    models = given_rows(law, {**given, **parents}, needed=needed, optional=optional, purpose=" to forecast at")
    if CONTROL in models.columns:
        models = models.rename(columns={CONTROL: base})
        check_column(models, next(v for v in law.variables if v.name == base), law)
    points = {name: value for name, value in at.items() if name == tokens}
    return models.merge(given_rows(law, points, needed=[tokens], purpose=" to forecast at"), how="cross")


def _under(law: Law, below: Fit, frame: pd.DataFrame, *, moving: bool) -> dict[str, np.ndarray]:
    """The columns at which the baseline's fit is asked: the parents', or the run's own tokens for a control."""
    size, out = law.variable("size"), {}
    for variable in below.law.variables:
        name = f"{PARENT}{variable.name}"
        if name not in frame.columns and variable.kind.role == "size" and size is not None:
            name = size
        elif name not in frame.columns and variable.kind.role == "tokens" and moving:
            name = str(law.variable("tokens"))
        if name not in frame.columns:
            raise DataError(
                f"the parents' law {below.law.name} needs {variable.name}: give parent={{{variable.name!r}: ...}}.",
                remedies=["parent_columns"],
            )
        out[variable.name] = check_column(frame, replace(variable, name=name), below.law)
    return out


def _forecast(
    fit: Fit,
    below: Fit | None,
    frame: pd.DataFrame,
    under: Mapping[str, np.ndarray],
    level: float,
    method: Method | None,
) -> tuple[pd.DataFrame, str]:
    """The table of forecasts with intervals of the law and of a new run, and the method used."""
    law, base = fit.law, str(fit.law.variable("loss"))
    columns = {v.name: frame[v.name].to_numpy() for v in law.variables if v.name in frame.columns}

    def loss(params: Mapping[str, float], *other: Mapping[str, float]) -> np.ndarray:
        parent = {base: below.law(**under, **other[0])} if below is not None else {}
        return np.broadcast_to(law(**columns, **parent, **params), (len(frame),))

    found = estimate(loss, *([fit] if below is None else [fit, below]), level=level, method=method)
    if below is not None:
        columns[base] = loss_at(below, under)
    apart = [new_run_spread(fit, columns).half_width(level)]
    if below is not None and fit.baseline == "fixed":  # the parent, too, is a run of its own
        apart.append(new_run_spread(below, under).half_width(level))
    open_ = unsupported(fit, columns)
    if below is not None:
        open_ = open_ | unsupported(below, under)
    value = found.value
    below_it, above = (np.where(open_, np.inf, half) for half in (value - found.lower, found.upper - value))
    table = frame.assign(
        **{name: column for name, column in columns.items() if name == base},
        loss=value,
        lower=value - below_it,
        upper=value + above,
        new_lower=value - np.sqrt(below_it**2 + sum(a**2 for a in apart)),
        new_upper=value + np.sqrt(above**2 + sum(a**2 for a in apart)),
        **{f"{OUTSIDE}{k}": v for k, v in outside(fit, columns).items()},
    )
    return table, found.method


def _words(fit: Fit, below: Fit | None) -> str:
    """Where the baseline loss comes from, in words."""
    base = fit.law.variable("loss")
    if base is None:
        return "no baseline"
    if fit.baseline == "control":
        return "control's loss held constant" if below is None else f"control from {below.law.name}"
    return f"{base} given" if below is None else f"{base} from {below.law.name}"
