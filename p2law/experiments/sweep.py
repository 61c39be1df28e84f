"""Carry out the runs of a plan: skip what is done, go on after failures, leave the tables."""

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from threading import Thread
from time import time
from typing import Any

import pandas as pd

from ..data.arguments import number, whole_number
from ..errors import DataError
from . import parents, prune, table
from .batches import fixed_windows, make_batches
from .plan import VALIDATION, Plan
from .prune.masks import Masks
from .runs import Record, Run
from .runtime import Model, parallel, torch
from .runtime.machine import device_of, release
from .runtime.storage import holding
from .study import Study, make_study
from .train import MaskSchedule, Row, Stopped, TrainingError, remasking, train


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
    jobs: int = 1,
    progress: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Carry out a plan.

    Killed at any moment and run again, it goes on from the newest checkpoints. Several processes may work on one plan;
    each run is taken by one of them. Processes that torchrun has started together train every run together.

    Raises DataError before anything is trained if the plan cannot work (see
    :func:`~p2law.experiments.study.make_study`), and TrainingError if one of several processes was killed.

    Parameters
    ----------
    only : collection of str, optional
        Names of the runs to carry out; default: all.
    minutes : float, optional
        When to stop, with a checkpoint of every run under way.
    jobs : int
        Runs carried out at once, each by a process of its own; several GPUs are dealt out among them. Worth it where
        models are too small to keep a device busy. A script that asks for more than one must be guarded by
        ``if __name__ == "__main__":``.
    progress : bool
        Show a bar for the run under way.
    say : callable
        Told in a sentence what happens to every run.
    """
    end = float("inf")
    if minutes is not None:
        end = time() + 60 * number("minutes", minutes, low=0, closed=True, must="give 0 or more", error=DataError)

    def tell(run: Run, became: str) -> None:
        if parallel.is_rank0():
            say(f"{run.name}: {became}")

    whole_number("jobs", jobs, error=DataError)
    with parallel.processes(device_of(plan.device)):
        if jobs > 1 and parallel.size() > 1:
            raise DataError(
                f"jobs={jobs}: the processes that torchrun has started train every run together; leave it out."
            )
        if jobs > 1 and progress:
            raise DataError(f"jobs={jobs}: progress shows a single run; leave one of them out.")
        study = make_study(plan, jobs=jobs)
        names = [run.name for run in study.runs]
        if unknown := sorted(set(only).difference(names)):
            raise DataError(f"the plan has no run {unknown[0]!r}; it has {', '.join(names)}.")
        wanted = [run for run in study.runs if not only or run.name in only]
        if jobs > 1:
            parallel_runs(wanted, partial(_carry_out, study, end), jobs=jobs, say=tell)
        else:
            for run in wanted:
                tell(run, _carry_out(study, end, run, progress=progress))
        return _outcome(study)


def _carry_out(study: Study, end: float, run: Run, *, progress: bool = False) -> str:
    """Carry out one run if it is to be done now; what became of it, in words."""
    record, stop = study.record(run.name), None if end == float("inf") else lambda: time() > end
    if refusal := parallel.broadcast(_refusal(study, run, end)):
        return refusal
    leads = parallel.is_rank0()  # only the leading process locks the run
    if leads:
        record.folder.mkdir(parents=True, exist_ok=True)
    with holding(record.folder / "lock") if leads else nullcontext(True) as free:
        if refusal := parallel.broadcast("" if free else "left to the process that has it"):
            return refusal
        if parallel.broadcast(record.done):
            return "done meanwhile"
        try:
            execute(study, run, stop=stop, progress=progress)
        except Stopped as stopped:
            return str(stopped)
        except Exception as error:  # whatever it was, the other runs are worth having
            became = _failed(record, error)
            if parallel.size() > 1 and not isinstance(error, TrainingError):
                raise  # the other processes may not have met it, and would wait for this one
            return became
        finally:
            release()
    if not leads:
        return "done"
    _write(study)
    return f"done in {record.facts()['seconds']:.3g} s of training"


def _failed(record: Record, error: Exception) -> str:
    """Keep why a run failed, with what to change where that is known."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        reason += " Lower micro_batch, set recompute = true, or carry out fewer jobs at once."
    try:
        record.fail(reason)
    except OSError as second:  # a full disk, most likely; nothing that was done before is lost
        reason += f" (which could not be recorded: {second})"
    return f"failed: {reason}"


def _write(study: Study) -> pd.DataFrame:
    """Write the tables of what is done; the rows in them."""
    try:
        return table.write(study)
    except OSError as error:
        raise TrainingError(
            f"the tables cannot be written ({error}): make room in {study.plan.out} and run it again; the runs that "
            "are done are kept."
        ) from error


def _refusal(study: Study, run: Run, end: float) -> str:
    """Why a run is not carried out now; empty if it is."""
    if study.record(run.name).done:
        study.record(run.name).tidy()  # a kill may have come between
        return "done before"
    if time() > end:
        return "left, since the time is over"
    if run.needs and not study.record(run.needs).done:
        return f"left, since {run.needs} is not done"
    return ""


def _outcome(study: Study) -> Outcome:
    """Tables and status of all runs; the leading process writes the tables."""
    parallel.broadcast(None)  # until the leading process has come here too, its files may not be whole
    rows = _write(study) if parallel.is_rank0() else table.gather(study)
    status = {run.name: study.record(run.name).status for run in study.runs}
    return Outcome(
        rows,
        done=tuple(name for name, how in status.items() if how == "done"),
        failed={name: study.record(name).failure or "" for name, how in status.items() if how == "failed"},
        left=tuple(name for name, how in status.items() if how not in ("done", "failed")),
    )


@dataclass(frozen=True)
class Start:
    """What a run sets out from."""

    model: Model = field(repr=False)
    masks: Masks = field(default_factory=dict, repr=False)
    remask: MaskSchedule | None = None
    teacher: Model | None = field(default=None, repr=False)


def execute(study: Study, run: Run, *, stop: Callable[[], bool] | None = None, progress: bool = False) -> None:
    """Train one run to its end, going on from its newest checkpoint; the record is complete when this returns.

    Raises Stopped if ``stop``, asked after every step, says True before the end.
    """
    record, recipe = study.record(run.name), run.recipe
    batches = make_batches(
        study.text.tokens(run.split),
        sequence=recipe.sequence,
        batch=recipe.batch,
        steps=recipe.steps,
        seed=recipe.seed + 1000 * run.parent_seed,
        passes=recipe.passes,
    )
    start = _start(study, run)
    if parallel.is_rank0():  # not before its parent is there, or the weights it says it came from would be none
        record.begin(study.specification(run), study.device)
    rows = train(
        start.model,
        batches,
        _windows(study, VALIDATION, recipe.sequence, study.plan.validation_sequences),
        recipe,
        masks=start.masks,
        remask=start.remask,
        teacher=start.teacher,
        start="pruned" if run.posttrained else "initial",
        folder=record.checkpoints,
        checkpoint_every=study.plan.checkpoint_every,
        log=record.log if parallel.is_rank0() else None,
        stop=stop,
        progress=progress and parallel.is_rank0(),
    )
    kept = study.keeps(run)
    model = parallel.whole_model(start.model) if kept else start.model
    if parallel.is_rank0():
        _finish(record, run, model, rows, kept)


def _finish(record: Record, run: Run, model: Model, rows: list[Row], kept: bool) -> None:
    """Leave the model if it is kept, and the record: its parameters without pruned ones, and the time it took."""
    record.log(rows)
    if kept:
        part, source = record.folder / "model.part", run.parent.model
        shutil.rmtree(part, ignore_errors=True)
        parents.save(model, part, tokenizer=source if source and parents.has_tokenizer(source) else None)
        shutil.rmtree(record.model, ignore_errors=True)
        part.rename(record.model)
    count, zeros, seconds = parents.count(model), rows[-1]["zeros"], rows[-1]["seconds"]
    record.finish({"N": count.body - zeros, "N_total": count.total - zeros, "N_dense": count.body, "seconds": seconds})
    record.tidy()


def _start(study: Study, run: Run) -> Start:
    """Random weights, or the parent or what pruning leaves of it, which the whole parent may teach."""
    recipe, how, sparse = run.recipe, run.prune, run.sparse
    if not run.posttrained:
        model = parents.build(run.shape, seed=run.parent_seed, sequence=recipe.sequence, device=study.device)
        if sparse is None:
            return Start(model)
        remask = remasking(sparse.schedule, recipe.steps, every=sparse.every, pattern=sparse.pattern)
        return Start(model, remask=remask)
    parent, text = parents.load(study.parent_model(run), device=study.device), None
    if how is None:
        return Start(parent, teacher=deepcopy(parent).eval() if recipe.distil else None)
    if how.needs_text:
        text = _windows(study, run.split, recipe.sequence, study.plan.calibration_sequences)[:, :-1]
    child = prune.prune(parent, how.method, how.rate, calibration=text, pattern=how.pattern)
    return Start(child.model, child.masks, teacher=parent.eval() if recipe.distil else None)


def _windows(study: Study, split: str, sequence: int, count: int) -> torch.Tensor:
    return fixed_windows(study.text.tokens(split), sequence=sequence, count=count, what=split)


def parallel_runs(
    runs: Sequence[Run], task: Callable[[Run], str], *, jobs: int, say: Callable[[Run, str], None]
) -> None:
    """Carry out runs, ``jobs`` at a time; those that others wait for first, then the longest.

    ``task``, which must be picklable, is given a run in a process of its own; what it returns is told to ``say`` with
    the run. Raises TrainingError if one of the processes was killed.
    """
    waiting = sorted(runs, key=lambda run: (run.needs is not None, -run.recipe.tokens * run.shape.total))
    going: dict[Future[str], Run] = {}
    with _pool(jobs) as pool:
        while waiting or going:
            to_come = {run.name for run in (*waiting, *going.values())}
            ready = [run for run in waiting if run.needs not in to_come]
            for run in ready[: jobs - len(going)]:
                waiting.remove(run)
                going[pool.submit(task, run)] = run
            for future in wait(going, return_when=FIRST_COMPLETED).done:
                run = going.pop(future)
                try:
                    became = future.result()
                except BrokenProcessPool as error:
                    first = len(waiting) + len(going) + 1 == len(runs)
                    script = ' A script must be a file, guarded by if __name__ == "__main__":.' if first else ""
                    raise TrainingError(
                        "a process was killed, most likely for want of memory: run it again, with fewer jobs; it goes "
                        f"on from its checkpoints.{script}"
                    ) from error
                say(run, became)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end at once where the one that started them fails, is interrupted or killed."""
    context = get_context("spawn")  # a process that has used a GPU cannot be forked
    counter, (reader, writer) = context.Value("i", 0), context.Pipe(duplex=False)
    settled = {"initializer": _settle, "initargs": (jobs, counter, reader)}
    with reader, writer, ProcessPoolExecutor(jobs, mp_context=context, **settled) as pool:
        try:
            yield pool
        except BaseException:
            writer.close()
            raise


def _settle(jobs: int, counter: Any, head: Any) -> None:
    """Give a new process its share of the cores and its GPU, and let it end when the one that started it does."""

    def end_with_head() -> None:  # a process left behind would hold the locks of its runs
        with suppress(EOFError):  # the other end closes, however its process ends
            head.recv()
        os._exit(1)

    Thread(target=end_with_head, daemon=True).start()
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())
