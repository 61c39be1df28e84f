"""How often intervals contain the truth: the design of a fit, its constants taken as true, measured again and again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Method
from ..errors import FitError
from ..fitting.fitted import loss_at
from ..fitting.prediction import prediction_columns
from ..fitting.result import Fit
from ..fitting.uncertainty.intervals import parameters, predictions
from ..fitting.uncertainty.resampling import refit
from ..laws import FrozenDict


def coverage(
    fit: Fit,
    noise: "Noise",
    *,
    levels: Sequence[float] = (0.8, 0.95),
    reps: int = 600,
    method: Method = "wald",
    draws: int = 200,
    rng: int = 0,
    **at: Any,
) -> pd.DataFrame:
    """Share of simulated measurements of this design whose intervals contain the truth.

    Parameters
    ----------
    fit : Fit
        Its rows are the design and its constants the truth.
    noise : Noise
        Of the simulated losses.
    levels : sequence of float
        Confidence levels.
    reps : int
        Simulated measurements.
    method : {"wald", "bootstrap", "profile"}
        Of the intervals; ``draws`` bootstrap draws each.
    rng : int
        Seed.
    **at
        Columns of a forecast (``N0=16e9, D=3e8, ...``); without them, intervals of the constants are checked.

    Returns
    -------
    DataFrame
        quantity, level, covered (share), width (median of the interval), reps.

    Raises
    ------
    FitError
        If no simulated measurement could be fitted.
    """
    columns = prediction_columns(fit, at=at)[0] if at else None
    losses = [] if columns is None else loss_at(fit, columns)
    true = {f"loss {i}" if len(losses) > 1 else "loss": float(v) for i, v in enumerate(losses)} or dict(fit.params)
    ends: dict[float, list[np.ndarray]] = {level: [] for level in levels}
    for one in simulated(fit, noise, reps=reps, rng=rng):
        drawn = one.bootstrap(draws, rng=rng) if method == "bootstrap" else one
        for level in levels:
            if columns is None:
                table = parameters(drawn, level=level, method=method)
            else:
                table = predictions(drawn, columns, level=level, kind="mean", method=method)
            ends[level].append(table[["lower", "upper"]].to_numpy())
    out, values = [], np.array(list(true.values()))
    for level, found in ends.items():
        if not found:
            raise FitError("no simulated measurement of this design could be fitted.")
        lower, upper = np.stack(found).transpose(2, 0, 1)
        covered, width = np.mean((lower <= values) & (values <= upper), axis=0), np.median(upper - lower, axis=0)
        for name, share, median in zip(true, covered.tolist(), width.tolist(), strict=True):
            out.append((name, level, share, median, len(found)))
    return pd.DataFrame(out, columns=pd.Index(["quantity", "level", "covered", "width", "reps"]))


@dataclass(frozen=True)
class Noise:
    """Errors of simulated losses.

    Parameters
    ----------
    size : float
        Standard deviation of a row's error, as a fraction of its loss.
    persistence : float
        Correlation from one row of a run to its next (AR(1), in the order of the table).
    level : float
        Standard deviation of a run's own error, as a fraction of its excess (of its loss, for laws without a baseline).
    """

    size: float
    persistence: float = 0.0
    level: float = 0.0

    def draw(self, run: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One error per row, (rows,), relative; ``run`` is the run of each row."""
        fresh, out = rng.standard_normal(len(run)), np.empty(len(run))
        last: dict[str, float] = {}
        stay, new = self.persistence, np.sqrt(1 - self.persistence**2)
        for i, name in enumerate(run.tolist()):
            out[i] = last[name] = stay * last[name] + new * fresh[i] if name in last else fresh[i]
        return self.size * out

    def losses(self, fit: Fit, rng: np.random.Generator) -> np.ndarray:
        """The rows of a fit measured once, (rows,), nats per token, its constants being true."""
        base = fit.law.variable("loss")
        excess = fit.fitted - fit.observations.columns[base] if base else fit.fitted
        codes = fit.observations.run_codes
        off = self.level * rng.standard_normal(int(codes.max()) + 1)[codes] if self.level else 0.0
        return (fit.fitted + off * excess) * np.exp(self.draw(fit.observations.run, rng))


def simulated(fit: Fit, noise: Noise, *, reps: int, rng: int) -> Iterator[Fit]:
    """The fit to other measurements of the same rows, again and again, its constants being true; no failed fits."""
    problem, generator = fit.problem(), np.random.default_rng(rng)
    start = problem.to_coordinates(fit.params)
    losses = [noise.losses(fit, generator) for _ in range(reps)]
    targets = iter([np.log(loss) if problem.log_space else loss / problem.scale for loss in losses])
    constants, objectives = refit(problem, start, lambda: {"target": next(targets)}, reps)
    names = [p.name for p in fit.law.parameters]
    for loss, values, objective in zip(losses, constants, objectives, strict=True):
        if np.isfinite(objective):
            yield replace(
                fit,
                params=FrozenDict(zip(names, values.tolist(), strict=True)),
                objective_value=float(objective),
                observations=replace(fit.observations, response=loss),
                resampled=None,
            )
