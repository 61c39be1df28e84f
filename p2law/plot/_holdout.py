"""Picture of a hold-out test: errors of the held-out rows with their intervals."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..errors import DataError, renamed_arguments
from . import _style as style

if TYPE_CHECKING:
    from ..validate import Holdout

MOST = 8
"""More runs than this are told apart by split, or not at all."""
WIDEST = 4.0
"""The picture reaches to this many times the largest error; intervals beyond are cut off."""


@renamed_arguments(rival="comparator")
def holdout(
    result: "Holdout",
    ax: Axes | None = None,
    *,
    x: str | None = None,
    method: str | None = None,
    comparator: str | None = None,
    legend: bool = True,
) -> Axes:
    """Predicted minus measured loss of the held-out rows, in per cent, with the interval of each.

    An interval that reaches over the line at zero contains the measured loss.

    Parameters
    ----------
    result : Holdout
        From :func:`p2law.holdout`.
    x : str, optional
        The law's column on the horizontal axis; default: its tokens, or else the first in which held-out rows differ.
    method : str, optional
        One of ``result.methods``; default: the law itself.
    comparator : str, optional
        Method drawn as thin dotted lines for comparison; default: the best naive baseline. ``""`` draws none.
    ax, legend
        As for :func:`p2law.plot.curves`.

    Raises
    ------
    DataError
        If there is no such method or column.
    """
    style.check(result, "Holdout", "p2law.holdout")
    method = result.law.name if method is None else method
    comparator = (result.best_baseline or "") if comparator is None else comparator
    for name in (method, comparator):
        if name and name not in result.methods:
            raise DataError(f"method={name!r}: choose one of {', '.join(result.methods)}.")
    x = _column(result, x)
    ax = style.axes_of(ax)  # only now: a mistake must not leave an empty figure open
    rows = result.rows_of(method)
    others = result.rows_of(comparator) if comparator else rows[:0]
    by = "run" if rows["run"].nunique() <= MOST else "fold"
    names = list(dict.fromkeys(rows[by].tolist()))
    colours = {name: style.palette(ax)[i if len(names) <= MOST else 0] for i, name in enumerate(names)}
    ax.axhline(0.0, color=style.foreground(ax), linewidth=0.9, zorder=1)
    curves = rows.groupby(["fold", "run"], sort=False)
    for _, part in curves:
        _draw(ax, part.sort_values(x), x, colours[part[by].iloc[0]], tint=0.35 / max(curves.ngroups, 3))
    for _, part in others.groupby(["fold", "run"], sort=False):
        looks, part = _comparator_looks(single=len(part) == 1), part.sort_values(x)
        ax.plot(part[x], 100 * part["relative"], color=colours[part[by].iloc[0]], linewidth=1.1, alpha=0.8, **looks)
    variable = next(v for v in result.law.variables if v.name == x)
    counts = variable.kind.role in ("tokens", "size") and result.rows[x].min() > 0
    style.format_axis(ax.xaxis, style.label_of(variable), log=bool(counts))
    ax.set_ylabel(f"predicted / measured {result.law.response.name} − 1 (%)")
    reach = 100 * float(pd.concat([rows, others])["relative"].abs().max())
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, -WIDEST * reach), min(high, WIDEST * reach))
    handles = _key(ax, colours, rows, method, comparator, single=curves.ngroups == len(rows))
    style.finish(ax, _title(result, method), legend=legend, handles=handles, beside=True)
    return ax


def _column(result: "Holdout", x: str | None) -> str:
    """The column on the horizontal axis."""
    names = [v.name for v in result.law.variables]
    if x is not None and x not in names:
        raise DataError(f"x={x!r}: {result.law.name} has no such column; choose one of {', '.join(names)}.")
    rows, usual = result.rows, result.law.variable("tokens") or names[0]
    differing = (name for name in (usual, *names) if np.ptp(rows[name]) > 0.01 * np.abs(rows[name]).max())
    return x or next(differing, usual)


def _draw(ax: Axes, part: pd.DataFrame, x: str, colour: str, tint: float) -> None:
    """Draw the errors of one run in one split, with their intervals."""
    at, error = part[x].to_numpy(), 100 * part["relative"].to_numpy()
    low, high = (100 * (part[end] / part["loss"] - 1).to_numpy() for end in ("lower", "upper"))
    known = np.isfinite(low) & np.isfinite(high)
    if len(part) > 1:
        ax.plot(at, error, color=colour, linewidth=1.3, marker="o", markersize=3, markeredgewidth=0)
        ax.fill_between(at, low, high, where=list(known), color=colour, alpha=tint, linewidth=0)
    else:
        ax.plot(at, error, color=colour, marker="o", markersize=3.5, linestyle="", markeredgewidth=0)
        ax.vlines(at[known], low[known], high[known], color=colour, alpha=0.35, linewidth=1.0)


def _comparator_looks(*, single: bool) -> dict[str, Any]:
    return {"marker": "x", "markersize": 3.5, "linestyle": ""} if single else {"linestyle": style.DOTTED}


def _title(result: "Holdout", method: str) -> str:
    """The law and whether it fails, what was held out, and the error."""
    line = result.to_frame().loc[method]
    split = result.folds[0].label if len(result.folds) == 1 else f"{len(result.folds)} splits"
    covered = "" if np.isnan(line["coverage"]) else f" · {100 * line['coverage']:.3g} % covered"
    verdict = "" if result.generalises or method != result.law.name else "DOES NOT GENERALISE · "
    return f"{result.law.title} · {verdict}{split.replace('->', '→')}\nRMSE {line['rms']:.3g} nats{covered}"


def _key(
    ax: Axes, colours: dict[Any, str], rows: pd.DataFrame, method: str, comparator: str, *, single: bool
) -> list[Artist]:
    """Legend entries: runs or splits where they are few, then what lines and bands mean."""
    handles: list[Artist] = []
    if 1 < len(colours) <= MOST:
        names = [style.short(str(name).replace("->", "→")) for name in colours]
        handles += [Line2D([], [], color=c, linewidth=3, label=n) for n, c in zip(names, colours.values(), strict=True)]
    dots: dict[str, Any] = {"marker": "o", "markersize": 3, "linestyle": "" if single else "-"}
    handles.append(Line2D([], [], color=style.grey(ax), linewidth=1.3, label=method, **dots))
    ends = np.isfinite(rows["upper"] - rows["lower"])
    if ends.any():
        label = "its interval" if ends.all() else "its interval, where it has an end"
        handles.append(Patch(color=style.grey(ax), alpha=0.2, linewidth=0, label=label))
    if comparator:
        looks = _comparator_looks(single=single)
        handles.append(Line2D([], [], color=style.grey(ax), linewidth=1.1, label=comparator, **looks))
    return handles
