"""Objectives: a weighted sum over the rows, equal to the textbook formula in each space."""

import numpy as np
import pytest

import p2law
from p2law.fitting.objective import describe, from_dict, to_dict

SPACES = ("log", "linear", "excess")
DELTA = 2e-3


def residuals(fit, space):
    y, f, base = fit.observations.response, fit.fitted, fit.table["L0"].to_numpy()
    if space == "log":
        return np.log(y / f)
    if space == "linear":
        return y - f
    excess = y - base
    return (y - f) / np.maximum(excess, 0.1 * np.median(excess[excess > 0]))


def huber(r):
    return np.where(np.abs(r) <= DELTA, r**2 / 2, DELTA * np.abs(r) - DELTA**2 / 2)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    ("kind", "rho"),
    [(p2law.Squared, lambda r: r**2 / 2), (p2law.Huber, huber), (p2law.LeastAbsolute, np.abs)],
)
def test_value_is_the_weighted_sum(pruned, kind, rho, space):
    weight = np.linspace(0.2, 3.0, len(pruned))
    objective = kind(DELTA, space=space) if kind is p2law.Huber else kind(space=space)
    fit = p2law.fit("p2", pruned, objective=objective, weights=weight)
    assert fit.converged
    assert fit.objective_value == pytest.approx(np.sum(weight * rho(residuals(fit, space))), rel=1e-9)


def test_rows_below_the_parent_keep_a_bounded_weight(pruned):
    below = pruned.assign(loss=pruned["loss"].where(pruned.index != 5, pruned["L0"] - 0.01))
    fit = p2law.fit("p2", below, objective=p2law.Huber(DELTA, space="excess"))
    assert fit.n == len(pruned)
    assert np.all(np.isfinite(residuals(fit, "excess")))


@pytest.mark.parametrize(
    "objective", [p2law.Huber(DELTA), p2law.Squared(), p2law.LeastAbsolute(space="excess")], ids=str
)
def test_objective_is_named_and_saved(objective):
    assert from_dict(to_dict(objective)) == objective
    assert describe(objective).startswith(("sum of", "half the sum of"))


def test_description_names_delta_and_space():
    assert describe(p2law.Huber(1e-3)) == "sum of Huber(delta = 0.001) of log L - log Lhat"
    assert describe(p2law.Squared()) == "half the sum of squares of L - Lhat"
    assert describe(p2law.LeastAbsolute("excess")) == "sum of absolute values of (L - Lhat) / excess"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: p2law.Huber(0.0),
            r"delta=0.0: must be a positive delta; for least absolute residuals use LeastAbsolute",
        ),
        (lambda: p2law.Huber(-1e-3), r"positive delta"),
        (lambda: p2law.Huber(float("nan")), r"positive delta"),
        (lambda: p2law.Squared("logarithmic"), r"unknown residual space 'logarithmic': choose one of log, linear, exc"),
    ],
)
def test_impossible_objectives_are_refused(make, message):
    with pytest.raises(p2law.FitError, match=message):
        make()


def test_excess_needs_a_baseline_and_rows_above_it(dense, pruned):
    with pytest.raises(p2law.FitError, match="needs a law with a baseline loss L0"):
        p2law.fit("chinchilla", dense, objective=p2law.Squared("excess"))
    with pytest.raises(p2law.FitError, match="no row lies above its baseline L0"):
        p2law.fit("p2", pruned.assign(loss=pruned["L0"] - 0.1), objective=p2law.Squared("excess"))


def test_huber_tends_to_squares_and_to_absolute_values(dense):
    wide, squared = (p2law.fit("chinchilla", dense, objective=o) for o in (p2law.Huber(10.0), p2law.Squared("log")))
    narrow, absolute = (p2law.fit("chinchilla", dense, objective=o) for o in (p2law.Huber(1e-9), p2law.LeastAbsolute()))
    assert wide.objective_value == pytest.approx(squared.objective_value, rel=1e-12)
    assert narrow.objective_value / 1e-9 == pytest.approx(absolute.objective_value, rel=1e-5)


def test_one_wild_row_moves_squares_but_not_huber(dense, dense_fit):
    wild = dense.assign(loss=dense["loss"].where(dense.index != 20, 3 * dense["loss"]))
    huber, squared = (p2law.fit("chinchilla", wild, objective=o) for o in (p2law.Huber(1e-3), p2law.Squared("log")))
    assert np.abs(np.log(huber.fitted / dense_fit.fitted)).max() < 0.005
    assert np.abs(np.log(squared.fitted / dense_fit.fitted)).max() > 0.05
