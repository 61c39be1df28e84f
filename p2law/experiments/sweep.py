"""Carry out the runs of a plan: skip what is done, go on after failures, leave the tables."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import monotonic

import pandas as pd

from ..errors import DataError
from . import parallel, table
from .execute import execute
from .lock import holding
from .machine import device_of
from .plan import Plan
from .record import Record
from .runs import Run
from .study import Study, make_study
from .train import Stopped, TrainingError


@dataclass(frozen=True)
class Outcome:
    """What became of a sweep."""

    rows: pd.DataFrame
    """Every logged row of the finished runs."""
    done: tuple[str, ...]
    failed: dict[str, str]
    """Run to reason; tried again when the sweep is run again."""
    left: tuple[str, ...]
    """Runs not done: another process has them, their parent is not there, or the time was over."""


def sweep(
    plan: Plan,
    *,
    only: Collection[str] = (),
    minutes: float | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Carry out a plan.

    Killed at any moment and run again, it goes on from the newest checkpoints. Several processes may work on one plan;
    each run is taken by one of them. Processes that torchrun has started together train every run together.

    Parameters
    ----------
    only : collection of str, optional
        Names of the runs to carry out; default: all.
    minutes : float, optional
        When to stop, with a checkpoint of the run under way.
    progress : bool
        Show a bar for the run under way.
    say : callable
        Told in a sentence what happens to every run.

    Raises
    ------
    DataError
        If the plan cannot work, before anything is trained; see :func:`~p2law.experiments.study.make_study`.
    """
    end = monotonic() + 60 * minutes if minutes else float("inf")
    with parallel.processes(device_of(plan.device)):
        study = make_study(plan)
        unknown = sorted(set(only) - {run.name for run in study.runs})
        if unknown:
            raise DataError(f"the plan has no run {unknown[0]!r}; it has {', '.join(run.name for run in study.runs)}.")
        for run in study.runs:
            if not only or run.name in only:
                became = _carry_out(study, run, end, progress)
                if parallel.leads():
                    say(f"{run.name}: {became}")
        return _outcome(study)


def _carry_out(study: Study, run: Run, end: float, progress: bool) -> str:
    record, stop = study.record(run.name), None if end == float("inf") else lambda: monotonic() > end
    if refusal := parallel.agreed(_refusal(study, run, end)):
        return refusal
    with _having(record) as free:
        if refusal := parallel.agreed("" if free else "left to the process that has it"):
            return refusal
        if parallel.agreed(record.done):
            return "done meanwhile"
        try:
            execute(study, run, stop=stop, progress=progress)
        except Stopped as stopped:
            return str(stopped)
        except Exception as error:  # whatever it was, the other runs are worth having
            record.fail(error)
            if parallel.size() > 1 and not isinstance(error, TrainingError):
                raise  # the other processes may not have met it, and would wait for this one
            return f"failed: {record.failure}"
    if parallel.leads():
        table.write(study)
    return f"done in {record.facts()['seconds']:.3g} s of training" if parallel.leads() else "done"


def _having(record: Record) -> AbstractContextManager[bool]:
    """Whether this process, or the one that leads it, has a run to itself."""
    if not parallel.leads():
        return nullcontext(True)
    record.folder.mkdir(parents=True, exist_ok=True)
    return holding(record.folder / "lock")


def _refusal(study: Study, run: Run, end: float) -> str:
    """Why a run is not carried out now; empty if it is."""
    if study.record(run.name).done:
        return "done before"
    if monotonic() > end:
        return "left, since the time is over"
    if run.needs and not study.record(run.needs).done:
        return f"left, since {run.needs} is not done"
    return ""


def _outcome(study: Study) -> Outcome:
    parallel.agreed(None)  # until the leading process has come here too, its files may not be whole
    records = {run.name: study.record(run.name) for run in study.runs}
    failed = {name: record.failure for name, record in records.items() if record.failure and not record.done}
    return Outcome(
        rows=table.write(study) if parallel.leads() else table.gather(study),
        done=tuple(name for name, record in records.items() if record.done),
        failed={name: reason for name, reason in failed.items() if reason},
        left=tuple(name for name, record in records.items() if not record.done and name not in failed),
    )
