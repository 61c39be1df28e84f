"""``p2law plan``: decisions from saved fits, one file per group of questions. Imports :mod:`p2law.plan` and below."""

from ..command import Group
from .compute import COMPUTE, NEXT, SCHEDULE, SIZES, SPARSE
from .pruning import BEST, CROSSOVER, WORTH
from .tokens import LARGER, STOP, TOKENS

PLANS = {
    "tokens": TOKENS,
    "stop": STOP,
    "larger": LARGER,
    "crossover": CROSSOVER,
    "worth": WORTH,
    "best": BEST,
    "compute": COMPUTE,
    "sizes": SIZES,
    "schedule": SCHEDULE,
    "sparse": SPARSE,
    "next": NEXT,
}

_FILES = """
files in the examples:
  p2law fit mini-pruning --where method=width --law p2 --out fit.json
  p2law fit mini-dense --law chinchilla --columns N=N_nonemb --out dense.json
"""

PLAN = Group(
    "Decide with a fit: tokens, stopping, larger models, prune or not, size, schedule, next runs.",
    {name: plan.command() for name, plan in PLANS.items()},
    _FILES,
)
