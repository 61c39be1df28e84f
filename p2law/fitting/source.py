"""Laws with constants, whether fitted or published: what plans, pictures and the command line ask of either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..data.answer import Estimate, Method
from ..data.arguments import check_level
from ..data.observations import Observations
from ..laws import Constants, Law
from . import prediction

if TYPE_CHECKING:
    from .result import Fit

Origin: TypeAlias = "Fit | Constants"
"""What users give: a fit, a group of a joint fit, or published constants."""


@dataclass(frozen=True, eq=False)
class Source:
    """A law with constants.

    A fit knows its rows, its range and its errors. Published constants come without all three: no interval follows from
    them, since the correlations of their errors are unknown, and nothing lies outside their range.
    """

    origin: "Origin"

    @property
    def law(self) -> Law:
        return self.origin.law

    @property
    def params(self) -> Mapping[str, float]:
        """The constants, raw units."""
        return self.origin.params

    @property
    def fits(self) -> "tuple[Fit, ...]":
        """The fit whose errors give intervals; none behind published constants."""
        return () if isinstance(self.origin, Constants) else (self.origin,)

    @property
    def baseline(self) -> str:
        """What the excess is measured from: ``"fixed"`` or ``"control"``."""
        return "fixed" if isinstance(self.origin, Constants) else self.origin.baseline

    @property
    def observations(self) -> Observations | None:
        """The rows fitted; None behind published constants."""
        return None if isinstance(self.origin, Constants) else self.origin.observations

    def outside(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Per column, the factor by which each row lies outside the fitted range (1 inside), (rows,)."""
        return {} if isinstance(self.origin, Constants) else prediction.outside(self.origin, columns)

    def unsupported(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Rows about which the fit has no information, (rows,) of bool; see :func:`.prediction.unsupported`."""
        if isinstance(self.origin, Constants):
            return np.zeros(len(next(iter(columns.values()))), dtype=bool)
        return prediction.unsupported(self.origin, columns)

    def no_support(self, columns: Mapping[str, np.ndarray]) -> str:
        """Why there are such rows; empty if there are none."""
        return "" if isinstance(self.origin, Constants) else prediction.no_support(self.origin, columns)


ParamsOf = Callable[[Source], Mapping[str, float]]
"""The constants of a source: as fitted (or published), or those of a draw."""


def as_source(name: str, value: "Origin | Source") -> Source:
    """What an argument of this name gives; refuses all but fits and published constants."""
    if isinstance(value, Source):
        return value
    if not isinstance(value, Constants):
        from .fitted import require_fit

        require_fit(name, value, constants=True)
    return Source(value)


def is_source(value: object) -> bool:
    """Whether an argument is a law with constants rather than a number."""
    return hasattr(value, "law") and hasattr(value, "params")


def fitted_params(source: Source) -> Mapping[str, float]:
    """The constants as fitted or published."""
    return source.params


def estimate_from(
    quantity: Callable[[ParamsOf], ArrayLike],
    sources: Sequence[Source],
    *,
    level: float,
    method: Method | None = None,
    log: bool = False,
) -> Estimate:
    """Interval of a quantity of several sources; limits are nan where all of them are published constants."""
    check_level(level)
    fits = {id(fit): fit for source in sources for fit in source.fits}
    fixed = {id(source.origin): source.params for source in sources}

    def under(*constants: Mapping[str, float]) -> ArrayLike:
        drawn = fixed | dict(zip(fits, constants, strict=True))
        return quantity(lambda source: drawn[id(source.origin)])

    if fits:
        from .uncertainty.estimate import estimate  # here: published constants are planned with at once

        return estimate(under, *fits.values(), level=level, method=method, log=log)
    value: Any = np.asarray(under())
    nothing = np.full(value.shape, np.nan)
    return Estimate(value, nothing, nothing, level, "published constants")
