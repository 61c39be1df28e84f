"""Other ways to the optimum of Chinchilla under Huber(1e-3) of log loss, each as ``table -> (seed -> objective)``."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.optimize import least_squares

import p2law

DELTA = 1e-3
Call = Callable[[int], float]


def ours(table: pd.DataFrame) -> Call:
    return lambda seed: p2law.fit("chinchilla", table, rng=seed).objective_value


def scipy_from_the_answer(table: pd.DataFrame) -> Call:
    """One trust-region solve with scipy's own Huber loss and finite differences, started at the optimum."""
    residual, at = residual_function(table, np), answer(table)
    tight = {"x_scale": "jac", "xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
    return lambda _: float(least_squares(residual, at, loss="huber", f_scale=DELTA, **tight).cost)


def lmfit_from_the_answer(table: pd.DataFrame) -> Call:
    import lmfit

    residual, at = residual_function(table, np), answer(table)
    names = [f"p{i}" for i in range(len(at))]

    def values(p: Any) -> list[float]:
        return [p[name].value for name in names]

    def call(_: int) -> float:
        start = lmfit.create_params(**dict(zip(names, at, strict=True)))
        done = lmfit.minimize(lambda p: residual(values(p)), start, method="least_squares", loss="huber", f_scale=DELTA)
        return float(huber(residual(values(done.params)), np).sum())

    return call


def optimistix_from_16_starts(table: pd.DataFrame) -> Call:
    """Levenberg-Marquardt on signed roots of the Huber loss, 16 random starts mapped one by one."""
    import optimistix

    plain = residual_function(table, jnp)
    solver = optimistix.LevenbergMarquardt(rtol=1e-8, atol=1e-8)

    def rooted(p: Any, _: Any) -> Any:
        r = plain(p)
        return jnp.sign(r) * jnp.sqrt(2 * huber(r, jnp) + 1e-300)

    def one(p: Any) -> Any:
        found = optimistix.least_squares(rooted, solver, p, None, max_steps=2000, throw=False)
        return 0.5 * jnp.sum(rooted(found.value, None) ** 2)

    compiled = jax.jit(lambda points: jax.lax.map(one, points))
    level = np.log(table.loss.median())

    def call(seed: int) -> float:
        rng = np.random.default_rng(seed)
        terms, exponents = level + rng.uniform(-2, 0, (16, 3)), rng.uniform(0.1, 1.0, (16, 2))
        with jax.enable_x64(True):
            return float(np.min(compiled(np.hstack([terms, exponents]))))

    return call


def residual_function(table: pd.DataFrame, xp: Any) -> Callable[[Any], Any]:
    """log L - log(E + A N^-alpha + B D^-beta) of (log terms at the centre, alpha, beta), N and D centred."""
    n, d = (np.log(table[c].to_numpy()) for c in "ND")
    n, d, y = n - n.mean(), d - d.mean(), np.log(table.loss.to_numpy())
    return lambda p: y - xp.log(xp.exp(p[0]) + xp.exp(p[1] - p[3] * n) + xp.exp(p[2] - p[4] * d))


def answer(table: pd.DataFrame) -> np.ndarray:
    """The optimum in the coordinates of :func:`residual_function`."""
    p = p2law.fit("chinchilla", table).params
    n, d = (np.exp(np.log(table[c]).mean()) for c in "ND")
    terms = np.log([p["E"], p["A"] * n ** -p["alpha"], p["B"] * d ** -p["beta"]])
    return np.array([*terms, p["alpha"], p["beta"]])


def huber(r: Any, xp: Any) -> Any:
    size = xp.abs(r)
    return xp.where(size <= DELTA, 0.5 * r**2, DELTA * (size - 0.5 * DELTA))
