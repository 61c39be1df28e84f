"""Scaling laws for pruned, sparse and dense language models: fit logged losses, predict, plan.

>>> import p2law
>>> runs = p2law.datasets.load("mini-pruning", method="width")
>>> fit = p2law.fit("p2", runs)
>>> fit.converged
True
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import datasets as datasets
from . import laws as laws
from . import metrics as metrics
from .errors import DataError as DataError
from .errors import DataWarning as DataWarning
from .errors import ExtrapolationWarning as ExtrapolationWarning
from .errors import FitError as FitError
from .errors import FitWarning as FitWarning
from .errors import LawError as LawError
from .errors import P2LawError as P2LawError
from .fitting import fit as fit
from .laws import Law as Law
from .laws import law as law
from .objective import Huber as Huber
from .objective import LeastAbsolute as LeastAbsolute
from .objective import Squared as Squared
from .readers import read as read
from .result import Fit as Fit

if TYPE_CHECKING:
    from . import plan as plan
    from . import plot as plot
    from . import schedules as schedules
    from . import validate as validate
    from .joining import Joint as Joint
    from .joining import joint as joint
    from .plan import best_pruning as best_pruning
    from .plan import compute_optimal as compute_optimal
    from .plan import crossover as crossover
    from .plan import effective_tokens as effective_tokens
    from .plan import extrapolate as extrapolate
    from .plan import next_runs as next_runs
    from .plan import optimal_tokens as optimal_tokens
    from .plan import stop_rule as stop_rule
    from .uncertainty.estimate import Estimate as Estimate
    from .uncertainty.estimate import estimate as estimate
    from .validate import Comparison as Comparison
    from .validate import Conditions as Conditions
    from .validate import Holdout as Holdout
    from .validate import compare as compare
    from .validate import conditions as conditions
    from .validate import holdout as holdout

_LATER = {
    "joining": ("Joint", "joint"),
    "plan": (
        "best_pruning",
        "compute_optimal",
        "crossover",
        "effective_tokens",
        "extrapolate",
        "next_runs",
        "optimal_tokens",
        "stop_rule",
    ),
    "uncertainty.estimate": ("Estimate", "estimate"),
    "validate": ("Comparison", "Conditions", "Holdout", "compare", "conditions", "holdout"),
}
"""Names that load with the module they live in, when first asked for: a fit needs none of them."""
_MODULES = ("plan", "plot", "schedules", "validate")
_HOME = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("p2law")
    raise AttributeError(f"module 'p2law' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_HOME, "__version__"})
