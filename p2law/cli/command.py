"""What a command is: its arguments, what it does, its examples; and the forms of commands that answer a question."""

import json
import math
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .arguments import Argument, add_all, argument

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..data.answer import Record
    from ..fitting.source import Origin


class LazyParser(ArgumentParser):
    """A parser that takes up its arguments when it first parses: commands that are not chosen cost nothing."""

    fill: Callable[[], object] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse does."""
        fill, self.fill = self.fill, None
        if fill is not None:
            fill()
        return super().parse_known_args(args, namespace)


@dataclass(frozen=True)
class Command:
    """A command: what it takes, what it does, and how it is called."""

    about: str
    arguments: Sequence[Argument]
    run: Callable[[Namespace], int]
    """From the options to the exit code."""
    examples: tuple[str, ...]
    """Arguments only; ``#`` begins a remark."""

    def fill(self, parser: ArgumentParser) -> None:
        """Give a parser the arguments; its options carry what the command does as ``run_command``."""
        parser.epilog = "examples:\n" + "".join(f"  {parser.prog} {line}".rstrip() + "\n" for line in self.examples)
        add_all(parser, self.arguments)
        parser.set_defaults(run_command=self.run)


def command(
    about: str, *arguments: Argument, examples: tuple[str, ...]
) -> Callable[[Callable[[Namespace], int]], Command]:
    """Make a command of the function that carries it out."""
    return lambda run: Command(about, arguments, run, examples)


@dataclass(frozen=True)
class Group:
    """Commands under a common first word; that word alone shows what there is."""

    about: str
    commands: Mapping[str, Command]
    text: str = ""
    """Shown under the list of commands."""

    def fill(self, parser: ArgumentParser) -> None:
        """Give a parser all of the commands."""
        first = [f"  {parser.prog} {each} {command.examples[0]}\n" for each, command in self.commands.items()]
        parser.epilog = "examples:\n" + "".join(first) + self.text
        add_commands(parser, self.commands)


def add_commands(parser: ArgumentParser, commands: "Mapping[str, Command | Group]") -> "_SubParsersAction[Any]":
    """Give a parser these commands; without any of them it shows its help.

    Returns argparse's subparsers, so that commands made elsewhere can be added: a parser of theirs is a command once it
    sets the default ``run_command``, a function from the options to the exit code.
    """
    title = "commands (each has its own --help)"
    subparsers = parser.add_subparsers(metavar="COMMAND", title=title, parser_class=LazyParser)
    for name, command in commands.items():
        about = command.about
        each = subparsers.add_parser(name, help=about, description=about, formatter_class=RawDescriptionHelpFormatter)
        each.fill = partial(command.fill, each)

    def show(_: Namespace) -> int:
        parser.print_help()
        return 0

    parser.set_defaults(run_command=show)
    return subparsers


# Files that are written; impossible targets are refused before the work.


def check_target(path: str | None) -> None:
    """Refuse a file that cannot be written."""
    if path and (Path(path).is_dir() or not Path(path).resolve().parent.is_dir()):
        why = "it is a directory" if Path(path).is_dir() else f"there is no directory {Path(path).parent}"
        raise DataError(f"cannot write {path}: {why}.")


def check_table(path: str | None) -> None:
    """Refuse a table that cannot be written."""
    check_target(path)
    if path and Path(path).suffix.lower() not in (".csv", ".json"):
        raise DataError(f"cannot write a table as {path!r}: end its name in .csv or .json.")


def check_picture(path: str | None) -> None:
    """Refuse a picture that cannot be saved."""
    check_target(path)
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    if Path(path).suffix.removeprefix(".").lower() not in FigureCanvasBase.get_supported_filetypes():
        raise DataError(f"cannot save a picture as {path!r}: end its name in .png, .pdf or .svg.")


def write_table(table: "pd.DataFrame", path: str) -> None:
    """CSV, or JSON as a list of rows (null where nothing is known; infinities as text, since JSON has none)."""
    import pandas as pd

    bare = table.index.name is None and isinstance(table.index, pd.RangeIndex)
    frame = table if bare else table.reset_index(names=str(table.index.name or "row"))
    if Path(path).suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
        return
    records = frame.astype(object).to_dict("records")
    rows = [{str(name): _plain(value) for name, value in record.items()} for record in records]
    Path(path).write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """A table's entry as JSON has it."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def save_picture(draw: "Callable[[Axes], object]", path: str) -> None:
    """A picture of one pair of axes."""
    from matplotlib.figure import Figure  # not pyplot: no display is needed and no global state touched

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    draw(figure.subplots())
    figure.savefig(path, dpi=150)


# Questions put to fits: an answer prints as text, is written as a table, and most are drawn.

PICTURE = argument("--out", "PICTURE.png", "where to save it (png, pdf, svg)", required=True)
"""Where a command that only draws saves the picture."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a command found."""

    text: str
    table: "pd.DataFrame"
    draw: "Callable[[Axes], object] | None" = None
    sources: "tuple[Origin | None, ...]" = ()
    """The fits and constants that it rests on; None where an option was left out."""


def as_answer(record: "Record", *sources: "Origin | None", picture: str = "") -> Answer:
    """The answer that a plan or a test is; ``picture`` names the function of :mod:`p2law.plot` that draws it."""
    draw = picture_of(record, picture) if picture else None
    return Answer(record.summary(), record.to_frame(), draw, sources)


def picture_of(record: object, name: str, **options: Any) -> "Callable[[Axes], object]":
    """Draws a record on axes with the function of :mod:`p2law.plot` that has this name."""

    def draw(ax: "Axes") -> object:
        from .. import plot

        return getattr(plot, name)(record, ax=ax, **options)

    return draw


@dataclass(frozen=True)
class AnswerCommand:
    """A command that finds an answer: printed, and written or drawn where asked for."""

    about: str
    arguments: Sequence[Argument]
    ask: Callable[[Namespace], Answer]
    examples: tuple[str, ...]
    """Arguments only; the first without ``--out`` and ``--plot``."""
    drawn: bool = True

    def command(self) -> Command:
        """The command that prints the answer."""
        out = argument("--out", "TABLE.csv", "write the table (.csv or .json)")
        plot = argument("--plot", "PICTURE.png", "save a picture (png, pdf, svg)")
        more = (out, plot) if self.drawn else (out,)
        return Command(self.about, (*self.arguments, *more), self._print, self.examples)

    def picture(self, name: str) -> Command:
        """The command that only draws the answer."""
        about = f"Picture: {self.about[0].lower()}{self.about[1:]}"
        examples = (f"{self.examples[0]} --out {name}.png",)
        return Command(about, (*self.arguments, PICTURE), self._draw, examples)

    def _print(self, options: Namespace) -> int:
        """Print the answer, save its table and its picture where asked for; returns the exit code."""
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
        return exit_code(*answer.sources)

    def _draw(self, options: Namespace) -> int:
        """Save the picture of the answer; returns the exit code."""
        check_picture(options.out)
        answer = self.ask(options)
        if answer.draw:
            save_picture(answer.draw, options.out)
            print(f"saved {options.out}")
        return exit_code(*answer.sources)


def question(
    about: str, *arguments: Argument, examples: tuple[str, ...], drawn: bool = True
) -> Callable[[Callable[[Namespace], Answer]], AnswerCommand]:
    """Make a command of the function that finds the answer."""
    return lambda ask: AnswerCommand(about, arguments, ask, examples, drawn)


def exit_code(*sources: "Origin | None") -> int:
    """1, and a warning, where a fit has not converged."""
    from ..fitting.source import as_source

    fits = [fit for source in sources if source is not None for fit in as_source("fit", source).fits]
    if all(fit.converged for fit in fits):
        return 0
    print("p2law: warning: the fit has not converged; do not use it.", file=sys.stderr)
    return 1
