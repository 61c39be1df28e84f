"""The solver against scipy: started from p2law's answer, scipy finds nothing better and does not move."""

import numpy as np
import pytest
from scipy.optimize import least_squares

import p2law
from p2law.fitting.objective import residuals, threshold
from p2law.fitting.solver import Batch
from p2law.fitting.solver.search import low_discrepancy, scale_free_gradient

LOG_HUBER, LOG_SQUARED = p2law.Huber(1e-3, "log"), p2law.Squared("log")
RAW_HUBER, RAW_SQUARED = p2law.Huber(5e-3, "linear"), p2law.Squared("linear")
EXCESS_HUBER, EXCESS_SQUARED = p2law.Huber(1e-2, "excess"), p2law.Squared("excess")


def scipy_from_the_answer(fit: p2law.Fit, free: list[tuple[str, ...]]):
    """scipy's optimum of the same objective over groups of equal parameters, started from the fit's."""
    columns = [fit.table[v.name].to_numpy() for v in fit.law.variables]
    base = fit.law.variable("loss")
    y = fit.observations.response
    below = fit.table[base].to_numpy() if base else None

    def residual(change):
        moved = {name: fit.params[name] * (1 + c) for names, c in zip(free, change, strict=True) for name in names}
        return residuals(fit.objective, y, fit.law(*columns, **{**fit.params, **moved}), below)

    delta = threshold(fit.objective)
    robust = {"loss": "huber", "f_scale": delta} if np.isfinite(delta) else {}
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "x_scale": "jac"}
    return least_squares(residual, np.zeros(len(free)), jac="3-point", **tight, **robust)


def assert_scipy_agrees(fit: p2law.Fit, free: list[tuple[str, ...]]):
    found = scipy_from_the_answer(fit, free)
    assert fit.converged
    assert fit.gradient < 1e-6
    assert fit.objective_value <= found.cost * (1 + 1e-6)
    assert found.cost == pytest.approx(fit.objective_value, rel=1e-6)


def groups(fit: p2law.Fit, *, but: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    return [(name,) for name in fit.params if name not in but]


@pytest.mark.parametrize("objective", [LOG_HUBER, LOG_SQUARED, RAW_HUBER, RAW_SQUARED], ids=str)
def test_dense_optimum_is_scipys(dense, objective):
    fit = p2law.fit("chinchilla", dense, objective=objective)
    assert_scipy_agrees(fit, groups(fit))
    move = scipy_from_the_answer(fit, groups(fit)).x
    assert np.abs(move).max() < 1e-4


@pytest.mark.parametrize(
    "objective", [LOG_HUBER, LOG_SQUARED, RAW_HUBER, RAW_SQUARED, EXCESS_HUBER, EXCESS_SQUARED], ids=str
)
@pytest.mark.parametrize("law", ["p2", "p2_without_size_term"])
def test_pruned_optimum_is_scipys(pruned, law, objective):
    fit = p2law.fit(law, pruned, objective=objective)
    assert_scipy_agrees(fit, groups(fit))


@pytest.mark.parametrize("objective", [LOG_HUBER, RAW_SQUARED], ids=str)
def test_restricted_optimum_is_scipys(dense, objective):
    tied = p2law.fit("chinchilla", dense, objective=objective, tied=[("alpha", "beta")])
    assert_scipy_agrees(tied, [("E",), ("A",), ("B",), ("alpha", "beta")])
    fixed = p2law.fit("chinchilla", dense, objective=objective, fixed={"alpha": 0.3})
    assert_scipy_agrees(fixed, groups(fixed, but=("alpha",)))
    pressed = p2law.fit("chinchilla", dense, objective=objective, bounds={"beta": (0.4, 1.0)})
    assert pressed.params["beta"] == 0.4
    assert_scipy_agrees(pressed, groups(pressed, but=("beta",)))


def test_weighted_squares_are_scipys(dense):
    weight = np.random.default_rng(0).integers(0, 4, len(dense)).astype(float)
    fit = p2law.fit("chinchilla", dense, objective=LOG_SQUARED, weights=weight)
    repeated = p2law.fit("chinchilla", dense.loc[dense.index.repeat(weight.astype(int))], objective=LOG_SQUARED)
    assert_scipy_agrees(repeated, groups(repeated))
    assert fit.objective_value == pytest.approx(repeated.objective_value, rel=1e-9)


@pytest.mark.parametrize("objective", [LOG_HUBER, RAW_SQUARED, p2law.LeastAbsolute()], ids=str)
def test_gradient_does_not_depend_on_scales(dense, objective):
    """Convergence is judged alike whatever the weights and the units."""
    plain = p2law.fit("chinchilla", dense, objective=objective)
    light = p2law.fit("chinchilla", dense, objective=objective, weights=np.full(len(dense), 1e-12))
    units = p2law.fit("chinchilla", dense.assign(D=dense["D"] * 1e6), objective=objective)
    for fit in (plain, light, units):
        assert fit.converged
        assert fit.starts_agreed[0] >= 3


def gradient_at(problem, constants) -> float:
    z = problem.to_coordinates(constants)
    _, residual, jacobian = Batch(problem).linearise(z)
    return scale_free_gradient(problem, z, residual, jacobian)


def test_gradient_is_small_at_the_optimum_only(dense_fit):
    problem, constants = dense_fit.problem(), dict(dense_fit.params)
    assert gradient_at(problem, constants) < 1e-6
    assert gradient_at(problem, constants | {"alpha": 1.001 * constants["alpha"]}) > 1e-3
    light = problem.with_(weight=1e-12 * problem.weight)
    assert gradient_at(light, constants | {"E": 1.0}) == pytest.approx(gradient_at(problem, constants | {"E": 1.0}))


def test_laws_without_nonlinear_constants_are_fitted():
    @p2law.law(response="y")
    def straight(x, *, a: p2law.laws.SignedAmplitude, b: p2law.laws.SignedAmplitude):
        return a + b * x

    x = np.arange(10.0)
    y = 3 - 2 * x + 0.1 * np.sin(5 * x)
    fit = p2law.fit(straight, {"x": x, "y": y}, objective=RAW_SQUARED)
    slope, level = np.polyfit(x, y, 1)
    assert dict(fit.params) == pytest.approx({"a": level, "b": slope}, rel=1e-9)


def test_laws_without_linear_constants_are_fitted():
    @p2law.law(response="y")
    def decay(x, *, rate: p2law.laws.Positive, power: p2law.laws.Exponent):
        return (1 + rate * x) ** -power

    x = np.geomspace(0.1, 100, 20)
    fit = p2law.fit(decay, {"x": x, "y": (1 + 2.5 * x) ** -0.7}, objective=RAW_SQUARED)
    assert dict(fit.params) == pytest.approx({"rate": 2.5, "power": 0.7}, rel=1e-6)


def test_tables_beyond_one_bucket_are_fitted(dense, dense_fit):
    many = p2law.fit("chinchilla", dense.loc[dense.index.repeat(10)])
    assert many.objective_value == pytest.approx(10 * dense_fit.objective_value, rel=1e-9)
    np.testing.assert_allclose(many.fitted[::10], dense_fit.fitted, rtol=1e-7)


@pytest.mark.parametrize("objective", [LOG_HUBER, p2law.LeastAbsolute()], ids=str)
def test_many_wild_rows_do_not_stop_the_search(dense, objective):
    wild = dense.assign(loss=dense["loss"] * np.where(np.arange(len(dense)) % 4 == 0, 2.0, 1.0))
    fits = [p2law.fit("chinchilla", wild, objective=objective, rng=seed) for seed in range(3)]
    assert all(fit.converged for fit in fits)
    assert max(f.objective_value for f in fits) == pytest.approx(min(f.objective_value for f in fits), rel=1e-9)


@pytest.mark.parametrize("dimensions", [1, 2, 4])
def test_starts_fill_the_cube_evenly(dimensions):
    points = low_discrepancy(256, dimensions, np.random.default_rng(0))
    assert points.shape == (256, dimensions)
    assert points.min() >= 0
    assert points.max() < 1
    for column in points.T:
        assert np.histogram(column, bins=8, range=(0, 1))[0] == pytest.approx(32, abs=8)


def test_same_seed_gives_the_same_bits(pruned):
    one, two = (p2law.fit("p2", pruned, rng=11) for _ in range(2))
    assert dict(one.params) == dict(two.params)
    assert one.objective_value == two.objective_value
