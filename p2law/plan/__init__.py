"""Decisions from a fitted law: how many tokens, which size, at which price.

May import ``fitting`` and the rooms below it; not ``validate`` or ``experiments``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ..errors import renamed_names

if TYPE_CHECKING:
    from .candidates import NextRuns as NextRuns
    from .candidates import next_runs as next_runs
    from .compute import ComputePlan as ComputePlan
    from .compute import compute_for_loss as compute_for_loss
    from .compute import compute_optimal as compute_optimal
    from .cost import Architecture as Architecture
    from .cost import CostModel as CostModel
    from .cost import Parent as Parent
    from .cost import cost_model as cost_model
    from .cost import flops_per_token as flops_per_token
    from .criteria import Criterion as Criterion
    from .criteria import Price as Price
    from .criteria import Recovered as Recovered
    from .criteria import Remaining as Remaining
    from .criteria import Slope as Slope
    from .criteria import Target as Target
    from .crossing import Crossover as Crossover
    from .crossing import crossover as crossover
    from .extrapolation import Extrapolation as Extrapolation
    from .extrapolation import extrapolate as extrapolate
    from .isoflops import IsoFlop as IsoFlop
    from .isoflops import ParabolaBias as ParabolaBias
    from .isoflops import SizeCost as SizeCost
    from .isoflops import isoflop as isoflop
    from .isoflops import overtraining as overtraining
    from .isoflops import parabola_bias as parabola_bias
    from .pruning import Ranking as Ranking
    from .pruning import best_pruning as best_pruning
    from .sparse import SparsePlan as SparsePlan
    from .sparse import sparse_pretraining as sparse_pretraining
    from .stop import StopPlan as StopPlan
    from .stop import stop_rule as stop_rule
    from .tokens import TokenPlan as TokenPlan
    from .tokens import optimal_tokens as optimal_tokens
    from .transfer import Worth as Worth
    from .transfer import effective_tokens as effective_tokens

_NAMES = {
    "candidates": "NextRuns next_runs",
    "compute": "ComputePlan compute_for_loss compute_optimal",
    "cost": "Architecture CostModel Parent cost_model flops_per_token",
    "criteria": "Criterion Price Recovered Remaining Slope Target",
    "crossing": "Crossover crossover",
    "extrapolation": "Extrapolation extrapolate",
    "isoflops": "IsoFlop ParabolaBias SizeCost isoflop overtraining parabola_bias",
    "pruning": "Ranking best_pruning",
    "sparse": "SparsePlan sparse_pretraining",
    "stop": "StopPlan stop_rule",
    "tokens": "TokenPlan optimal_tokens",
    "transfer": "Worth effective_tokens",
}
"""The public names of each module; it loads when one of them is first asked for."""
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def _load(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    return found


__getattr__ = renamed_names(__name__, _load, Bill="CostModel", bill="cost_model")


def __dir__() -> list[str]:
    return __all__
