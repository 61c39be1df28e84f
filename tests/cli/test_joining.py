"""Joint fits at the shell: fitted, saved, and a group of one taken as a fit."""

import pandas as pd
import pytest

import p2law
from p2law.cli import main

FIT = ["joint", "mini-pruning", "--law", "p2_without_size_term", "--by", "method", "--shared", "beta"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A joint fit made at the shell."""
    path = tmp_path_factory.mktemp("joint") / "joint.json"
    assert main([*FIT, "--min-tokens", "300k", "--baseline", "control", "--out", str(path)]) == 0
    return path


def test_the_fit_is_that_of_python(saved, capsys):
    found = p2law.Joint.from_json(saved)
    table = p2law.datasets.load("mini-pruning")
    same = p2law.joint(found.of("width").law, table, by="method", shared=["beta"], baseline="control", min_tokens=3e5)
    pd.testing.assert_frame_equal(found.params, same.params)
    assert main(FIT) == 0
    shown = capsys.readouterr().out
    assert "over 4 values of method: converged" in shown
    assert "sharing beta: " in shown


@pytest.mark.parametrize("group", ["width", "2:4"])
def test_a_group_answers_as_a_fit(saved, capsys, group):
    at = {"N0": 27e6, "D": 5e6, "rho": 0.5, "L_control": 3.26}
    asked = ",".join(f"{name}={value}" for name, value in at.items())
    assert main(["predict", f"{saved}:{group}", "--at", asked]) == 0
    expected = p2law.Joint.from_json(saved).of(group).predict(**at)
    assert capsys.readouterr().out.startswith(f"{expected:.6g} nats/token")
    assert main(["plan", "tokens", f"{saved}:{group}", "--remaining", "0.02", "--at", "N0=27M,rho=0.5"]) == 0
    assert "Tokens until ≤ 0.02 nats" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "{}", "--at", "N0=1M"], "Here: JOINT.json:GROUP"),
        (["predict", "{}:wide", "--at", "N0=1M"], "'wide' was not fitted; the groups are 2:4, depth"),
        ([*FIT[:-1], "betta"], "name parameters of p2_without_size_term"),
        ([*FIT, "--tied", "beta,delta"], "joint fits take no tied="),
        ([*FIT, "--out", "no/where.json"], "there is no directory"),
    ],
)
def test_what_cannot_be_is_refused(saved, capsys, words, message):
    assert main([word.format(saved) for word in words]) == 2
    assert message.format(saved) in capsys.readouterr().err
