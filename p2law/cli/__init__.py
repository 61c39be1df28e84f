"""The command line: tables and fits as files, everything else as in Python.

Exit codes: 0, 1 if a fit has not converged, 2 if something was wrong with the input, 130 if interrupted. Nothing is
written unless asked. May import every other room, but at the top of its files only what is light: no NumPy, pandas or
JAX, so that help texts appear at once.
"""

import os
import sys
import warnings
from argparse import SUPPRESS, Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import P2LawError, P2LawWarning, Remedy
from . import experiments, fit, report, validate
from .command import Command, Group, add_commands
from .plan import PLAN
from .plot import PLOT

COMMANDS: dict[str, Command | Group] = {
    "fit": fit.fit,
    "joint": fit.joint,
    "report": report.report,
    "predict": report.predict.command(),
    "intervals": report.intervals.command(),
    "identifiability": report.identifiability.command(),
    "influence": report.influence.command(),
    "conditions": report.conditions.command(),
    "holdout": validate.holdout.command(),
    "compare": validate.compare.command(),
    "plan": PLAN,
    "plot": PLOT,
    "laws": report.list_laws,
    "data": report.show_data,
}
"""Every command by its name."""

ABOUT = "Scaling laws for pruned, sparse and dense language models: fit logged losses, predict, plan."
FIRST_STEPS = """\
first steps:
  p2law data mini-pruning                                               what the bundled curves are
  p2law fit mini-pruning --where method=width --law p2 --out fit.json   fit them
  p2law report fit.json --plot fit.png                                  look at the fit
  p2law plan tokens fit.json --remaining 0.02 --at N0=27M,rho=0.3       how many tokens are enough
  p2law fit --help                                                      then your own runs.csv
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; usage errors leave by ``SystemExit(2)`` as argparse does.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default: those of the process.
    """
    options = make_parser().parse_args(argv)
    with _warnings_as_sentences():
        try:
            code = options.run_command(options)
            sys.stdout.flush()
            return code
        except BrokenPipeError:  # the reader of a pipe ('| head') has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except KeyboardInterrupt:
            print("p2law: interrupted", file=sys.stderr)
            return 130
        except (P2LawError, OSError) as error:
            print(f"p2law: error: {error}{shell_hint(error)}", file=sys.stderr)
            return 2


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    parser = ArgumentParser("p2law", description=ABOUT, epilog=FIRST_STEPS, formatter_class=RawDescriptionHelpFormatter)
    version = "show program's version number and exit"
    parser.add_argument("--version", action=_Version, nargs=0, default=SUPPRESS, help=version)
    experiments.add(add_commands(parser, COMMANDS))
    return parser


class _Version(Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option: str | None = None) -> None:
        from importlib.metadata import version

        print(f"p2law {version('p2law')}")
        parser.exit()


_FLAGS: dict[Remedy, str] = {
    "columns": "--columns D=tokens,loss=eval_loss",
    "tokens_per_step": "--tokens-per-step 65536",
    "metric": "--metric NAME",
    "given": "--given N0=7B,rho=0.25",
    "control": "--control FIT.json",
    "parent": "--parent size=8B,tokens=15T,loss=2.1",
    "parent_columns": "--parents-at D=160M",
    "run": "--where run=NAME",
    "draws": "--draws 1000",
    "law": "--law module:function",
    "group": "JOINT.json:GROUP",
    "end": "--end TOKEN",
    "field": "--field COLUMN",
    "splits": "--splits NAME=SHARE,...",
}
"""How a remedy is written at the shell."""


def shell_hint(error: P2LawError | OSError) -> str:
    """A sentence with the options that mend the error; empty where it names none."""
    remedies = error.remedies if isinstance(error, P2LawError) else ()
    flags = [flag for remedy, flag in _FLAGS.items() if remedy in remedies]
    return f" Here: {', '.join(flags)}." if flags else ""


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """p2law's own warnings as a line on stderr, without file and line number."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", P2LawWarning)
        usual = warnings.showwarning

        def show(message, category, *where, **more):  # type: ignore[no-untyped-def]
            if issubclass(category, P2LawWarning):
                print(f"p2law: warning: {message}", file=sys.stderr)
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield
