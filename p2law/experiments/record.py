"""What a run leaves in its folder: what it is, its curve as JSON lines, how it ended."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .files import write_text


@dataclass(frozen=True)
class Record:
    """The folder of one run."""

    folder: Path

    @property
    def model(self) -> Path:
        """The trained model as transformers saves it."""
        return self.folder / "model"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def done(self) -> bool:
        return (self.folder / "done.json").is_file()

    @property
    def failure(self) -> str | None:
        """Why the last attempt failed, if it did."""
        path = self.folder / "failed.json"
        return json.loads(path.read_text())["error"] if path.is_file() else None

    @property
    def status(self) -> str:
        if self.done:
            return "done"
        if self.failure:
            return "failed"
        return "begun" if self.checkpoints.is_dir() else "to do"

    def specification(self) -> dict[str, Any] | None:
        """What the run was begun as."""
        path = self.folder / "run.json"
        return json.loads(path.read_text())["specification"] if path.is_file() else None

    def begin(self, specification: Mapping[str, Any], device: str) -> None:
        """Say what is run, where and with which software."""
        software = {name: version(name) for name in ("p2law", "torch", "transformers")}
        facts = {"specification": dict(specification), "device": device, "software": software}
        write_text(self.folder / "run.json", json.dumps(facts, indent=2))
        (self.folder / "failed.json").unlink(missing_ok=True)

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the curve so far."""
        write_text(self.folder / "curve.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Mark the run as done; written last."""
        write_text(self.folder / "done.json", json.dumps(dict(facts), indent=2))

    def tidy(self) -> None:
        """Delete the checkpoints of a run that is done."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def fail(self, reason: str) -> None:
        """Keep why a run failed."""
        write_text(self.folder / "failed.json", json.dumps({"error": reason}, indent=2))

    def rows(self) -> list[dict[str, Any]]:
        """The curve as logged."""
        path = self.folder / "curve.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def facts(self) -> dict[str, Any]:
        """What :meth:`finish` was given."""
        return json.loads((self.folder / "done.json").read_text())


def of_run(out: Path, name: str) -> Record:
    """The record of a run in a sweep's folder."""
    return Record(out / "runs" / name)


def done_runs(out: Path) -> set[str]:
    """Names of the runs in a sweep's folder that are done, of whatever plan."""
    return {path.parent.name for path in out.glob("runs/*/done.json")}
