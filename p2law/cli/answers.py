"""Questions put to fits: an answer prints as text, is written as a table, and most are drawn."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from ..result import Fit
from . import files
from .command import Arguments, Command


@dataclass(frozen=True, eq=False)
class Answer:
    """What a question comes to."""

    text: str
    table: pd.DataFrame
    draw: Callable[[Any], Any] | None = None
    """Draws it on axes."""
    rests_on: tuple[Any, ...] = ()
    """Fits, constants, or None where an option was left out."""


def told(record: Any, *rests_on: Any, draw: Callable[..., Any] | None = None) -> Answer:
    """The answer that a plan or a test is; ``draw(record, ax)`` as the functions of ``p2law.plot``."""
    return Answer(record.summary(), record.to_frame(), None if draw is None else partial(draw, record), rests_on)


@dataclass(frozen=True)
class Question:
    """A command with an answer: printed, and written or drawn where asked for."""

    about: str
    arguments: Arguments
    ask: Callable[[Namespace], Answer]
    examples: tuple[str, ...]
    """Arguments only; the first without ``--out`` and ``--plot``."""
    drawn: bool = True

    def command(self) -> Command:
        """Print the answer."""

        def arguments(parser: ArgumentParser) -> None:
            self.arguments(parser)
            parser.add_argument("--out", metavar="TABLE.csv", help="write the table (.csv or .json)")
            if self.drawn:
                parser.add_argument("--plot", metavar="PICTURE.png", help="save a picture (png, pdf, svg)")

        return Command(self.about, arguments, self._print, self.examples)

    def picture(self, name: str) -> Command:
        """Only draw it."""

        def arguments(parser: ArgumentParser) -> None:
            self.arguments(parser)
            picture_argument(parser)

        about = self.about[0].lower() + self.about[1:]
        return Command(f"Picture: {about}", arguments, self._draw, (f"{self.examples[0]} --out {name}.png",))

    def _print(self, options: Namespace) -> int:
        picture = getattr(options, "plot", None)
        files.check_table(options.out)
        files.check_picture(picture)
        answer = self.ask(options)
        print(answer.text)
        if options.out:
            files.write_table(answer.table, options.out)
            print(f"\nsaved {options.out}")
        if picture and answer.draw:
            files.save_picture(answer.draw, picture)
            print(f"\nsaved {picture}")
        return verdict(*answer.rests_on)

    def _draw(self, options: Namespace) -> int:
        files.check_picture(options.out)
        answer = self.ask(options)
        if answer.draw:
            files.save_picture(answer.draw, options.out)
            print(f"saved {options.out}")
        return verdict(*answer.rests_on)


def picture_argument(parser: ArgumentParser) -> None:
    """Where a picture goes."""
    parser.add_argument("--out", required=True, metavar="PICTURE.png", help="where to save it (png, pdf, svg)")


def verdict(*sources: Any) -> int:
    """Exit code: 1, and a warning, where a fit has not converged."""
    bad = [source for source in sources if isinstance(source, Fit) and not source.converged]
    if bad:
        print("p2law: warning: the fit has not converged; do not use it.", file=sys.stderr)
    return 1 if bad else 0
