"""Laws of dense models: Chinchilla, its average-parameter-count form for sparse pre-training, and a single power."""

from typing import Any

from .kinds import Amplitude, Exponent, Params, Tokens
from .law import law


@law(title="Chinchilla", reference="Hoffmann et al. 2022, arXiv 2203.15556, eq. 2", reduced="power")
def chinchilla(N: Params, D: Tokens, *, E: Amplitude, A: Amplitude, B: Amplitude, alpha: Exponent, beta: Exponent):
    r"""Loss of a dense model of N parameters trained on D tokens.

    .. math:: L(N, D) = E + A\,N^{-\alpha} + B\,D^{-\beta}

    N in parameters, D in tokens, L, E in nats per token; A in nats · parameters^alpha, B in nats · tokens^beta. E is
    the irreducible loss of the text. Whether N counts embeddings is a choice of the data: keep to one.
    """
    return E + A * N**-alpha + B * D**-beta


@law(title="Average parameter count", reference="Jin et al. 2025, arXiv 2501.12486, eq. 2", reduced="power")
def average_params(
    N_avg: Params, D: Tokens, *, E: Amplitude, A: Amplitude, B: Amplitude, alpha: Exponent, beta: Exponent
):
    r"""Loss of a model pre-trained on D tokens with N_avg active parameters on average over training.

    .. math:: L(\bar N, D) = E + A\,\bar N^{-\alpha} + B\,D^{-\beta}

    Chinchilla with N replaced by the parameters that still receive gradients, averaged over training steps; for a
    dense run N_avg = N. The authors count linear-layer (prunable) parameters only, embeddings and norms excluded;
    count dense and sparse runs alike. Their fitted constants are not known to us, so none are shipped.
    """
    return E + A * N_avg**-alpha + B * D**-beta


@law(title="Power law", reference="a single run or model; e.g. Hestness et al. 2017, arXiv 1712.00409")
def power(D: Tokens, *, E: Amplitude, B: Amplitude, beta: Exponent):
    r"""Loss of one run (or one model) after D tokens.

    .. math:: L(D) = E + B\,D^{-\beta}

    D in tokens, L and E in nats per token. E is the level this curve tends to.
    """
    return E + B * D**-beta


# Loss as level + fall * D**-power: what a plan needs to solve for tokens.


@chinchilla.closed_form("tokens_power")
def _tokens_power(N: Any, *, E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> tuple[Any, Any, Any]:
    return E + A * N**-alpha, B, beta


@average_params.closed_form("tokens_power")
def _tokens_power_average(N_avg: Any, **constants: Any) -> tuple[Any, Any, Any]:
    return _tokens_power(N_avg, **constants)


@power.closed_form("tokens_power")
def _tokens_power_alone(*, E: Any, B: Any, beta: Any) -> tuple[Any, Any, Any]:
    return E, B, beta
