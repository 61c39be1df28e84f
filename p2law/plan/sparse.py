"""Sparse pre-training for a deployment size: the sparsity, starting size and tokens of least loss for a budget.

By the average-parameter-count law (Jin et al. 2025, arXiv 2501.12486) a run's loss depends on its average parameter
count and its tokens only, and its compute is 6 N_avg D. The best sparse run of a budget is therefore the one whose
average is the compute-optimal size, or as near to it as a schedule that ends at the deployment size comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..data.answer import Column, Copied, Method, Record, Report
from ..data.arguments import number, one_positive
from ..data.flops import TRAINING
from ..data.quantities import format_quantity
from ..errors import DataError
from ..fitting.source import Origin, as_source
from ..schedules import PruningSchedule
from .intervals import ENDS, between, intervals, is_bounded, nats, support
from .surface import Surface, allocate, first_true, surface


@dataclass(frozen=True, eq=False, repr=False)
class SparsePlan(Record):
    """A sparse pre-training run for a deployment size, its dense twin, and the dense run of the deployment size."""

    law: str
    C: float
    """Budget, FLOPs."""
    schedule: PruningSchedule
    """With the sparsity found."""
    level: float
    """Confidence level of the intervals."""
    status: str
    """A sentence: whether the compute-optimal average was within reach, and what the answer rests on."""
    _table: pd.DataFrame
    intervals: Mapping[str, tuple[float, float]]
    """Of sparsity, N_start, N_avg, D, and gain (nats below the dense run of the deployment size)."""
    table = Copied("_table")
    """Rows ``sparse``, ``dense twin`` (same average, tokens and compute) and ``dense, deployment size``; columns
    N_start, N_avg, N_final, D, loss and its interval."""

    N_start = Column()
    """Parameters of the dense model it starts from."""
    N_avg = Column()
    """Parameters averaged over training."""
    N_final = Column()
    """Parameters left at the end: the deployment size."""
    D = Column()
    """Training tokens."""
    loss = Column()
    """Loss expected, nats per token; the dense twin's is the same by the law."""

    @property
    def sparsity(self) -> float:
        return self.schedule.sparsity

    @property
    def gain(self) -> float:
        """By how much it lies below a dense run of the deployment size at the same compute, nats per token."""
        return float(self._table["loss"].iloc[2]) - self.loss

    def _report(self) -> Report:
        sizes = {n: format_quantity(getattr(self, n)) for n in ("N_start", "N_avg", "N_final", "D")}

        def ends(name: str, value: float, write: Any = format_quantity) -> str:
            return between(value, *self.intervals[name], write)

        return Report(
            f"Sparse pre-training for {sizes['N_final']} parameters with C = {self.C:.4g} FLOPs by {self.law}",
            sentences=[
                f"  sparsity {ends('sparsity', self.sparsity, '{:.3f}'.format)}: start from "
                f"{ends('N_start', self.N_start)} parameters, {ends('N_avg', self.N_avg)} on average, "
                f"{ends('D', self.D)} tokens",
                f"  loss {self.loss:.4f} nats/token, as a dense model of {sizes['N_avg']} on the same tokens; "
                f"{ends('gain', self.gain, nats)} below a dense {sizes['N_final']} of the same compute",
                f"  {self.status}",
            ],
        )


def sparse_pretraining(
    source: Origin,
    N_final: float,
    C: float,
    *,
    schedule: PruningSchedule | None = None,
    most: float = 0.8,
    level: float = 0.95,
    method: Method | None = None,
    **at: Any,
) -> SparsePlan:
    """Plan the sparse pre-training run of least loss that ends at a deployment size and costs C FLOPs.

    Parameters
    ----------
    source : Fit or Constants
        A law of average size and tokens: ``average_params``, or ``chinchilla`` taken as such.
    N_final : float
        Parameters left at the end, counted as the law counts them (its authors: linear layers only).
    C : float
        Training budget, 6 N_avg D FLOPs.
    schedule : PruningSchedule, optional
        When and how to prune; its own sparsity is replaced. Default: from 25 % to 75 % of compute, geometric. The law
        itself cannot choose between schedules of the same average.
    most : float
        Largest sparsity to consider; the published runs reach 0.8.
    level, method, **at
        As for :func:`p2law.compute_optimal`.

    Returns
    -------
    SparsePlan
        With sparsity 0, and a status that says so, where dense training of the deployment size is at least as good.
    """
    target, budget = one_positive("N_final", N_final), one_positive("C", C)
    number("most", most, low=0, high=1, must="the largest sparsity to consider, between 0 and 1", error=DataError)
    if not isinstance(schedule, PruningSchedule | None):
        raise DataError(f"schedule={schedule!r}: give a p2law.schedules.PruningSchedule.")
    origin, plan = as_source("source", source), schedule or PruningSchedule()
    base = surface(origin, at)
    reachable = average_at(plan, target, np.array([0.0, most]))

    def found(on: Surface) -> dict[str, np.ndarray]:
        wanted = allocate(on, np.array([budget]))[0]
        average = np.clip(wanted, *reachable)
        loss = on.loss(average, budget / (TRAINING * average))
        dense = on.loss(np.array([target]), np.array([budget / (TRAINING * target)]))
        return {"wanted": wanted, "loss": loss, "gain": dense - loss}

    ends = intervals(origin, base, found, level=level, method=method, plain=("loss", "gain"))
    row = ends.iloc[0]
    if np.isnan(row["wanted"]):
        raise DataError(
            "by these constants the loss does not fall with both size and tokens: there is nothing to plan."
        )
    # All that is chosen follows from the average size wanted, rising or falling with it: so do the ends.
    sizes = np.clip(row[[f"wanted{end}" for end in ENDS]].to_numpy(), *reachable)
    sparsity = sparsity_for(plan, target, sizes, most)
    chosen = {"sparsity": sparsity, "N_start": target / (1 - sparsity), "N_avg": sizes}
    chosen["D"] = budget / (TRAINING * sizes[[0, 2, 1]])
    chosen |= {name: row[[f"{name}{end}" for end in ENDS]].to_numpy() for name in ("loss", "gain")}
    value = {name: float(v[0]) for name, v in chosen.items()}
    limits = {name: (float(v[1]), float(v[2])) for name, v in chosen.items()}
    (said,) = support(origin, base.columns(sizes[:1], chosen["D"][:1]), is_bounded(ends, "wanted"))
    status = f"{_within(row['wanted'], reachable, most)}; {said.text}"
    table = _runs(value, target, budget, limits["loss"])
    found_schedule = replace(plan, sparsity=value["sparsity"])
    return SparsePlan(base.law.title, budget, found_schedule, level, status, table, limits)


def average_at(schedule: PruningSchedule, final: float, sparsity: np.ndarray) -> np.ndarray:
    """Average parameters of runs that end at ``final`` parameters, for each sparsity."""
    return np.array([replace(schedule, sparsity=float(s)).average_density() * final / (1 - s) for s in sparsity])


def sparsity_for(schedule: PruningSchedule, final: float, average: np.ndarray, most: float) -> np.ndarray:
    """Sparsity of the run that ends at ``final`` and has this average, (n,); rises with the average."""

    def enough(sparsity: np.ndarray) -> np.ndarray:
        return average_at(schedule, final, sparsity.ravel()).reshape(sparsity.shape) >= average[:, None]

    found = first_true(enough, np.zeros_like(average), np.full_like(average, most))
    return np.where(np.isnan(average), np.nan, np.where(average <= final, 0.0, found))


def _within(wanted: float, reachable: np.ndarray, most: float) -> str:
    """Whether the compute-optimal average can be had."""
    best = format_quantity(wanted)
    if wanted <= reachable[0]:
        return f"dense training is best: the deployment size is not below the compute-optimal {best}"
    if wanted > reachable[1]:
        return (
            f"at the largest sparsity considered ({most:g}): the compute-optimal average {best} is out of reach for "
            "this deployment size and schedule"
        )
    return f"the average is the compute-optimal size {best}"


def _runs(value: Mapping[str, float], final: float, budget: float, loss: tuple[float, float]) -> pd.DataFrame:
    """The sparse run, its dense twin and the dense model of the deployment size, a row each."""
    average, tokens = value["N_avg"], value["D"]
    sparse = (value["N_start"], average, final, tokens, value["loss"], *loss)
    twin = (average, average, average, tokens, value["loss"], *loss)
    dense = (final, final, final, budget / (TRAINING * final), value["loss"] + value["gain"], np.nan, np.nan)
    names = ["sparse", "dense twin", "dense, deployment size"]
    columns = ["N_start", "N_avg", "N_final", "D", "loss", "loss_lower", "loss_upper"]
    return pd.DataFrame([sparse, twin, dense], index=pd.Index(names), columns=pd.Index(columns))
