"""CR2: scores scaled up for what the fit took from each run, so that the sandwich is unbiased as assumed.

Bell and McCaffrey (2002); under a working covariance Pustejovsky and Tipton (2018).
"""

import numpy as np

from .working import Working

_LEAST_EIGENVALUE = 1e-2
"""A run that alone determines a direction has no residual there: its inflation is capped at ten."""


def single(design: np.ndarray, bent: np.ndarray) -> np.ndarray:
    """The multiplier where each row is its own run: a number per row."""
    leverage = np.einsum("ni,ni->n", design, design)
    core = 1 - 2 * bent * leverage + bent**2 * np.einsum("ni,ij,nj->n", design, design.T @ design, design)
    return 1 / np.sqrt(np.maximum(core, _LEAST_EIGENVALUE))


def adjusted(
    design: np.ndarray, bent: np.ndarray, codes: np.ndarray, residual: np.ndarray, assumed: Working
) -> tuple[np.ndarray, np.ndarray]:
    """``design`` and the residuals multiplied within each run.

    With bread I and scores ``psi_hat = (I - W M) psi``, ``M = design design'``, a run's block of their covariance is
    ``V = P - W M P - P M W + W M P M W`` with P the assumed one. The multiplier ``P^1/2 (P^-1/2 V P^-1/2)^-1/2 P^-1/2``
    takes it back to P. In units of S it differs from the identity only in the span of u, S J and W J / S.
    """
    inner = assumed.scale[:, None] * design
    outer = bent[:, None] * design / assumed.scale[:, None]
    gram = covered(inner, codes, assumed.level)
    out_design, out_residual = np.empty_like(design), np.empty_like(residual)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        scale = assumed.scale[rows]
        span, multiplier = _multiplier(inner[rows], outer[rows], assumed.level[rows], gram)
        out_design[rows] = (inner[rows] + span @ (multiplier.T @ (span.T @ inner[rows]))) / scale[:, None]
        own = residual[rows] / scale
        out_residual[rows] = (own + span @ (multiplier @ (span.T @ own))) * scale
    return out_design, out_residual


def covered(inner: np.ndarray, codes: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Sum over runs of ``inner' (I + u u') inner``."""
    own = np.zeros((int(codes.max()) + 1, inner.shape[1]))
    np.add.at(own, codes, level[:, None] * inner)
    return inner.T @ inner + own.T @ own


def _multiplier(
    inner: np.ndarray, outer: np.ndarray, level: np.ndarray, gram: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal span and, in its coordinates, the multiplier minus the identity.

    The columns spanned may depend on each other. All directions of the factorisation are kept even so: those too many
    meet an identity, while a direction whose own column depends on the ones before may carry parts of the ones after.
    """
    span = np.linalg.qr(np.column_stack([level, inner, outer]))[0]
    a, b, u = span.T @ inner, span.T @ outer, span.T @ level
    size, one = float(u @ u), np.eye(span.shape[1])
    turned = np.outer(u, u) / size if size > 0 else 0 * one
    assumed = one + size * turned
    root = one + (np.sqrt(1 + size) - 1) * turned
    back = one + (1 / np.sqrt(1 + size) - 1) * turned
    reached = assumed @ a @ b.T
    block = assumed - reached - reached.T + b @ gram @ b.T
    values, vectors = np.linalg.eigh(back @ block @ back)
    values = np.maximum(values, _LEAST_EIGENVALUE)
    return span, root @ (vectors / np.sqrt(values)) @ vectors.T @ back - one
