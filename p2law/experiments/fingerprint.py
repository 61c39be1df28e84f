"""Which model it is: told from its configuration and part of every file of weights, so that large ones take no time."""

from functools import lru_cache
from hashlib import sha256
from os import PathLike
from pathlib import Path

from ._torch import transformers

PIECES, LENGTH = 64, 2**16
"""Read of every file, evenly spread, in bytes; training changes all weights."""


def fingerprint(source: str | PathLike[str]) -> str:
    """Tell a model from others: by configuration and weights in a folder, by the commit on the hub."""
    folder = Path(source)
    if not folder.is_dir():
        return _commit(str(source))
    files = sorted([*folder.glob("config.json"), *folder.glob("*.safetensors"), *folder.glob("*.bin")])
    return _of_files(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache
def _of_files(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Read once for all children of a parent, and again when a file was written anew."""
    digest = sha256()
    for path, size, _ in files:
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for start in range(0, size, max(LENGTH, -(-size // PIECES))):
                file.seek(start)
                digest.update(file.read(LENGTH))
    return digest.hexdigest()


@lru_cache
def _commit(name: str) -> str:
    return getattr(transformers().AutoConfig.from_pretrained(name), "_commit_hash", None) or name
