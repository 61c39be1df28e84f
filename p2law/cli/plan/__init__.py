"""``p2law plan``: decisions from saved fits."""

from ..command import Group
from .best import BEST
from .compute import COMPUTE, SIZES
from .crossover import CROSSOVER, WORTH
from .larger import LARGER
from .next_runs import NEXT
from .schedule import SCHEDULE, SPARSE
from .stop import STOP
from .tokens import TOKENS

QUESTIONS = {
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
    {name: question.command() for name, question in QUESTIONS.items()},
    _FILES,
)
