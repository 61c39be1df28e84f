"""``p2law plot``: pictures of a saved fit, and of everything that is asked of it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

import p2law

from . import arguments, command
from .command import Command, Group, picture_argument, verdict
from .plan import QUESTIONS
from .validate import HOLDOUT


def _shown_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    picture_argument(parser)
    add = parser.add_argument
    add("--x", metavar="COLUMN", help="on the horizontal axis (default: tokens)")
    add("--color", "--colour", metavar="COLUMN", help="told apart by colour (default: size)")
    add("--marker", metavar="COLUMN", help="told apart by marker (default: rate)")
    add("--runs", type=arguments.names, metavar="RUN,RUN", help="only these runs")


def _curves_arguments(parser: ArgumentParser) -> None:
    _shown_arguments(parser)
    parser.add_argument("--extend", type=arguments.quantity, default=3.0, help="carry curves on to this multiple (3)")


def _level_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser)
    arguments.level_argument(parser)
    picture_argument(parser)


def _profile_arguments(parser: ArgumentParser) -> None:
    _level_arguments(parser)
    parser.add_argument("--parameter", required=True, help="the constant to profile, e.g. beta")


def _isoloss_arguments(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser, literature=True)
    arguments.at_argument(parser, "NAME=VALUE")
    picture_argument(parser)


def _drawn(
    draw: Callable[[Any, Any, Namespace], Any], find: Callable[[str, Namespace], arguments.Source] = arguments.load
) -> Callable[[Namespace], int]:
    """A command's action from ``draw(source, ax, options)``."""

    def run(options: Namespace) -> int:
        command.check_picture(options.out)
        source = find(options.fit, options)
        command.save_picture(lambda ax: draw(source, ax, options), options.out)
        print(f"saved {options.out}")
        return verdict(source)

    return run


def _looks(options: Namespace) -> dict[str, Any]:
    return {"x": options.x, "color": options.color, "marker": options.marker, "runs": options.runs}


_OF_FITS = {
    "curves": Command(
        "Measured losses and fitted curves.",
        _curves_arguments,
        _drawn(lambda fit, ax, o: p2law.plot.curves(fit, ax, extend=o.extend, **_looks(o))),
        ("fit.json --out curves.png", "fit.json --color rho --marker N0 --extend 10 --out curves.pdf"),
    ),
    "residuals": Command(
        "Measured minus fitted loss, run by run.",
        _shown_arguments,
        _drawn(lambda fit, ax, o: p2law.plot.residuals(fit, ax, **_looks(o))),
        ("fit.json --out residuals.png",),
    ),
    "parameters": Command(
        "Intervals of the constants, relative to their estimates.",
        _level_arguments,
        _drawn(lambda fit, ax, o: p2law.plot.parameters(fit, ax, level=o.level)),
        ("fit.json --out parameters.png",),
    ),
    "profile": Command(
        "How much worse the fit becomes as one constant is held elsewhere.",
        _profile_arguments,
        _drawn(lambda fit, ax, o: p2law.plot.profile(fit.profile(o.parameter, level=o.level), ax)),
        ("fit.json --parameter beta --out beta.png",),
    ),
    "isoloss": Command(
        "Lines of equal loss over size and tokens, with the compute-optimal path.",
        _isoloss_arguments,
        _drawn(
            lambda source, ax, o: p2law.plot.isoloss(source, ax, **arguments.point_of(o.at, source)), arguments.find
        ),
        ("dense.json --out isoloss.png", "besiroglu-2024 --out isoloss.svg"),
    ),
}
_OF_ANSWERS = {
    "holdout": HOLDOUT,
    "extrapolation": QUESTIONS["larger"],
    "isoflop": QUESTIONS["compute"],
    **{name: QUESTIONS[name] for name in ("tokens", "stop", "crossover", "worth", "schedule", "next")},
}
PLOT = Group(
    "Save a picture: of a fit, or of a plan or test (the same options as 'p2law plan' and 'p2law holdout').",
    _OF_FITS | {name: question.picture(name) for name, question in _OF_ANSWERS.items()},
)
