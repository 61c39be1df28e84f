"""``p2law plan crossover``, ``worth`` and ``best``: prune or train from scratch, and which method and parent."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ... import plan
from ...data.quantities import format_quantity, parse_quantity
from ...errors import DataError
from .. import arguments
from ..arguments import argument, group, number
from ..command import Answer, as_answer, question

if TYPE_CHECKING:
    from ...fitting.source import Origin

_PARENT_KEYS = ("size", "tokens", "loss")
_PARENT_HELP = "the model pruned: parameters, tokens trained on, loss (a number, or FIT.json of the control's curve)"
_PARENT = "size=8B,tokens=15T,loss=2.1"
_CHARGES = ("sunk", "tokens", "flops")
_CHARGE = group(
    "who pays for the parent",
    argument("--charge", None, "nobody (default), or in which unit", choices=_CHARGES, default="sunk"),
    number("--children", None, "models pruned from it, which share its price (default: 1)", default=1),
)


def _parent(given: Sequence[tuple[str, str]], options: Namespace) -> "tuple[plan.Parent, Origin | None]":
    """A parent from ``size=8B,tokens=15T,loss=2.1``, and the fit of its loss if that is one.

    Raises
    ------
    DataError
        If a name or a number makes no sense.
    """
    found: dict[str, Any] = {}
    for name, text in dict(given).items():
        if name not in _PARENT_KEYS:
            raise DataError(f"--parent {name}=...: it has {', '.join(_PARENT_KEYS)}.")
        try:
            found[name] = parse_quantity(text)
        except ValueError as error:
            if name != "loss":
                raise DataError(f"--parent {name}={text}: {error}") from error
            found[name] = arguments.find_source(text, options)
    loss = found.get("loss")
    return plan.Parent(**found), None if isinstance(loss, float) else loss


_TWO_FITS = (
    lambda parser: arguments.sources(parser, "pruned", "scratch"),
    arguments.at("N0=8B,rho=0.5,L0=2.4"),
    argument("--parent", _PARENT, _PARENT_HELP, type=arguments.pairs),
)


def _read_two_fits(options: Namespace) -> "tuple[tuple[Origin, Origin], dict[str, Any], Origin | None]":
    """Both fits, the options that both commands take, and the fit of the parent's loss if there is one."""
    fits = arguments.find_source(options.pruned, options), arguments.find_source(options.scratch, options)
    parent, curve = _parent(options.parent, options) if options.parent else (None, None)
    how = {"parent": parent, **arguments.interval_options(options)}
    return fits, how | arguments.at_point(options.at, *fits), curve


def _charge(options: Namespace) -> dict[str, Any]:
    """Who pays for the parent, as keywords of plans."""
    return {"parent_cost": options.charge, "models_per_parent": options.children}


@question(
    "Prune or train from scratch: the budget at which the two reach the same loss.",
    *_TWO_FITS,
    _CHARGE,
    number("--size", "4B", "with --charge flops: the pruned model as it is trained"),
    number("--scratch-size", "4B", "and the one from scratch (default: the same)"),
    argument("--range", "1B:1T", "retraining tokens to look at (default: as fitted)", type=arguments.span),
    arguments.intervals(),
    examples=(
        "fit.json dense.json --at N0=27M,rho=0.3,L0=3.2",
        "fit.json dense.json --at rho=0.3 --parent size=27M,tokens=160M,loss=3.2 --charge flops --range 1M:100M",
    ),
)
def crossover(options: Namespace) -> Answer:
    fits, how, curve = _read_two_fits(options)
    sizes = {"size": options.size, "scratch_size": options.scratch_size, "range": options.range}
    found = plan.crossover(*fits, **_charge(options), **sizes, **how)
    return as_answer(found, *fits, curve, picture="crossover")


@question(
    "Tokens of training from scratch that a pruned start with some retraining is worth.",
    *_TWO_FITS,
    argument("--tokens", "1M,10M", "retraining tokens (default: as fitted)", type=arguments.grid),
    arguments.intervals(),
    examples=("fit.json dense.json --at N0=27M,rho=0.3,L0=3.2 --tokens 1M,10M",),
)
def worth(options: Namespace) -> Answer:
    fits, how, curve = _read_two_fits(options)
    return as_answer(plan.effective_tokens(*fits, options.tokens, **how), *fits, curve, picture="worth")


@question(
    "Which pruning method and which parent give the lowest loss at a size, within a budget.",
    argument("methods", "width=width.json,depth=depth.json", "saved fits by method", type=arguments.pairs),
    number("--size", "4B", "parameters of the model wanted", required=True),
    number("--budget", "100B", "tokens; FLOPs with --charge flops", required=True),
    argument(
        "--parent", _PARENT, f"{_PARENT_HELP}; repeat for several", type=arguments.pairs, action="append", required=True
    ),
    argument("--scratch", "FIT.json", "training from scratch, to stand in the same list"),
    arguments.at(about="further columns of the laws"),
    arguments.LAW,
    _CHARGE,
    arguments.intervals(),
    examples=(
        "width=fit.json --size 10M --budget 10M --parent size=14M,loss=3.3 --parent size=27M,loss=3.2",
        "width=fit.json --size 10M --budget 10M --parent size=27M,loss=3.2 --scratch dense.json --out best.csv",
    ),
    drawn=False,
)
def best(options: Namespace) -> Answer:
    """Pruning methods and parents ranked for one final size."""
    methods = {name: arguments.find_source(path, options) for name, path in options.methods}
    scratch = None if options.scratch is None else arguments.find_source(options.scratch, options)
    given, curves = zip(*(_parent(each, options) for each in options.parent), strict=True)
    parents = {"?" if each.params is None else format_quantity(each.params): each for each in given}
    at = arguments.at_point(options.at, *methods.values())
    how = {**_charge(options), "scratch": scratch, **arguments.interval_options(options), **at}
    found = plan.best_pruning(methods, parents, size=options.size, budget=options.budget, **how)
    return as_answer(found, *methods.values(), scratch, *curves)
