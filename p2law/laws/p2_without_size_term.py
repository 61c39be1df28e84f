"""P² without the N_C term: five constants, for tables with few model sizes."""

from .kinds import Amplitude, Exponent, Loss, Params, Rate, SignedAmplitude, Tokens
from .law import law
from .p2 import RatePower, ScalePower


@law(title="P² law without the size term", reference="a reduced form of arXiv 2411.10272, not one of the paper's")
def p2_without_size_term(
    N0: Params,
    D: Tokens,
    rho: Rate,
    L0: Loss,
    *,
    D_C: Amplitude,
    beta: Exponent,
    E: SignedAmplitude,
    gamma: RatePower,
    delta: ScalePower,
):
    r"""P² with N_C = 0: the plateau scales with size like the rest of the excess.

    .. math:: L = L_0 + \rho^{-\gamma} N_0^{-\delta} \left( D_C D^{-\beta} + E \right)

    The honest choice with fewer than four model sizes, where N_C, alpha and E cannot be told apart.
    """
    return L0 + rho**-gamma * N0**-delta * (D_C * D**-beta + E)


@p2_without_size_term.closed_form("tokens_power")
def _tokens_power(N0, rho, L0, *, D_C, beta, E, gamma, delta):
    scale = rho**-gamma * N0**-delta
    return L0 + scale * E, scale * D_C, beta
