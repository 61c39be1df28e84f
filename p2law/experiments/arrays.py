"""Token ids that lie in files: ``.npy``, or raw little-endian ``.u16`` and ``.u32``, which may be compressed by xz."""

import lzma
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import DataError

RAW = {".u16": "<u2", ".u32": "<u4"}
"""Suffixes of raw files and what they hold."""


def read(path: str | PathLike[str]) -> np.ndarray:
    """The token ids in a file, (tokens,).

    Raises
    ------
    DataError
        If there is no such file, or it is damaged or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r} to read token ids from.")
    inner = path.with_suffix("") if path.suffix == ".xz" else path
    if path.suffix != ".npy" and inner.suffix not in RAW:
        raise DataError(f"cannot read token ids from {path.name!r}: use .npy, .u16 or .u32, the latter also as .xz.")
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False).ravel()
        content = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        return np.frombuffer(content, RAW[inner.suffix])
    except (ValueError, EOFError, OSError, lzma.LZMAError) as error:
        said = str(error).partition(".")[0]  # NumPy goes on to advise an unsafe way
        raise DataError(f"no token ids can be read from {path.name}: {said}. Fetch or write it anew.") from error


def by_split(sources: Iterable[str]) -> dict[str, list[np.ndarray]]:
    """The arrays of sources such as ``pretrain=part0.npy``, by split.

    Raises
    ------
    DataError
        If a source does not say its split, or its file cannot be read.
    """
    found: dict[str, list[np.ndarray]] = {}
    for source in sources:
        split, sign, path = source.partition("=")
        if not (sign and split):
            raise DataError(f"{source!r}: say which split the file belongs to, such as pretrain={source}.")
        found.setdefault(split, []).append(read(path))
    return found
