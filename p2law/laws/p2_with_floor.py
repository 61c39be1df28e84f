"""P² with a free additive floor: the parent's loss may drift during post-training."""

from .kinds import Amplitude, Exponent, Loss, Params, Rate, SignedAmplitude, Tokens
from .law import law
from .p2 import RatePower, ScalePower, SizePower


@law(
    title="P² law with an additive floor",
    reference="a variant of arXiv 2411.10272, not one of the paper's",
    reduced="p2_without_size_term",
)
def p2_with_floor(
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
    floor: SignedAmplitude,
):
    r"""P² measured from L0 + floor instead of L0.

    .. math::
        L = L_0 + F + \rho^{-\gamma} N_0^{-\delta} \left( N_C N_0^{-\alpha} + D_C D^{-\beta} + E \right)

    ``floor`` (F, nats per token, either sign) absorbs a constant shift of the unpruned parent during post-training;
    where the shift moves with tokens or size, fit with ``baseline="control"`` instead.
    """
    return L0 + floor + rho**-gamma * N0**-delta * (N_C * N0**-alpha + D_C * D**-beta + E)


@p2_with_floor.closed_form("tokens_power")
def _tokens_power(N0, rho, L0, *, N_C, alpha, D_C, beta, E, gamma, delta, floor):
    scale = rho**-gamma * N0**-delta
    return L0 + floor + scale * (N_C * N0**-alpha + E), scale * D_C, beta
