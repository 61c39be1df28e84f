"""The command line: tables and fits as files, everything else as in Python.

Exit codes: 0, 1 if a fit has not converged, 2 if something was wrong with the input. Nothing is written unless asked.
"""

import os
import re
import sys
import warnings
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from argparse import RawDescriptionHelpFormatter as _AsWritten
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pandas as pd

import p2law

from . import datasets, laws
from .errors import DataError, FitError, LawError, P2LawError, P2LawWarning
from .objective import Huber, LeastAbsolute, Objective, Squared
from .observations import as_frame
from .quantities import format_quantity, parse_quantity
from .result import Fit


@dataclass(frozen=True)
class Command:
    """A subcommand: what it takes, what it does (its docstring is the help, its result the exit code), examples."""

    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    examples: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; usage errors leave by ``SystemExit(2)`` as argparse does.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default: those of the process.
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 0
    with _warnings_as_sentences():
        try:
            code = COMMANDS[options.command].run(options)
            sys.stdout.flush()
            return code
        except BrokenPipeError:  # the reader of a pipe ('| head') has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (P2LawError, OSError) as error:
            print(f"p2law: error: {error}", file=sys.stderr)
            return 2


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    about = (p2law.__doc__ or "").partition("\n")[0]
    parser = ArgumentParser("p2law", description=about, epilog=FIRST_STEPS, formatter_class=_AsWritten)
    parser.add_argument("--version", action="version", version=f"p2law {p2law.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands (each has its own --help)")
    for name, command in COMMANDS.items():
        about, shown = command.run.__doc__, f"examples:\n{command.examples}"
        each = commands.add_parser(name, help=about, description=about, epilog=shown, formatter_class=_AsWritten)
        command.arguments(each)
    return parser


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


def quantity(text: str) -> float:
    """A number such as 7B, 300k or 1e-3."""
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def pairs(text: str) -> list[tuple[str, str]]:
    """``a=x,b=y``."""
    split = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in split):
        raise ArgumentTypeError(f"{text!r}: write name=value, several of them with commas between.")
    return [(name.strip(), value.strip()) for name, _, value in split]


def numbers(text: str) -> list[tuple[str, float]]:
    """``N0=8B,D=1B``."""
    return [(name, quantity(value)) for name, value in pairs(text)]


def ranges(text: str) -> list[tuple[str, tuple[float | None, float | None]]]:
    """``alpha=0.1:1,N_C=0:``, with an open end where nothing stands."""
    out = []
    for name, value in pairs(text):
        low, colon, high = value.partition(":")
        if not colon:
            raise ArgumentTypeError(f"{name}={value}: write low:high, for example {name}=0.1:1 or {name}=0: (no end).")
        out.append((name, (quantity(low) if low else None, quantity(high) if high else None)))
    return out


def _fit_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("table", help=f"CSV, TSV, JSON lines or Parquet file, or a bundled data set: {', '.join(datasets.names())}")
    add("--law", required=True, metavar="LAW", help="name of a law (see 'p2law laws'), or module:function for your own")
    add("--out", metavar="FIT.json", help="save the fit")
    add("--plot", metavar="FIT.png", help="save a picture of points and curves (png, pdf, svg)")
    rows = parser.add_argument_group("which rows and columns")
    add = rows.add_argument
    add("--columns", type=pairs, action="extend", default=[], metavar="N0=params,D=tokens", help="law's name=table's")
    add("--where", type=pairs, action="extend", default=[], metavar="COLUMN=VALUE", help="keep rows with this value")
    add("--min-tokens", type=quantity, metavar="300k", help="leave out earlier rows (warm-up)")
    add("--run", default="run", metavar="COLUMN", help="names the curve of each row (default: run, if there)")
    add("--weights", metavar="COLUMN", help="weight of each row")
    how = parser.add_argument_group("what is fitted")
    add = how.add_argument
    add("--baseline", choices=("fixed", "control"), default="fixed", help="excess over L0, or over the control")
    add("--objective", choices=tuple(_OBJECTIVES), default="huber", help="default: huber")
    add("--space", choices=("log", "linear", "excess"), help="of the residuals (default: log; squared: linear)")
    add("--delta", type=quantity, help="Huber's threshold (default: 1e-3)")
    add("--fixed", type=numbers, action="extend", default=[], metavar="E=1.69", help="hold constants at a value")
    add(
        "--tied",
        type=lambda text: tuple(text.split(",")),
        action="append",
        metavar="alpha,beta",
        help="hold constants equal",
    )
    add("--bounds", type=ranges, action="extend", default=[], metavar="alpha=0.1:1", help="replace a constant's domain")
    add("--seed", type=int, default=0, help="seed of the starts (default: 0)")


def _fit(options: Namespace) -> int:
    """Fit a law to a table of logged losses and print the report."""
    _check_targets(options)
    fit = p2law.fit(
        find_law(options.law),
        read_table(options.table, dict(options.columns), options.where),
        objective=_objective(options),
        weights=options.weights,
        fixed=dict(options.fixed),
        bounds=dict(options.bounds),
        tied=options.tied,
        baseline=options.baseline,
        run=options.run,
        min_tokens=options.min_tokens,
        rng=options.seed,
    )
    return _show(fit, options)


_OBJECTIVES = {"huber": Huber, "squared": Squared, "absolute": LeastAbsolute}


def _objective(options: Namespace) -> Objective:
    if options.delta is not None and options.objective != "huber":
        raise FitError(f"--delta is Huber's threshold: leave it out with --objective {options.objective}.")
    given = {"delta": options.delta, "space": options.space}
    return _OBJECTIVES[options.objective](**{name: value for name, value in given.items() if value is not None})


def find_law(text: str) -> laws.Law:
    """A law by name, or ``module:function`` from the current directory or any installed package.

    Raises
    ------
    LawError
        If there is no such law, or the module cannot be imported.
    """
    module, colon, name = text.partition(":")
    if not colon:
        return laws.get(text)
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), name, None)
    except P2LawError:
        raise
    except Exception as error:
        raise LawError(f"cannot import {module!r} for --law {text}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(here)
    if isinstance(found, laws.Law):
        return found
    what = "has no" if found is None else "has a plain"
    raise LawError(f"module {module!r} {what} {name!r}: put @p2law.law above 'def {name}(...)' to make it a law.")


def read_table(name: str, columns: dict[str, str], where: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """A bundled data set or a file, with the law's names, and the rows that have the wanted values.

    Raises
    ------
    DataError
        If the table cannot be read, or a column or value does not exist.
    """
    frame = as_frame(datasets.load(name), columns) if name in datasets.names() else p2law.read(name, columns=columns)
    ours = {theirs: law_name for law_name, theirs in columns.items()}
    for column, value in where:
        frame = _having(frame, column if column in frame.columns else ours.get(column, column), value)
    return frame


def _having(frame: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    if column not in frame.columns:
        raise DataError(f"--where {column}={value}: the table has no such column; it has {', '.join(frame.columns)}.")
    values = frame[column]
    kept = values.astype(str) == value
    if pd.api.types.is_numeric_dtype(values) and not kept.any():
        with suppress(ValueError):
            kept = values == parse_quantity(value)
    if not kept.any():
        some = ", ".join(map(str, values.unique()[:8]))
        raise DataError(f"--where {column}={value}: no row has this value; there are {some}.")
    return frame[kept]


def _saved_fit(parser: ArgumentParser) -> None:
    parser.add_argument("fit", metavar="FIT.json", help="a fit saved with 'p2law fit --out'")
    parser.add_argument("--law", metavar="module:function", help="the fit's law, if it is your own")


def _predict_arguments(parser: ArgumentParser) -> None:
    _saved_fit(parser)
    what = "a value for each of the law's columns; repeat for more rows (control baseline: L_control for L0)"
    parser.add_argument(
        "--at", type=numbers, action="append", required=True, metavar="N0=8B,D=1B,rho=0.25,L0=2.1", help=what
    )


def _predict(options: Namespace) -> int:
    """Predict with a saved fit."""
    fit = _load(options)
    unit = fit.law.response.kind.unit or fit.law.response.name
    for at in options.at:
        value = fit.predict(**dict(at))
        print(f"{value:.6g} {unit} at {', '.join(f'{name} = {format_quantity(number, 6)}' for name, number in at)}")
    return _verdict(fit)


def _report_arguments(parser: ArgumentParser) -> None:
    _saved_fit(parser)
    parser.add_argument("--plot", metavar="FIT.png", help="save a picture of points and curves (png, pdf, svg)")


def _report(options: Namespace) -> int:
    """Print the report of a saved fit."""
    _check_targets(options)
    return _show(_load(options), options)


def _load(options: Namespace) -> Fit:
    try:
        return Fit.from_json(Path(options.fit), law=find_law(options.law) if options.law else None)
    except FitError as error:
        here = " Here: --law module:function." if "law=" in str(error) and not options.law else ""
        raise FitError(f"{options.fit}: {error}{here}") from error


def _show(fit: Fit, options: Namespace) -> int:
    print(fit.summary())
    if getattr(options, "out", None):
        fit.to_json(options.out)
        print(f"\nsaved {options.out}")
    if options.plot:
        _save_plot(fit, options.plot)
        print(f"\nsaved {options.plot}")
    return _verdict(fit)


def _verdict(fit: Fit) -> int:
    if not fit.converged:
        print("p2law: warning: the fit has not converged; do not use it.", file=sys.stderr)
    return 0 if fit.converged else 1


def _save_plot(fit: Fit, path: str) -> None:
    from matplotlib.figure import Figure  # not pyplot: no display is needed and no global state touched

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    p2law.plot.curves(fit, figure.subplots())
    figure.savefig(path, dpi=150)


def _check_targets(options: Namespace) -> None:
    """Refuse impossible files before the work, not after."""
    for path in filter(None, (getattr(options, "out", None), options.plot)):
        if Path(path).is_dir() or not Path(path).resolve().parent.is_dir():
            why = "it is a directory" if Path(path).is_dir() else f"there is no directory {Path(path).parent}"
            raise DataError(f"cannot write {path}: {why}.")
    if options.plot:
        from matplotlib.backend_bases import FigureCanvasBase

        known = FigureCanvasBase.get_supported_filetypes()
        if Path(options.plot).suffix.removeprefix(".").lower() not in known:
            raise DataError(f"cannot save a picture as {options.plot!r}: end its name in .png, .pdf or .svg.")


def _laws_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("law", nargs="?", help="only this one, with its documentation")


def _laws(options: Namespace) -> int:
    """List the laws: formula, columns, constants."""
    if options.law:
        law = find_law(options.law)
        print(f"{_entry(law)}\n\n{law.doc}\n\nreference: {law.reference or 'none given'}")
    else:
        print("\n\n".join(_entry(laws.get(name)) for name in laws.names()))
    return 0


def _entry(law: laws.Law) -> str:
    columns = ", ".join(f"{v.name} ({v.kind.unit})" if v.kind.unit else v.name for v in law.variables)
    lines = [f"{law.name}: {law.title}", f"    {formula(law)}", f"    columns:   {columns}, {law.response.name}"]
    lines.append(f"    constants: {', '.join(p.name for p in law.parameters)}")
    return "\n".join(line for line in lines if line.strip())


def formula(law: laws.Law) -> str:
    """The formula of a law's documentation in plain text; empty if it shows none."""
    found = re.search(r"\.\. math::\s*(.*?)(?:\n\s*\n|\Z)", law.doc, re.DOTALL)
    if found is None:
        return ""
    text = re.sub(r"\\left|\\right", "", found[1]).replace(r"\,", " ")
    text = re.sub(r"\\bar\s*(\w)", r"\1_avg", text)
    text = re.sub(r"\{([^{}]*)\}", r"\1", text).replace("\\", "")
    return re.sub(r"\(\s+|\s+\)", lambda bracket: bracket[0].strip(), " ".join(text.split()))


def _data_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", choices=datasets.names(), help="without it, the names")
    parser.add_argument("--out", metavar="RUNS.csv", help="write the table instead of showing its data card")
    parser.add_argument("--rows", choices=("fit", "all"), default="fit", help="rows to be fitted, or every logged one")


def _data(options: Namespace) -> int:
    """Show a bundled data set's card, or write its table."""
    if options.name is None:
        print("\n".join(datasets.names()))
    elif options.out:
        frame = datasets.load(options.name, rows=options.rows)
        frame.to_csv(options.out, index=False)
        print(f"saved {options.out}: {len(frame)} rows")
    else:
        print(datasets.describe(options.name))
    return 0


FIRST_STEPS = """\
first steps:
  p2law data mini-pruning                                               what the bundled curves are
  p2law fit mini-pruning --where method=width --law p2 --plot fit.png   fit them
  p2law fit --help                                                      then your own runs.csv
"""

COMMANDS = {
    "fit": Command(
        _fit_arguments,
        _fit,
        """\
  p2law fit mini-pruning --where method=width --law p2 --plot fit.png
  p2law fit mini-pruning --where method=width --law p2 --baseline control --out fit.json
  p2law fit runs.csv --law p2 --columns N0=params,D=tokens --min-tokens 1M
  p2law fit dense.csv --law chinchilla --fixed E=1.69 --tied alpha,beta --bounds alpha=0.1:1
  p2law fit runs.csv --law mylaws:plateau               (a function with @p2law.law in ./mylaws.py)
""",
    ),
    "predict": Command(_predict_arguments, _predict, "  p2law predict fit.json --at N=7B,D=2T --at N=13B,D=2T\n"),
    "report": Command(_report_arguments, _report, "  p2law report fit.json --plot fit.png\n"),
    "laws": Command(_laws_arguments, _laws, "  p2law laws\n  p2law laws p2\n"),
    "data": Command(_data_arguments, _data, "  p2law data mini-pruning\n  p2law data mini-pruning --out runs.csv\n"),
}
