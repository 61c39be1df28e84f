"""A hold-out test: errors of the held-out rows with their intervals."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..errors import DataError
from . import _style as style

if TYPE_CHECKING:
    from ..validate import Holdout

MOST = 8
"""More runs than this are told apart by split, or not at all."""

WIDEST = 4.0
"""The picture reaches to this many times the largest error; intervals beyond are cut off."""


def holdout(
    result: "Holdout",
    ax: Axes | None = None,
    *,
    x: str | None = None,
    method: str | None = None,
    rival: str | None = None,
    legend: bool = True,
) -> Axes:
    """Predicted minus measured loss of the held-out rows, in per cent, with the interval of each.

    An interval that reaches over the line at zero contains the measured loss.

    Parameters
    ----------
    result : Holdout
        From :func:`p2law.holdout`.
    ax : Axes, optional
        Where to draw; default: a new figure.
    x : str, optional
        The law's column on the horizontal axis; default: its tokens, or else the first in which held-out rows differ.
    method : str, optional
        One of ``result.methods``; default: the law itself.
    rival : str, optional
        Method drawn as thin dotted lines for comparison; default: the best of the baselines. ``""`` draws none.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If there is no such method or column.
    """
    style.check(result, "Holdout", "p2law.holdout")
    method = result.law.name if method is None else method
    rival = _best(result) if rival is None else rival
    for name in (method, rival):
        if name and name not in result.methods:
            raise DataError(f"method={name!r}: choose one of {', '.join(result.methods)}.")
    x, rows = _x(result, x), result.rows[result.rows["method"] == method]
    ax = style.axes_of(ax)  # only now: a mistake must not leave an empty figure open
    shades, by = _shades(ax, rows)
    ax.axhline(0.0, color=style.ink(ax), linewidth=0.9, zorder=1)
    curves = rows.groupby(["fold", "run"], sort=False)
    for _, part in curves:
        _draw(ax, part.sort_values(x), x, shades[part[by].iloc[0]], tint=0.35 / max(curves.ngroups, 3))
    if rival:
        for _, part in result.rows[result.rows["method"] == rival].groupby(["fold", "run"], sort=False):
            _draw_rival(ax, part.sort_values(x), x, shades[part[by].iloc[0]])
    _dress(ax, result, method, x)
    reach = 100 * float(result.rows.loc[result.rows["method"].isin([method, rival]), "relative"].abs().max())
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, -WIDEST * reach), min(high, WIDEST * reach))
    if legend:
        _legend(ax, shades, rows, method, rival, single=curves.ngroups == len(rows))
    return ax


def _best(result: "Holdout") -> str:
    table = result.to_frame()
    simple = table[table["coverage"].isna() & (table.index != result.law.name)]
    return "" if simple.empty else str(simple.index[int(np.argmin(simple["ratio"]))])


def _x(result: "Holdout", x: str | None) -> str:
    names = [v.name for v in result.law.variables]
    if x is not None and x not in names:
        raise DataError(f"x={x!r}: {result.law.name} has no such column; choose one of {', '.join(names)}.")
    first = [result.law.variable("tokens") or names[0], *names]
    spread = {name: np.ptp(result.rows[name]) > 0.01 * np.abs(result.rows[name]).max() for name in first}
    return x or next((name for name in first if spread[name]), first[0])


def _shades(ax: Axes, rows: pd.DataFrame) -> tuple[dict[Any, str], str]:
    """A colour per run, or per split where there are many runs."""
    by = "run" if rows["run"].nunique() <= MOST else "fold"
    names = list(dict.fromkeys(rows[by].tolist()))
    few = len(names) <= MOST
    return {name: style.named(ax)[i if few else 0] for i, name in enumerate(names)}, by


def _draw(ax: Axes, part: pd.DataFrame, x: str, shade: str, tint: float) -> None:
    at, error = part[x].to_numpy(), 100 * part["relative"].to_numpy()
    low, high = (100 * (part[end] / part["loss"] - 1).to_numpy() for end in ("lower", "upper"))
    known = np.isfinite(low) & np.isfinite(high)
    if len(part) > 1:
        ax.plot(at, error, color=shade, linewidth=1.3, marker="o", markersize=3, markeredgewidth=0)
        ax.fill_between(at, low, high, where=list(known), color=shade, alpha=tint, linewidth=0)
    else:
        ax.plot(at, error, color=shade, marker="o", markersize=3.5, linestyle="", markeredgewidth=0)
        ax.vlines(at[known], low[known], high[known], color=shade, alpha=0.35, linewidth=1.0)


def _draw_rival(ax: Axes, part: pd.DataFrame, x: str, shade: str) -> None:
    single = len(part) == 1
    look: dict[str, Any] = {"marker": "x", "markersize": 3.5} if single else {"linestyle": style.BASELINE}
    ax.plot(part[x], 100 * part["relative"], color=shade, linewidth=1.1, alpha=0.8, **look)


def _dress(ax: Axes, result: "Holdout", method: str, x: str) -> None:
    variable = next(v for v in result.law.variables if v.name == x)
    ax.set_xlabel(style.label_of(variable))
    ax.set_ylabel(f"predicted / measured {result.law.response.name} − 1 (%)")
    if variable.kind.role in ("tokens", "size") and result.rows[x].min() > 0:
        ax.set_xscale("log")
        style.count_ticks(ax.xaxis)
    style.grid(ax)
    line = result.to_frame().loc[method]
    split = result.folds[0].label if len(result.folds) == 1 else f"{len(result.folds)} splits"
    covered = "" if np.isnan(line["coverage"]) else f" · {100 * line['coverage']:.3g} % covered"
    verdict = "" if result.generalises or method != result.law.name else "DOES NOT CARRY · "
    style.title(ax, f"{result.law.title} · {verdict}{split.replace('->', '→')}\nrms {line['rms']:.3g} nats{covered}")


def _legend(ax: Axes, shades: dict[Any, str], rows: pd.DataFrame, method: str, rival: str, *, single: bool) -> None:
    handles: list[Any] = []
    if 1 < len(shades) <= MOST:
        names = [style.short(str(name).replace("->", "→")) for name in shades]
        handles = [Line2D([], [], color=c, linewidth=3, label=n) for n, c in zip(names, shades.values(), strict=True)]
    dots: dict[str, Any] = {"marker": "o", "markersize": 3, "linestyle": "" if single else "-"}
    handles.append(Line2D([], [], color=style.grey(ax), linewidth=1.3, label=method, **dots))
    ends = np.isfinite(rows["upper"] - rows["lower"])
    if ends.any():
        label = "its interval" if ends.all() else "its interval, where it has an end"
        handles.append(Patch(color=style.grey(ax), alpha=0.2, linewidth=0, label=label))
    if rival:
        look: dict[str, Any] = {"marker": "x", "linestyle": ""} if single else {"linestyle": style.BASELINE}
        handles.append(Line2D([], [], color=style.grey(ax), linewidth=1.1, markersize=3.5, label=rival, **look))
    style.place_legend(ax, handles)
