"""What each run does to the fit: leave one out and refit."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import FitError
from ..solver import coordinates
from .bootstrap import refit

if TYPE_CHECKING:
    from ..result import Fit


def leave_one_run_out(fit: "Fit") -> pd.DataFrame:
    """Constants without each run in turn, indexed by the run left out."""
    codes = pd.factorize(fit.observations.run)[0]
    runs = int(codes.max()) + 1
    if runs < 2:
        raise FitError("one run alone cannot be left out.")
    problem = fit.problem()
    start = coordinates(problem.layout, problem.box, fit.params)
    turn = iter(range(runs))

    def sample() -> dict[str, np.ndarray]:
        return {"weight": problem.weight * (codes != next(turn))}

    constants, _ = refit(problem, start, sample, runs)
    names = [p.name for p in fit.law.parameters]
    labels = pd.Index(pd.unique(pd.Series(fit.observations.run)), name="run left out")
    return pd.DataFrame(constants, index=labels, columns=pd.Index(names))
