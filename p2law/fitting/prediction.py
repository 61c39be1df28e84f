"""Rows to predict at: filled in, checked like data, and compared with the fitted range."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.arguments import array
from ..data.columns import ONE_LEVEL, require
from ..data.control import CONTROL
from ..data.flops import TRAINING
from ..data.observations import Table, as_frame, check_column
from ..data.quantities import format_quantity, in_words
from ..errors import DataError, ExtrapolationWarning, FitError
from ..laws import Law

if TYPE_CHECKING:
    from .fitted import FittedLaw

COMPUTE = "C"
"""What size times tokens is called where it lies outside: FLOPs, up to a factor."""
EXTRAPOLATION_FACTOR = 1.01
"""From this factor outside the fitted range on an answer says so: realised values scatter around their targets."""


def predict(
    fit: "FittedLaw",
    table: Table | None,
    columns: Mapping[str, str] | None,
    control: "FittedLaw | None",
    at: Mapping[str, Any],
) -> np.ndarray | float:
    """See :meth:`p2law.Fit.predict`."""
    from .fitted import loss_at

    values, scalar = prediction_columns(fit, table, columns=columns, control=control, at=at)
    warn_outside(fit, values)
    loss = loss_at(fit, values)
    return float(loss[0]) if scalar else np.array(loss)


def prediction_columns(
    fit: "FittedLaw",
    table: Table | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    control: "FittedLaw | None" = None,
    at: Mapping[str, Any] | None = None,
) -> tuple[dict[str, np.ndarray], bool]:
    """The law's columns at the rows asked for, and whether only scalars were given."""
    if (table is None) == (not at):
        raise DataError("give either a table or columns by keyword, e.g. fit.predict(N=7e9, D=2e12).")
    if control is not None:
        from .fitted import require_fit

        require_fit("control", control)
    known = [*(v.name for v in fit.law.variables), *([CONTROL] if fit.baseline == "control" else [])]
    frame = as_frame(table, columns) if table is not None else given_rows(fit.law, at or {}, optional=known)
    scalar = table is None and all(np.ndim(v) == 0 for v in (at or {}).values())
    if len(frame) == 0:
        raise DataError("the table is empty: there is nothing to predict.")
    if fit.baseline == "control":
        frame = _with_control(fit, frame, control)
    return {v.name: check_column(frame, v, fit.law) for v in fit.law.variables}, scalar


def one_point(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The only row asked about."""
    if any(len(column) != 1 for column in values.values()):
        raise FitError("this asks about one point: give single values.")
    return {name: float(column[0]) for name, column in values.items()}


def given_rows(
    law: Law, given: Mapping[str, Any], *, needed: Sequence[str] = (), optional: Sequence[str] = (), purpose: str = ""
) -> pd.DataFrame:
    """Columns given by keyword as rows, numbers and arrays broadcast together; the law's own inside their domains.

    Raises
    ------
    DataError
        If a column is neither needed nor optional, missing, or outside its domain; ``purpose`` says what for.
    """
    refuse_unknown([law], given, [*needed, *optional], purpose)
    missing = [name for name in needed if name not in given]
    if missing:
        raise DataError(f"{law.name} needs {in_words(missing)}{purpose}: give {missing[0]}=...")
    frame = as_rows(given)
    for variable in law.variables:
        if variable.name in frame.columns:
            check_column(frame, variable, law)
    return frame


def refuse_unknown(laws: Sequence[Law], given: Iterable[str], known: Iterable[str], purpose: str = "") -> None:
    """Refuse a column that none of the laws has."""
    unknown, names = sorted(set(given) - set(known)), list(dict.fromkeys(law.name for law in laws))
    if unknown:
        none, theirs = ("has no", "its columns are") if len(names) == 1 else ("have no", "theirs are")
        have = ", ".join(sorted(set(known))) or "none"
        raise DataError(f"{in_words(names)} {none} column {unknown[0]!r}{purpose}; {theirs} {have}.")


def as_rows(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Columns given by keyword, numbers and arrays broadcast together; one empty row without any."""
    given = [np.atleast_1d(array(name, v)) for name, v in columns.items()]
    try:
        arrays = np.broadcast_arrays(np.zeros(1), *given)[1:]
    except ValueError as error:
        shapes = {k: np.shape(v) for k, v in columns.items()}
        raise DataError(
            f"the columns do not go together: shapes {shapes}; give numbers, or arrays of one length."
        ) from error
    table = {name: values.ravel() for name, values in zip(columns, arrays, strict=True)}
    return pd.DataFrame(table) if table else pd.DataFrame(index=pd.RangeIndex(1))


def _with_control(fit: "FittedLaw", frame: pd.DataFrame, control: "FittedLaw | None") -> pd.DataFrame:
    """The rows with the law's baseline replaced by the control's loss at equal tokens."""
    base, tokens = fit.law.variable("loss"), fit.law.variable("tokens")
    if CONTROL in frame.columns:
        return frame.assign(**{str(base): frame[CONTROL]})
    if control is not None and tokens in frame.columns:
        needed = [v.name for v in control.law.variables]
        for name in needed:
            require(frame, name, f"the control's law {control.law.name} needs it; give these rows the column")
        return frame.assign(**{str(base): control.law(*(frame[name] for name in needed), **control.params)})
    raise DataError(
        "this fit measures the excess from the unpruned control at the same tokens (baseline='control'), and these "
        f"rows do not say what that is: give {CONTROL} (the control's loss at the row's tokens), or control=<fit of "
        f"law 'power' to the new parent's control curve>. {base} before post-training is not enough.",
        remedies=["control"],
    )


def outside(fit: "FittedLaw", values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Per variable, the factor by which each row lies outside the fitted range (1 inside).

    The baseline loss is left out: a larger parent always has a lower one. ``C`` stands for size times tokens, and only
    where that lies further out than size and tokens themselves say: runs of few budgets have the large models with few
    tokens, and the corner of large models with many tokens is empty.
    """
    fitted = fit.observations.columns
    out = {v.name: _factor(fitted[v.name], values[v.name]) for v in fit.law.variables if v.kind.role != "loss"}
    size, tokens = fit.law.variable("size"), fit.law.variable("tokens")
    if size and tokens and COMPUTE not in out:  # a law may have a column of this name
        factor = _factor(fitted[size] * fitted[tokens], values[size] * values[tokens])
        out[COMPUTE] = np.where(factor > EXTRAPOLATION_FACTOR * out[size] * out[tokens], factor, 1.0)
    return out


def describe_outside(factors: Mapping[str, float]) -> str:
    """Which columns lie outside, e.g. ``N0 2.2× and D 3× outside the fitted range``; empty if none does."""
    far = [f"{name} {factor:.3g}×" for name, factor in factors.items() if factor > EXTRAPOLATION_FACTOR]
    return f"{in_words(far)} outside the fitted range" if far else ""


def _factor(fitted: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """By which factor values lie outside the fitted ones, (rows,); 1 inside."""
    low, high = float(fitted.min()), float(fitted.max())
    if low > 0:
        factor = np.maximum(np.maximum(asked / high, low / asked), 1.0)
    else:
        width = (high - low) or 1.0
        factor = 1 + np.maximum(np.maximum(asked - high, low - asked), 0.0) / width
    return np.where(factor > 1 + 1e-9, factor, 1.0)


def unsupported(fit: "FittedLaw", values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Rows at another value of a column that had one level among the rows fitted, so that its constants were held."""
    away = list(_away(fit, values).values())
    return np.any(away, axis=0) if away else np.zeros(len(next(iter(values.values()))), dtype=bool)


def unbounded(where: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of intervals, infinite where nothing is known."""
    return np.where(where, -np.inf, lower), np.where(where, np.inf, upper)


def no_support(fit: "FittedLaw", values: Mapping[str, np.ndarray]) -> str:
    """Why some of these rows are unsupported, e.g. ``no support: fitted at one rho (0.5)``; empty if none is."""
    fitted = fit.observations.columns
    names = [name for name, away in _away(fit, values).items() if np.any(away)]
    levels = [f"one {name} ({float(fitted[name].mean()):.4g})" for name in names]
    return f"no support: fitted at {' and '.join(levels)}" if names else ""


def _away(fit: "FittedLaw", values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Which rows are away from the one fitted level of a column; only where constants were held for want of two."""
    if not fit.options.held:
        return {}
    from .diagnostics import single_levels

    factors = outside(fit, values)
    return {name: factors[name] > ONE_LEVEL for name in single_levels(fit.observations, fit.law)}


def warn_outside(fit: "FittedLaw", values: Mapping[str, np.ndarray]) -> None:
    """Warn, in one sentence, of everything outside the fitted range."""
    parts = []
    for name, factor in outside(fit, values).items():
        worst = int(np.argmax(factor))
        if factor[worst] > EXTRAPOLATION_FACTOR:
            label, fitted, asked = _ranged(fit, name, values)
            above = asked[worst] > fitted.max()
            side, edge = ("the largest", fitted.max()) if above else ("below the smallest", fitted.min())
            what = f"{label} = {format_quantity(asked[worst])}"
            parts.append(f"{what} is {factor[worst]:.3g}× {side} fitted value ({format_quantity(edge)})")
    if parts:
        warnings.warn(f"Extrapolation with {fit.law.name}: {'; '.join(parts)}.", ExtrapolationWarning, stacklevel=4)


def _ranged(fit: "FittedLaw", name: str, values: Mapping[str, np.ndarray]) -> tuple[str, np.ndarray, np.ndarray]:
    """How a column of :func:`outside` is called, its fitted values and those asked about."""
    fitted = fit.observations.columns
    if name in fitted:
        return name, fitted[name], values[name]
    size, tokens = str(fit.law.variable("size")), str(fit.law.variable("tokens"))
    label = f"{name} = {TRAINING:g} {size} {tokens}"
    return label, TRAINING * fitted[size] * fitted[tokens], TRAINING * values[size] * values[tokens]
