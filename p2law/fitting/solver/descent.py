"""The compiled part: a law's values and derivatives at the rows, and the descent of a robust objective.

Two programs per law and padded table size, whatever the objective, the bounds, the fixed values or the weights: those
are inputs. Starts, bootstrap draws and profile points all go through the same two.
"""

import operator
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .coordinates import Coordinates
from .inputs import MAX_ITERATIONS, Rows, Scaling, Settings, Start, constants

# Powers of columns by their logarithms.
#
# ``N**-alpha`` is a call to ``pow`` per row and evaluation, by far the largest cost of a power law. The columns are
# data, so their logarithms are computed once and the power becomes ``exp(-alpha * log N)``, which vectorises: a warm
# fit takes about half the time (benchmarks/speed.py). Authors go on writing ``N**-alpha``; nothing else about a
# column changes.


class PositiveColumn:
    """A column of positive numbers that knows its logarithm. Behaves as its array in every operation but a power."""

    def __init__(self, values: Any, log: Any) -> None:
        self.values, self.log = values, log

    def __pow__(self, power: Any) -> Any:
        return jnp.exp(power * self.log)

    def __jax_array__(self) -> Any:
        return self.values

    def __getattr__(self, name: str) -> Any:
        return getattr(self.values, name)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


def _forward(name: str) -> Any:
    apply = getattr(operator, name)
    return lambda self, *other: apply(self.values, *(getattr(o, "values", o) for o in other))


def _backward(name: str) -> Any:
    apply = getattr(operator, name)
    return lambda self, other: apply(other, self.values)


_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod")
for _name in (*_ARITHMETIC, "lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs"):
    setattr(PositiveColumn, f"__{_name}__", _forward(_name))
for _name in (*_ARITHMETIC, "pow"):
    setattr(PositiveColumn, f"__r{_name}__", _backward(_name))

RELATIVE_TOLERANCE = 1e-15


def _law_at(coordinates: Coordinates, rows: Rows, scaling: Scaling) -> Any:
    """The law's value at the rows as a function of the coordinates."""
    names = [p.name for p in coordinates.law.parameters]
    columns = [c if log is None else PositiveColumn(c, log) for c, log in zip(rows.columns, rows.logs, strict=True)]

    def predict(z: Any) -> Any:
        named = dict(zip(names, constants(coordinates, z, scaling, jnp.exp), strict=True))
        return jnp.broadcast_to(coordinates.law.function(*columns, **named), rows.scale.shape)

    return predict


def _with_derivatives(model: Any, z: Any) -> Any:
    """Values (rows,) and their derivatives by the coordinates (coordinates, rows)."""
    return jax.vmap(lambda e: jax.jvp(model, (z,), (e,)), out_axes=(None, 0))(np.eye(z.shape[0]))


@lru_cache(maxsize=128)
def compiled_derivatives(coordinates: Coordinates) -> Any:
    """``(z, scalings, rows) -> (values, derivatives)``, of shapes (points, rows) and (points, coordinates, rows)."""

    def at(z: Any, scaling: Scaling, rows: Rows) -> Any:
        return _with_derivatives(_law_at(coordinates, rows, scaling), z)

    return jax.jit(jax.vmap(at, in_axes=(0, 0, None)))


@lru_cache(maxsize=128)
def compiled_descent(coordinates: Coordinates) -> Any:
    """``(starts, rows, settings) -> (z, objective without ridge, iterations)`` of STARTS_PER_CALL starts in turn."""

    def run(starts: Start, rows: Rows, settings: Settings) -> Any:
        def one(start: Start) -> Any:
            predict = _law_at(coordinates, rows, start.scaling)

            def model(z: Any) -> Any:
                value = predict(z)
                logs = jnp.broadcast_to(settings.log_space, value.shape)
                return lax.select(logs, lax.log(value), value * rows.scale)

            return _descend(model, start, settings)

        return lax.map(one, starts)

    return jax.jit(run)


def _descend(model: Any, start: Start, settings: Settings) -> Any:
    """Damped Gauss-Newton descent inside the bounds.

    Each iteration tries two steps and keeps the better: Newton's for the Huber objective (curvature of the rows inside
    the threshold) and the reweighted one (every row, weight ``min(1, delta/|r|)``). The first converges fast once the
    rows inside the threshold are known, the second makes progress from anywhere. With squared loss they coincide.
    """

    def body(state: Any) -> Any:
        at, damping, count, _ = state
        trial, gain = _proposed(start, at, damping)
        points = jax.vmap(lambda z: _evaluated(model, start, settings, z))(trial)
        merits, before = points[:, 0], at[0]
        best = jnp.where(merits[1] < merits[0], 1, 0) | (merits[0] != merits[0])  # outside the law's domain: NaN
        merit = merits[best]
        better = (merit < before) | ((before == jnp.inf) & (merit == merit))
        flat = (gain <= RELATIVE_TOLERANCE * before) & (damping <= 1.0) & (count > 0)
        stalled = ~better & (gain <= 1e-11 * before) & (damping <= 1e-6) & (count > 0)
        take = better | ((flat | stalled) & (merit <= before * (1 + 1e-13)))
        done = flat | stalled | (damping > 1e8) | (take & (merit <= settings.perfect))
        damping = jnp.where(better, lax.max(damping * 0.1, 1e-15), damping * 10)
        return jnp.where(take, points[best], at), damping, count + 1, done

    # The first pass only evaluates the start: with no gradient yet the proposed step is zero.
    k = start.z.shape[0]
    first = jnp.concatenate([jnp.full(2, jnp.inf), start.z, jnp.zeros(k + 2 * k * k)])
    state = (first, 1e-2, 0, False)
    at, _, count, _ = lax.while_loop(lambda s: ~s[-1] & (s[-2] < MAX_ITERATIONS), body, state)
    return at[2 : 2 + k], at[1], count


def _evaluated(model: Any, start: Start, settings: Settings, z: Any) -> Any:
    """Merit, objective, point, gradient and the two curvatures, as one vector: one array to carry and to select."""
    value, slope = _with_derivatives(model, z)
    residual = start.target - value
    size = lax.abs(residual)
    inside = size <= settings.delta
    rho = lax.select(inside, 0.5 * residual * residual, settings.delta * (size - 0.5 * settings.delta))
    total = jnp.sum(start.weight * rho)
    away = z - settings.centre
    pull = 2 * settings.ridge * total * settings.stiffness
    reweighted = start.weight * lax.min(1.0, settings.delta / size)
    newton = lax.select(inside, start.weight, lax.full_like(start.weight, 0.0))
    gradient = pull * away - slope @ (reweighted * residual)
    hessian = (slope * jnp.stack([newton, reweighted])[:, None, :]) @ slope.T + jnp.diag(pull)
    merit = total * (1 + settings.ridge * jnp.sum(settings.stiffness * away * away))
    return jnp.concatenate([jnp.stack([merit, total]), z, gradient, hessian.ravel()])


def _proposed(start: Start, at: Any, damping: Any) -> Any:
    """Two damped steps inside the bounds, and the larger of the gains their quadratic models promise."""
    k = start.z.shape[0]
    z, gradient, hessian = at[2 : 2 + k], at[2 + k : 2 + 2 * k], at[2 + 2 * k :].reshape(2, k, k)
    pressed = ((z <= start.lower) & (gradient > 0)) | ((z >= start.upper) & (gradient < 0))
    inside = 1.0 - pressed
    unit = inside * lax.rsqrt(jnp.diagonal(hessian[1]) + 1e-300)
    system = hessian * (unit[:, None] * unit) + jnp.diag(damping * inside + pressed)
    step = _solve(system, gradient * unit) * unit
    trial = lax.clamp(*jnp.broadcast_arrays(start.lower, z - step, start.upper))
    trial = lax.select(step == step, trial, jnp.broadcast_to(z, trial.shape))
    move = trial - z
    gain = -(move @ gradient) - 0.5 * jnp.sum(move * jnp.sum(hessian * move[:, None, :], -1), -1)
    return trial, jnp.max(lax.abs(gain))


def _solve(system: Any, right: Any) -> Any:
    """Solve two small positive definite systems by elimination; (2, k, k), (k,) -> (2, k).

    LAPACK through JAX would do, at the price of importing scipy.linalg and of a third of a second at the first fit.
    """
    k = right.shape[0]
    both = jnp.concatenate([system, jnp.broadcast_to(right[None, :, None], (2, k, 1))], axis=2)

    def eliminate(i: Any, rows: Any) -> Any:
        pivot = lax.dynamic_slice_in_dim(rows, i, 1, axis=1)
        pivot = pivot / lax.dynamic_slice_in_dim(pivot, i, 1, axis=2)
        rest = rows - lax.dynamic_slice_in_dim(rows, i, 1, axis=2) * pivot
        return lax.dynamic_update_slice_in_dim(rest, pivot, i, axis=1)

    return lax.fori_loop(0, k, eliminate, both)[:, :, k]
