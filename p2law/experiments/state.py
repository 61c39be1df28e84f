"""Checkpoints of a run in progress: a folder each, checksummed, renamed into place when whole."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._torch import safetensors, torch
from .files import file_digest, flush

KEEP = 2
"""Checkpoints kept, so that one spoilt on disk does not cost the run."""


@dataclass(frozen=True)
class State:
    """What a run needs to go on as if nothing had happened."""

    step: int
    tensors: Mapping[str, torch.Tensor] = field(repr=False)
    info: Mapping[str, Any]


def save(folder: Path, state: State) -> None:
    """Write a checkpoint; it is there entirely or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part, place = folder / "part", folder / f"{state.step:09d}"
    for stale in (part, place):
        shutil.rmtree(stale, ignore_errors=True)
    part.mkdir()
    safetensors().save_file(
        {name: tensor.contiguous() for name, tensor in state.tensors.items()}, part / "state.safetensors"
    )
    facts = {"step": state.step, "sha256": file_digest(part / "state.safetensors"), "info": dict(state.info)}
    (part / "state.json").write_text(json.dumps(facts))
    for path in (*part.iterdir(), part):
        flush(path)
    part.rename(place)
    flush(folder)
    for old in _places(folder)[:-KEEP]:
        shutil.rmtree(old)


def latest(folder: Path) -> State | None:
    """The newest checkpoint whose checksum holds, if there is one."""
    for place in reversed(_places(folder)):
        try:
            facts = json.loads((place / "state.json").read_text())
            if file_digest(place / "state.safetensors") == facts["sha256"]:
                return State(facts["step"], safetensors().load_file(place / "state.safetensors"), facts["info"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def _places(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.name.isdigit()) if folder.is_dir() else []
