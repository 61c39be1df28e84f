"""The solver: arrays and a law in, the global optimum of a robust objective out. No pandas, no files, no plots."""

from .batch import Batch as Batch
from .batch import raw_constants as raw_constants
from .batch import recentre as recentre
from .layout import Box as Box
from .layout import Layout as Layout
from .layout import coordinates as coordinates
from .layout import hold as hold
from .layout import make_layout as make_layout
from .problem import Problem as Problem
from .program import Frame as Frame
from .search import Solution as Solution
from .search import search as search
from .search import sharpen as sharpen
