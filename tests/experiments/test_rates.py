"""Trying learning rates: what is run, what is said of the outcome."""

import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra p2law[experiments] is not installed")

from p2law.errors import DataError
from p2law.experiments.rates import Trial, fractions, peaks
from tests.experiments.test_sweep import folder, made  # noqa: F401


def trial(**columns):
    return Trial("loss by rate", pd.DataFrame(columns, index=[0.1, 0.2, 0.4]))


def test_the_verdict_follows_the_losses():
    assert trial(a=[2.0, 1.9, 2.1]).verdict == "take 0.2."
    assert "edge of those tried; try higher" in trial(a=[2.0, 1.9, 1.8]).verdict
    assert "try lower" in trial(a=[1.7, 1.9, 1.8]).verdict
    assert trial(a=[2.0, 1.9, 2.1], b=[3.0, 2.5, 2.4]).verdict == "take 0.2, the best on average; alone: b 0.4."
    assert "at least three" in Trial("", pd.DataFrame({"a": [1.0]}, index=[0.1])).verdict
    assert trial(a=[2.0, 1.9, float("nan")]).best == 0.2
    with pytest.raises(DataError, match="lower the rates"):
        trial(a=[float("nan")] * 3).verdict  # noqa: B018


def test_rates_are_tried_on_a_parent_and_its_children(folder):  # noqa: F811
    said = []
    plan = made(folder)
    tried = peaks(plan, [1e-4, 3e-3, 1e-2], tokens=10 * 4 * 16, say=said.append)
    assert list(tried.losses.columns) == ["tiny"]
    assert tried.losses.loc[1e-4].item() > tried.losses.loc[1e-2].item()
    children = fractions(plan, [0.1, 0.3], say=said.append)
    assert list(children.losses.columns) == ["tiny-ffn-0.3-s0", "tiny-magnitude-2of4-0.5-s0"]
    assert "at least three" in str(children) or "edge" in str(children)
    assert (folder / "out" / "runs" / "tiny-parent" / "model").is_dir()
    before = len(said)
    peaks(plan, [1e-4], tokens=10 * 4 * 16, say=said.append)
    assert said[before:] == ["peak 0.0001: tiny-parent: done before"]
    with pytest.raises(DataError, match="no parent other"):
        peaks(plan, [1e-3], parent="other")
