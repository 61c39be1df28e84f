"""Scaling laws, one file each; this is the only registry.

``names()`` lists them, ``get(name)`` returns one; each is callable as a plain function of its columns and constants.
"""

from ..errors import LawError
from .average_params import average_params
from .chinchilla import chinchilla
from .kinds import Amplitude as Amplitude
from .kinds import Exponent as Exponent
from .kinds import Loss as Loss
from .kinds import Number as Number
from .kinds import Params as Params
from .kinds import Positive as Positive
from .kinds import Rate as Rate
from .kinds import Real as Real
from .kinds import SignedAmplitude as SignedAmplitude
from .kinds import Tokens as Tokens
from .kinds import amplitude as amplitude
from .kinds import exponent as exponent
from .kinds import positive as positive
from .kinds import real as real
from .law import Law as Law
from .law import Parameter as Parameter
from .law import Variable as Variable
from .law import law as law
from .p2 import p2
from .p2_additive import p2_additive
from .p2_log_rate import p2_log_rate
from .p2_with_floor import p2_with_floor
from .p2_without_size_term import p2_without_size_term
from .power import power
from .published import PUBLISHED as PUBLISHED
from .published import Constants as Constants

_ALL = (p2, p2_without_size_term, p2_log_rate, p2_with_floor, p2_additive, chinchilla, average_params, power)
_LAWS = {each.name: each for each in _ALL}


def names() -> tuple[str, ...]:
    """Names of the laws that ship with p2law."""
    return tuple(_LAWS)


def get(law: str | Law) -> Law:
    """The law of this name; a :class:`Law` is returned as it is.

    Raises
    ------
    LawError
        If there is no law of this name.
    """
    if isinstance(law, Law):
        return law
    if not isinstance(law, str) or law not in _LAWS:
        raise LawError(f"unknown law {law!r}. Known laws: {', '.join(_LAWS)}; or pass a Law made with @p2law.law.")
    return _LAWS[law]
