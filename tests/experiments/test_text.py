"""Text to token files: every format, splits without overlap, what is refused."""

import json
import lzma

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments import batches as arrays
from p2law.experiments import text
from p2law.experiments.batches import fixed_windows, make_batches, window_count
from p2law.experiments.documents import documents
from p2law.experiments.tokenize import BYTES, digest_of, tokenizer

DOCUMENTS = [f"Document {i}: " + "word " * (i % 7 + 3) for i in range(200)]
EVEN = {"train": 0.5, "validation": 0.5}


@pytest.fixture
def prepared(tmp_path):
    return text.prepare(DOCUMENTS, tmp_path / "text", BYTES, splits=EVEN)


def read_back(prepared, split):
    whole = bytes(np.where(prepared.tokens(split) == 256, 0, prepared.tokens(split)).astype(np.uint8))
    return whole.decode().split("\0")[:-1]


def test_every_document_lies_in_exactly_one_split(prepared):
    train, validation = (read_back(prepared, split) for split in EVEN)
    assert sorted(train + validation) == sorted(DOCUMENTS)
    assert 60 < len(train) < 140


def test_equal_documents_never_lie_on_both_sides(tmp_path):
    prepared = text.prepare(DOCUMENTS * 3, tmp_path / "text", BYTES, splits=EVEN)
    assert not set(read_back(prepared, "train")) & set(read_back(prepared, "validation"))


def test_splits_do_not_depend_on_the_order(prepared, tmp_path):
    again = text.prepare(DOCUMENTS[::-1], tmp_path / "again", BYTES, splits=EVEN)
    assert read_back(again, "train")[::-1] == read_back(prepared, "train")


def test_token_arrays_are_documents(tmp_path):
    arrays = [np.arange(i, i + 5) for i in range(50)]
    prepared = text.prepare(arrays, tmp_path / "text", BYTES, splits=EVEN)
    assert sum(facts["tokens"] for facts in prepared.splits.values()) == 50 * 6


def test_jsonl_parquet_and_folders_give_the_same_documents(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": each}) for each in DOCUMENTS))
    parquet.write_table(pyarrow.table({"body": DOCUMENTS}), tmp_path / "b.parquet")
    (tmp_path / "texts").mkdir()
    for i, each in enumerate(DOCUMENTS):
        (tmp_path / "texts" / f"{i:03}.txt").write_text(each)
    assert list(documents(tmp_path / "a.jsonl")) == DOCUMENTS
    assert list(documents(tmp_path / "b.parquet", field="body")) == DOCUMENTS
    assert list(documents(tmp_path / "texts")) == DOCUMENTS


def test_parquet_with_a_damaged_middle_or_numbers_for_text_is_refused(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": DOCUMENTS * 20}), path)
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a.parquet cannot be read as Parquet"):
        list(documents(path))
    parquet.write_table(pyarrow.table({"text": [5]}), path)
    with pytest.raises(DataError, match=r"a.parquet: 5 under 'text' is not text"):
        list(documents(path))


def test_rows_without_text_are_left_out(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n\n{"text": null}\n  \r\n{"text": ""}\r\n{"text": "y"}\n\n')
    parquet.write_table(pyarrow.table({"text": ["x", None, "", "y"]}), tmp_path / "b.parquet")
    assert list(documents(tmp_path / "a.jsonl")) == list(documents(tmp_path / "b.parquet")) == ["x", "y"]


def test_characters_cut_in_half_are_replaced(tmp_path):
    """The two halves of a pair are a whole character to JSON, one alone becomes U+FFFD; nothing else changes."""
    (tmp_path / "a.jsonl").write_text(r'{"text": "whole \ud83d\ude00, half \ud83d."}')
    prepared = text.prepare(documents(tmp_path / "a.jsonl"), tmp_path / "text", BYTES, splits={"train": 1})
    assert read_back(prepared, "train") == ["whole \U0001f600, half \ufffd."]


def test_a_tokenizer_of_transformers_round_trips_and_is_recognised(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(DOCUMENTS, vocab_size=300, special_tokens=["<end>"])
    trained.save(str(tmp_path / "tokenizer.json"))
    found = tokenizer(tmp_path / "tokenizer.json", end="<end>")
    assert trained.decode(found.encode(DOCUMENTS[3]).tolist()) == DOCUMENTS[3]
    assert found.vocabulary <= 300
    assert found.digest == digest_of(tmp_path / "tokenizer.json")
    assert tokenizer(tmp_path / "tokenizer.json").end is None


def test_changed_files_are_noticed(prepared):
    prepared.verify()
    path = prepared.folder / "train.bin"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="has changed since"):
        prepared.verify()
    path.write_bytes(content[:-2])
    with pytest.raises(DataError, match="missing or cut short"):
        prepared.tokens("train")


def test_max_tokens_is_met_exactly(tmp_path):
    prepared = text.prepare(DOCUMENTS, tmp_path / "text", BYTES, splits=EVEN, max_tokens=1000)
    assert sum(facts["tokens"] for facts in prepared.splits.values()) == 1000


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        (DOCUMENTS, {"splits": {"train": 0.5}}, "shares that sum to 1"),
        (DOCUMENTS[:1], {}, "no document fell to"),
        ([np.array([300])], {}, "id 300 is outside the vocabulary of 257"),
        ([np.array([[1]])], {}, "one-dimensional"),
        (DOCUMENTS, {"max_tokens": 0}, "max_tokens=0: give a whole number, 1 or more"),
        (DOCUMENTS, {"max_tokens": -5}, "max_tokens=-5: give a whole number"),
        (DOCUMENTS, {"splits": {"a": float("nan"), "b": 0.5}}, "shares that sum to 1"),
        (DOCUMENTS, {"splits": {}}, "shares that sum to 1"),
    ],
)
def test_bad_text_is_refused_and_leaves_nothing(tmp_path, content, more, message):
    with pytest.raises(DataError, match=message):
        text.prepare(content, tmp_path / "text", BYTES, **more)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_folder_is_refused(prepared):
    with pytest.raises(DataError, match="exists already"):
        text.prepare(DOCUMENTS, prepared.folder, BYTES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"body": "x"}', "line 1: no text under 'text'; it has body"),
        ("a.jsonl", "{", "line 1: not JSON"),
        ("a.jsonl", '{"text": "x"}\n\n{"text": 5}', "a.jsonl, line 3: 5 under 'text' is not text"),
        ("a.jsonl", b'{"text": "x"}\n{"text": "caf\xe9"}', "a.jsonl, line 2: the byte 0xe9 is not UTF-8: convert"),
        ("a.txt", b"caf\xe9", "a.txt: the byte 0xe9 is not UTF-8: convert the file"),
        ("a.parquet", b"no table", "a.parquet cannot be read as Parquet: .* Fetch or write it anew"),
        ("a.csv", "x", "cannot read text from 'a.csv'"),
    ],
)
def test_unreadable_sources_are_refused(tmp_path, name, content, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        list(documents(tmp_path / name))


def test_folders_are_searched_whatever_the_case_of_suffixes(tmp_path):
    (tmp_path / "A.TXT").write_text("loud")
    assert list(documents(tmp_path)) == list(documents(tmp_path / "A.TXT")) == ["loud"]
    (tmp_path / "A.TXT").rename(tmp_path / "a.text")
    with pytest.raises(DataError, match=r"no file of text in the folder .*: it takes \.txt"):
        list(documents(tmp_path))


def test_splits_are_names_of_files(tmp_path):
    with pytest.raises(DataError, match=r"split='a/b': .* leave out /"):
        text.prepare(DOCUMENTS, tmp_path / "text", BYTES, splits={"a/b": 0.5, "c": 0.5})
    assert not any(tmp_path.iterdir())


def test_missing_source_and_text_are_refused(tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        documents(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no prepared text"):
        text.load(tmp_path)


def test_batches_cover_the_text_once_in_an_order_of_the_seed():
    tokens = np.arange(101)
    batches = make_batches(tokens, sequence=10, batch=5, steps=2, seed=0)
    seen = np.sort(np.concatenate([batches.at(step)[:, :-1].numpy().ravel() for step in range(2)]))
    assert np.array_equal(seen, np.arange(100))
    other = make_batches(tokens, sequence=10, batch=5, steps=2, seed=1)
    assert not np.array_equal(batches.order, other.order)


def test_targets_follow_inputs_across_windows():
    batches = make_batches(np.arange(101), sequence=10, batch=2, steps=1, seed=3)
    window = batches.at(0)
    assert window.shape == (2, 11)
    assert (window.diff(dim=1) == 1).all()


def test_short_text_is_refused_unless_passes_are_allowed():
    with pytest.raises(DataError, match="150 tokens are asked for, the text has 100 in whole sequences and passes=1"):
        make_batches(np.arange(101), sequence=10, batch=5, steps=3, seed=0)
    assert len(make_batches(np.arange(101), sequence=10, batch=5, steps=3, seed=0, passes=2).order) == 15
    assert window_count(np.arange(10), 10) == 0
    with pytest.raises(DataError, match="validation wants 20 sequences"):
        fixed_windows(np.arange(101), sequence=10, count=20, what="validation")


def test_token_ids_in_files_are_packed_as_they_are_split(tmp_path):
    ids = np.arange(250)
    np.save(tmp_path / "a.npy", ids)
    (tmp_path / "b.u16.xz").write_bytes(lzma.compress(ids.astype("<u2").tobytes()))
    (tmp_path / "c.u32").write_bytes(ids.astype("<u4").tobytes())
    sources = [
        f"pretrain={tmp_path / 'a.npy'}",
        f"pretrain={tmp_path / 'b.u16.xz'}",
        f"validation={tmp_path / 'c.u32'}",
    ]
    packed = text.pack(arrays.by_split(sources), tmp_path / "text", BYTES)
    assert packed.tokens("pretrain").tolist() == [*ids, *ids]
    assert packed.tokens("validation").tolist() == ids.tolist()
    with pytest.raises(DataError, match="say which split"):
        arrays.by_split(["a.npy"])
    (tmp_path / "d.bin").touch()
    with pytest.raises(DataError, match=r"cannot read token ids from 'd.bin'"):
        arrays.read(tmp_path / "d.bin")
    with pytest.raises(DataError, match="validation, array 0: id 300 is outside"):
        text.pack({"validation": [np.array([300])]}, tmp_path / "other", BYTES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"zz", "pickled .*Fetch or write it anew"),
        ("a.npy", b"", "Fetch or write it anew"),
        ("a.u16", b"abc", "buffer size must be a multiple"),
        ("a.u16.xz", b"zz", "Input format not supported"),
        ("a.u16.xz", lzma.compress(bytes(1000))[:-20], "ended before the end-of-stream marker"),
        ("a.u32.xz", lzma.compress(b"abcde"), "buffer size must be a multiple"),
    ],
)
def test_damaged_token_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"no token ids can be read from {name}: .*{message}"):
        arrays.read(tmp_path / name)
