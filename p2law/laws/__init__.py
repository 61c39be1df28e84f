"""Scaling laws and their registry: ``names()`` lists them, ``get(name)`` returns one.

A law is callable as a plain function of its columns and constants. JAX loads when a law is first evaluated. This room
imports only ``errors``.
"""

from ..errors import LawError
from .dense import average_params, chinchilla, power
from .frozen import FrozenDict as FrozenDict
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
from .p2 import p2, p2_additive, p2_log_rate, p2_with_floor, p2_without_size_term
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
    if not isinstance(law, str) or law not in _LAWS:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LawError(f"unknown law {law!r}. Known laws: {', '.join(_LAWS)}; or pass a Law made with @p2law.law.")
    return _LAWS[law]
