"""The solver: arrays and a law in, the global optimum of a robust objective out. No pandas, no files, no plots."""

from .batch import Batch as Batch
from .batch import raw_constants as raw_constants
from .batch import recentre as recentre
from .coordinates import Box as Box
from .coordinates import Layout as Layout
from .coordinates import coordinates as coordinates
from .coordinates import hold as hold
from .coordinates import make_layout as make_layout
from .inputs import Frame as Frame
from .problem import Problem as Problem
from .search import Solution as Solution
from .search import search as search
from .search import sharpen as sharpen
