"""Files that are either whole or not there, and JSON that holds every float."""

import json
import math
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

Json: TypeAlias = "bool | int | float | str | list[Json] | tuple[Json, ...] | dict[str, Json] | None"

_TAG = "__float__"


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A path to write to, which then takes the place of ``path``; after a failure ``path`` is as it was."""
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")  # processes of several machines may share a folder
    try:
        yield part
        flush(part)
        part.replace(path)
        flush(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file's text at once."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Have the content of a file or folder on disk before going on; Windows has no such call for folders."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON text; NaN becomes null, infinities become tagged objects, since JSON has neither."""
    return json.dumps(_encode(value), indent=indent, allow_nan=False)


def from_json(text: str) -> Any:
    """The value that :func:`to_json` wrote; null stays None.

    Raises
    ------
    json.JSONDecodeError
        If the text is not JSON.
    """
    return json.loads(text, object_hook=_decode)


def _encode(value: Json) -> Json:
    """A value as JSON can hold it: null for nan, tagged strings for infinities."""
    if isinstance(value, dict):
        return {key: _encode(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(v) for v in value]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else {_TAG: str(float(value))}


def _decode(record: dict[str, Json]) -> Json:
    number = record.get(_TAG) if len(record) == 1 else None
    return record if number is None else float(str(number))
