"""``python -m p2law``: the same as the console script ``p2law``."""

import sys

from .cli import main

sys.exit(main())
