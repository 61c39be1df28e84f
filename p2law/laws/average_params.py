"""Average-parameter-count law: dense and sparse pre-training on one curve."""

from .kinds import Amplitude, Exponent, Params, Tokens
from .law import law


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


@average_params.closed_form("tokens_power")
def _tokens_power(N_avg, *, E, A, B, alpha, beta):
    return E + A * N_avg**-alpha, B, beta
