"""Fixed, tied and bounded parameters: what they do to a fit, and how nonsense is refused."""

import numpy as np
import pytest

import p2law
from p2law.fitting.solver import make_coordinates, to_coordinates
from p2law.fitting.solver.problem import bucket, pad


@pytest.mark.parametrize("fixed", [{"alpha": 0.3}, {"alpha": 0.3, "beta": 0.3}, {"E": 1.7}, {"E": 1.7, "A": 400}])
def test_fixed_parameters_keep_their_value(dense, fixed):
    fit = p2law.fit("chinchilla", dense, fixed=fixed)
    assert {name: fit.params[name] for name in fixed} == fixed
    assert fit.converged
    assert (fit.to_frame().loc[list(fixed), "treatment"] == "fixed").all()
    assert all(fit.standard_errors[name] == 0 for name in fixed)


def test_every_parameter_may_be_fixed(dense, dense_fit):
    fit = p2law.fit("chinchilla", dense, fixed=dict(dense_fit.params))
    assert fit.objective_value == pytest.approx(dense_fit.objective_value, rel=1e-12)


@pytest.mark.parametrize("tied", [[("alpha", "beta")], {"alpha": "beta"}])
def test_tied_parameters_are_equal(dense, tied):
    fit = p2law.fit("chinchilla", dense, tied=tied)
    assert fit.params["alpha"] == fit.params["beta"]
    assert fit.converged
    assert fit.to_frame().loc["alpha", "treatment"] == "tied: alpha = beta"


def test_ties_may_be_fixed(dense):
    fit = p2law.fit("chinchilla", dense, tied=[("alpha", "beta")], fixed={"beta": 0.35})
    assert fit.params["alpha"] == fit.params["beta"] == 0.35


def test_ties_with_a_member_in_common_join():
    coordinates, _ = make_coordinates(p2law.laws.get("p2"), tied=[("N_C", "E"), ("gamma", "delta"), ("E", "N_C")])
    assert coordinates.owners(coordinates.index("E")) == ("N_C", "E")
    assert coordinates.owners(coordinates.index("gamma")) == ("gamma", "delta")
    assert len(coordinates.transforms) == 5


@pytest.mark.parametrize(
    "bounds",
    [
        {"alpha": (0.4, 1.0)},
        {"alpha": (0.5, None)},
        {"beta": (None, 0.25)},
        {"E": (None, 1.5)},
        {"E": (1.75, None)},
        {"E": (1.0, 1.5)},
        {"A": (None, 300.0), "alpha": (0.2, 0.3)},
    ],
)
def test_bounds_are_respected(dense, dense_fit, bounds):
    fit = p2law.fit("chinchilla", dense, bounds=bounds)
    assert fit.converged
    assert fit.objective_value >= dense_fit.objective_value * (1 - 1e-12)
    for name, (low, high) in bounds.items():
        assert (-np.inf if low is None else low) <= fit.params[name] <= (np.inf if high is None else high)


def test_bounds_that_do_not_bite_change_nothing(dense, dense_fit):
    fit = p2law.fit("chinchilla", dense, bounds={"alpha": (0.1, 2.0), "E": (None, None), "A": (1.0, None)})
    assert fit.objective_value == pytest.approx(dense_fit.objective_value, rel=1e-9)
    np.testing.assert_allclose(fit.fitted, dense_fit.fitted, rtol=1e-7)


def test_amplitude_may_be_freed_or_made_non_negative(pruned):
    falling = pruned.assign(loss=pruned["L0"] - 0.1 + 0.05 * (pruned["D"] / 1e6) ** -0.5)
    free = p2law.fit("p2_without_size_term", falling, objective=p2law.Squared())
    held = p2law.fit("p2_without_size_term", falling, objective=p2law.Squared(), bounds={"E": (0, None)})
    assert free.params["E"] < 0
    assert held.params["E"] == 0
    assert "E hit its lower bound (0)" in " ".join(held.warnings)


NONSENSE = [
    ({"fixed": {"alhpa": 0.3}}, r"chinchilla has no parameter 'alhpa'; its parameters are E, A, B, alpha, beta"),
    ({"bounds": {"C": (0, 1)}}, r"chinchilla has no parameter 'C'"),
    ({"tied": [("alpha", "C")]}, r"chinchilla has no parameter 'C'"),
    ({"tied": [("alpha",)]}, r"a tie needs two parameters or more"),
    ({"tied": ["alpha"]}, r"a tie needs two parameters or more"),
    ({"tied": [("alpha", "E")]}, r"alpha.*E|E.*alpha.*different kinds"),
    ({"fixed": {"alpha": -0.3}}, r"alpha cannot be held at -0.3: its domain is 0.01 to 10"),
    ({"fixed": {"alpha": float("nan")}}, r"fixed\['alpha'\]=nan: give a finite number"),
    ({"fixed": {"E": -1.0}}, r"E cannot be held at -1.0: its domain is 0 to inf"),
    ({"bounds": {"alpha": (0.5, 0.5)}}, r"bounds of alpha leave nothing between 0.5 and 0.5"),
    ({"bounds": {"alpha": (0.7, 0.5)}}, r"bounds of alpha leave nothing between 0.7 and 0.5"),
    ({"fixed": {"E": 1.7}, "bounds": {"E": (1, 2)}}, r"\['E'\] is both fixed and bounded: choose one"),
    ({"starts": {"E": 1.7}}, r"the start lacks 'A'"),
    ({"starts": 0}, r"starts=0: give a whole number, 1 or more"),
    ({"starts": []}, r"starts=0: give a whole number"),
    ({"baseline": "moving"}, r"baseline='moving': choose 'fixed'.*or 'control'"),
]


@pytest.mark.parametrize(("options", "message"), NONSENSE, ids=str)
def test_nonsense_is_refused(dense, options, message):
    with pytest.raises(p2law.FitError, match=message):
        p2law.fit("chinchilla", dense, **options)


@pytest.mark.parametrize("options", [{"bounds": {"E": 1.5}}, {"objective": "huber"}], ids=str)
def test_options_of_the_wrong_type_are_refused(dense, options):
    with pytest.raises(p2law.FitError, match=next(iter(options))):
        p2law.fit("chinchilla", dense, **options)


@pytest.mark.parametrize("starts", [12, {"E": 1, "A": 100, "B": 1000, "alpha": 0.5, "beta": 0.5}])
def test_own_starts_reach_the_same_optimum(dense, dense_fit, starts):
    fit = p2law.fit("chinchilla", dense, starts=starts)
    assert fit.objective_value == pytest.approx(dense_fit.objective_value, rel=1e-9)
    assert fit.starts_agreed[1] == (12 if isinstance(starts, int) else 1)


def test_constants_become_coordinates_amplitudes_last():
    coordinates, limits = make_coordinates(
        p2law.laws.get("chinchilla"), tied=[("alpha", "beta")], bounds={"B": (None, 50.0)}
    )
    assert coordinates.transforms == ("plain", "amplitude", "amplitude", "amplitude")
    assert coordinates.owners(0) == ("alpha", "beta")
    z = to_coordinates(coordinates, limits, {"E": 1.5, "A": 20.0, "B": 30.0, "alpha": 0.4, "beta": 0.4})
    assert z.tolist() == [0.4, 1.5, 20.0, 20.0]  # B counts downwards from its upper bound


@pytest.mark.parametrize(("rows", "size"), [(1, 256), (256, 256), (257, 512), (1000, 1024)])
def test_tables_of_similar_size_share_a_compiled_program(rows, size):
    assert bucket(rows) == size
    assert pad(np.arange(1.0, rows + 1), size).shape == (size,)


def test_padding_introduces_no_new_value():
    assert pad(np.array([3.0, 5.0]), 4).tolist() == [3.0, 5.0, 3.0, 3.0]
    assert pad(np.array([3.0, 5.0]), 4, 0.0).tolist() == [3.0, 5.0, 0.0, 0.0]
