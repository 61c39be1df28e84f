"""The law-like NIST StRD problems, each written as a user writes a law."""

from typing import Annotated

import jax.numpy as jnp

import p2law
from p2law.laws import Exponent, Positive, SignedAmplitude, real

law = p2law.law(response="y")
Level = Annotated[float, real(start=(0.0, 10.0))]
Slope = Annotated[float, real(start=(-0.5, 0.5))]


@law
def Misra1a(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - jnp.exp(-b2 * x))


@law
def Misra1b(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - (1 + b2 * x / 2) ** -2.0)


@law
def Misra1c(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - (1 + 2 * b2 * x) ** -0.5)


@law
def Misra1d(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * b2 * x / (1 + b2 * x)


@law
def DanWood(x, *, b1: SignedAmplitude, b2: Exponent):
    return b1 * x**b2


@law
def BoxBOD(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - jnp.exp(-b2 * x))


@law
def Bennett5(x, *, b1: SignedAmplitude, b2: Positive, b3: Exponent):
    return b1 * (b2 + x) ** (-1 / b3)


@law
def Chwirut2(x, *, b1: Positive, b2: Positive, b3: Positive):
    return jnp.exp(-b1 * x) / (b2 + b3 * x)


@law
def Rat43(x, *, b1: SignedAmplitude, b2: Level, b3: Positive, b4: Positive):
    return b1 / (1 + jnp.exp(b2 - b3 * x)) ** (1 / b4)


@law
def MGH17(x, *, b1: SignedAmplitude, b2: SignedAmplitude, b3: SignedAmplitude, b4: Positive, b5: Positive):
    return b1 + b2 * jnp.exp(-x * b4) + b3 * jnp.exp(-x * b5)


@law
def Nelson(x1, x2, *, b1: SignedAmplitude, b2: SignedAmplitude, b3: Slope):
    """NIST fits log y; so does the table given to it."""
    return b1 - b2 * x1 * jnp.exp(-b3 * x2)
