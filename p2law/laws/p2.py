"""The P² law: loss of a pruned model during post-training."""

from typing import Annotated

from .kinds import Amplitude, Exponent, Loss, Params, Rate, SignedAmplitude, Tokens, exponent, real
from .law import law

# gamma < 0 makes the excess grow with the rate, delta > 0 makes smaller models fall faster (trends 2 and 1 of the
# paper); neither sign is forced. alpha is kept where N_C / N0^alpha is a trend over sizes: below 0.05 it cannot be told
# from the constant E, above 5 it touches the smallest size only, and a negative one sends larger models off.
SizePower = Annotated[float, exponent(lower=0.05, upper=5.0, start=(0.1, 1.2))]
RatePower = Annotated[float, real(start=(-5.0, 0.0))]
ScalePower = Annotated[float, real(lower=-3.0, upper=3.0, start=(-0.25, 0.75))]


@law(
    title="P² law",
    reference="Chen et al. 2025, arXiv 2411.10272 (the selected form, L1)",
    reduced="p2_without_size_term",
)
def p2(
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
    r"""Loss of a model pruned at rate rho after D tokens of post-training.

    .. math::
        L = L_0 + \rho^{-\gamma} N_0^{-\delta} \left( N_C N_0^{-\alpha} + D_C D^{-\beta} + E \right)

    N0 is the parameter count *before* pruning, D post-training tokens, rho the fraction of parameters removed, L0 the
    unpruned parent's loss (nats per token). One set of constants holds for one family of models and one pruning
    method. E is not an irreducible loss: it is scaled by the rate and the size like the rest. N_C and E may have
    either sign. The paper's fitted constants are not known to us, so none are shipped.
    """
    return L0 + rho**-gamma * N0**-delta * (N_C * N0**-alpha + D_C * D**-beta + E)


@p2.closed_form("tokens_power")
def _tokens_power(N0, rho, L0, *, N_C, alpha, D_C, beta, E, gamma, delta):
    scale = rho**-gamma * N0**-delta
    return L0 + scale * (N_C * N0**-alpha + E), scale * D_C, beta
