"""The P² law, loss of a pruned model during post-training, and four variants of it."""

from typing import Annotated, Any

import numpy as np

from .kinds import Amplitude, Exponent, Loss, Params, Rate, SignedAmplitude, Tokens, exponent, real
from .law import law

# gamma < 0 makes the excess grow with the rate, delta > 0 makes smaller models fall faster (trends 2 and 1 of the
# paper); neither sign is forced. alpha is kept where N_C / N0^alpha is a trend over sizes: below 0.05 it cannot be told
# from the constant E, above 5 it touches the smallest size only, and a negative one sends larger models off.
SizePower = Annotated[float, exponent(lower=0.05, upper=5.0, start=(0.1, 1.2))]
RatePower = Annotated[float, real(start=(-5.0, 0.0))]
ScalePower = Annotated[float, real(lower=-3.0, upper=3.0, start=(-0.25, 0.75))]

VARIANT = "a variant of arXiv 2411.10272, not one of the paper's"


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


@law(title="P² law in -ln(1 - rho)", reference=VARIANT, reduced="p2_without_size_term")
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
    import jax.numpy as jnp

    damage = -jnp.log1p(-rho)
    return L0 + damage**-gamma * N0**-delta * (N_C * N0**-alpha + D_C * D**-beta + E)


@law(title="P² law with an additive floor", reference=VARIANT, reduced="p2_without_size_term")
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


@law(title="P² law, additive in the rate", reference=VARIANT)
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

    The fall with tokens is the same at every rate, and L does not tend to L0 as rho tends to 0. It is a
    comparison baseline for P², not a recommendation.
    """
    return L0 + R * rho**-gamma * N0**-delta + N_C * N0**-alpha + D_C * D**-beta + E


# Loss as level + fall * D**-power: what a plan needs to solve for tokens.


@p2.closed_form("tokens_power")
@p2_without_size_term.closed_form("tokens_power")
@p2_with_floor.closed_form("tokens_power")
def _tokens_power(
    N0: Any,
    rho: Any,
    L0: Any,
    *,
    D_C: Any,
    beta: Any,
    E: Any,
    gamma: Any,
    delta: Any,
    N_C: Any = 0.0,
    alpha: Any = 0.0,
    floor: Any = 0.0,
) -> tuple[Any, Any, Any]:
    scale = rho**-gamma * N0**-delta
    return L0 + floor + scale * (N_C * N0**-alpha + E), scale * D_C, beta


@p2_log_rate.closed_form("tokens_power")
def _tokens_power_log_rate(N0: Any, rho: Any, L0: Any, **constants: Any) -> tuple[Any, Any, Any]:
    return _tokens_power(N0, -np.log1p(-rho), L0, **constants)


@p2_additive.closed_form("tokens_power")
def _tokens_power_additive(
    N0: Any, rho: Any, L0: Any, *, R: Any, N_C: Any, alpha: Any, D_C: Any, beta: Any, E: Any, gamma: Any, delta: Any
) -> tuple[Any, Any, Any]:
    return L0 + R * rho**-gamma * N0**-delta + N_C * N0**-alpha + E, D_C, beta
