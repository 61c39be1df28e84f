"""From a law's parameters to the solver's coordinates.

Nonlinear parameters come first, amplitudes after them. Ties are resolved here, fixed values become bounds of no width,
so that the solver sees one bounded vector. The static part (:class:`Coordinates`) keys the compiled program;
everything numeric (bounds, fixed values) is data and costs no compilation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Literal

import numpy as np

from ...errors import FitError
from ...laws.kinds import ParameterKind
from ...laws.law import Law

MAX_BEYOND_STARTS = 1e6
"""How far beyond its starts a positive scale may go."""
Transform = Literal["plain", "log", "amplitude"]
TiesOption = Mapping[str, str] | Iterable[Sequence[str]]
BoundsOption = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Coordinates:
    """Which parameter is read from which coordinate; hashable."""

    law: Law
    transforms: tuple[Transform, ...]
    """One per coordinate: nonlinear ones first, then the amplitudes."""
    source: tuple[int, ...]
    """For each parameter of the law, in its order: its coordinate."""

    @property
    def nonlinear(self) -> int:
        """How many come first that the law is not linear in."""
        return sum(transform != "amplitude" for transform in self.transforms)

    @property
    def amplitudes(self) -> int:
        """How many follow that the law is linear in."""
        return len(self) - self.nonlinear

    def __len__(self) -> int:
        return len(self.transforms)

    def owners(self, coordinate: int) -> tuple[str, ...]:
        """Names of the parameters read from this coordinate (several where they are tied)."""
        return tuple(p.name for p, i in zip(self.law.parameters, self.source, strict=True) if i == coordinate)

    def index(self, parameter: str) -> int:
        return self.source[[p.name for p in self.law.parameters].index(parameter)]


@dataclass(frozen=True)
class Bounds:
    """The numbers that go with a :class:`Coordinates`, one entry per coordinate."""

    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray
    """(coordinates, 2): range of starts."""
    offset: np.ndarray
    factor: np.ndarray
    """Raw value = offset + factor * coordinate (plain), offset + factor * coordinate / size (amplitude), exp (log)."""

    @property
    def free(self) -> np.ndarray:
        """Mask of the coordinates that are not fixed."""
        return (self.upper > self.lower) & (self.factor != 0)

    @property
    def centre(self) -> np.ndarray:
        """Neutral value of each coordinate; zero for amplitudes, whose starts are not drawn."""
        drawn = np.all(np.isfinite(self.start), axis=1)
        return np.where(drawn, 0.5 * np.where(drawn[:, None], self.start, 0.0).sum(1), 0.0)

    @property
    def spread(self) -> np.ndarray:
        """Half the range of starts: how far a coordinate may plausibly lie from neutral."""
        drawn = np.all(np.isfinite(self.start), axis=1)
        half = 0.5 * np.diff(np.where(drawn[:, None], self.start, 0.0), axis=1)[:, 0]
        return np.where(half > 0, half, 1.0)


def make_coordinates(
    law: Law,
    *,
    fixed: Mapping[str, float] | None = None,
    tied: TiesOption | None = None,
    bounds: BoundsOption | None = None,
) -> tuple[Coordinates, Bounds]:
    """Resolve fixed, tied and bounded parameters of a law.

    Raises
    ------
    FitError
        If a name is unknown, a fixed value lies outside the domain, bounds leave nothing, or a tie mixes kinds.
    """
    fixed, bounds = dict(fixed or {}), dict(bounds or {})
    _known(law, [*fixed, *bounds])
    both = sorted(set(fixed) & set(bounds))
    if both:
        raise FitError(f"{both} is both fixed and bounded: choose one.")
    groups = _groups(law, tied)
    rows = [_coordinate(law, group, bounds) for group in groups]
    order = sorted(range(len(groups)), key=lambda i: rows[i][0] == "amplitude")
    place = {name: place for place, i in enumerate(order) for name in groups[i]}
    coordinates = Coordinates(law, tuple(rows[i][0] for i in order), tuple(place[p.name] for p in law.parameters))
    lower, upper, low, high, offset, factor = np.array([rows[i][1] for i in order], dtype=float).T
    limits = Bounds(lower, upper, np.stack([low, high], 1), offset, factor)
    for name, value in fixed.items():
        limits = hold(coordinates, limits, name, float(value))
    return coordinates, limits


def hold(coordinates: Coordinates, bounds: Bounds, parameter: str, value: float) -> Bounds:
    """The bounds with one parameter (and what is tied to it) held at a value."""
    kind = next(p.kind for p in coordinates.law.parameters if p.name == parameter)
    if not (isfinite(value) and kind.lower <= value <= kind.upper) or (kind.log and value <= 0):
        raise FitError(f"{parameter} cannot be held at {value}: its domain is {kind.lower:g} to {kind.upper:g}.")
    i = coordinates.index(parameter)
    scale = coordinates.transforms[i]
    at = {"plain": value, "log": np.log(value) if value > 0 else -inf, "amplitude": 0.0}[scale]

    def put(array: np.ndarray, entry: float | tuple[float, float]) -> np.ndarray:
        changed = array.copy()
        changed[i] = entry
        return changed

    start = (-inf, inf) if scale == "amplitude" else (at, at)
    held = replace(bounds, lower=put(bounds.lower, at), upper=put(bounds.upper, at), start=put(bounds.start, start))
    if scale == "log":
        return held
    offset, factor = (value, 0.0) if scale == "amplitude" else (0.0, 1.0)
    return replace(held, offset=put(bounds.offset, offset), factor=put(bounds.factor, factor))


def to_coordinates(coordinates: Coordinates, bounds: Bounds, params: Mapping[str, float]) -> np.ndarray:
    """Coordinates (amplitudes raw) of given constants.

    Raises
    ------
    FitError
        If a constant is missing or lies outside its domain.
    """
    z = np.zeros(len(coordinates))
    for parameter, i in zip(coordinates.law.parameters, coordinates.source, strict=True):
        if parameter.name not in params:
            raise FitError(
                f"the start lacks {parameter.name!r}: give a value for each of {coordinates.law.name}'s parameters."
            )
        value = params[parameter.name]
        if coordinates.transforms[i] == "log":
            if not value > 0:
                raise FitError(f"start {parameter.name} = {value}: must be positive.")
            z[i] = np.log(value)
        else:
            z[i] = (value - bounds.offset[i]) / bounds.factor[i] if bounds.factor[i] else 0.0
    return z


def ties(tied: TiesOption | None) -> tuple[tuple[str, ...], ...]:
    """Groups of parameters held equal, from ``[("alpha", "beta")]`` or ``{"alpha": "beta"}``."""
    if isinstance(tied, Mapping):
        return tuple((str(one), str(other)) for one, other in tied.items())
    if not isinstance(tied, list | tuple | None) or any(
        not isinstance(g, str | list | tuple | set) for g in tied or ()
    ):
        raise FitError(f"tied={tied!r}: give groups of names, e.g. tied=[('alpha', 'beta')].")
    return tuple(tuple([group] if isinstance(group, str) else group) for group in tied or ())


def _known(law: Law, names: Iterable[str]) -> None:
    known = [p.name for p in law.parameters]
    for name in names:
        if name not in known:
            raise FitError(f"{law.name} has no parameter {name!r}; its parameters are {', '.join(known)}.")


def _groups(law: Law, tied: TiesOption | None) -> list[tuple[str, ...]]:
    """Names of the parameters that share a coordinate, in the law's order."""
    groups = [{p.name} for p in law.parameters]
    for names in ties(tied):
        _known(law, names)
        if len(set(names)) < 2:
            raise FitError(f"a tie needs two parameters or more, e.g. tied=[('alpha', 'beta')]; got {names}.")
        merged = set().union(*(g for g in groups if g & set(names)))
        groups = [g for g in groups if not g & merged] + [merged]
    order = [p.name for p in law.parameters]
    return sorted((tuple(sorted(g, key=order.index)) for g in groups), key=lambda g: order.index(g[0]))


def _coordinate(law: Law, group: tuple[str, ...], bounds: BoundsOption) -> tuple[Transform, tuple[float, ...]]:
    """Transform and (lower, upper, start low, start high, offset, factor) of one coordinate."""
    kinds = {p.name: p.kind for p in law.parameters}
    members = [kinds[name] for name in group]
    if len({(kind.linear, kind.log) for kind in members}) > 1:
        raise FitError(f"{law.name}: {' and '.join(group)} are of different kinds and cannot be tied.")
    lower, upper = _limits(group, members, bounds)
    if not lower < upper:
        raise FitError(f"{law.name}: bounds of {' = '.join(group)} leave nothing between {lower:g} and {upper:g}.")
    kind = members[0]
    if kind.linear and isfinite(lower) and isfinite(upper):
        return "plain", (0.0, 1.0, 0.0, 1.0, lower, upper - lower)
    if kind.linear:
        offset = lower if isfinite(lower) else upper if isfinite(upper) else 0.0
        one_sided = isfinite(lower) or isfinite(upper)
        return "amplitude", (0.0 if one_sided else -inf, inf, -inf, inf, offset, -1.0 if isfinite(upper) else 1.0)
    low, high = _starts(kind, lower, upper)
    if kind.log:
        # Without limits of its own a scale that the data push to zero would run for ever.
        edges = np.log([max(lower, low / MAX_BEYOND_STARTS), min(upper, high * MAX_BEYOND_STARTS), low, high])
        return "log", (*edges.tolist(), 0.0, 1.0)
    return "plain", (lower, upper, low, high, 0.0, 1.0)


def _limits(group: tuple[str, ...], members: list[ParameterKind], bounds: BoundsOption) -> tuple[float, float]:
    asked = [bounds[name] for name in group if name in bounds]
    if asked:
        low, high = [-inf if a is None else a for a, _ in asked], [inf if b is None else b for _, b in asked]
        return float(max(low)), float(min(high))
    return max(kind.lower for kind in members), min(kind.upper for kind in members)


def _starts(kind: ParameterKind, lower: float, upper: float) -> tuple[float, float]:
    """The kind's usual starts within the bounds; where they do not meet, the bounds themselves."""
    low, high = max(kind.start[0], lower), min(kind.start[1], upper)
    if low < high:
        return low, high
    edge = lower if isfinite(lower) else upper
    if isfinite(lower) and isfinite(upper):
        return (max(lower, 1e-3 * upper), upper) if kind.log else (lower, upper)
    width = 1.0 + abs(edge)
    return (edge, edge + width) if isfinite(lower) else (edge - width, edge)
