"""From text to token ids: bytes as they are, or a tokenizer of transformers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import DataError
from .runtime import transformers


@dataclass(frozen=True)
class Tokenizer:
    """A way to encode text, with a digest that tells it from others."""

    name: str
    encode: Callable[[str], np.ndarray]
    vocabulary: int
    """Ids lie below this."""
    end: int | None
    """Id put after every document; None if not known, which will do for token ids that have it already."""
    digest: str


BYTES = Tokenizer("bytes", lambda text: np.frombuffer(text.encode(), np.uint8), 257, 256, sha256(b"bytes").hexdigest())
"""One token per byte and one for the end: needs no file, for small studies and tests."""


def tokenizer(source: str | PathLike[str], *, end: str | None = None) -> Tokenizer:
    """The tokenizer called "bytes", a ``tokenizer.json``, or that of a model folder or hub id.

    ``end`` is the token that ends a document; default: the tokenizer's own end-of-sequence token. Raises DataError if
    the tokenizer cannot be loaded, or has no such token.
    """
    if str(source) == BYTES.name:
        return BYTES
    found = _load(source)
    last = found.eos_token_id if end is None else found.get_vocab().get(end)
    if last is None and end is not None:
        raise DataError(
            f"tokenizer {str(source)!r}: there is no token {end!r}; name one that it has with end=.", remedies=["end"]
        )

    def encode(text: str) -> np.ndarray:
        return np.asarray(found(text, add_special_tokens=False, verbose=False)["input_ids"], dtype=np.int64)

    vocabulary = 1 + max(found.get_vocab().values())  # ids may have gaps
    return Tokenizer(str(source), encode, vocabulary, last, digest_of(source))


def digest_of(source: str | PathLike[str]) -> str:
    """SHA-256 of a tokenizer's full definition; of its vocabulary where it is not of the tokenizers library."""
    found = _load(source)
    fast = getattr(found, "backend_tokenizer", None)
    definition = json.dumps(sorted(found.get_vocab().items())) if fast is None else fast.to_str()
    return sha256(definition.encode()).hexdigest()


def _load(source: str | PathLike[str]):  # type: ignore[no-untyped-def]
    """The tokenizer of transformers at a place."""
    library, path = transformers(), Path(source)
    in_folder = path.name == "tokenizer.json" and path.is_file() and (path.parent / "tokenizer_config.json").is_file()
    try:
        if path.suffix == ".json" and not in_folder:
            return library.PreTrainedTokenizerFast(tokenizer_file=str(path))
        # The class that a configuration names may change what the file says.
        return library.AutoTokenizer.from_pretrained(str(path.parent if in_folder else source))
    except Exception as error:  # the Rust library raises bare exceptions
        raise DataError(f"no tokenizer at {str(source)!r}: give 'bytes', a tokenizer.json, a folder or id.") from error
