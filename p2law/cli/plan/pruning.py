"""``p2law plan crossover`` and ``worth``: prune, or train from scratch."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

import p2law

from ...data.quantities import format_quantity, parse_quantity
from ...errors import DataError
from ...plan import Parent
from .. import arguments
from ..command import Answer, Question, told

# The dense model that is pruned, and who pays for it, as options.


_KEYS = ("size", "tokens", "loss")
HELP = "the model pruned: parameters, tokens trained on, loss (a number, or FIT.json of the control's curve)"


def bill_arguments(parser: ArgumentParser) -> None:
    """Who pays for the parent."""
    add = parser.add_argument_group("who pays for the parent").add_argument
    add("--charge", choices=("sunk", "tokens", "flops"), default="sunk", help="nobody (default), or in which coin")
    add(
        "--children",
        type=arguments.quantity,
        default=1,
        help="models pruned from it, which share its price (default: 1)",
    )


def parent_of(given: Mapping[str, str], options: Namespace) -> tuple[Parent, Any]:
    """A parent from ``size=8B,tokens=15T,loss=2.1``, and the fit of its loss if that is one.

    Raises
    ------
    DataError
        If a name or a number makes no sense.
    """
    wrong = [name for name in given if name not in _KEYS]
    if wrong:
        raise DataError(f"--parent {wrong[0]}=...: it has {', '.join(_KEYS)}.")
    found: dict[str, Any] = {}
    for name, text in given.items():
        try:
            found[name] = parse_quantity(text)
        except ValueError as error:
            if name != "loss":
                raise DataError(f"--parent {name}={text}: {error}") from error
            found[name] = arguments.find(text, options)
    loss = found.get("loss")
    return Parent(**found), None if isinstance(loss, float) else loss


def _two_fits(parser: ArgumentParser) -> None:
    arguments.fit_arguments(parser, "pruned", "scratch", literature=True)
    arguments.at_argument(parser, "N0=8B,rho=0.5,L0=2.4")
    parser.add_argument("--parent", type=arguments.pairs, metavar="size=8B,tokens=15T,loss=2.1", help=HELP)


def _crossover_arguments(parser: ArgumentParser) -> None:
    _two_fits(parser)
    bill_arguments(parser)
    add = parser.add_argument
    add("--size", type=arguments.quantity, metavar="4B", help="with --charge flops: the pruned model as it is trained")
    add("--scratch-size", type=arguments.quantity, metavar="4B", help="and the one from scratch (default: the same)")
    add("--range", type=arguments.span, metavar="1B:1T", help="retraining tokens to look at (default: as fitted)")
    arguments.interval_arguments(parser)


def _asked(options: Namespace) -> tuple[tuple[arguments.Source, arguments.Source], dict[str, Any], Any]:
    """Both fits, the options that both questions take, and the fit of the parent's loss if there is one."""
    fits = arguments.find(options.pruned, options), arguments.find(options.scratch, options)
    parent, curve = parent_of(dict(options.parent), options) if options.parent else (None, None)
    how = {"parent": parent, "level": options.level, "method": options.method}
    return fits, how | arguments.point_of(options.at, *fits), curve


def _crossover(options: Namespace) -> Answer:
    fits, how, curve = _asked(options)
    names = ("size", "scratch_size", "range")
    how |= {"parent_cost": options.charge, "models_per_parent": options.children}
    found = p2law.crossover(*fits, **{name: getattr(options, name) for name in names}, **how)
    return told(found, *fits, curve, draw=lambda record, ax: p2law.plot.crossover(record, ax))


CROSSOVER = Question(
    "Prune or train from scratch: the budget at which the two reach the same loss.",
    _crossover_arguments,
    _crossover,
    (
        "fit.json dense.json --at N0=27M,rho=0.3,L0=3.2",
        "fit.json dense.json --at rho=0.3 --parent size=27M,tokens=160M,loss=3.2 --charge flops --range 1M:100M",
    ),
)


def _worth_arguments(parser: ArgumentParser) -> None:
    _two_fits(parser)
    parser.add_argument(
        "--tokens", type=arguments.grid, metavar="1M,10M", help="retraining tokens (default: as fitted)"
    )
    arguments.interval_arguments(parser)


def _worth(options: Namespace) -> Answer:
    fits, how, curve = _asked(options)
    found = p2law.effective_tokens(*fits, options.tokens, **how)
    return told(found, *fits, curve, draw=lambda record, ax: p2law.plot.worth(record, ax))


WORTH = Question(
    "Tokens of training from scratch that a pruned start with some retraining is worth.",
    _worth_arguments,
    _worth,
    ("fit.json dense.json --at N0=27M,rho=0.3,L0=3.2 --tokens 1M,10M",),
)


# ``p2law plan best``: which method, and which parent, for a model of a given size.


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("methods", type=arguments.pairs, metavar="width=width.json,depth=depth.json", help="saved fits by method")
    add("--size", type=arguments.quantity, required=True, metavar="4B", help="parameters of the model wanted")
    add("--budget", type=arguments.quantity, required=True, metavar="100B", help="tokens; FLOPs with --charge flops")
    parent = {"type": arguments.pairs, "action": "append", "required": True, "metavar": "size=8B,tokens=15T,loss=2.1"}
    add("--parent", help=f"{HELP}; repeat for several", **parent)
    add("--scratch", metavar="FIT.json", help="training from scratch, to stand in the same list")
    arguments.at_argument(parser, "NAME=VALUE", about="further columns of the laws")
    arguments.law_argument(parser)
    bill_arguments(parser)
    arguments.interval_arguments(parser)


def _best(options: Namespace) -> Answer:
    methods = {name: arguments.find(path, options) for name, path in options.methods}
    scratch = None if options.scratch is None else arguments.find(options.scratch, options)
    parents, curves = zip(*(parent_of(dict(each), options) for each in options.parent), strict=True)
    names = ["?" if parent.params is None else format_quantity(parent.params) for parent in parents]
    found = p2law.best_pruning(
        methods,
        dict(zip(names, parents, strict=True)),
        size=options.size,
        budget=options.budget,
        parent_cost=options.charge,
        models_per_parent=options.children,
        scratch=scratch,
        level=options.level,
        method=options.method,
        **arguments.point_of(options.at, *methods.values()),
    )
    return told(found, *methods.values(), scratch, *curves)


BEST = Question(
    "Which pruning method and which parent give the lowest loss at a size, within a budget.",
    _arguments,
    _best,
    (
        "width=fit.json --size 10M --budget 10M --parent size=14M,loss=3.3 --parent size=27M,loss=3.2",
        "width=fit.json --size 10M --budget 10M --parent size=27M,loss=3.2 --scratch dense.json --out best.csv",
    ),
    drawn=False,
)
