"""Whether groups of runs agree in a constant: equal means where errors and degrees of freedom differ (Welch 1951)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..result import Fit


def welch(name: str, separate: Mapping[str, "Fit"]) -> dict[str, Any]:
    """Whether groups, each fitted alone, agree in a parameter: over those that determine it."""
    from scipy.special import fdtrc

    values = {g: f.params[name] for g, f in separate.items()}
    out: dict[str, Any] = {"parameter": name, **values, "F": np.nan, "p": np.nan, "verdict": "cannot be tested"}
    parts = []
    for f in separate.values():
        unit = np.array([float(p.name == name) for p in f.law.parameters])
        variance = f.around.variance(unit, held=False)
        if 0 < variance < np.inf and name not in f.options.held and name not in f.options.fixed:
            parts.append((f.params[name], variance, max(f.around.dof(unit), 1.0)))
    if len(parts) < 2:
        return out
    value, variance, dof = np.array(parts).T
    weight, k = 1 / variance, len(parts)
    mean, share = np.average(value, weights=weight), (1 - weight / weight.sum()) ** 2 / dof
    statistic = np.sum(weight * (value - mean) ** 2) / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * share.sum())
    p = float(fdtrc(k - 1, (k**2 - 1) / (3 * share.sum()), statistic))
    return {**out, "F": float(statistic), "p": p, "verdict": "supported" if p > 0.05 else "contradicted"}
