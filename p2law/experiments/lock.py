"""One process per run: a lock the system lets go of when its holder ends, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: processes must be kept apart by the user
    fcntl = None


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
