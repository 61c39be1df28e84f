"""What the depth methods share: shapes of fewer blocks, and keeping all but some."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..architecture import Architecture
from ._slice import Keep


def fewer(shape: Architecture, _: float) -> Iterator[Architecture]:
    """The shape with one to all but one block removed."""
    return (replace(shape, layers=layers) for layers in range(1, shape.layers))


def without(layers: int, removed: Iterable[int]) -> Keep:
    """Keep every block but the removed ones."""
    return Keep(layers=tuple(sorted(set(range(layers)) - set(removed))))
