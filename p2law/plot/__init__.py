"""Pictures of a fit. Every function takes ``ax``, draws on it and returns it; nothing is shown, saved or configured.

>>> import p2law
>>> fit = p2law.fit("p2", p2law.datasets.load("mini-pruning", method="width"))
>>> ax = p2law.plot.curves(fit)
>>> ax.figure.savefig("fit.png")  # doctest: +SKIP
"""

from ._answers import parabola as parabola
from ._answers import ranking as ranking
from ._answers import sizes as sizes
from ._answers import sparse as sparse
from ._crossover import crossover as crossover
from ._curves import curves as curves
from ._extrapolation import extrapolation as extrapolation
from ._holdout import holdout as holdout
from ._isoflop import isoflop as isoflop
from ._isoflop import isoloss as isoloss
from ._next_runs import next_runs as next_runs
from ._parameters import parameters as parameters
from ._profile import profile as profile
from ._residuals import residuals as residuals
from ._schedule import schedule as schedule
from ._tokens import stop as stop
from ._tokens import tokens as tokens
from ._worth import worth as worth
