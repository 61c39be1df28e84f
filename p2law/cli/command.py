"""What a command is: arguments, what it does, examples; and groups of them."""

from argparse import ArgumentParser, Namespace
from argparse import RawDescriptionHelpFormatter as _AsWritten
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
