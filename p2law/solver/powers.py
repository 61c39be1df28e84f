"""Powers of columns by their logarithms.

``N**-alpha`` is a call to ``pow`` per row and evaluation, by far the largest cost of a power law. The columns are data,
so their logarithms are computed once and the power becomes ``exp(-alpha * log N)``, which vectorises: a warm fit takes
about half the time (benchmarks/speed.py). Authors go on writing ``N**-alpha``; nothing else about a column changes.
"""

import operator
from typing import Any

import jax.numpy as jnp


class PositiveColumn:
    """A column of positive numbers that knows its logarithm. Behaves as its array in every operation but a power."""

    def __init__(self, values: Any, log: Any) -> None:
        self.values, self.log = values, log

    def __pow__(self, power: Any) -> Any:
        return jnp.exp(power * self.log)

    def __jax_array__(self) -> Any:
        return self.values

    def __getattr__(self, name: str) -> Any:
        return getattr(self.values, name)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


def _forward(name: str) -> Any:
    apply = getattr(operator, name)
    return lambda self, *other: apply(self.values, *(getattr(o, "values", o) for o in other))


def _backward(name: str) -> Any:
    apply = getattr(operator, name)
    return lambda self, other: apply(other, self.values)


_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod")
for _name in (*_ARITHMETIC, "lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs"):
    setattr(PositiveColumn, f"__{_name}__", _forward(_name))
for _name in (*_ARITHMETIC, "pow"):
    setattr(PositiveColumn, f"__r{_name}__", _backward(_name))
