"""Constants from the literature, for prediction and planning without a fit.

Only those that are known and certain are here. The fitted constants of the P² paper (2411.10272) and of the
average-parameter-count paper (2501.12486) are not known to us and are therefore not shipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .dense import chinchilla
from .frozen import FrozenDict
from .law import Law


@dataclass(frozen=True, eq=False, repr=False)
class Constants:
    """A law with published constants: what a paper printed, with source and objective."""

    name: str
    law: Law
    params: Mapping[str, float]
    source: str
    objective: str
    """What the authors minimised, as far as it is known."""
    standard_errors: Mapping[str, float] | None = field(default=None)
    """Of the constants, as published; None where they were not."""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", FrozenDict(self.params))
        if self.standard_errors is not None:
            object.__setattr__(self, "standard_errors", FrozenDict(self.standard_errors))

    def __repr__(self) -> str:
        return f"<Constants of {self.law.name}: {self.name}>"

    def predict(self, **columns: Any) -> np.ndarray | float:
        """Loss at columns given by keyword, nats per token: ``HOFFMANN_2022.predict(N=70e9, D=1.4e12)``.

        A float for single numbers, else an array of the shape to which the columns broadcast.
        """
        out = self.law(**columns, **self.params)
        return float(out) if np.ndim(out) == 0 else out


HOFFMANN_2022 = Constants(
    name="Hoffmann et al. 2022, unrounded",
    law=chinchilla,
    params={
        "E": float(np.exp(0.5267228)),
        "A": float(np.exp(6.0073404)),
        "B": float(np.exp(6.0179186)),
        "alpha": 0.33917084,
        "beta": 0.2849083,
    },
    source="Hoffmann et al. 2022, arXiv 2203.15556, approach 3, in the precision of the paper's source",
    objective="Huber(1e-3) of log-loss residuals, averaged over the runs, L-BFGS",
    note="The optimiser stopped early (Besiroglu et al. 2024): these constants do not minimise that objective.",
)

HOFFMANN_2022_ROUNDED = Constants(
    name="Hoffmann et al. 2022, as printed",
    law=chinchilla,
    params={"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
    source="Hoffmann et al. 2022, arXiv 2203.15556, eq. 10",
    objective=HOFFMANN_2022.objective,
    note="Rounded to two digits: the compute-optimal split depends on the digits cut off.",
)

BESIROGLU_2024 = Constants(
    name="Besiroglu et al. 2024",
    law=chinchilla,
    params={"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
    source="Besiroglu et al. 2024, arXiv 2404.10102, 240 points read off a figure of Hoffmann et al. 2022",
    objective="a Huber likelihood of log-loss residuals with a free scale, in effect least absolute residuals",
    standard_errors={"E": 0.026, "A": 124.5, "B": 1293.3, "alpha": 0.015, "beta": 0.021},
    note="Not the minimum of the sum of Huber(1e-3): that one is at A 477.83, B 2143.4, E 1.81722 on the same points.",
)

PUBLISHED: tuple[Constants, ...] = (HOFFMANN_2022, HOFFMANN_2022_ROUNDED, BESIROGLU_2024)
