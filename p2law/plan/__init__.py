"""Decisions from a fitted law: how many tokens, which size, at which price.

May import ``fitting`` and the rooms below it; not ``validate`` or ``experiments``.
"""

import warnings
from typing import Any

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
from .crossover import Crossover as Crossover
from .crossover import crossover as crossover
from .extrapolation import Extrapolation as Extrapolation
from .extrapolation import extrapolate as extrapolate
from .isoflop import IsoFlop as IsoFlop
from .isoflop import ParabolaBias as ParabolaBias
from .isoflop import SizeCost as SizeCost
from .isoflop import isoflop as isoflop
from .isoflop import overtraining as overtraining
from .isoflop import parabola_bias as parabola_bias
from .next_runs import NextRuns as NextRuns
from .next_runs import next_runs as next_runs
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

_RENAMED = {"Bill": "CostModel", "bill": "cost_model"}
"""Old names, for one release."""


def __getattr__(name: str) -> Any:
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"p2law.plan.{name} is deprecated: use {_RENAMED[name]}", DeprecationWarning, stacklevel=2)
    return globals()[_RENAMED[name]]
