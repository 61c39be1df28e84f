"""The solver: arrays and a law in, the global optimum of a robust objective out. No pandas, no files, no plots."""

from .batch import Batch as Batch
from .batch import raw_constants as raw_constants
from .batch import recentre as recentre
from .coordinates import Bounds as Bounds
from .coordinates import Coordinates as Coordinates
from .coordinates import hold as hold
from .coordinates import make_coordinates as make_coordinates
from .coordinates import to_coordinates as to_coordinates
from .inputs import Scaling as Scaling
from .problem import Problem as Problem
from .search import Solution as Solution
from .search import refine as refine
from .search import search as search
