"""What a column or a parameter *is*: unit, domain and how the solver searches it.

A law's signature carries these in its annotations (``typing.Annotated``), and everything else is derived from them.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Annotated, Any, Literal


@dataclass(frozen=True)
class VariableKind:
    """A column of the table: its unit and the values that make sense."""

    label: str
    unit: str = ""
    lower: float = -inf
    upper: float = inf
    """Open interval of legal values."""
    smallest: float = -inf
    """Below this a value is a mistake of units, not data."""
    largest: float = -inf
    """A fitted column whose largest value is below this is a mistake of units: single values may be smaller."""
    role: Literal["size", "tokens", "rate", "loss", "number"] = "number"


@dataclass(frozen=True)
class ParameterKind:
    """A constant to be fitted: its domain and where its value is looked for first."""

    label: str
    lower: float = -inf
    upper: float = inf
    start: tuple[float, float] = (-1.0, 1.0)
    """Range of the low-discrepancy starts; its middle is the neutral value where data say nothing."""
    linear: bool = False
    """The law is affine in all linear parameters together once the others are given."""
    log: bool = False
    """Searched on a logarithmic scale (positive parameters of unknown size)."""

    def __post_init__(self) -> None:
        low, high = self.start
        if not self.lower < self.upper:
            raise ValueError(f"{self.label}: lower bound {self.lower} is not below upper bound {self.upper}")
        if not (self.lower <= low < high <= self.upper) and not self.linear:
            raise ValueError(f"{self.label}: start range {self.start} must lie inside [{self.lower}, {self.upper}]")
        if self.log and low <= 0:
            raise ValueError(f"{self.label}: a logarithmic search needs a positive start range, got {self.start}")


def amplitude(*, lower: float = 0.0, upper: float = inf) -> ParameterKind:
    """Kind of a constant that enters linearly once the exponents are given (E, A, B, D_C, ...)."""
    return ParameterKind("amplitude", lower, upper, linear=True)


def exponent(*, lower: float = 0.01, upper: float = 10.0, start: tuple[float, float] | None = None) -> ParameterKind:
    """Kind of a positive power (alpha, beta); starts default to 0.05-1.5 within the bounds."""
    return ParameterKind("exponent", lower, upper, start or _inside((0.05, 1.5), lower, upper))


def real(*, lower: float = -20.0, upper: float = 20.0, start: tuple[float, float] | None = None) -> ParameterKind:
    """Kind of a dimensionless number of either sign (gamma, delta); starts default to -3..3."""
    return ParameterKind("real", lower, upper, start or _inside((-3.0, 3.0), lower, upper))


def positive(*, lower: float = 0.0, upper: float = inf, start: tuple[float, float] = (1e-4, 1e4)) -> ParameterKind:
    """Kind of a positive scale of unknown size (a shift, a rate): searched on a logarithmic scale."""
    return ParameterKind("positive", lower, upper, start, log=True)


def _inside(default: tuple[float, float], lower: float, upper: float) -> tuple[float, float]:
    low, high = max(default[0], lower), min(default[1], upper)
    return (low, high) if low < high else (lower, upper)


PARAMS = VariableKind("parameter count", "parameters", lower=0.0, smallest=1e4, role="size")
TOKENS = VariableKind("tokens", "tokens", lower=0.0, largest=1e4, role="tokens")
RATE = VariableKind("pruning rate", "fraction", lower=0.0, upper=1.0, role="rate")
LOSS = VariableKind("loss", "nats/token", lower=0.0, role="loss")
NUMBER = VariableKind("number")

Params = Annotated[Any, PARAMS]
Tokens = Annotated[Any, TOKENS]
Rate = Annotated[Any, RATE]
Loss = Annotated[Any, LOSS]
Number = Annotated[Any, NUMBER]

Amplitude = Annotated[Any, amplitude()]
SignedAmplitude = Annotated[Any, replace(amplitude(lower=-inf), label="signed amplitude")]
Exponent = Annotated[Any, exponent()]
Real = Annotated[Any, real()]
Positive = Annotated[Any, positive()]

# A variable without an annotation is read by its name where the field agrees on what the name means.
BY_NAME = {"N": PARAMS, "N0": PARAMS, "N_avg": PARAMS, "D": TOKENS, "rho": RATE, "L0": LOSS}
