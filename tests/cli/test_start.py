"""The shell starts at once: what a command does not need is not imported. Checked in fresh interpreters."""

import subprocess
import sys

from p2law.cli import COMMANDS

RUN = """
import contextlib, io, sys
from p2law.cli import main
for line in {lines!r}:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            code = main(line.split())
        except SystemExit as left:
            code = left.code
    assert code == 0 and out.getvalue(), line
large = ("numpy", "pandas", "jax", "matplotlib", "torch", "p2law.fitting.solver")
print(*(name for name in large if name in sys.modules))
"""


def loaded(*lines: str) -> set[str]:
    """Which of the large modules these command lines import, one after the other in one interpreter."""
    call = [sys.executable, "-c", RUN.format(lines=lines)]
    return set(subprocess.run(call, capture_output=True, text=True, check=True).stdout.split())


def test_help_and_version_import_nothing_large():
    assert loaded("--help", "--version", "fit --help", "plan --help", "plot curves --help", "data") == set()


def test_help_of_experiments_imports_nothing_large():
    assert loaded(*(f"experiments {name} --help" for name in ("", "run", "lr", "text"))) == set()


def names(commands, before=""):
    for name, command in commands.items():
        yield before + name
        yield from names(getattr(command, "commands", {}), f"{before}{name} ")


def test_no_help_imports_pandas_or_jax():
    assert loaded(*(f"{name} --help" for name in names(COMMANDS))) <= {"numpy"}


def test_laws_are_listed_without_pandas_and_jax():
    assert loaded("laws", "laws p2") <= {"numpy"}


def test_published_constants_are_planned_with_without_jax():
    assert loaded("plan compute besiroglu-2024 --flops 1e21") == {"numpy", "pandas"}
