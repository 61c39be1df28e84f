"""``python -m p2law.experiments run plan.toml``: the command on its own."""

import sys
from argparse import ArgumentParser

from ..errors import P2LawError
from .cli import arguments


def main() -> int:
    parser = ArgumentParser("p2law.experiments")
    arguments(parser)
    options = parser.parse_args()
    try:
        return options.act(options)
    except (P2LawError, OSError) as error:
        print(f"p2law: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
