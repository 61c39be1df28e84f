"""The conditions of the P² paper against what its formula says of them."""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.validate import conditions

FALLS, FASTER, VANISHES, GROWS = (
    "loss falls with tokens",
    "smaller models fall faster",
    "loss tends to L0 as the rate tends to 0",
    "excess grows as a power of the rate",
)


def by_name(found):
    return {c.name: c for c in found.checked}


def test_p2_meets_them_by_the_margins_of_its_constants(pruned_fit):
    """Falls by beta D_C K D^-beta per e-fold, least at the end; the other margins are delta and -gamma."""
    found = conditions(pruned_fit)
    assert found.hold
    checked, p = by_name(found), pruned_fit.params
    table = pruned_fit.table
    scale = table["rho"].min() ** -p["gamma"] * min(table["N0"].min() ** -p["delta"], table["N0"].max() ** -p["delta"])
    fall = p["beta"] * p["D_C"] * scale * table["D"].max() ** -p["beta"]
    assert checked[FALLS].margin == pytest.approx(fall, rel=1e-5)
    assert checked[FASTER].margin == pytest.approx(p["delta"], abs=1e-6)
    assert checked[GROWS].margin == pytest.approx(-p["gamma"], rel=1e-5)
    assert checked[VANISHES].margin == pytest.approx(-p["gamma"], rel=1e-5)
    gamma = pruned_fit.intervals(method="wald").set_index("parameter").loc["gamma"]
    assert checked[GROWS].lower == pytest.approx(-gamma["upper"], rel=1e-3)
    assert checked[GROWS].upper == pytest.approx(-gamma["lower"], rel=1e-3)


def test_a_sign_against_the_paper_fails_and_says_where_first(pruned):
    """Larger models that fall faster, an excess that shrinks with the rate: delta < 0 < gamma."""
    wrong = p2law.fit("p2", pruned, fixed={"delta": -0.1, "gamma": 0.5})
    checked = by_name(conditions(wrong))
    assert checked[FASTER].status == "fails"
    assert checked[FASTER].margin == pytest.approx(-0.1, abs=1e-6)
    assert checked[GROWS].status == "fails"
    assert checked[GROWS].margin == pytest.approx(-0.5, abs=1e-6)
    assert checked[VANISHES].status == "fails"
    assert "fails at 100 % of 729 grid points, first at D = 1M, rho = 0.15, N0 = 100M" in checked[GROWS].note


def test_a_steep_power_of_the_rate_is_followed_until_it_is_gone(pruned):
    steep = p2law.fit("p2", pruned, fixed={"gamma": -8.0})
    assert by_name(conditions(steep))[VANISHES].status == "holds"


def test_an_additive_rate_leaves_an_excess_and_one_fall(pruned):
    checked = by_name(conditions(p2law.fit("p2_additive", pruned)))
    assert checked[VANISHES].status == "fails"
    assert checked[VANISHES].note == "an excess remains however small the rate"
    assert checked[FASTER].status == "fails"
    assert checked[FASTER].note == "there is no difference at all"
    assert checked[GROWS].status == "fails"


def test_the_logarithm_of_what_is_left_grows_but_not_as_one_power(pruned):
    checked = by_name(conditions(p2law.fit("p2_log_rate", pruned)))
    assert checked[VANISHES].status == "holds"
    assert checked[GROWS].status == "fails"
    assert "it grows, but not as one power: the exponent runs from" in checked[GROWS].note


def test_one_rate_says_nothing_of_the_rate():
    runs = p2law.datasets.load("mini-pruning", method="2:4")
    found = conditions(p2law.fit("p2", runs, min_tokens=3e5, baseline="control"))
    checked = by_name(found)
    for name in (VANISHES, GROWS):
        assert checked[name].status == "does not apply"
        assert checked[name].note == "the fitted rows have one rho only, which cannot test it"
    assert checked[FALLS].status in ("holds", "uncertain")
    assert "excess over the control at equal tokens" in found.summary()


def test_a_margin_that_could_be_of_either_sign_is_uncertain():
    """Four runs of 2:4 cannot tell whether smaller models fall faster."""
    runs = p2law.datasets.load("mini-pruning", method="2:4")
    found = conditions(p2law.fit("p2", runs, min_tokens=3e5))
    condition = by_name(found)[FASTER]
    assert condition.status == "uncertain"
    assert condition.lower < 0 < condition.margin
    assert not found.hold


def test_no_excess_in_part_of_the_range_is_said():
    runs = p2law.datasets.load("mini-pruning", method="depth")
    found = by_name(conditions(p2law.fit("p2_additive", runs, min_tokens=3e5)))[GROWS]
    assert found.status == "fails"
    assert found.note.startswith("no excess above the baseline there; fails at")


def test_dense_laws_are_only_asked_what_they_can_answer(dense_fit):
    found = conditions(dense_fit)
    assert found.hold
    assert [c.status for c in found.checked] == ["holds", *["does not apply"] * 3]
    p = dense_fit.params
    fall = p["beta"] * p["B"] * dense_fit.table["D"].max() ** -p["beta"]
    assert found.checked[0].margin == pytest.approx(fall, rel=1e-5)
    assert "no column of pruning rate" in str(found)


def test_report_as_table_and_html(pruned_fit):
    found = conditions(pruned_fit, level=0.8)
    frame = found.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["name"].tolist() == [FALLS, FASTER, VANISHES, GROWS]
    assert "80 % intervals" in found.summary()
    assert FASTER in found._repr_html_()
    wide = conditions(pruned_fit, level=0.99).to_frame()
    assert (wide["upper"] - wide["lower"] > frame["upper"] - frame["lower"]).all()
    with pytest.raises(p2law.FitError, match="level=2"):
        conditions(pruned_fit, level=2)


def test_numbers_are_plain(pruned_fit):
    assert all(type(c.margin) is float and np.isfinite(c.margin) for c in conditions(pruned_fit).checked)
