"""Decisions from a fitted law: how many tokens, at which price."""

from .criteria import Criterion as Criterion
from .criteria import Price as Price
from .criteria import Recovered as Recovered
from .criteria import Remaining as Remaining
from .criteria import Slope as Slope
from .criteria import Target as Target
from .tokens import TokenPlan as TokenPlan
from .tokens import optimal_tokens as optimal_tokens
