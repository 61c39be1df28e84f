"""``python -m p2law.experiments run plan.toml``: the same as ``p2law experiments``, for torchrun too."""

import sys

from ..cli import main

if __name__ == "__main__":
    sys.exit(main(["experiments", *sys.argv[1:]]))
