"""P² with the pruning term added instead of multiplied."""

from .kinds import Amplitude, Exponent, Loss, Params, Rate, SignedAmplitude, Tokens
from .law import law
from .p2 import RatePower, ScalePower, SizePower


@law(title="P² law, additive in the rate", reference="a variant of arXiv 2411.10272, not one of the paper's")
def p2_additive(
    N0: Params,
    D: Tokens,
    rho: Rate,
    L0: Loss,
    *,
    R: Amplitude,
    gamma: RatePower,
    delta: ScalePower,
    N_C: SignedAmplitude,
    alpha: SizePower,
    D_C: Amplitude,
    beta: Exponent,
    E: SignedAmplitude,
):
    r"""The pruning rate shifts the curve instead of stretching it.

    .. math:: L = L_0 + R\,\rho^{-\gamma} N_0^{-\delta} + N_C N_0^{-\alpha} + D_C D^{-\beta} + E

    The fall with tokens is the same at every rate, and L does not tend to L0 as rho tends to 0: a rival to hold P²
    against, not a recommendation.
    """
    return L0 + R * rho**-gamma * N0**-delta + N_C * N0**-alpha + D_C * D**-beta + E


@p2_additive.closed_form("tokens_power")
def _tokens_power(N0, rho, L0, *, R, gamma, delta, N_C, alpha, D_C, beta, E):
    return L0 + R * rho**-gamma * N0**-delta + N_C * N0**-alpha + E, D_C, beta
