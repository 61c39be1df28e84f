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
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Whether the lock was free and is now ours."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield _try(handle)
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
