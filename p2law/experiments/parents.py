"""Models to start from: built small from an architecture, or loaded from a folder or a hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from os import PathLike
from pathlib import Path

from ..errors import DataError
from .architecture import ModelShape, of_config, to_config
from .runtime import Model, torch, transformers


@dataclass(frozen=True)
class Count:
    """Parameters of a model, tied ones once."""

    body: int
    """Non-embedding: everything but the embedding and the output layer."""
    embedding: int

    @property
    def total(self) -> int:
        return self.body + self.embedding


def build(shape: ModelShape, *, seed: int = 0, sequence: int = 2048, device: str = "cpu") -> Model:
    """A model with random weights in float32: normal with 0.02, and 0.02 / sqrt(2 layers) where blocks write.

    The smaller start of the writing layers is that of GPT-2 (Radford et al. 2019, section 2.3).
    """
    config = to_config(shape, max_position_embeddings=sequence)
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(seed)
        model = transformers().AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    parameter.mul_((2 * shape.layers) ** -0.5)
    return model


def load(source: str | PathLike[str], *, dtype: str = "float32", device: str = "cpu") -> Model:
    """A causal language model from a local folder or a hub id.

    Raises DataError if there is none, its family is not supported, or its files lack some of its weights.
    """
    shape_of(source)
    with _quiet():
        how = {"dtype": getattr(torch, dtype), "output_loading_info": True}
        model, found = transformers().AutoModelForCausalLM.from_pretrained(str(source), **how)
    if missing := sorted(found["missing_keys"]):  # they would be drawn at random, and differently every time
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise DataError(
            f"the model at {str(source)!r} lacks {shown}: it was not saved as a causal language model, or is not whole."
        )
    return model.to(device)


def shape_of(source: str | PathLike[str]) -> ModelShape:
    """The architecture of a model that need not be loaded for it."""
    try:
        config = transformers().AutoConfig.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise DataError(f"no model at {str(source)!r}: give a model folder or a hub id. {error}") from error
    return of_config(config)


def save(model: Model, folder: str | PathLike[str], *, tokenizer: str | PathLike[str] | None = None) -> None:
    """Save a model as ``from_pretrained`` loads it, with the tokenizer of another folder or hub id if given."""
    with _quiet():
        model.save_pretrained(str(folder))
    if tokenizer is not None:
        transformers().AutoTokenizer.from_pretrained(str(tokenizer)).save_pretrained(str(folder))


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars of transformers; afterwards as the user had them."""
    log = transformers().utils.logging
    shown = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            log.enable_progress_bar()


def count(model: Model) -> Count:
    """The parameters a model holds."""
    outside = {id(model.get_input_embeddings().weight), id(model.get_output_embeddings().weight)}
    sizes = [(id(parameter) in outside, parameter.numel()) for parameter in model.parameters()]
    return Count(body=sum(n for out, n in sizes if not out), embedding=sum(n for out, n in sizes if out))


def blocks(model: Model) -> list[Model]:
    """The decoder's blocks in order."""
    return list(model.model.layers)


def linears(block: Model) -> dict[str, Model]:
    """The linear layers of a block by name: what sparse pruning acts on."""
    return {name: module for name, module in block.named_modules() if isinstance(module, torch.nn.Linear)}


def has_tokenizer(source: str | PathLike[str]) -> bool:
    """Whether a model folder or hub id brings its tokenizer."""
    folder = Path(source)
    if not folder.is_dir():
        return _hub_has_tokenizer(str(source))
    files = [("tokenizer.json",), ("tokenizer.model",), ("vocab.json", "tokenizer_config.json")]
    return any(all((folder / name).is_file() for name in names) for names in files)


@lru_cache
def _hub_has_tokenizer(name: str) -> bool:
    """Whether a model on the hub comes with a tokenizer that has a vocabulary."""
    library = transformers()
    try:
        found = library.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, ImportError):  # the last where its format needs a package that is not there
        return False
    return len(found) > len(found.all_special_tokens)  # some classes come up empty where there are no files


PIECES, LENGTH = 64, 2**16
"""Read of every file, evenly spread, in bytes; training changes all weights."""


def fingerprint(source: str | PathLike[str]) -> str:
    """Tell a model from others: by its commit on the hub, by configuration and part of every file in a folder."""
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
