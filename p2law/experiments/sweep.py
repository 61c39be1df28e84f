"""Carry out the runs of a plan: skip what is done, go on after failures, leave the tables."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd

from ..errors import DataError
from . import table
from .execute import execute
from .lock import holding
from .plan import Plan
from .runs import Run
from .study import Study, make_study


@dataclass(frozen=True)
class Outcome:
    """What became of a sweep."""

    rows: pd.DataFrame
    """Every logged row of the finished runs."""
    done: tuple[str, ...]
    failed: dict[str, str]
    """Run to reason; tried again when the sweep is run again."""
    left: tuple[str, ...]
    """Runs not begun: another process has them, or their parent is not there."""


def sweep(
    plan: Plan,
    *,
    only: Collection[str] = (),
    progress: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Carry out a plan.

    Killed at any moment and run again, it goes on from the newest checkpoints. Several processes may work on one plan;
    each run is taken by one of them.

    Parameters
    ----------
    only : collection of str, optional
        Names of the runs to carry out; default: all.
    progress : bool
        Show a bar for the run under way.
    say : callable
        Told in a sentence what happens to every run.

    Raises
    ------
    DataError
        If the plan cannot work, before anything is trained; see :func:`~p2law.experiments.study.make_study`.
    """
    study = make_study(plan)
    unknown = sorted(set(only) - {run.name for run in study.runs})
    if unknown:
        raise DataError(f"the plan has no run {unknown[0]!r}; it has {', '.join(run.name for run in study.runs)}.")
    for run in study.runs:
        if not only or run.name in only:
            say(f"{run.name}: {_carry_out(study, run, progress)}")
    return _outcome(study)


def _carry_out(study: Study, run: Run, progress: bool) -> str:
    record = study.record(run.name)
    if record.done:
        return "done before"
    if run.needs and not study.record(run.needs).done:
        return f"left, since {run.needs} is not done"
    record.folder.mkdir(parents=True, exist_ok=True)
    with holding(record.folder / "lock") as free:
        if not free:
            return "left to the process that has it"
        if record.done:
            return "done meanwhile"
        try:
            execute(study, run, progress=progress)
        except Exception as error:  # whatever it was, the other runs are worth having
            record.fail(error)
            return f"failed: {record.failure}"
    table.write(study)
    return f"done in {record.facts()['seconds']:.3g} s of training"


def _outcome(study: Study) -> Outcome:
    records = {run.name: study.record(run.name) for run in study.runs}
    failed = {name: record.failure for name, record in records.items() if record.failure and not record.done}
    return Outcome(
        rows=table.write(study),
        done=tuple(name for name, record in records.items() if record.done),
        failed={name: reason for name, reason in failed.items() if reason},
        left=tuple(name for name, record in records.items() if not record.done and name not in failed),
    )
