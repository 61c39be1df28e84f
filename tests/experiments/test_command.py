"""The command line, and what it says where the extra is not installed."""

import os
import subprocess
import sys
from argparse import ArgumentParser

import pytest

from p2law.cli import experiments as cli
from p2law.cli import main
from p2law.errors import DataError

PLAN = """
text = "text"
validation_sequences = 4
calibration_sequences = 4
[[parents]]
name = "tiny"
lr = 1e-3
architecture = { family = "llama", layers = 2, hidden = 16, ffn = 32, heads = 2, kv_heads = 1, vocabulary = 257 }
[pretrain]
tokens = 640
batch = 2
sequence = 16
warmup = 2
[posttrain]
tokens = 640
batch = 2
sequence = 16
warmup = 2
[[prune]]
method = "magnitude"
rates = [0.5]
"""


def call(*words):
    parser = ArgumentParser()
    cli.add(parser.add_subparsers())
    options = parser.parse_args(["experiments", *map(str, words)])
    return options.run_command(options)


@pytest.fixture
def here(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "texts").mkdir()
    for i in range(40):
        (tmp_path / "texts" / f"{i}.txt").write_text(f"text number {i}, " * 20)
    return tmp_path


def test_from_texts_to_tables(here, capsys):
    pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")
    splits = "pretrain=0.4,posttrain=0.4,validation=0.2"
    assert call("text", here / "texts", "--tokenizer", "bytes", "--out", here / "text", "--splits", splits) == 0
    assert "pretrain: " in capsys.readouterr().out
    assert call("run", here / "plan.toml", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "tiny-magnitude-layer-0.5-s0" in shown
    assert "3 runs on c" in shown
    assert not (here / "out").exists()
    assert call("run", here / "plan.toml") == 0
    assert "3 runs done, 0 failed, 0 left" in capsys.readouterr().out
    assert (here / "out" / "pruned.csv").is_file()
    (here / "out" / "runs" / "tiny-control-s0" / "done.json").unlink()
    only = ["run", here / "plan.toml", "--minutes", "0", "--only"]
    assert call(*only, "tiny-control-s0") == 1
    assert call(*only, "tiny-magnitude-layer-0.5-s0") == 0
    capsys.readouterr()
    (here / "smaller.toml").write_text(PLAN.partition("[[prune]]")[0])
    assert call("run", here / "smaller.toml") == 0
    assert f"1 more in {here / 'out' / 'runs'} are not of this plan" in capsys.readouterr().out


def test_where_no_row_is_at_the_full_rate_it_is_said(here, capsys):
    pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")
    call("text", here / "texts", "--tokenizer", "bytes", "--out", here / "text")
    (here / "plan.toml").write_text(PLAN.replace("[posttrain]", '[posttrain]\nschedule = "cosine"'))
    assert call("run", here / "plan.toml", "--minutes", "0") == 0
    assert "3 left; no tables yet" in capsys.readouterr().out
    assert call("run", here / "plan.toml") == 0
    assert "pruned.csv is empty: no row is at the full rate" in capsys.readouterr().out


def test_an_interrupted_sweep_says_how_to_go_on(here, monkeypatch, capsys):
    pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("p2law.experiments.sweep.sweep", interrupted)
    assert main(["experiments", "run", str(here / "plan.toml")]) == 130
    assert capsys.readouterr().err == "p2law: interrupted; the same command goes on from the newest checkpoints\n"
    monkeypatch.setattr("p2law.experiments.tokenize.tokenizer", interrupted)
    assert main(["experiments", "text", str(here), "--tokenizer", "bytes", "--out", str(here / "text")]) == 130
    assert capsys.readouterr().err == "p2law: interrupted\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--splits", "pretrain=x"], "--splits pretrain=x: write NAME=SHARE, such as train=0.9"),
        (["--splits", "pretrain=0.6,rest"], "write NAME=SHARE"),
        (["--splits", "=1"], "a share has no name"),
        (["--max-tokens", "0"], "max_tokens=0: give a whole number, 1 or more"),
        (["--max-tokens", "-5"], "max_tokens=-5: give a whole number"),
    ],
)
def test_wrong_options_for_a_text_are_refused(here, words, message):
    pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")
    with pytest.raises(DataError, match=message):
        call("text", here / "texts", "--tokenizer", "bytes", "--out", here / "text", *words)
    assert not (here / "text").exists()


def without_torch(here, *command):
    (here / "torch.py").write_text('raise ModuleNotFoundError("No module named torch", name="torch")')
    environment = os.environ | {"PYTHONPATH": str(here)}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, cwd=here)


def test_without_torch_the_package_imports_and_the_command_says_what_to_install(here):
    assert without_torch(here, "-c", "import p2law.experiments").returncode == 0
    done = without_torch(here, "-m", "p2law", "experiments", "run", "plan.toml")
    assert done.returncode == 2
    assert done.stderr == 'p2law: error: p2law.experiments needs torch: pip install "p2law[experiments]".\n'
