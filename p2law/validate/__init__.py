"""Tests of a law against data it has not seen, choice between laws, and conditions a law of pruning should meet.

May import ``fitting`` and the rooms below it; not ``plan`` or ``experiments``.
"""

from .compare import Comparison as Comparison
from .compare import compare as compare
from .conditions import Condition as Condition
from .conditions import Conditions as Conditions
from .conditions import conditions as conditions
from .holdout import Fold as Fold
from .holdout import Holdout as Holdout
from .holdout import holdout as holdout
from .splits import By as By
from .splits import Split as Split
