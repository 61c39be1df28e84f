"""What a fit minimises: a weighted **sum** over the rows of a loss of the residuals, in a named space."""

from dataclasses import asdict, dataclass
from math import inf
from typing import Any, Literal, get_args

import numpy as np

from ..data.arguments import number
from ..errors import FitError
from .solver.problem import huber

Space = Literal["log", "linear", "excess"]


@dataclass(frozen=True)
class Huber:
    """Huber's loss: half the squared residual up to ``delta``, linear beyond.

    Parameters
    ----------
    delta : float
        Threshold, in the units of the residual.
    space : {"log", "linear", "excess"}
        Residual ``log L - log Lhat``; ``L - Lhat`` in nats; or ``(L - Lhat) / excess``, relative to the measured excess
        L - L0 (never its logarithm: rows at or below L0 stay in, at a tenth of the median positive excess).
    """

    delta: float = 1e-3
    space: Space = "log"

    def __post_init__(self) -> None:
        _check_space(self.space)
        number(
            "Huber's delta",
            self.delta,
            low=0,
            must="must be a positive delta; for least absolute residuals use LeastAbsolute",
        )


@dataclass(frozen=True)
class Squared:
    """Half the squared residual: least squares. Space as for :class:`Huber`."""

    space: Space = "linear"

    def __post_init__(self) -> None:
        _check_space(self.space)


@dataclass(frozen=True)
class LeastAbsolute:
    """The absolute residual: least absolute deviations. Space as for :class:`Huber`."""

    space: Space = "log"

    def __post_init__(self) -> None:
        _check_space(self.space)


Objective = Huber | Squared | LeastAbsolute


def threshold(objective: Objective) -> float:
    """Huber's delta; infinite for squares, zero for absolute residuals."""
    if isinstance(objective, Huber):
        return objective.delta
    return inf if isinstance(objective, Squared) else 0.0


def value(objective: Objective, residual: np.ndarray, weight: np.ndarray) -> float:
    """The objective: ``sum(weight * rho(residual))``."""
    return float(np.sum(weight * huber(residual, threshold(objective))))


def describe(objective: Objective) -> str:
    """One line that names the objective beyond doubt."""
    space = {"log": "log L - log Lhat", "linear": "L - Lhat", "excess": "(L - Lhat) / excess"}[objective.space]
    if isinstance(objective, Huber):
        return f"sum of Huber(delta = {objective.delta:g}) of {space}"
    return f"{'half the sum of squares' if isinstance(objective, Squared) else 'sum of absolute values'} of {space}"


def residuals(objective: Objective, y: np.ndarray, predicted: np.ndarray, base: np.ndarray | None) -> np.ndarray:
    """Residuals in the objective's space; ``base`` is the baseline loss, if the law has one."""
    if objective.space == "log":
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(y) - np.log(predicted)
    return (y - predicted) * residual_scale(objective, y, base)


def residual_scale(objective: Objective, y: np.ndarray, base: np.ndarray | None) -> np.ndarray:
    """Factor of each row's residual in nats: one, or 1/excess in the excess space."""
    if objective.space != "excess":
        return np.ones_like(y)
    if base is None:
        raise FitError("space='excess' needs a law with a baseline loss L0; use 'log' or 'linear' for this one.")
    return 1 / excess_scale(y, base)


def excess_scale(y: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Excess over the baseline, held above a tenth of the median positive excess.

    Rows near or below L0 would otherwise get unbounded weight (or none).
    """
    excess = y - base
    positive = excess[excess > 0]
    if positive.size == 0:
        raise FitError("no row lies above its baseline L0, so residuals cannot be taken relative to the excess.")
    return np.maximum(excess, 0.1 * np.median(positive))


def to_dict(objective: Objective) -> dict[str, Any]:
    return {"kind": type(objective).__name__, **asdict(objective)}


def from_dict(record: dict[str, Any]) -> Objective:
    kinds = {kind.__name__: kind for kind in get_args(Objective)}
    options = dict(record)
    return kinds[options.pop("kind")](**options)


def _check_space(space: str) -> None:
    if not isinstance(space, str) or space not in get_args(Space):
        raise FitError(f"unknown residual space {space!r}: choose one of {', '.join(get_args(Space))}.")
