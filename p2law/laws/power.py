"""Saturating power law of one curve: the baseline every other law must beat."""

from .kinds import Amplitude, Exponent, Tokens
from .law import law


@law(title="Power law", reference="a single run or model; e.g. Hestness et al. 2017, arXiv 1712.00409")
def power(D: Tokens, *, E: Amplitude, B: Amplitude, beta: Exponent):
    r"""Loss of one run (or one model) after D tokens.

    .. math:: L(D) = E + B\,D^{-\beta}

    D in tokens, L and E in nats per token. E is the level this curve tends to.
    """
    return E + B * D**-beta


@power.closed_form("tokens_power")
def _tokens_power(*, E, B, beta):
    return E, B, beta
