"""Tokenizers: told apart by what they do, wherever they were loaded from; found where a model brings one."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import parents, text
from p2law.experiments.tokenize import digest_of, tokenizer
from tests.experiments.test_text import DOCUMENTS


@pytest.mark.parametrize("kind", ["TokenizersBackend", "Qwen2Tokenizer", "GPT2Tokenizer"])
def test_a_tokenizer_file_is_that_of_its_folder(tmp_path, kind):
    tokenizers = pytest.importorskip("tokenizers")
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(DOCUMENTS, vocab_size=300, special_tokens=["<|endoftext|>"])
    trained.save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": kind, "eos_token": "<|endoftext|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    of_file, of_folder = tokenizer(tmp_path / "tokenizer.json"), tokenizer(tmp_path)
    assert of_file.digest == of_folder.digest
    assert (of_file.vocabulary, of_file.end) == (of_folder.vocabulary, of_folder.end)
    assert of_file.encode(DOCUMENTS[3]).tolist() == of_folder.encode(DOCUMENTS[3]).tolist()


def test_a_tokenizer_of_another_library_is_told_by_its_vocabulary(monkeypatch):
    class Slow:
        def __init__(self, words):
            self.words = words

        def get_vocab(self):
            return self.words

    found = {"a": Slow({"x": 0, "y": 1}), "b": Slow({"y": 1, "x": 0}), "c": Slow({"x": 1, "y": 0})}
    monkeypatch.setattr("p2law.experiments.tokenize._load", found.get)
    assert digest_of("a") == digest_of("b") != digest_of("c")


def test_a_vocabulary_with_gaps_reaches_to_its_largest_id(tmp_path):
    words = {"a": 0, "b": 7, "<end>": 5}
    model = {"type": "WordLevel", "vocab": words, "unk_token": "a"}
    (tmp_path / "gaps.json").write_text(json.dumps({"version": "1.0", "model": model, "added_tokens": []}))
    found = tokenizer(tmp_path / "gaps.json", end="<end>")
    assert (found.vocabulary, found.end) == (8, 5)
    with pytest.raises(DataError, match=r"there is no token '<stop>'; name one that it has with end="):
        tokenizer(tmp_path / "gaps.json", end="<stop>")


def test_the_end_token_is_needed_for_documents_alone(tmp_path):
    """Token ids that are split already have it."""
    model = {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}
    (tmp_path / "plain.json").write_text(json.dumps({"version": "1.0", "model": model, "added_tokens": []}))
    found = tokenizer(tmp_path / "plain.json")
    assert len(text.pack({"train": [np.array([0, 1, 1])]}, tmp_path / "packed", found).tokens("train")) == 3
    with pytest.raises(DataError, match=r"no end token is known; name one that it has with end="):
        text.prepare(DOCUMENTS, tmp_path / "text", found)
    assert not (tmp_path / "text").exists()


@pytest.mark.parametrize(
    ("files", "there"),
    [
        ([], False),
        (["config.json", "vocab.json"], False),
        (["tokenizer_config.json"], False),
        (["tokenizer.json"], True),
        (["tokenizer.model"], True),
        (["vocab.json", "tokenizer_config.json"], True),
    ],
)
def test_a_folder_has_a_tokenizer_if_its_files_are_there(tmp_path, files, there):
    for name in files:
        (tmp_path / name).touch()
    assert parents.has_tokenizer(tmp_path) is there


@pytest.mark.parametrize(
    ("size", "there"), [(300, True), (1, False), (OSError, False), (ValueError, False), (ImportError, False)]
)
def test_a_hub_id_is_asked_for_its_tokenizer_once(monkeypatch, size, there):
    """One with nothing but its special token is what some classes make of no files at all."""
    from transformers import AutoTokenizer

    asked = []

    class Found:
        all_special_tokens = ("<end>",)

        def __len__(self):
            return size

    def from_pretrained(name):
        asked.append(name)
        if isinstance(size, type):
            raise size("none")
        return Found()

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", from_pretrained)
    parents._hub_has_tokenizer.cache_clear()
    assert parents.has_tokenizer("someone/model") is parents.has_tokenizer("someone/model") is there
    assert asked == ["someone/model"]
    parents._hub_has_tokenizer.cache_clear()
