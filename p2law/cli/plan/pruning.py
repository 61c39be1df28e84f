"""``p2law plan crossover``, ``worth`` and ``best``: prune or train from scratch, and which method and parent."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...data.quantities import format_quantity, parse_quantity
from ...errors import DataError
from .. import arguments
from ..command import Answer, AnswerCommand, as_answer

if TYPE_CHECKING:
    from ...fitting.source import Origin
    from ...plan import Parent

_PARENT_KEYS = ("size", "tokens", "loss")
_PARENT_HELP = "the model pruned: parameters, tokens trained on, loss (a number, or FIT.json of the control's curve)"


def _charge_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("who pays for the parent").add_argument
    add("--charge", choices=("sunk", "tokens", "flops"), default="sunk", help="nobody (default), or in which unit")
    children = "models pruned from it, which share its price (default: 1)"
    add("--children", type=arguments.quantity, default=1, help=children)


def _parent(given: Sequence[tuple[str, str]], options: Namespace) -> "tuple[Parent, Origin | None]":
    """A parent from ``size=8B,tokens=15T,loss=2.1``, and the fit of its loss if that is one.

    Raises
    ------
    DataError
        If a name or a number makes no sense.
    """
    from ...plan import Parent

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
    return Parent(**found), None if isinstance(loss, float) else loss


def _two_fits(parser: ArgumentParser) -> None:
    arguments.source_arguments(parser, "pruned", "scratch")
    arguments.at_argument(parser, "N0=8B,rho=0.5,L0=2.4")
    parser.add_argument("--parent", type=arguments.pairs, metavar="size=8B,tokens=15T,loss=2.1", help=_PARENT_HELP)


def _read_two_fits(options: Namespace) -> "tuple[tuple[Origin, Origin], dict[str, Any], Origin | None]":
    """Both fits, the options that both commands take, and the fit of the parent's loss if there is one."""
    fits = arguments.find_source(options.pruned, options), arguments.find_source(options.scratch, options)
    parent, curve = _parent(options.parent, options) if options.parent else (None, None)
    how = {"parent": parent, **arguments.interval_options(options)}
    return fits, how | arguments.at_point(options.at, *fits), curve


def _crossover_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--size", type=arguments.quantity, metavar="4B", help="with --charge flops: the pruned model as it is trained")
    add("--scratch-size", type=arguments.quantity, metavar="4B", help="and the one from scratch (default: the same)")
    add("--range", type=arguments.span, metavar="1B:1T", help="retraining tokens to look at (default: as fitted)")


def _crossover(options: Namespace) -> Answer:
    from ...plan import crossover

    fits, how, curve = _read_two_fits(options)
    found = crossover(
        *fits,
        parent_cost=options.charge,
        models_per_parent=options.children,
        size=options.size,
        scratch_size=options.scratch_size,
        range=options.range,
        **how,
    )
    return as_answer(found, *fits, curve, picture="crossover")


CROSSOVER = AnswerCommand(
    "Prune or train from scratch: the budget at which the two reach the same loss.",
    (_two_fits, _charge_arguments, _crossover_arguments, arguments.interval_arguments),
    _crossover,
    (
        "fit.json dense.json --at N0=27M,rho=0.3,L0=3.2",
        "fit.json dense.json --at rho=0.3 --parent size=27M,tokens=160M,loss=3.2 --charge flops --range 1M:100M",
    ),
)


def _tokens_argument(parser: ArgumentParser) -> None:
    tokens = "retraining tokens (default: as fitted)"
    parser.add_argument("--tokens", type=arguments.grid, metavar="1M,10M", help=tokens)


def _worth(options: Namespace) -> Answer:
    from ...plan import effective_tokens

    fits, how, curve = _read_two_fits(options)
    return as_answer(effective_tokens(*fits, options.tokens, **how), *fits, curve, picture="worth")


WORTH = AnswerCommand(
    "Tokens of training from scratch that a pruned start with some retraining is worth.",
    (_two_fits, _tokens_argument, arguments.interval_arguments),
    _worth,
    ("fit.json dense.json --at N0=27M,rho=0.3,L0=3.2 --tokens 1M,10M",),
)


def _best_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("methods", type=arguments.pairs, metavar="width=width.json,depth=depth.json", help="saved fits by method")
    add("--size", type=arguments.quantity, required=True, metavar="4B", help="parameters of the model wanted")
    add("--budget", type=arguments.quantity, required=True, metavar="100B", help="tokens; FLOPs with --charge flops")
    parent = {"type": arguments.pairs, "action": "append", "required": True, "metavar": "size=8B,tokens=15T,loss=2.1"}
    add("--parent", help=f"{_PARENT_HELP}; repeat for several", **parent)
    add("--scratch", metavar="FIT.json", help="training from scratch, to stand in the same list")
    arguments.at_argument(parser, about="further columns of the laws")


def _best(options: Namespace) -> Answer:
    from ...plan import best_pruning

    methods = {name: arguments.find_source(path, options) for name, path in options.methods}
    scratch = None if options.scratch is None else arguments.find_source(options.scratch, options)
    parents, curves = zip(*(_parent(each, options) for each in options.parent), strict=True)
    names = ["?" if parent.params is None else format_quantity(parent.params) for parent in parents]
    found = best_pruning(
        methods,
        dict(zip(names, parents, strict=True)),
        size=options.size,
        budget=options.budget,
        parent_cost=options.charge,
        models_per_parent=options.children,
        scratch=scratch,
        **arguments.interval_options(options),
        **arguments.at_point(options.at, *methods.values()),
    )
    return as_answer(found, *methods.values(), scratch, *curves)


BEST = AnswerCommand(
    "Which pruning method and which parent give the lowest loss at a size, within a budget.",
    (_best_arguments, arguments.law_argument, _charge_arguments, arguments.interval_arguments),
    _best,
    (
        "width=fit.json --size 10M --budget 10M --parent size=14M,loss=3.3 --parent size=27M,loss=3.2",
        "width=fit.json --size 10M --budget 10M --parent size=27M,loss=3.2 --scratch dense.json --out best.csv",
    ),
    drawn=False,
)
