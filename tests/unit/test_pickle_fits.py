"""Fits and what they answer are ordinary Python objects: copied, pickled, and shown in one line."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import p2law

AT = {"N0": 8e9, "D": 1e9, "rho": 0.25, "L0": 2.1}
COPIES = [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy]


@pytest.fixture(scope="module")
def joint() -> p2law.Joint:
    table = p2law.datasets.load("mini-pruning").query("method in ['depth', 'width']")
    return p2law.joint("p2_without_size_term", table, by="method", shared=["beta"])


@pytest.mark.parametrize("again", COPIES, ids=["pickle", "deepcopy"])
def test_a_copied_fit_answers_the_same(pruned_fit, again):
    drawn = pruned_fit.bootstrap(40)
    for fit in (pruned_fit, drawn):
        same = again(fit)
        assert same.summary() == fit.summary()
        pd.testing.assert_frame_equal(same.intervals(0.9), fit.intervals(0.9))
        with pytest.raises(TypeError):
            same.params["E"] = 0.0


@pytest.mark.parametrize("again", COPIES, ids=["pickle", "deepcopy"])
def test_a_copied_joint_fit_answers_the_same(joint, again):
    same = again(joint)
    assert same.summary() == joint.summary()
    pd.testing.assert_frame_equal(same.intervals(), joint.intervals())
    group = again(joint.of("depth"))
    pd.testing.assert_frame_equal(group.intervals(), joint.of("depth").intervals())
    with pytest.raises(TypeError):
        same.separate["depth"] = group


@pytest.mark.parametrize("again", COPIES, ids=["pickle", "deepcopy"])
def test_answers_of_a_fit_are_copied(pruned, pruned_fit, again):
    begun = pruned[pruned["run"] == pruned["run"].iloc[0]].sort_values("D").head(4)
    forecast = pruned_fit.forecast(begun, [1e9, 2e9])
    pd.testing.assert_frame_equal(again(forecast).interval(), forecast.interval())
    for answer in (pruned_fit.profile("beta"), pruned_fit.identifiability(method="wald")):
        assert again(answer).summary() == answer.summary()
    estimate = p2law.estimate(lambda p: p["beta"], pruned_fit)
    assert str(again(estimate)) == str(estimate)


def test_each_is_shown_in_one_line(pruned_fit, joint):
    assert repr(pruned_fit) == f"Fit(p2, 128 rows, 16 runs, converged, objective {pruned_fit.objective_value:.6g})"
    assert repr(joint).startswith("Joint(Fit(p2_without_size_term_joint, ")
    assert repr(joint.of("depth")).startswith("GroupFit(p2_without_size_term, ")
    one = p2law.estimate(lambda p: p["beta"], pruned_fit)
    many = p2law.estimate(lambda p: np.array([p["beta"], p["gamma"]]), pruned_fit)
    assert repr(one) == f"Estimate({one})"
    assert repr(many) == "Estimate(2 values with 95 % intervals (wald))"
    for shown in (pruned_fit, joint, joint.of("depth"), one, many):
        assert "\n" not in repr(shown)


def test_constants_print_as_a_dict(pruned_fit):
    assert repr(pruned_fit.params) == repr(dict(pruned_fit.params))
    assert isinstance(pruned_fit.standard_errors, dict)
