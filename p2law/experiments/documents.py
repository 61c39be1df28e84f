"""Documents from text files, JSON lines, Parquet, or a hub data set."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import DataError, MissingDependencyError
from .runtime import datasets

HUB = "hub:"


def documents(source: str | PathLike[str], *, field: str = "text") -> Iterator[str]:
    """The documents of a source, in order; rows without text are left out.

    Raises DataError if the source or the column does not exist, or the file is damaged, of another kind or not UTF-8.

    Parameters
    ----------
    source : path or str
        A ``.txt``, ``.md`` or ``.py`` file (one document), a ``.jsonl`` or ``.parquet`` file (one document per row), a
        folder of such files, or ``hub:name`` or ``hub:name:configuration`` for a hub data set's train split, streamed.
    field : str
        Column that holds the text.
    """
    return (text for text in _rows(source, field) if text)


def _rows(source: str | PathLike[str], field: str) -> Iterator[str | None]:
    """Text of every row, None where a row has none; a complaint names file and line."""
    if str(source).startswith(HUB):
        name, _, configuration = str(source).removeprefix(HUB).partition(":")
        rows = datasets().load_dataset(name, configuration or None, split="train", streaming=True)
        return (_text(row, field, f"{source}, row {number}") for number, row in enumerate(rows, 1))
    path = Path(source)
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix.lower() in READERS and each.is_file())
        if not files:
            raise DataError(f"no file of text in the folder {str(source)!r}: it takes {', '.join(READERS)}.")
        return (text for each in files for text in _rows(each, field))
    if not path.is_file():
        raise DataError(f"there is no file or folder {str(source)!r} to read text from.")
    if (reader := READERS.get(path.suffix.lower())) is None:
        raise DataError(f"cannot read text from {path.name!r}: use one of {', '.join(READERS)}.")
    return reader(path, field)


def _whole(path: Path, field: str) -> Iterator[str]:
    with _utf_8(path.name):
        text = path.read_text(encoding="utf-8")
    yield text


def _lines(path: Path, field: str) -> Iterator[str | None]:
    """The texts of a JSON-lines file, one per row."""
    with path.open("rb") as lines:  # decoded one by one, so that a complaint can name the line
        for number, line in enumerate(lines, 1):
            where = f"{path.name}, line {number}"
            with _utf_8(where):
                text = line.decode()
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError as error:
                raise DataError(f"{where}: not JSON: {error}") from error
            yield _text(row, field, where)


@contextmanager
def _utf_8(where: str) -> Iterator[None]:
    """Name the place of bytes that are not UTF-8."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: the byte {error.object[error.start]:#x} is not UTF-8: convert the file, for instance from "
            "Latin-1 with iconv -f latin1 -t utf-8."
        ) from error


def _parquet(path: Path, field: str) -> Iterator[str | None]:
    """The texts of one column of a Parquet file."""
    try:
        from pyarrow import ArrowException  # pyright: ignore[reportMissingImports]
        from pyarrow.parquet import ParquetFile  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError("reading Parquet needs pyarrow: pip install pyarrow.") from error
    try:
        with ParquetFile(path) as file:
            if field not in file.schema_arrow.names:
                raise DataError(f"{path.name} has no column {field!r}; it has {', '.join(file.schema_arrow.names)}.")
            for batch in file.iter_batches(batch_size=1024, columns=[field]):
                yield from (_text({field: text}, field, path.name) for text in batch.column(0).to_pylist())
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).rstrip(".")
        raise DataError(f"{path.name} cannot be read as Parquet: {said}. Fetch or write it anew.") from error


def _text(row: Any, field: str, where: str) -> str | None:
    """The text of one row, or an error that names the row."""
    if not isinstance(row, dict) or field not in row:
        has = ", ".join(row) if isinstance(row, dict) else type(row).__name__
        wrong = f"no text under {field!r}; it has {has}"
    elif isinstance(row[field], str | None):
        return row[field]
    else:
        wrong = f"{row[field]!r:.60} under {field!r} is not text"
    raise DataError(f"{where}: {wrong}. Name the column with field=.", remedies=["field"])


READERS: Mapping[str, Callable[[Path, str], Iterator[str | None]]] = {
    ".txt": _whole,
    ".md": _whole,
    ".py": _whole,
    ".jsonl": _lines,
    ".parquet": _parquet,
}
