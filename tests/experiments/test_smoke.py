"""The whole path on a real text: parent, three methods at two rates, curves, law."""

import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")
pytest.importorskip("transformers", reason="the extra p2law[experiments] is not installed")

import runpy
from pathlib import Path

import torch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "06_own_curves.py"


@pytest.mark.slow
def test_own_curves_are_made_and_fitted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    made = runpy.run_path(str(EXAMPLE))
    rows, fit = made["curves"], made["fit"]
    control = rows[rows["kind"] == "control"].set_index("D")["loss"]
    for _, run in rows[rows["kind"] == "pruned"].groupby("run"):
        assert run["L0"].iloc[0] == control[0]
        assert run["loss"].iloc[0] > run["L0"].iloc[0]
        assert run["loss"].iloc[-1] < run["loss"].iloc[0]
    assert fit.run_count == 2
    assert fit.converged
    assert abs(fit.residuals).max() < 0.3
    assert "done" in capsys.readouterr().out
