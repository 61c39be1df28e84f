"""Every example of every help text: those that are quick are run, the others read."""

import shlex
from itertools import pairwise

import pytest

from p2law.cli import COMMANDS, main, make_parser
from p2law.cli.command import Group

SLOW = ("fit", "joint", "holdout", "compare", "plot holdout")


def examples(commands, before=""):
    for name, command in commands.items():
        if isinstance(command, Group):
            yield from examples(command.commands, f"{before}{name} ")
        else:
            yield from ((f"{before}{name}", line) for line in command.examples)


EXAMPLES = list(examples(COMMANDS))


def arguments(name, line):
    return [*name.split(), *shlex.split(line, comments=True)]


@pytest.mark.parametrize(("name", "line"), [each for each in EXAMPLES if each[0] not in SLOW])
def test_examples_run(filled, capsys, name, line):
    before = {path.name for path in filled.iterdir()}
    argv = arguments(name, line.replace("--draws 1000", "--draws 20"))
    assert main(argv) == 0
    assert capsys.readouterr().out.strip()
    written = {path.name for path in filled.iterdir()} - before
    named = {value for flag, value in pairwise(argv) if flag in ("--out", "--plot")}
    assert written == named - before


@pytest.mark.parametrize(("name", "line"), [each for each in EXAMPLES if each[0] in SLOW])
def test_slow_examples_are_understood(name, line):
    options = make_parser().parse_args(arguments(name, line))
    assert callable(options.run_command)


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in EXAMPLES))
def test_every_help_page_shows_its_examples(capsys, name):
    with pytest.raises(SystemExit) as left:
        main([*name.split(), "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"  p2law {name} {line}".rstrip() in shown for each, line in EXAMPLES if each == name)


@pytest.mark.parametrize("group", ["plan", "plot"])
def test_a_bare_group_shows_its_commands(capsys, group):
    assert main([group]) == 0
    shown = capsys.readouterr().out
    assert all(f"p2law {group} {name} " in shown for name in COMMANDS[group].commands)
