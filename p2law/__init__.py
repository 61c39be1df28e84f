"""Scaling laws for pruned, sparse and dense language models: fit logged losses, predict, plan.

>>> import p2law
>>> runs = p2law.datasets.load("mini-pruning", method="width")
>>> fit = p2law.fit("p2", runs)
>>> fit.converged
True

Rooms, from the bottom up; each imports only from those below it: ``errors``; ``laws``; ``data``; ``schedules``;
``fitting``; ``plan``, ``validate`` and ``experiments``, which do not import one another; ``plot``; ``cli``.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import laws as laws
    from . import plan as plan
    from . import plot as plot
    from . import schedules as schedules
    from . import validate as validate
    from .data import datasets as datasets
    from .data.readers import read as read
    from .errors import DataError as DataError
    from .errors import DataWarning as DataWarning
    from .errors import ExtrapolationWarning as ExtrapolationWarning
    from .errors import FitError as FitError
    from .errors import FitWarning as FitWarning
    from .errors import LawError as LawError
    from .errors import P2LawError as P2LawError
    from .fitting import metrics as metrics
    from .fitting.fit import fit as fit
    from .fitting.joint import Joint as Joint
    from .fitting.joint import joint as joint
    from .fitting.objective import Huber as Huber
    from .fitting.objective import LeastAbsolute as LeastAbsolute
    from .fitting.objective import Squared as Squared
    from .fitting.result import Fit as Fit
    from .fitting.uncertainty.estimate import Estimate as Estimate
    from .fitting.uncertainty.estimate import estimate as estimate
    from .laws import Law as Law
    from .laws import law as law
    from .plan import best_pruning as best_pruning
    from .plan import compute_optimal as compute_optimal
    from .plan import crossover as crossover
    from .plan import effective_tokens as effective_tokens
    from .plan import extrapolate as extrapolate
    from .plan import next_runs as next_runs
    from .plan import optimal_tokens as optimal_tokens
    from .plan import stop_rule as stop_rule
    from .validate import Comparison as Comparison
    from .validate import Conditions as Conditions
    from .validate import Holdout as Holdout
    from .validate import compare as compare
    from .validate import conditions as conditions
    from .validate import holdout as holdout

_MODULES = {
    "laws": "laws",
    "datasets": "data.datasets",
    "metrics": "fitting.metrics",
    "schedules": "schedules",
    "plan": "plan",
    "validate": "validate",
    "plot": "plot",
}
_NAMES = {
    "data.readers": "read",
    "errors": "DataError DataWarning ExtrapolationWarning FitError FitWarning LawError P2LawError",
    "fitting.fit": "fit",
    "fitting.joint": "Joint joint",
    "fitting.objective": "Huber LeastAbsolute Squared",
    "fitting.result": "Fit",
    "fitting.uncertainty.estimate": "Estimate estimate",
    "laws": "Law law",
    "plan": "best_pruning compute_optimal crossover effective_tokens extrapolate next_runs optimal_tokens stop_rule",
    "validate": "Comparison Conditions Holdout compare conditions holdout",
}
"""The public names of each module; it loads when one of them is first asked for."""
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted([*_MODULES, *_HOME, "__version__"])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("p2law")
    if name not in _MODULES and name not in _HOME:
        raise AttributeError(f"module 'p2law' has no attribute {name!r}")
    found = importlib.import_module(f".{_MODULES.get(name) or _HOME[name]}", __name__)
    globals()[name] = found = found if name in _MODULES else getattr(found, name)
    return found


def __dir__() -> list[str]:
    return __all__


class _Public(ModuleType):
    """``from p2law.datasets import load``, where the public name of a module is not its place in the package."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(f"p2law.{_MODULES[self.__name__.rpartition('.')[2]]}"), name)


sys.modules |= {f"{__name__}.{name}": _Public(f"{__name__}.{name}") for name in ("datasets", "metrics")}
