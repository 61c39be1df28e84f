"""The loss as a function of size and tokens with everything else given: where budgets are spent.

Laws that are a sum of two powers answer in closed form with NumPy; any other law is differentiated by JAX.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..checks import number, require_fit
from ..errors import DataError, FitError
from ..laws import Law, average_params, chinchilla
from ..precision import float64

if TYPE_CHECKING:
    from ..laws.published import Constants
    from ..result import Fit

SUMS_OF_POWERS = (chinchilla, average_params)


@dataclass(frozen=True, eq=False)
class Powers:
    """E + A N^-alpha + B D^-beta."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    @property
    def falls(self) -> bool:
        """Whether both size and tokens lower the loss: without that there is nothing to balance."""
        return min(self.A, self.B, self.alpha, self.beta) > 0


@dataclass(frozen=True, eq=False)
class Surface:
    """A law with constants, as a function of size and tokens."""

    law: Law
    params: Mapping[str, float]
    at: Mapping[str, float]
    """The law's other columns."""

    @property
    def powers(self) -> Powers | None:
        """The law as a sum of powers, if it is one."""
        return Powers(**self.params) if self.law in SUMS_OF_POWERS else None

    def loss(self, N: np.ndarray, D: np.ndarray) -> np.ndarray:
        """Loss of N parameters after D tokens, nats per token."""
        p = self.powers
        with np.errstate(all="ignore"):
            if p is not None:
                return p.E + p.A * N**-p.alpha + p.B * D**-p.beta
            return np.asarray(self.law(**self.columns(N, D), **self.params))

    def slope(self, N: np.ndarray, D: np.ndarray, give: np.ndarray) -> np.ndarray:
        """Derivative of the loss by log D on a path where log N falls by ``give`` for each unit of log D."""
        p = self.powers
        with np.errstate(all="ignore"):
            if p is not None:
                return give * p.alpha * p.A * N**-p.alpha - p.beta * p.B * D**-p.beta
            with float64():
                ends = np.broadcast_arrays(N, D)
                path = tuple(np.asarray(v, dtype=float) for v in np.broadcast_arrays(-give * N, D))
                return np.asarray(jax.jvp(self._traced, tuple(ends), path)[1])

    def _traced(self, N: Any, D: Any) -> Any:
        return self.law.function(**self.columns(N, D), **self.params)

    def columns(self, N: Any, D: Any) -> dict[str, Any]:
        """The law's columns at these sizes and tokens."""
        return {str(self.law.variable("size")): N, str(self.law.variable("tokens")): D, **self.at}


def surface(source: "Fit | Constants", at: Mapping[str, float]) -> Surface:
    """The surface of a fit or of published constants.

    Raises
    ------
    FitError
        If the law has no size and tokens to share a budget between.
    DataError
        If one of its other columns is missing or unknown.
    """
    require_fit("source", source, constants=True)
    law = source.law
    size, tokens = law.variable("size"), law.variable("tokens")
    if size is None or tokens is None:
        missing = "size" if size is None else "tokens"
        raise FitError(f"{law.name} has no column for {missing}: a budget is shared between size and tokens.")
    if law.variable("loss") or law.variable("rate"):
        raise FitError(
            f"{law.name} describes post-training of a given parent: its loss at another size depends on that parent's "
            "own loss. Share budgets with a law of pre-training (chinchilla, average_params); for tokens at a given "
            "parent use optimal_tokens."
        )
    others = [v.name for v in law.variables if v.name not in (size, tokens)]
    if set(at) != set(others):
        wanted = f"needs {', '.join(others)}" if others else "takes nothing"
        raise DataError(f"{law.name} {wanted} beside {size} and {tokens}; given: {', '.join(at) or 'nothing'}.")
    return Surface(law, source.params, {k: number(k, v, error=DataError) for k, v in at.items()})
