"""Pictures of a fit. Every function takes ``ax``, draws on it and returns it; nothing is shown, saved or configured.

>>> import p2law
>>> fit = p2law.fit("p2", p2law.datasets.load("mini-pruning", method="width"))
>>> ax = p2law.plot.curves(fit)
>>> ax.figure.savefig("fit.png")  # doctest: +SKIP
"""

from ._curves import curves as curves
from ._isoflop import isoflop as isoflop
from ._isoflop import isoloss as isoloss
from ._residuals import residuals as residuals
from ._schedule import schedule as schedule
