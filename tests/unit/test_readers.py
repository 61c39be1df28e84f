"""Files to tables: every format gives the same rows, every failure names the file and the reason."""

import sys

import pandas as pd
import pytest

import p2law

WRITERS = {
    "runs.csv": lambda t, path: t.to_csv(path, index=False),
    "runs.csv.gz": lambda t, path: t.to_csv(path, index=False),
    "runs.tsv": lambda t, path: t.to_csv(path, index=False, sep="\t"),
    "runs.jsonl": lambda t, path: t.to_json(path, orient="records", lines=True, double_precision=15),
    "runs.json": lambda t, path: t.to_json(path, orient="records", double_precision=15),
    "runs.ndjson": lambda t, path: t.to_json(path, orient="records", lines=True, double_precision=15),
}


@pytest.mark.parametrize("name", WRITERS)
def test_formats_agree(dense, tmp_path, name):
    WRITERS[name](dense, tmp_path / name)
    pd.testing.assert_frame_equal(p2law.read(tmp_path / name), dense, rtol=1e-9, check_dtype=False)


def test_parquet_is_exact(dense, tmp_path):
    pytest.importorskip("pyarrow")
    dense.to_parquet(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(p2law.read(tmp_path / "runs.parquet"), dense)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    for engine in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, engine, None)
    (tmp_path / "runs.parquet").write_bytes(b"PAR1")
    with pytest.raises(p2law.P2LawError, match="reading Parquet needs pyarrow: pip install pyarrow"):
        p2law.read(tmp_path / "runs.parquet")


def test_fit_takes_a_path(dense, dense_fit, tmp_path):
    dense.rename(columns={"N": "params"}).to_csv(tmp_path / "runs.csv", index=False)
    fit = p2law.fit("chinchilla", str(tmp_path / "runs.csv"), columns={"N": "params"})
    assert fit.objective_value == pytest.approx(dense_fit.objective_value, rel=1e-12)


def test_counts_are_read_as_people_write_them(tmp_path):
    (tmp_path / "runs.csv").write_text("params,D,loss,note\n7B,1.4T,2.0,7B\n300M,2e9,3.0,x\n")
    table = p2law.read(tmp_path / "runs.csv", columns={"N": "params"})
    assert table["N"].tolist() == [7e9, 3e8]
    assert table["D"].tolist() == [1.4e12, 2e9]
    assert table["note"].tolist() == ["7B", "x"]


FAILURES = [
    ("runs.csv", "N,D\n7X,1\n", r"column 'N', row 0: cannot read '7X' as a quantity: write e.g. 7B"),
    ("runs.csv", "", r"cannot read 'runs.csv' as CSV"),
    ("runs.jsonl", "{broken", r"cannot read 'runs.jsonl' as JSONL"),
    ("runs.xlsx", "N,D\n", r"cannot tell the format of 'runs.xlsx': use one of .csv, .tsv"),
    ("runs", "N,D\n", r"cannot tell the format of 'runs'"),
    ("state.json", "{broken", "cannot read 'state.json' as JSON"),
    ("state.json", "[" * 100_000, "cannot read 'state.json' as JSON"),
    ("state.json", '{"step": 1}', "'state.json' is no state of a Hugging Face Trainer: it lacks log_history"),
    ("state.json", '{"log_history": [{"loss": 2.0}]}', "lacks log_history, a list of entries with steps"),
    ("state.json", '{"log_history": []}', "'state.json' holds no logged numbers"),
    (
        "train.log",
        "epoch 1 loss=2.0\n",
        "no line of 'train.log' is known: read understands the losses that Megatron-LM",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), FAILURES)
def test_unreadable_file_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(p2law.DataError, match=message):
        p2law.read(tmp_path / name)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(p2law.DataError, match=r"there is no file '.*runs.csv'"):
        p2law.read(tmp_path / "runs.csv")


def test_missing_column_is_named(dense, tmp_path):
    dense.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(p2law.DataError, match=r"columns= names \['params'\], which the table lacks; it has \['N', 'D'"):
        p2law.read(tmp_path / "runs.csv", columns={"N": "params"})


def test_semicolons_separate_too(tmp_path):
    (tmp_path / "runs.csv").write_text("D;loss\n1e9;3.0\n2e9;2.5\n")
    assert p2law.read(tmp_path / "runs.csv")["loss"].tolist() == [3.0, 2.5]


def test_the_word_that_makes_a_column_text_is_named(tmp_path):
    (tmp_path / "runs.csv").write_text("D,loss\n1e9,3.0\n2e9,2.5\n3e9,diverged\n")
    with pytest.raises(p2law.DataError, match="column 'loss', row 2: 'diverged' is not a number"):
        p2law.fit("power", tmp_path / "runs.csv")


def test_names_without_the_word_loss_are_known(tmp_path):
    (tmp_path / "a.csv").write_text("step,train_ce,val_ce\n1,3.0,2.5\n")
    assert p2law.read(tmp_path / "a.csv", tokens_per_step=1)["loss"].tolist() == [2.5]
