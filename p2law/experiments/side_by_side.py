"""Several runs at once on one machine, each in a process of its own: for models too small to keep a device busy."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from threading import Thread
from typing import Any

from ._torch import torch
from .runs import Run
from .train import TrainingError


def side_by_side(
    runs: Sequence[Run], task: Callable[[Run], str], *, jobs: int, say: Callable[[Run, str], None]
) -> None:
    """Carry out runs, ``jobs`` at a time; those that others wait for first, then the longest.

    Parameters
    ----------
    task : callable
        Given a run in a process of its own; what it returns is told to ``say`` with the run. Must be picklable.

    Raises
    ------
    TrainingError
        If one of the processes was killed.
    """
    waiting = sorted(runs, key=lambda run: (run.needs is not None, -run.recipe.tokens * run.shape.total))
    going: dict[Future[str], Run] = {}
    with _pool(jobs) as pool:
        while waiting or going:
            for run in _ready(waiting, going.values())[: jobs - len(going)]:
                waiting.remove(run)
                going[pool.submit(task, run)] = run
            for future in wait(going, return_when=FIRST_COMPLETED).done:
                say(going.pop(future), _result(future, first=len(waiting) + len(going) + 1 == len(runs)))


def _ready(waiting: Sequence[Run], going: Any) -> list[Run]:
    """Runs whose parent is not still to come."""
    to_come = {run.name for run in (*waiting, *going)}
    return [run for run in waiting if run.needs not in to_come]


def _result(future: Future[str], *, first: bool) -> str:
    try:
        return future.result()
    except BrokenProcessPool as error:
        script = ' A script must be a file, guarded by if __name__ == "__main__":.' if first else ""
        raise TrainingError(
            "a process was killed, most likely for want of memory: run it again, with fewer jobs; it goes on from its "
            f"checkpoints.{script}"
        ) from error


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
    Thread(target=_end_with, args=(head,), daemon=True).start()
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())


def _end_with(head: Any) -> None:
    """A process left behind would hold the locks of its runs."""
    with suppress(EOFError):  # the other end closes, however its process ends
        head.recv()
    os._exit(1)
