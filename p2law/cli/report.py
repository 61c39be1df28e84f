"""What a saved fit says of itself: its report, intervals, what the data fix, its runs, the P² paper's conditions."""

from argparse import ArgumentParser, Namespace

import pandas as pd

import p2law

from ..uncertainty.intervals import method_of
from . import files, sources
from .answers import Answer, Question, told
from .command import Command
from .fitting import show

_METHODS = ("wald", "bootstrap", "bca", "profile")


def _report_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    sources.draws_argument(parser)
    parser.add_argument("--out", metavar="FIT.json", help="save the fit again, with its draws")
    parser.add_argument("--plot", metavar="FIT.png", help="save a picture of points and curves (png, pdf, svg)")


def _report(options: Namespace) -> int:
    files.check_target(options.out)
    files.check_picture(options.plot)
    return show(sources.load(options.fit, options), options)


REPORT = Command(
    "Print the report of a saved fit.",
    _report_arguments,
    _report,
    ("fit.json", "fit.json --plot fit.png", "fit.json --draws 1000 --out fit-with-draws.json"),
)


def _interval_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    sources.interval_arguments(parser, *_METHODS)


def _intervals(options: Namespace) -> Answer:
    fit = sources.load(options.fit, options)
    table = fit.intervals(options.level, method=options.method)
    how = method_of(options.method, fit)
    head = f"{fit.law.title}: {100 * options.level:g} % intervals of the constants, raw units ({how})"
    resampled = fit.resampled if how in ("bootstrap", "bca") else None
    note = "" if resampled is None else f"\n{resampled.describe()}"
    return Answer(f"{head}\n{written(table)}{note}", table, rests_on=(fit,))


INTERVALS = Question(
    "Confidence intervals of a fit's constants.",
    _interval_arguments,
    _intervals,
    ("fit.json", "fit.json --method profile --level 0.9 --out intervals.csv", "fit.json --draws 1000 --method bca"),
    drawn=False,
)


def _identifiability_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    sources.interval_arguments(parser, *_METHODS, usual="profile")


def _identifiability(options: Namespace) -> Answer:
    fit = sources.load(options.fit, options)
    method = options.method or "profile"
    return told(fit.identifiability(level=options.level, method=method), fit)


IDENTIFIABILITY = Question(
    "What the data fix and what they leave open: constants, combinations, predictions, the run that would tell most.",
    _identifiability_arguments,
    _identifiability,
    ("fit.json", "fit.json --method wald --out constants.csv"),
    drawn=False,
)


def _influence_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    about = "a forecast; without it, the change of every constant in standard errors"
    sources.at_argument(parser, "N0=54M,rho=0.3,D=10M,L0=3.1", about=about)


def _influence(options: Namespace) -> Answer:
    fit = sources.load(options.fit, options)
    table = fit.influence(**sources.point_of(options.at, fit))
    changes = "change of each constant, in standard errors; nan: these data do not determine it"
    what = "the loss forecast there" if options.at else changes
    head = f"{fit.law.title}: what leaving out each run does ({what})"
    return Answer(f"{head}\n{written(table, index=True)}", table, rests_on=(fit,))


INFLUENCE = Question(
    "What leaving out each run does to the constants, or to a forecast.",
    _influence_arguments,
    _influence,
    ("fit.json", "fit.json --at N0=54M,rho=0.3,D=10M,L0=3.1 --out influence.csv"),
    drawn=False,
)


def _conditions_arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    sources.level_argument(parser)


def _conditions(options: Namespace) -> Answer:
    fit = sources.load(options.fit, options)
    return told(p2law.conditions(fit, level=options.level), fit)


CONDITIONS = Question(
    "The behaviours that the P² paper requires of a law, checked over the fitted range.",
    _conditions_arguments,
    _conditions,
    ("fit.json", "fit.json --out conditions.csv"),
    drawn=False,
)


def written(table: pd.DataFrame, *, index: bool = False) -> str:
    """A table as text, four digits and more."""
    return table.to_string(index=index, float_format=lambda value: f"{value:.5g}")
