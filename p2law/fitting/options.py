"""How the parameters of a fit are treated, and the numerical problem that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..data.observations import Observations
from ..errors import FitError
from ..laws import FrozenDict, Law
from .objective import Objective, residual_scale, threshold
from .solver import Problem, hold, make_coordinates


@dataclass(frozen=True)
class Options:
    """How the parameters were treated."""

    fixed: Mapping[str, float] = field(default_factory=dict)
    tied: tuple[tuple[str, ...], ...] = ()
    bounds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    baseline: str = "fixed"
    run: str = "run"
    held: Mapping[str, float] = field(default_factory=dict)
    """Parameters the data leave undetermined, held by p2law at a neutral value."""

    def __post_init__(self) -> None:
        fixed, held = ({k: float(v) for k, v in given.items()} for given in (self.fixed, self.held))
        bounds = {k: (_limit(low), _limit(high)) for k, (low, high) in self.bounds.items()}
        for name, value in (("fixed", fixed), ("held", held), ("bounds", bounds)):
            object.__setattr__(self, name, FrozenDict(value))


def _limit(value: float | None) -> float | None:
    return None if value is None else float(value)


def make_problem(law: Law, observations: Observations, objective: Objective, options: Options) -> Problem:
    """The numerical problem behind a fit, also rebuilt from a saved one."""
    coordinates, bounds = make_coordinates(law, fixed=options.fixed, tied=options.tied, bounds=options.bounds)
    for name, at in options.held.items():
        bounds = hold(coordinates, bounds, name, at)
    base = law.variable("loss")
    y = observations.response
    if objective.space == "log" and np.any(y <= 0):
        raise FitError(f"{law.name} predicts {law.response.name!r}, which is not always positive: use a linear space.")
    return Problem(
        coordinates=coordinates,
        bounds=bounds,
        columns=tuple(observations.columns[v.name] for v in law.variables),
        y=y,
        weight=observations.weight,
        scale=residual_scale(objective, y, observations.columns[base] if base else None),
        log_space=objective.space == "log",
        delta=threshold(objective),
    )
