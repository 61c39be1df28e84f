"""Documents from text files, JSON lines, Parquet, or a hub data set."""

import json
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import DataError, MissingDependencyError
from ._torch import datasets

HUB = "hub:"


def documents(source: str | PathLike[str], *, field: str = "text") -> Iterator[str]:
    """The documents of a source, in order.

    Parameters
    ----------
    source : path or str
        A ``.txt``, ``.md`` or ``.py`` file (one document), a ``.jsonl`` or ``.parquet`` file (one document per row), a
        folder of such files, or ``hub:name`` or ``hub:name:configuration`` for a hub data set's train split, streamed.
    field : str
        Column that holds the text.

    Raises
    ------
    DataError
        If the source or the column does not exist, or the file is of another kind.
    """
    if str(source).startswith(HUB):
        return _hub(str(source), field)
    path = Path(source)
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in READERS)
        return (text for each in files for text in READERS[each.suffix](each, field))
    if not path.is_file():
        raise DataError(f"there is no file or folder {str(source)!r} to read text from.")
    if path.suffix not in READERS:
        raise DataError(f"cannot read text from {path.name!r}: use one of {', '.join(READERS)}.")
    return READERS[path.suffix](path, field)


def _whole(path: Path, field: str) -> Iterator[str]:
    yield path.read_text(encoding="utf-8", errors="replace")


def _lines(path: Path, field: str) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path.name}, line {number}: not JSON: {error}") from error
            yield _text(row, field, f"{path.name}, line {number}")


def _parquet(path: Path, field: str) -> Iterator[str]:
    try:
        from pyarrow.parquet import ParquetFile  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError("reading Parquet needs pyarrow: pip install pyarrow.") from error
    with ParquetFile(path) as file:
        if field not in file.schema_arrow.names:
            raise DataError(f"{path.name} has no column {field!r}; it has {', '.join(file.schema_arrow.names)}.")
        for batch in file.iter_batches(batch_size=1024, columns=[field]):
            yield from (text for text in batch.column(0).to_pylist() if text)


def _hub(source: str, field: str) -> Iterator[str]:
    name, _, configuration = source.removeprefix(HUB).partition(":")
    rows = datasets().load_dataset(name, configuration or None, split="train", streaming=True)
    return (_text(row, field, f"{source}, row {number}") for number, row in enumerate(rows, 1))


def _text(row: dict[str, Any], field: str, where: str) -> str:
    if not isinstance(row, dict) or not isinstance(row.get(field), str):
        has = ", ".join(row) if isinstance(row, dict) else type(row).__name__
        raise DataError(f"{where}: no text under {field!r}; it has {has}. Name the column with field=.")
    return row[field]


READERS: dict[str, Callable[[Path, str], Iterator[str]]] = {
    ".txt": _whole,
    ".md": _whole,
    ".py": _whole,
    ".jsonl": _lines,
    ".parquet": _parquet,
}
