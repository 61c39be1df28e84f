"""Chinchilla: loss of a dense model from its size and its training tokens."""

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


@chinchilla.closed_form("tokens_power")
def _tokens_power(N, *, E, A, B, alpha, beta):
    return E + A * N**-alpha, B, beta
