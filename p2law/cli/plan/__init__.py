"""``p2law plan``: decisions from saved fits, one file per group of questions. Imports :mod:`p2law.plan` and below."""

from ..command import Group
from . import compute, pruning, tokens

PLANS = {
    "tokens": tokens.tokens,
    "stop": tokens.stop,
    "larger": tokens.larger,
    "crossover": pruning.crossover,
    "worth": pruning.worth,
    "best": pruning.best,
    "compute": compute.compute,
    "sizes": compute.sizes,
    "schedule": compute.schedule,
    "sparse": compute.sparse,
    "next": compute.next_runs,
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
