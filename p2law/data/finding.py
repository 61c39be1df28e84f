"""What was found about a fit or a plan, as data: code asks for the kind, people read the text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing to know before trusting a result. ``str(finding)`` is its sentence."""

    kind: str
    """What was found, e.g. ``"undetermined"`` or ``"duplicate rows"``; each kind is listed where it is made."""
    text: str
    """One or two sentences for people."""
    names: tuple[str, ...] = ()
    """Constants or columns concerned."""
    rows: tuple[Any, ...] = ()
    """Labels of the rows concerned (the first few)."""
    runs: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    """Sizes by name, e.g. ``{"gap": 0.002}``."""

    def __str__(self) -> str:
        return self.text
