"""``trainer_state.json`` of Hugging Face's Trainer, or the folder of its run."""

import json
import re
from math import nan
from pathlib import Path
from typing import Any, cast

import pandas as pd

from ...errors import DataError
from .log import check_size

STATE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_NO_METRICS = {"step", "epoch", "num_input_tokens_seen"}


def find(folder: Path) -> Path | None:
    """The state in the folder of a run: at its top, else of the newest checkpoint, if there is one."""
    top = folder / STATE
    if top.is_file():
        return top
    saved = {CHECKPOINT.fullmatch(path.parent.name): path for path in folder.glob(f"checkpoint-*/{STATE}")}
    return max(((int(found[1]), path) for found, path in saved.items() if found), default=(0, None))[1]


def state(path: Path) -> pd.DataFrame:
    """Every number in the log of a Trainer; ``loss`` is a mean since the last log, ``eval_loss`` is measured."""
    check_size(path)
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"cannot read {path.name!r} as JSON: {error}") from error
    history: Any = cast("dict[str, Any]", record).get("log_history") if isinstance(record, dict) else None
    if not isinstance(history, list) or not all(map(_is_entry, cast("list[Any]", history))):
        raise DataError(
            f"{path.name!r} is no state of a Hugging Face Trainer: it lacks log_history, a list of entries with steps. "
            "Tables are read from JSON lines (.jsonl) or a list of records."
        )
    rows = [
        (entry["step"], entry.get("num_input_tokens_seen") or (nan if entry["step"] else 0), name, value)
        for entry in cast("list[dict[str, Any]]", history)
        for name, value in entry.items()
        if name not in _NO_METRICS and isinstance(value, int | float)
    ]
    return pd.DataFrame(rows, columns=["step", "D", "metric", "value"])


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(cast("dict[str, Any]", entry).get("step"), int)
