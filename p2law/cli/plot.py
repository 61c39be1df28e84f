"""``p2law plot``: pictures of a saved fit, and of the plans and tests made with it."""

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import arguments
from .arguments import Argument, argument, number
from .command import PICTURE, Command, Group, check_picture, exit_code, picture_of, save_picture
from .plan import PLANS
from .validate import holdout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fitting.source import Origin

_VIEW = (
    argument("--x", "COLUMN", "on the horizontal axis (default: tokens)"),
    argument("--color --colour", "COLUMN", "told apart by colour (default: size)"),
    argument("--marker", "COLUMN", "told apart by marker (default: rate)"),
    argument("--runs", "RUN,RUN", "only these runs", type=arguments.names),
)


def _view(options: Namespace) -> dict[str, Any]:
    return {"x": options.x, "color": options.color, "marker": options.marker, "runs": options.runs}


def _picture(
    about: str,
    add: tuple[Argument, ...],
    draw: "Callable[[Any, Namespace], Callable[[Axes], object]]",
    *examples: str,
    find: "Callable[[str, Namespace], Origin]" = arguments.load_fit,
) -> Command:
    """The command that draws a saved fit: ``draw(fit, options)(ax)``; ``find`` finds it by its name."""

    def run(options: Namespace) -> int:
        check_picture(options.out)
        source = find(options.fit, options)
        save_picture(draw(source, options), options.out)
        print(f"saved {options.out}")
        return exit_code(source)

    fits = arguments.fits if find is arguments.load_fit else arguments.sources
    return Command(about, (fits, *add, PICTURE), run, examples)


_OF_FITS = {
    "curves": _picture(
        "Measured losses and fitted curves.",
        (*_VIEW, number("--extend", None, "carry curves on to this multiple (3)", default=3.0)),
        lambda fit, options: picture_of(fit, "curves", extend=options.extend, **_view(options)),
        "fit.json --out curves.png",
        "fit.json --color rho --marker N0 --extend 10 --out curves.pdf",
    ),
    "residuals": _picture(
        "Measured minus fitted loss, run by run.",
        _VIEW,
        lambda fit, options: picture_of(fit, "residuals", **_view(options)),
        "fit.json --out residuals.png",
    ),
    "parameters": _picture(
        "Intervals of the constants, relative to their estimates.",
        (arguments.level(),),
        lambda fit, options: picture_of(fit, "parameters", level=options.level),
        "fit.json --out parameters.png",
    ),
    "profile": _picture(
        "How much worse the fit becomes as one constant is held elsewhere.",
        (arguments.level(), argument("--parameter", None, "the constant to profile, e.g. beta", required=True)),
        lambda fit, options: picture_of(fit.profile(options.parameter, level=options.level), "profile"),
        "fit.json --parameter beta --out beta.png",
    ),
    "isoloss": _picture(
        "Lines of equal loss over size and tokens, with the compute-optimal path.",
        (arguments.at(),),
        lambda source, options: picture_of(source, "isoloss", **arguments.at_point(options.at, source)),
        "dense.json --out isoloss.png",
        "besiroglu-2024 --out isoloss.svg",
        find=arguments.find_source,
    ),
}
_OF_ANSWERS = {
    "holdout": holdout,
    "extrapolation": PLANS["larger"],
    "isoflop": PLANS["compute"],
    **{name: PLANS[name] for name in ("tokens", "stop", "crossover", "worth", "schedule", "next")},
}
PLOT = Group(
    "Save a picture: of a fit, or of a plan or test (the same options as 'p2law plan' and 'p2law holdout').",
    _OF_FITS | {name: answer.picture(name) for name, answer in _OF_ANSWERS.items()},
)
