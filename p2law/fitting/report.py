"""A fit as text and as HTML: values rounded by their error, validity impossible to miss."""

from html import escape
from typing import Literal

import numpy as np
import pandas as pd

from ..data.quantities import format_quantity
from .diagnostics import at_bounds
from .fitted import FittedLaw
from .objective import describe
from .uncertainty.intervals import domain

Treatment = Literal["free", "fixed", "held", "at its bound", "tied"]


def round_by_error(value: float, error: float) -> tuple[str, str]:
    """Value and error rounded by the Particle Data Group's rule: two digits of error up to 354, one up to 949.

    Examples
    --------
    >>> round_by_error(477.8259, 116.3)
    ('480', '120')
    >>> round_by_error(0.34731, 0.0147)
    ('0.347', '0.015')
    >>> round_by_error(2143.4, float("inf"))
    ('2143.4', 'inf')
    """
    if not np.isfinite(error) or error <= 0:
        return f"{value:.6g}", "inf" if error > 0 else "-"
    power = int(np.floor(np.log10(error)))
    leading = round(error / 10.0**power * 100)
    digits = 2 if leading <= 354 else 1
    if leading > 949:
        power, digits = power + 1, 2
    place = digits - 1 - power
    if place >= 0 and abs(value) < 1e7:
        return f"{value:.{place}f}", f"{error:.{place}f}"
    significant = max(int(np.floor(np.log10(max(abs(value), error)))) + place + 1, 1) if value else 1
    if abs(value) < 1e7:
        return f"{round(value, place):.0f}", f"{round(error, place):.0f}"
    return f"{value:.{max(significant - 1, 0)}e}", f"{error:.{digits - 1}e}"


def treatments(fit: FittedLaw) -> dict[str, Treatment]:
    """How each constant was treated, by name."""
    in_root = at_bounds(fit.root.problem(), fit.root.params)
    out: dict[str, Treatment] = dict.fromkeys((p.name for p in fit.law.parameters), "free")
    out |= {name: "tied" for group in fit.options.tied for name in group}
    out |= {name: "at its bound" for name, joint in fit.names.items() if joint in in_root}
    out |= dict.fromkeys(fit.options.held, "held")
    out |= dict.fromkeys(fit.options.fixed, "fixed")
    return out


def parameters(fit: FittedLaw) -> pd.DataFrame:
    """Constants as a table indexed by name: value, standard_error, treatment."""
    errors, treated = fit.standard_errors, treatments(fit)
    tied = {name: f"tied: {' = '.join(group)}" for group in fit.options.tied for name in group}
    words = {"held": "held: not determined"}
    names = [p.name for p in fit.law.parameters]
    return pd.DataFrame(
        {
            "value": [fit.params[n] for n in names],
            "standard_error": [errors[n] for n in names],
            "treatment": [tied[n] if treated[n] == "tied" else words.get(treated[n], treated[n]) for n in names],
        },
        index=pd.Index(names, name="parameter"),
    )


def _shown(fit: FittedLaw, row: pd.Series) -> tuple[str, str]:
    """Value and error of a constant as text; a value at its bound is the bound, whatever its error."""
    value, error = round_by_error(row["value"], row["standard_error"])
    low, high = domain(fit, next(p for p in fit.law.parameters if p.name == row.name))
    if row["standard_error"] >= 0.5 * (high - low):
        value, error = f"{row['value']:.2g}", "any value (not determined)"
    return (f"{row['value']:g}" if row["treatment"] == "at its bound" else value), error


def quality(fit: FittedLaw) -> list[tuple[str, str]]:
    """Measures of the fit as (name, value) text."""
    m = fit.metrics
    unit = "nats/token" if fit.law.response.name == "loss" else fit.law.response.name
    rows = [
        ("R²", f"{m['r2']:.5f}"),
        ("RMSE", f"{m['rmse']:.4g} {unit}"),
        ("mean relative error", f"{100 * m['mean_relative_error']:.3g} %"),
    ]
    if "huber" in m:
        rows.append(("Huber(1e-3) of log loss", f"{m['huber']:.6g}"))
    if "asd" in m:
        rows.append(("ASD", f"{m['asd'] * 1e9:.3g} nats per 1e9 tokens ({100 * m['asd_relative']:.3g} % of the slope)"))
    if "quadratic_share" in m:
        rows.append(("rows inside Huber's delta", f"{100 * m['quadratic_share']:.0f} %"))
    return rows


def setting(fit: FittedLaw) -> list[tuple[str, str]]:
    """What was fitted and how, as (name, value) text."""
    left_out = f", {fit.observations.dropped} left out" if fit.observations.dropped else ""
    rows = [
        ("objective", f"{describe(fit.objective)} = {fit.objective_value:.10g}"),
        ("rows", f"{fit.n}{left_out}, {fit.run_count} run{'s' * (fit.run_count != 1)}"),
        ("starts agreed", f"{fit.starts_agreed[0]} of {fit.starts_agreed[1]}"),
    ]
    for variable in fit.law.variables:
        values = fit.observations.columns[variable.name]
        count = len(np.unique(values))
        text = f"{format_quantity(values.min())} to {format_quantity(values.max())}" if count > 1 else f"{values[0]:g}"
        rows.append((variable.name, f"{text} {variable.kind.unit}".rstrip()))
    if fit.law.variable("loss"):
        base = fit.law.variable("loss")
        meaning = "as given (before post-training)" if fit.baseline == "fixed" else "the control's at equal tokens"
        rows.append(("baseline", f"{base} {meaning}"))
    return rows


def worst_runs(fit: FittedLaw) -> list[str]:
    """Names and errors of the three runs that fit worst."""
    if fit.run_count == fit.n or fit.run_count < 2:
        return []
    worst = fit.by_run().head(3)
    return [f"{run}: RMSE {row['rmse']:.3g}, bias {row['bias']:+.3g}" for run, row in worst.iterrows()]


def text(fit: FittedLaw) -> str:
    """Report as text."""
    table = parameters(fit)
    shown = [_shown(fit, row) for _, row in table.iterrows()]
    width = max(len(name) for name in table.index)
    lines = [f"{fit.law.title}: {fit.status}", "=" * 72]
    lines += [f"{name:>14}  {value}" for name, value in setting(fit)]
    lines += ["", "constants (raw units; ± local standard error)"]
    for (name, row), (value, error) in zip(table.iterrows(), shown, strict=True):
        note = "" if row["treatment"] == "free" else f"  [{row['treatment']}]"
        lines.append(f"  {name!s:<{width}}  {value:>14} ± {error}{note}")
    lines += ["", "quality"] + [f"  {name}: {value}" for name, value in quality(fit)]
    worst = worst_runs(fit)
    lines += ["", "worst runs (bias: measured − fitted)"] + [f"  {line}" for line in worst] if worst else []
    lines += ["", "WARNINGS"] + [f"  * {sentence}" for sentence in fit.warnings] if fit.warnings else []
    return "\n".join(lines)


def html(fit: FittedLaw) -> str:
    """Report as HTML for notebooks: inherits the notebook's colours, green when converged, red when not."""
    table = parameters(fit)
    colour = "#1a7f37" if fit.converged else "#cf222e"
    body = []
    for name, row in table.iterrows():
        value, error = _shown(fit, row)
        body.append(
            f"<tr><td style='text-align:left'><b>{escape(str(name))}</b></td><td>{value}</td><td>± {error}</td>"
            f"<td style='text-align:left'>{escape(row['treatment'])}</td></tr>"
        )
    facts = "".join(
        f"<tr><td style='text-align:left'>{escape(k)}</td><td style='text-align:left'>{escape(v)}</td></tr>"
        for k, v in [*setting(fit), *quality(fit)]
    )
    warned = "".join(f"<li>{escape(sentence)}</li>" for sentence in fit.warnings)
    warned = f"<div style='border-left:4px solid #bf8700;padding-left:8px'><ul>{warned}</ul></div>" if warned else ""
    return (
        f"<div><div style='border-left:4px solid {colour};padding-left:8px'><b>{escape(fit.law.title)}</b>: "
        f"<span style='color:{colour};font-weight:bold'>{escape(fit.status)}</span></div>"
        f"<table><thead><tr><th style='text-align:left'>constant</th><th>value</th><th>local s.e.</th><th></th></tr>"
        f"</thead><tbody>{''.join(body)}</tbody></table><table><tbody>{facts}</tbody></table>{warned}</div>"
    )
