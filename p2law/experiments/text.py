"""Packed token files: documents of every split end to end, with a manifest of where they came from."""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..data.arguments import whole_number
from ..errors import DataError
from .entries import FileName, entry
from .runtime.storage import file_digest
from .tokenize import Tokenizer

SPLITS = {"pretrain": 0.60, "posttrain": 0.38, "validation": 0.02}
"""Shares of the documents unless the user says otherwise."""
MANIFEST = "manifest.json"
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can hold one by itself, as of an emoji cut through; UTF-8 and tokenisers cannot."""
Piece = tuple[str, np.ndarray]
"""A split and token ids that go there."""


@dataclass(frozen=True)
class Text:
    """A prepared text: token ids per split, read from disk as they are needed."""

    folder: Path
    vocabulary: int
    tokenizer: str
    tokenizer_digest: str
    splits: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Per split: tokens, documents, sha256."""

    def tokens(self, split: str) -> np.ndarray:
        """Token ids of a split, (tokens,), mapped from disk.

        Raises DataError if there is no such split, or its file is not as long as it was written.
        """
        facts = self._facts(split)
        path = self.folder / f"{split}.bin"
        dtype = _dtype(self.vocabulary)
        if not path.is_file() or path.stat().st_size != facts["tokens"] * dtype.itemsize:
            raise DataError(f"{path} is missing or cut short: prepare the text again.")
        return np.memmap(path, dtype=dtype, mode="r")

    def digest(self, split: str) -> str:
        """SHA-256 of a split's file as written."""
        return self._facts(split)["sha256"]

    def verify(self) -> None:
        """Compare every file with the manifest; DataError names a split that has changed."""
        for split in self.splits:
            if file_digest(self.folder / f"{split}.bin") != self.digest(split):
                raise DataError(f"{self.folder / split}.bin has changed since it was written: prepare the text again.")

    def _facts(self, split: str) -> Mapping[str, Any]:
        if split not in self.splits:
            raise DataError(f"the text at {self.folder} has no split {split!r}; it has {', '.join(self.splits)}.")
        return self.splits[split]


def prepare(
    texts: Iterable[str | np.ndarray],
    folder: str | PathLike[str],
    tokenizer: Tokenizer,
    *,
    splits: Mapping[str, float] = SPLITS,
    max_tokens: int | None = None,
) -> Text:
    """Tokenise documents and pack each split into one file.

    A document's split follows from a hash of its content, so equal documents never lie on both sides and the same text
    splits the same way in any order. Raises DataError if the folder is taken, the shares do not sum to 1, the
    tokenizer's end token is not known, an id is outside the vocabulary, or a split stays empty.

    Parameters
    ----------
    texts : iterable of str or of integer arrays
        Documents as text, or as token ids of ``tokenizer``; an end token is put after each. Characters cut in half
        (lone surrogates) become U+FFFD.
    splits : mapping
        Names and shares of the documents; the shares sum to 1.
    max_tokens : int, optional
        Stop after so many tokens in all.
    """
    if max_tokens is not None:
        whole_number("max_tokens", max_tokens, error=DataError)
    if not (abs(sum(splits.values()) - 1) <= 1e-9 and min(splits.values()) > 0):
        raise DataError(f"splits={dict(splits)}: give positive shares that sum to 1.")
    if (end := tokenizer.end) is None:
        raise DataError(
            f"tokenizer {tokenizer.name!r}: no end token is known; name one that it has with end=.", remedies=["end"]
        )

    def pieces() -> Iterator[Piece]:
        for number, given in enumerate(texts):
            document = _HALF.sub("\ufffd", given) if isinstance(given, str) else given
            ids = tokenizer.encode(document) if isinstance(document, str) else np.asarray(document)
            _check_ids(ids, tokenizer, f"document {number}")
            yield _split_of(document, splits), np.append(ids, end)

    return _packed(pieces(), Path(folder), tokenizer, list(splits), max_tokens)


def pack(tokens: Mapping[str, Iterable[np.ndarray]], folder: str | PathLike[str], tokenizer: Tokenizer) -> Text:
    """Pack token ids that are split already: every split's arrays, (tokens,), end to end; end tokens must be in them.

    Raises DataError if the folder is taken, an id is outside the vocabulary, or a split is empty.
    """

    def pieces() -> Iterator[Piece]:
        for split, arrays in tokens.items():
            for number, ids in enumerate(arrays):
                _check_ids(ids, tokenizer, f"{split}, array {number}")
                yield split, ids

    return _packed(pieces(), Path(folder), tokenizer, list(tokens), None)


def _packed(
    pieces: Iterator[Piece], folder: Path, tokenizer: Tokenizer, splits: list[str], max_tokens: int | None
) -> Text:
    """The text in a new folder: files and manifest beside it first, renamed into place when whole."""
    for split in splits:
        entry("split", FileName, split)
    if folder.exists():
        raise DataError(f"{folder} exists already: choose another folder, or delete it to prepare the text anew.")
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        dtype = _dtype(tokenizer.vocabulary)
        counts = _write_tokens(pieces, part, dtype, splits, max_tokens)
        written = {split: {**count, "sha256": file_digest(part / f"{split}.bin")} for split, count in counts.items()}
        facts = {
            "name": tokenizer.name,
            "sha256": tokenizer.digest,
            "vocabulary": tokenizer.vocabulary,
            "end": tokenizer.end,
        }
        manifest = {"tokenizer": facts, "dtype": str(dtype), "splits": written}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=2))
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load(folder)


def load(folder: str | PathLike[str]) -> Text:
    """A text prepared before; DataError if there is none in the folder."""
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise DataError(f"there is no prepared text in {str(folder)!r}: make one with p2law experiments text.")
    manifest = json.loads(path.read_text())
    facts = manifest["tokenizer"]
    return Text(Path(folder), facts["vocabulary"], facts["name"], facts["sha256"], manifest["splits"])


def _write_tokens(
    pieces: Iterator[Piece], folder: Path, dtype: np.dtype[Any], splits: list[str], left: int | None
) -> dict[str, dict[str, int]]:
    """Write a file per split, ``left`` tokens in all if given; how many tokens and documents each has."""
    counts = {split: {"tokens": 0, "documents": 0} for split in splits}
    files = {split: (folder / f"{split}.bin").open("wb") for split in splits}
    try:
        for split, ids in pieces:
            packed = ids[:left].astype(dtype)
            files[split].write(packed.tobytes())
            counts[split]["tokens"] += len(packed)
            counts[split]["documents"] += 1
            if left is not None and (left := left - len(packed)) == 0:
                break
    finally:
        for file in files.values():
            file.close()
    if empty := [split for split, count in counts.items() if count["tokens"] == 0]:
        raise DataError(
            f"no document fell to {', '.join(empty)}: give more documents, or larger shares in splits=.",
            remedies=["splits"],
        )
    return counts


def _check_ids(ids: np.ndarray, tokenizer: Tokenizer, what: str) -> None:
    """Refuse what is no list of token ids of the tokenizer."""
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise DataError(f"{what}: token ids must be a one-dimensional array of whole numbers.")
    if ids.size and not (ids.min() >= 0 and ids.max() < tokenizer.vocabulary):
        wrong = int(ids.max()) if ids.max() >= tokenizer.vocabulary else int(ids.min())
        raise DataError(f"{what}: id {wrong} is outside the vocabulary of {tokenizer.vocabulary}.")


def _split_of(document: str | np.ndarray, splits: Mapping[str, float]) -> str:
    """The split that a hash of the content falls to, in which shares lie end to end."""
    content = document.encode() if isinstance(document, str) else np.asarray(document).astype("<i8").tobytes()
    place = int.from_bytes(sha256(content).digest()[:8], "big") / 2**64
    edges = accumulate(splits.values())
    return next((split for split, edge in zip(splits, edges, strict=True) if place < edge), list(splits)[-1])


def _dtype(vocabulary: int) -> np.dtype[Any]:
    return np.dtype("<u2" if vocabulary <= 2**16 else "<u4")
