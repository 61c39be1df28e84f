"""Locks: one process per run, one that writes tables. The system lets go of them when their holder ends, however."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: processes must be kept apart by the user
    fcntl = None


@contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock, and hold it."""
    with _opened(path) as handle:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Whether the lock was free and is now ours."""
    with _opened(path) as handle:
        yield _try(handle)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield handle
    finally:
        os.close(handle)  # which lets go of the lock


def _try(handle: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
