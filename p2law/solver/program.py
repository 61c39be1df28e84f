"""The compiled part: a damped Gauss-Newton solve of one robust regression inside a box, run lane by lane.

A lane is one start, bootstrap draw or profile point; ``LANES`` of them go through the compiled program per call, so
that a fit, its bootstrap and its profiles share one compilation per law, residual space and padded table size.

Each iteration tries two steps and keeps the better: Newton's for the Huber objective (curvature of the rows inside the
threshold) and the reweighted one (every row, weight ``min(1, delta/|r|)``). The first converges fast once the rows
inside the threshold are known, the second makes progress from anywhere. With squared loss they coincide.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .layout import Layout
from .powers import PositiveColumn

LANES = 4
MAX_ITERATIONS = 300
RELATIVE_TOLERANCE = 1e-15


class Frame(NamedTuple):
    """How a coordinate becomes a raw constant; see :class:`~p2law.solver.layout.Box`.

    An amplitude c stands for ``offset + factor * c * exp(-(shift + slope @ theta))``: its term is measured by its own
    typical size over the rows near some theta. For power laws that centres log N and log D exactly; for other laws it
    holds near that theta. No units need to be known. With shift = slope = 0 amplitudes are raw.
    """

    offset: Any
    factor: Any
    shift: Any
    slope: Any


class Rows(NamedTuple):
    """The data, padded: columns and their logarithms (None where a column may be negative), residual scale."""

    columns: tuple[Any, ...]
    logs: tuple[Any, ...]
    scale: Any


class Settings(NamedTuple):
    """Of one solve: Huber's delta per row, ridge (strength, centre, 1/spread²), objective of a perfect fit."""

    delta: Any
    ridge: Any
    centre: Any
    stiffness: Any
    perfect: Any


class Outcome(NamedTuple):
    """Per lane: optimum, objective (without ridge), iterations, residuals, Jacobian of the residuals (free, rows)."""

    z: Any
    objective: Any
    iterations: Any
    residual: Any
    jacobian: Any


def constants(layout: Layout, z: Any, frame: Frame, exp: Any = jnp.exp) -> list[Any]:
    """Raw constants of the law, in the order of its parameters (``exp=np.exp`` computes them without JAX)."""
    q = layout.nonlinear
    size = exp(-(frame.shift + frame.slope @ z[:q]))
    free = []
    for i, scale in enumerate(layout.scales):
        if scale == "log":
            free.append(exp(z[i]))
        else:
            unit = size[i - q] if scale == "amplitude" else 1.0
            free.append(frame.offset[i] + frame.factor[i] * z[i] * unit)
    return [free[place] for place in layout.source]


def predictor(layout: Layout, rows: Rows, frame: Frame) -> Any:
    """The law's value at the rows as a function of the free coordinates."""
    names = [p.name for p in layout.law.parameters]
    columns = [c if log is None else PositiveColumn(c, log) for c, log in zip(rows.columns, rows.logs, strict=True)]

    def predict(z: Any) -> Any:
        named = dict(zip(names, constants(layout, z, frame), strict=True))
        return jnp.broadcast_to(layout.law.function(*columns, **named), rows.scale.shape)

    return predict


@lru_cache(maxsize=128)
def basis(layout: Layout) -> Any:
    """Compiled ``(theta, rows, frame) -> (f0, B)``: given theta the law is ``f0 + amplitudes @ B`` at the rows."""
    q, free = layout.nonlinear, len(layout.scales)

    def at(theta: Any, rows: Rows, frame: Frame) -> Any:
        predict = predictor(layout, rows, frame)
        origin = jnp.concatenate([theta, jnp.zeros(free - q)])
        if free == q:
            return predict(origin), jnp.zeros((0, rows.scale.shape[0]))
        return jax.vmap(lambda e: jax.jvp(predict, (origin,), (e,)), out_axes=(None, 0))(np.eye(free)[q:])

    return jax.jit(jax.vmap(at, in_axes=(0, None, None)))


@lru_cache(maxsize=128)
def polish(layout: Layout, log_space: bool) -> Any:
    """Compiled ``(lanes, rows, settings) -> outcome``, lanes as packed by :func:`pack`, see :func:`unpack`."""
    q, free = layout.nonlinear, len(layout.scales)
    m = free - q

    def run(lanes: Any, rows: Rows, settings: Settings) -> Any:
        n = rows.scale.shape[0]
        cuts = np.cumsum([free, free, free, n, n, free, free, m])

        def descend(packed: Any) -> Any:
            z, lower, upper, weight, target, offset, factor, shift, slope = jnp.split(packed, cuts)
            predict = predictor(layout, rows, Frame(offset, factor, shift, slope.reshape(m, q)))

            def model(z: Any) -> Any:
                value = predict(z)
                return lax.log(value) if log_space else value * rows.scale

            return _descend(model, z, weight, target, (lower, upper), settings)

        return lax.map(descend, lanes)

    return jax.jit(run)


class _Point(NamedTuple):
    """The objective at one point and what the next step needs of it."""

    z: Any
    merit: Any
    total: Any
    gradient: Any
    hessian: Any
    residual: Any
    jacobian: Any


def _descend(model: Any, z: Any, weight: Any, target: Any, box: Any, settings: Settings) -> Any:
    """Minimise one lane's objective from z; returns (z, objective, iterations, residual, Jacobian) as one vector."""
    free, n = z.shape[0], target.shape[0]
    directions = np.eye(free)

    def evaluate(z: Any) -> _Point:
        value, slope = jax.vmap(lambda e: jax.jvp(model, (z,), (e,)), out_axes=(None, 0))(directions)
        residual, jacobian = target - value, -slope
        size = lax.abs(residual)
        inside = size <= settings.delta
        rho = lax.select(inside, 0.5 * residual * residual, settings.delta * (size - 0.5 * settings.delta))
        total = jnp.sum(weight * rho)
        away = z - settings.centre
        stiff = 2 * settings.ridge * total * settings.stiffness
        reweighted = weight * lax.min(1.0, settings.delta / size)
        newton = lax.select(inside, weight, lax.full_like(weight, 0.0))
        gradient = jacobian @ (reweighted * residual) + stiff * away
        hessian = (jacobian * jnp.stack([newton, reweighted])[:, None, :]) @ jacobian.T + jnp.diag(stiff)
        merit = total * (1 + settings.ridge * jnp.sum(settings.stiffness * away * away))
        return _Point(z, merit, total, gradient, hessian, residual, jacobian)

    def propose(at: _Point, damping: Any) -> Any:
        """Two damped steps inside the box, and the larger of the gains their quadratic models promise."""
        pressed = ((at.z <= box[0]) & (at.gradient > 0)) | ((at.z >= box[1]) & (at.gradient < 0))
        loose = 1.0 - pressed
        unit = loose * lax.rsqrt(jnp.diagonal(at.hessian[1]) + 1e-300)
        system = at.hessian * (unit[:, None] * unit) + jnp.diag(damping * loose + pressed)
        factor = lax.linalg.cholesky(system, symmetrize_input=False)
        right = jnp.broadcast_to((at.gradient * unit)[None, :, None], (2, free, 1))
        half = lax.linalg.triangular_solve(factor, right, left_side=True, lower=True)
        step = lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True)[..., 0] * unit
        trial = lax.clamp(*jnp.broadcast_arrays(box[0], at.z - step, box[1]))
        trial = lax.select(step == step, trial, jnp.broadcast_to(at.z, trial.shape))
        move = trial - at.z
        gain = -(move @ at.gradient) - 0.5 * jnp.sum(move * jnp.sum(at.hessian * move[:, None, :], -1), -1)
        return trial, jnp.max(lax.abs(gain))

    def body(state: Any) -> Any:
        at, damping, count, _ = state
        trial, gain = propose(at, damping)
        points = jax.vmap(evaluate)(trial)
        first, second = points.merit[0], points.merit[1]
        best = jnp.where(second < first, 1, 0) | (first != first)  # a step out of the law's domain has no merit
        merit = points.merit[best]
        better = (merit < at.merit) | ((at.merit == jnp.inf) & (merit == merit))
        flat = (gain <= RELATIVE_TOLERANCE * at.merit) & (damping <= 1.0) & (count > 0)
        stalled = ~better & (gain <= 1e-11 * at.merit) & (damping <= 1e-6)
        take = better | ((flat | stalled) & (merit <= at.merit * (1 + 1e-13)))
        done = flat | stalled | (damping > 1e8) | (take & (merit <= settings.perfect))
        at = jax.tree.map(lambda new, old: jnp.where(take, new[best], old), points, at)
        return at, jnp.where(better, lax.max(damping * 0.1, 1e-15), damping * 10), count + 1, done

    # The first pass only evaluates the start: with no gradient yet the proposed step is zero.
    inf = jnp.asarray(jnp.inf)
    nothing = _Point(z, inf, inf, np.zeros(free), np.zeros((2, free, free)), np.zeros(n), np.zeros((free, n)))
    at, _, count, _ = lax.while_loop(lambda s: ~s[-1] & (s[-2] < MAX_ITERATIONS), body, (nothing, 1e-2, 0, False))
    return jnp.concatenate([at.z, jnp.stack([at.total, count.astype(float)]), at.residual, at.jacobian.ravel()])


def pack(z: Any, box: Any, weight: Any, target: Any, frames: Sequence[Frame]) -> np.ndarray:
    """Lanes as one array: per lane its start, box (lower, upper), weights, target and centring frame.

    Everything but ``z`` and ``frames`` may be given once for all lanes. Idle lanes repeat the first.
    """
    count = len(z)
    centring = [np.stack([np.ravel(part) for part in parts]) for parts in zip(*frames, strict=True)]
    parts = [z, *box, weight, target, *centring]
    lanes = np.concatenate([np.broadcast_to(p, (count, np.shape(p)[-1])) for p in parts], axis=1)
    return np.concatenate([lanes, np.repeat(lanes[:1], LANES - count, 0)]) if count < LANES else lanes


def unpack(packed: Any, free: int) -> Outcome:
    """Outcome of :func:`polish` as named arrays."""
    n = (packed.shape[1] - free - 2) // (free + 1)
    z, rest = packed[:, :free], packed[:, free + 2 :]
    objective, iterations = packed[:, free], packed[:, free + 1].astype(int)
    return Outcome(z, objective, iterations, rest[:, :n], rest[:, n:].reshape(len(packed), free, n))
