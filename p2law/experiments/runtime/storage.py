"""Checkpoints of a run in progress: a folder each, checksummed, renamed into place when whole."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...data.files import flush, from_json, to_json
from . import safetensors, torch


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


KEEP = 2
"""Checkpoints kept, so that one spoilt on disk does not cost the run."""


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on as if nothing had happened."""

    step: int
    tensors: Mapping[str, torch.Tensor] = field(repr=False)
    info: Mapping[str, Any]


class Stored(Mapping[str, torch.Tensor]):
    """Tensors of a file, each read when it is asked for: several processes on a machine need not hold them all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            self._names = tuple(file.keys())

    def _opened(self) -> Any:
        return safetensors().safe_open(self._path, framework="pt")

    def __getitem__(self, name: str) -> torch.Tensor:
        with self._opened() as file:
            return file.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def save(folder: Path, new: Checkpoint) -> None:
    """Write a checkpoint; it is there entirely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part, place = folder / "part", folder / f"{new.step:09d}"
    for stale in (part, place):
        shutil.rmtree(stale, ignore_errors=True)
    part.mkdir()
    state = part / "state.safetensors"
    safetensors().save_file({name: tensor.contiguous() for name, tensor in new.tensors.items()}, state)
    facts = {"step": new.step, "sha256": file_digest(state), "info": dict(new.info)}
    (part / "state.json").write_text(to_json(facts))
    for path in (*part.iterdir(), part):
        flush(path)
    part.rename(place)
    flush(folder)
    places = _places(folder)
    spoilt = [each for each in places if each.name > place.name]  # else this run would have gone on from them
    for old in (*places[: -KEEP - len(spoilt)], *spoilt):
        shutil.rmtree(old)


def newest(folder: Path) -> Path | None:
    """Where the newest checkpoint lies whose checksum holds, if there is one."""
    for place in reversed(_places(folder)):
        try:
            if file_digest(place / "state.safetensors") == _facts(place)["sha256"]:
                return place
        except (OSError, ValueError, KeyError):
            continue
    return None


def load(place: Path) -> Checkpoint:
    """Read a checkpoint; :func:`newest` has seen that it is whole."""
    facts = _facts(place)
    return Checkpoint(facts["step"], Stored(place / "state.safetensors"), facts["info"])


def _facts(place: Path) -> dict[str, Any]:
    return from_json((place / "state.json").read_text())


def _places(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.name.isdigit()) if folder.is_dir() else []


try:
    import fcntl
except ImportError:  # Windows: processes must be kept apart by the user
    fcntl = None


@contextmanager
def holding(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether the lock was free and is now ours; with ``wait`` as soon as no other process holds it.

    One process carries out a run, one writes tables. The system releases a lock however its holder ends.
    """
    handle, free = os.open(path, os.O_RDWR | os.O_CREAT), True
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except OSError:
                if wait:
                    raise
                free = False
        yield free
    finally:
        os.close(handle)  # which lets go of the lock
