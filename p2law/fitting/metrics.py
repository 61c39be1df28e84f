"""How well predictions meet losses. Plain functions of arrays; losses in nats per token."""

from typing import Any

import numpy as np

from ..errors import DataError
from .solver.problem import huber as rho


def r2(loss: Any, predicted: Any, weight: Any = None) -> float:
    """Coefficient of determination in loss space (1 is perfect, 0 as good as the mean)."""
    y, f, w = _arrays(loss, predicted, weight)
    total = np.sum(w * (y - np.average(y, weights=w)) ** 2)
    return float(1 - np.sum(w * (y - f) ** 2) / total) if total > 0 else float("nan")


def rmse(loss: Any, predicted: Any, weight: Any = None) -> float:
    """Root-mean-square error, nats per token."""
    y, f, w = _arrays(loss, predicted, weight)
    return float(np.sqrt(np.average((y - f) ** 2, weights=w)))


def mean_relative_error(loss: Any, predicted: Any, weight: Any = None) -> float:
    """Mean of ``|predicted - loss| / loss``."""
    y, f, w = _arrays(loss, predicted, weight)
    return float(np.average(np.abs(f - y) / np.abs(y), weights=w))


def huber(loss: Any, predicted: Any, *, delta: float = 1e-3) -> float:
    """Sum of Huber(delta) of log-loss residuals, the field's objective."""
    y, f, _ = _arrays(loss, predicted, None)
    return float(np.sum(rho(np.log(y) - np.log(f), delta)))


def asd(loss: Any, predicted: Any, x: Any, run: Any = None, *, relative: bool = False) -> float:
    """Average slope difference: how well predicted curves fall at the right speed.

    The mean over consecutive checkpoints of one run, averaged over runs, of ``|dL/dx - dLhat/dx|``. The P² paper
    reports this metric; its exact definition is not known to us, this is the working one of p2law.

    Parameters
    ----------
    loss, predicted, x : array_like, shape (rows,)
        Losses, predictions, and tokens (or steps, or compute). The result is in nats per unit of x: it is not scale
        free, so compare only values with the same unit of x.
    run : array_like, shape (rows,), optional
        Curve each checkpoint belongs to; default: one curve.
    relative : bool
        Divide by the mean measured slope of each run, which makes the result free of units.

    Returns
    -------
    float
        NaN if no run has two checkpoints at different x.
    """
    y, f, _ = _arrays(loss, predicted, None)
    position = np.asarray(x, dtype=float)
    labels = np.zeros(len(y)) if run is None else np.asarray(run)
    means = []
    for label in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(position[rows], kind="stable")]
        step = np.diff(position[rows])
        keep = step > 0
        if not keep.any():
            continue
        measured, fitted = np.diff(y[rows])[keep] / step[keep], np.diff(f[rows])[keep] / step[keep]
        mean = np.mean(np.abs(measured - fitted))
        means.append(mean / np.mean(np.abs(measured)) if relative else mean)
    return float(np.mean(means)) if means else float("nan")


def _arrays(loss: Any, predicted: Any, weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y, f = np.asarray(loss, dtype=float), np.asarray(predicted, dtype=float)
    if y.shape != f.shape or y.ndim != 1:
        raise DataError(f"loss has shape {y.shape} and predicted {f.shape}: both must be one value per row.")
    w = np.ones_like(y) if weight is None else np.asarray(weight, dtype=float)
    return y, f, w
