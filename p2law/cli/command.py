"""What a command is: arguments, what it does, examples; and groups of them."""

import json
import math
import sys
from argparse import ArgumentParser, Namespace
from argparse import RawDescriptionHelpFormatter as _AsWritten
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError
from ..fitting.result import Fit

Arguments = Callable[[ArgumentParser], None]
Run = Callable[[Namespace], int]
"""From the options to the exit code."""


@dataclass(frozen=True)
class Command:
    """A command: what it takes, what it does, and how it is called (arguments only, ``#`` begins a remark)."""

    about: str
    arguments: Arguments
    run: Run
    examples: tuple[str, ...]

    def add(self, name: str, commands: Any) -> None:
        """Add it to argparse's subparsers; the options carry what it does as ``act``."""
        parser = commands.add_parser(name, help=self.about, description=self.about, formatter_class=_AsWritten)
        parser.epilog = "examples:\n" + "".join(f"  {parser.prog} {line}".rstrip() + "\n" for line in self.examples)
        self.arguments(parser)
        parser.set_defaults(act=self.run)


@dataclass(frozen=True)
class Group:
    """Commands under a common first word; that word alone shows what there is."""

    about: str
    commands: Mapping[str, Command]
    text: str = ""
    """Shown under the list of commands."""

    def add(self, name: str, commands: Any) -> None:
        """Add it and all of its commands to argparse's subparsers."""
        parser = commands.add_parser(name, help=self.about, description=self.about, formatter_class=_AsWritten)
        first = [f"  {parser.prog} {each} {command.examples[0]}\n" for each, command in self.commands.items()]
        parser.epilog = "examples:\n" + "".join(first) + self.text
        fill(parser, self.commands)


def fill(parser: ArgumentParser, commands: Mapping[str, "Command | Group"]) -> Any:
    """Give a parser these commands; without any of them it shows its help.

    Returns argparse's subparsers, so that commands made elsewhere can be added: a parser of theirs is a command once it
    sets the default ``act``, a function from the options to the exit code.
    """
    title = "commands (each has its own --help)"
    inside = parser.add_subparsers(metavar="COMMAND", title=title)
    for name, command in commands.items():
        command.add(name, inside)

    def show(_: Namespace) -> int:
        parser.print_help()
        return 0

    parser.set_defaults(act=show)
    return inside


# What is written: tables as CSV or JSON, pictures; impossible targets are refused before the work.


TABLES = (".csv", ".json")


def check_target(path: str | None) -> None:
    """Refuse a file that cannot be written."""
    if path and (Path(path).is_dir() or not Path(path).resolve().parent.is_dir()):
        why = "it is a directory" if Path(path).is_dir() else f"there is no directory {Path(path).parent}"
        raise DataError(f"cannot write {path}: {why}.")


def check_table(path: str | None) -> None:
    """Refuse a table that cannot be written."""
    check_target(path)
    if path and Path(path).suffix.lower() not in TABLES:
        raise DataError(f"cannot write a table as {path!r}: end its name in {' or '.join(TABLES)}.")


def check_picture(path: str | None) -> None:
    """Refuse a picture that cannot be saved."""
    check_target(path)
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    if Path(path).suffix.removeprefix(".").lower() not in FigureCanvasBase.get_supported_filetypes():
        raise DataError(f"cannot save a picture as {path!r}: end its name in .png, .pdf or .svg.")


def write_table(table: pd.DataFrame, path: str) -> None:
    """CSV, or JSON as a list of rows (null where nothing is known; infinities as text, since JSON has none)."""
    bare = table.index.name is None and isinstance(table.index, pd.RangeIndex)
    frame = table if bare else table.reset_index(names=str(table.index.name or "row"))
    if Path(path).suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
        return
    rows = [
        {str(name): _plain(value) for name, value in row.items()} for row in frame.astype(object).to_dict("records")
    ]
    Path(path).write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def save_picture(draw: Callable[[Any], Any], path: str) -> None:
    """A picture of one pair of axes."""
    from matplotlib.figure import Figure  # not pyplot: no display is needed and no global state touched

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    draw(figure.subplots())
    figure.savefig(path, dpi=150)


# Questions put to fits: an answer prints as text, is written as a table, and most are drawn.


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
        check_table(options.out)
        check_picture(picture)
        answer = self.ask(options)
        print(answer.text)
        if options.out:
            write_table(answer.table, options.out)
            print(f"\nsaved {options.out}")
        if picture and answer.draw:
            save_picture(answer.draw, picture)
            print(f"\nsaved {picture}")
        return verdict(*answer.rests_on)

    def _draw(self, options: Namespace) -> int:
        check_picture(options.out)
        answer = self.ask(options)
        if answer.draw:
            save_picture(answer.draw, options.out)
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
