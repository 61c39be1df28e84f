"""Tables and true constants for any law, derived from the kinds in its signature alone."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from p2law.laws import Law, Parameter

LEVELS = {
    "size": np.geomspace(1e7, 1e10, 6),
    "tokens": np.geomspace(1e8, 1e11, 8),
    "rate": np.array([0.1, 0.2, 0.35, 0.5]),
    "number": np.linspace(0.5, 3.0, 6),
}


def design(law: Law) -> pd.DataFrame:
    """Every combination of a few levels of the law's columns; a parent's loss falls with its size."""
    levels = {v.name: LEVELS[v.kind.role] for v in law.variables if v.kind.role != "loss"}
    table = pd.MultiIndex.from_product(levels.values(), names=levels.keys()).to_frame(index=False)
    base, size = law.variable("loss"), law.variable("size")
    return table.assign(**{base: 2 + 20 * table[size] ** -0.2}) if base else table


def columns(law: Law, table: pd.DataFrame) -> list[np.ndarray]:
    """The law's columns in its own order."""
    return [table[v.name].to_numpy() for v in law.variables]


def constants(law: Law, shape: dict[str, float], shares: dict[str, float], largest: float) -> dict[str, float]:
    """The law's constants from its nonlinear ones, the share of each linear term, and the largest L - L0 in nats."""
    table = design(law)
    if base := law.variable("loss"):
        table[base] = 0.0
    at, none = columns(law, table), dict.fromkeys(shares, 0.0)
    terms = {name: law(*at, **shape, **{**none, name: 1.0}) for name in shares}
    amplitudes = {name: share / np.exp(np.log(np.abs(terms[name])).mean()) for name, share in shares.items()}
    highest = np.abs(sum(amplitudes[name] * terms[name] for name in shares)).max()
    return shape | {name: float(value * largest / highest) for name, value in amplitudes.items()}


def middle(law: Law) -> dict[str, float]:
    """Constants in the middle of the law's domain, every term of the same typical size."""
    shape = {p.name: sum(p.kind.start) / 2 for p in law.parameters if not p.kind.linear}
    return constants(law, shape, {p.name: 1.0 for p in law.parameters if p.kind.linear}, 2.0)


@st.composite
def truths(draw: st.DrawFn, law: Law) -> dict[str, float]:
    """Constants from anywhere in the law's range of starts, with losses that a language model may have."""
    shape = {p.name: draw(_inside(p)) for p in law.parameters if not p.kind.linear}
    shares = {p.name: draw(_share(p)) for p in law.parameters if p.kind.linear}
    return constants(law, shape, shares, draw(st.floats(0.2, 1.5)))


def _inside(parameter: Parameter) -> st.SearchStrategy[float]:
    low, high = parameter.kind.start
    edge = 0.1 * (high - low)
    return st.floats(low + edge, high - edge)


def _share(parameter: Parameter) -> st.SearchStrategy[float]:
    size = st.floats(0.1, 1.0)
    return size | size.map(lambda share: -share) if parameter.kind.lower < 0 else size
