"""Pictures of fits, plans and tests. May import from every room but ``cli``.

Every function takes ``ax`` (default: axes on a new figure), draws on it and returns it; ``legend=False`` leaves the
legend out. Nothing is shown, saved or configured.

>>> import p2law
>>> fit = p2law.fit("p2", p2law.datasets.load("mini-pruning", method="width"))
>>> ax = p2law.plot.curves(fit)
>>> ax.figure.savefig("fit.png")  # doctest: +SKIP
"""

from ._answers import next_runs as next_runs
from ._answers import parabola as parabola
from ._answers import ranking as ranking
from ._answers import schedule as schedule
from ._answers import sizes as sizes
from ._answers import sparse as sparse
from ._budgets import crossover as crossover
from ._budgets import isoflop as isoflop
from ._budgets import isoloss as isoloss
from ._budgets import worth as worth
from ._fits import curves as curves
from ._fits import parameters as parameters
from ._fits import profile as profile
from ._fits import residuals as residuals
from ._holdout import holdout as holdout
from ._tokens import extrapolation as extrapolation
from ._tokens import stop as stop
from ._tokens import tokens as tokens
