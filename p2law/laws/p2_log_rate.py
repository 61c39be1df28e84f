"""P² with -ln(1 - rho) in place of rho: the excess bends up at high rates."""

import jax.numpy as jnp
import numpy as np

from .kinds import Amplitude, Exponent, Loss, Params, Rate, SignedAmplitude, Tokens
from .law import law
from .p2 import RatePower, ScalePower, SizePower


@law(
    title="P² law in -ln(1 - rho)",
    reference="a variant of arXiv 2411.10272, not one of the paper's",
    reduced="p2_without_size_term",
)
def p2_log_rate(
    N0: Params,
    D: Tokens,
    rho: Rate,
    L0: Loss,
    *,
    N_C: SignedAmplitude,
    alpha: SizePower,
    D_C: Amplitude,
    beta: Exponent,
    E: SignedAmplitude,
    gamma: RatePower,
    delta: ScalePower,
):
    r"""P² with the pruning rate measured by the logarithm of what is left.

    .. math::
        L = L_0 + \left(-\ln(1-\rho)\right)^{-\gamma} N_0^{-\delta}
            \left( N_C N_0^{-\alpha} + D_C D^{-\beta} + E \right)

    Equal to P² at small rates; at high rates the excess grows faster, as measured curves of structured pruning do.
    """
    damage = -jnp.log1p(-rho)
    return L0 + damage**-gamma * N0**-delta * (N_C * N0**-alpha + D_C * D**-beta + E)


@p2_log_rate.closed_form("tokens_power")
def _tokens_power(N0, rho, L0, *, N_C, alpha, D_C, beta, E, gamma, delta):
    scale = (-np.log1p(-rho)) ** -gamma * N0**-delta
    return L0 + scale * (N_C * N0**-alpha + E), scale * D_C, beta
