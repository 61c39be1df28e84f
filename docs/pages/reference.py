"""The reference: every public name, under the shortest path it has, from its docstring."""

import inspect
from importlib import import_module
from typing import Any

from sphinx.ext.autodoc.mock import _MockObject, mock

import p2law

from .rst import contents, title

EXPERIMENTS = (
    *("architecture", "documents", "tokenize", "text", "batches", "parents"),
    *("prune", "plan", "recipe", "train", "study", "sweep"),
)
PAGES = {
    "fitting": ("Tables, fits, objectives", ("p2law",)),
    "uncertainty": (
        "Uncertainty",
        (
            "p2law.fitting.uncertainty.forecast.Forecast",
            "p2law.fitting.uncertainty.identifiability.Identifiability",
            "p2law.fitting.uncertainty.profile.Profile",
            "p2law.fitting.run_effect.RunEffect",
        ),
    ),
    "laws": ("Laws", ("p2law.laws",)),
    "validate": ("Hold-out tests, choice of a law", ("p2law.validate",)),
    "plan": ("Plans", ("p2law.plan",)),
    "schedules": ("Pruning schedules", ("p2law.schedules",)),
    "plot": ("Pictures", ("p2law.plot",)),
    "metrics": ("Metrics", ("p2law.metrics",)),
    "datasets": ("Bundled data", ("p2law.datasets",)),
    "experiments": (
        "Experiments",
        tuple(f"p2law.experiments.{name}" for name in EXPERIMENTS),
    ),
}
"""Page: its title and the modules, or single classes, on it."""
WITH_INTERNALS = ("p2law.experiments.prune",)
"""Packages that import what is not public; all others pass on public names only."""

_MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self  # what stands in for torch meets ``Tensor | None``


def pages() -> dict[str, str]:
    """File name to text: a page for each part, and their list."""
    with mock(["torch", "transformers", "safetensors"]):
        found = {page: [path for place in places for path in public(place)] for page, (_, places) in PAGES.items()}
    elsewhere = {path for page, paths in found.items() if page != "fitting" for path in paths}
    found["fitting"] = [path for path in found["fitting"] if path not in elsewhere]
    written = {f"api/{page}.rst": "\n".join([title(PAGES[page][0]), *map(entry, found[page])]) for page in found}
    listed = "\n".join(f"* :doc:`{page}`: {', '.join(map(link, found[page]))}" for page in PAGES)
    return written | {"api/index.rst": "\n".join([title("Reference"), listed, "", contents(PAGES)])}


def public(place: str) -> list[str]:
    """Paths of the functions and classes of a module; a class is itself."""
    if place.rpartition(".")[2][0].isupper():
        return [place]
    module = import_module(place)
    module = getattr(p2law, place.removeprefix("p2law."), module)  # p2law.metrics is p2law/fitting/metrics.py
    named = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    found = [(name, x) for name, x in named.items() if described(x, place, module.__name__)]
    return [path(place, name, x) for name, x in sorted(found, key=lambda each: rank(each[1]))]


def rank(x: Any) -> int:
    """Functions first, then what they return, then errors."""
    return inspect.isclass(x) + (inspect.isclass(x) and issubclass(x, Exception))


def described(x: Any, place: str, home: str) -> bool:
    """Whether it is a function or class of ours, defined in the module of this name or passed on by the place."""
    if not (inspect.isclass(x) or inspect.isfunction(x)):
        return False
    return x.__module__ == home or (x.__module__.startswith(f"{place}.") and place not in WITH_INTERNALS)


def path(place: str, name: str, x: Any) -> str:
    """``p2law.fit`` rather than the module it lives in, where p2law has it."""
    return f"p2law.{name}" if getattr(p2law, name, None) is x else f"{place}.{name}"


def link(path: str) -> str:
    """A name that leads to its entry; those of experiments start with their module."""
    _, inside, rest = path.partition("p2law.experiments.")
    return f":py:obj:`{rest} <{path}>`" if inside else f":py:obj:`~{path}`"


def entry(path: str) -> str:
    """The directive that writes it out."""
    is_class = path.rpartition(".")[2][0].isupper()
    members = "   :members:\n   :inherited-members: BaseException\n"
    return f".. autoclass:: {path}\n{members}" if is_class else f".. autofunction:: {path}\n"
