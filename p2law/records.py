"""Records as JSON files: exact to the last bit, no pickle, never half written."""

import json
import math
import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .errors import FitError

_TAG = "__float__"


def write_record(record: dict[str, Any], path: str | PathLike[str] | None) -> str:
    """A record as text, written to a file if a path is given."""
    text = json.dumps(_encode(record), indent=1, allow_nan=False)
    if path is not None and not isinstance(path, str | PathLike):
        raise FitError(f"to_json({path!r}): give the path of a file.")
    if path is not None:
        _write(Path(path), text)
    return text


def read_record(source: str | PathLike[str], what: str, version: int) -> dict[str, Any]:
    """A record of one kind and version from a path or its text.

    Raises
    ------
    FitError
        If it cannot be read, or is of another kind or version.
    """
    record = _read(source)
    if record.get("format") != what:
        other = {"p2law.fit": "Fit", "p2law.joint": "Joint"}.get(str(record.get("format")))
        hint = f": load it with p2law.{other}.from_json" if other else ""
        raise FitError(f"this JSON is no {what.replace('.', ' ')} (its 'format' is not {what!r}){hint}.")
    if record.get("version") != version:
        raise FitError(
            f"this fit was saved in format version {record.get('version')!r}; this p2law reads version {version}. "
            "Update p2law, or fit again from the data."
        )
    return record


def _read(source: str | PathLike[str]) -> dict[str, Any]:
    try:
        text = os.fspath(source)
        if isinstance(text, bytes):
            raise TypeError("bytes")
    except TypeError as error:
        raise FitError(f"from_json({source!r}): give a path, or the text of a saved fit.") from error
    if not text.lstrip().startswith("{"):
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise FitError(f"cannot read {source}: {error.strerror or error}.") from error
        except ValueError as error:  # UnicodeDecodeError, or a null in the path
            raise FitError(f"cannot read {source!r}: {error}.") from error
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise FitError(f"this is not valid JSON (line {error.lineno}): {error.msg}.") from error
    if not isinstance(record, dict):
        raise FitError("this JSON is no p2law fit: it does not hold an object.")
    return _decode(record)


def _write(path: Path, text: str) -> None:
    """Write beside the target and rename, so that a half-written file never stands in its place."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def plain_entry(value: Any) -> Any:
    """A table entry as JSON knows it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


def _encode(value: Any) -> Any:
    """JSON has no NaN and no infinity: null (in tables) and tagged strings."""
    if isinstance(value, dict):
        return {key: _encode(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(v) for v in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return {_TAG: "inf" if value > 0 else "-inf"}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value[_TAG]) if set(value) == {_TAG} else {key: _decode(v) for key, v in value.items()}
    return [_decode(v) for v in value] if isinstance(value, list) else value
