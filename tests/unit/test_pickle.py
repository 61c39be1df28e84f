"""Laws, fits, plans and schedules are ordinary Python objects: copied, pickled, printed in one line."""

import copy
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import p2law
from p2law.laws import Amplitude, Exponent, FrozenDict
from p2law.laws.joint import joint_law
from p2law.laws.published import BESIROGLU_2024


@p2law.law
def of_this_module(D, *, B: Amplitude, beta: Exponent):
    return B * D**-beta


def local_law():
    @p2law.law
    def local(D, *, B: Amplitude, beta: Exponent):
        return B * D**-beta

    return local


AT = {"D": 1e9, "B": 5.0, "beta": 0.1}


@pytest.fixture(scope="module")
def fit():
    tokens = np.geomspace(1e8, 1e10, 9)
    loss = 2 + 300 * tokens**-0.3 * (1 + 1e-3 * np.sin(np.arange(9)))
    made = p2law.fit("power", {"D": tokens, "loss": loss}).bootstrap(40)
    assert made.standard_errors  # cached
    return made


@pytest.fixture(scope="module")
def joint():
    tokens = np.tile(np.geomspace(1e8, 1e10, 9), 2)
    group = np.repeat(["a", "b"], 9)
    loss = 2 + np.where(group == "a", 300, 400) * tokens**-0.3 * (1 + 1e-3 * np.sin(np.arange(18)))
    return p2law.joint("power", {"D": tokens, "loss": loss, "kind": group}, by="kind", shared=["beta"])


COPIES = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy, "copy": copy.copy}
every_copy = pytest.mark.parametrize("again", COPIES.values(), ids=COPIES)


@every_copy
def test_laws_stay_the_same_object(again):
    laws = [*map(p2law.laws.get, p2law.laws.names()), of_this_module]
    laws.append(joint_law(p2law.laws.get("power"), ("a", "b"), ("beta",)))
    assert all(again(law) is law for law in laws)
    assert again(BESIROGLU_2024).law is BESIROGLU_2024.law
    assert again(BESIROGLU_2024).params == BESIROGLU_2024.params


@every_copy
def test_fits_keep_what_they_know(fit, joint, again):
    for one in (fit, joint.fit, joint.of("a")):
        same = again(one)
        assert same.law is one.law
        assert same.params == one.params
        assert same.summary() == one.summary()
    assert again(fit).draws.equals(fit.draws)
    assert str(again(joint)) == str(joint)


@every_copy
def test_plans_and_schedules(fit, again):
    plans = [
        p2law.compute_optimal(BESIROGLU_2024, 1e21),
        p2law.schedules.PruningSchedule(0.8),
        p2law.schedules.from_log({"step": [0, 1, 2], "density": [1, 0.5, 0.5]}),
        p2law.estimate(lambda p: p["beta"], fit),
        p2law.holdout("power", fit.table, by="D"),
    ]
    for plan in plans:
        assert str(again(plan)) == str(plan)
        assert "\n" not in repr(plan)


def test_a_spawned_process_fits_bootstraps_and_predicts(fit):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        again = pool.submit(p2law.fit, fit.law, fit.table).result()
        drawn = pool.submit(again.bootstrap, 40).result()
        loss = pool.submit(drawn.predict, D=2e9).result()
        ours = pool.submit(local_law(), **AT).result()
    check_sent(fit, again, drawn, loss)
    assert ours == local_law()(**AT)


@pytest.mark.slow
def test_joblib_fits_bootstraps_and_predicts(fit):
    joblib = pytest.importorskip("joblib")
    with joblib.Parallel(n_jobs=2) as workers:
        (again,) = workers([joblib.delayed(p2law.fit)(fit.law, fit.table)])
        (drawn,) = workers([joblib.delayed(again.bootstrap)(40)])
        (loss,) = workers([joblib.delayed(drawn.predict)(D=2e9)])
    check_sent(fit, again, drawn, loss)


def check_sent(fit, again, drawn, loss):
    """What came back from another process is what this one computes."""
    assert again.law is drawn.law is fit.law
    assert again.params == pytest.approx(fit.params, rel=1e-9)
    np.testing.assert_allclose(drawn.draws, fit.draws, rtol=1e-6)
    assert loss == pytest.approx(fit.predict(D=2e9), rel=1e-9)


def test_a_law_of_a_function_goes_by_value():
    law = local_law()
    same = pickle.loads(pickle.dumps(law))
    assert same is not law
    assert same(**AT) == law(**AT)
    assert pickle.loads(pickle.dumps(law)) is pickle.loads(pickle.dumps(law))


def test_without_cloudpickle_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(pickle.PicklingError, match=r"law local .*put it into a module .*or install cloudpickle"):
        pickle.dumps(local_law())


def test_representations_are_one_line(fit, joint):
    assert repr(p2law.laws.get("power")) == "<Law power(D, *, E, B, beta)>"
    assert repr(fit).startswith("Fit(power, 9 rows, 9 runs, converged, objective ")
    assert repr(joint).startswith("Joint(Fit(power_joint, 18 rows")
    assert repr(fit.params).startswith("{'E': ")
    assert repr(fit.observations) == "Observations(9 rows, 9 runs: D)"
    losses = p2law.estimate(lambda p: p["E"] * np.ones(3), fit, method="wald")
    assert repr(losses) == "Estimate(3 values with 95 % intervals (wald))"


def test_frozen_dict_is_a_dict_that_nobody_changes():
    frozen = FrozenDict({"a": 1.0})
    assert frozen == {"a": 1.0}
    assert repr(frozen) == "{'a': 1.0}"
    assert frozen | {"b": 2.0} == {"a": 1.0, "b": 2.0}
    with pytest.raises(TypeError, match="read-only"):
        frozen["a"] = 2.0
    with pytest.raises(TypeError, match="read-only"):
        frozen.pop("a")
