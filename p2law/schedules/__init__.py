"""Pruning during training: density over time, the average parameter count that follows, and its bill.

>>> from p2law.schedules import PruningSchedule
>>> schedule = PruningSchedule(sparsity=0.5)  # from 25 % to 75 % of compute, geometric
>>> round(schedule.average_density(), 4)
0.6929
"""

from .logged import LoggedSchedule as LoggedSchedule
from .logged import from_log as from_log
from .pruning import PruningSchedule as PruningSchedule
