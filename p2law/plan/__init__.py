"""Decisions from a fitted law: how many tokens, which size, at which price."""

from .compute import ComputePlan as ComputePlan
from .compute import compute_for_loss as compute_for_loss
from .compute import compute_optimal as compute_optimal
from .criteria import Criterion as Criterion
from .criteria import Price as Price
from .criteria import Recovered as Recovered
from .criteria import Remaining as Remaining
from .criteria import Slope as Slope
from .criteria import Target as Target
from .isoflop import IsoFlop as IsoFlop
from .isoflop import isoflop as isoflop
from .overtraining import SizeCost as SizeCost
from .overtraining import overtraining as overtraining
from .parabola import ParabolaBias as ParabolaBias
from .parabola import parabola_bias as parabola_bias
from .sparse import SparsePlan as SparsePlan
from .sparse import sparse_pretraining as sparse_pretraining
from .tokens import TokenPlan as TokenPlan
from .tokens import optimal_tokens as optimal_tokens
