"""``p2law plan tokens``: how many tokens are enough."""

from argparse import ArgumentParser, Namespace

import p2law

from ...errors import FitError
from ...plan import Criterion, Price, Recovered, Remaining, Slope, Target
from .. import sources, values
from ..answers import Answer, Question, told

_PER = {"token": "token", "1B": "1e9 tokens", "doubling": "doubling"}
_COSTS = ("per_token", "per_flop", "per_gpu_hour")


def _arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser, literature=True)
    sources.at_argument(parser, "N0=8B,rho=0.25,L0=2.1")
    group = parser.add_argument_group("when it is enough (one of these)").add_mutually_exclusive_group(required=True)
    add = group.add_argument
    add("--remaining", type=values.quantity, metavar="NATS", help="no more than this is left to recover")
    add("--recovered", type=values.quantity, metavar="0.9", help="fraction of the recoverable loss, from --start on")
    add("--slope", type=values.quantity, metavar="NATS", help="the loss falls by no more than this --per ...")
    add("--target", type=values.quantity, metavar="LOSS", help="the loss is down to this")
    add("--per-nat", type=values.quantity, metavar="MONEY", help="worth of one nat: stop when a token costs more")
    add = parser.add_argument_group("more about that").add_argument
    add("--start", type=values.quantity, metavar="1M", help="with --recovered: tokens from which recovery is counted")
    add("--per", choices=tuple(_PER), help="with --slope (default: token; 1B: a billion tokens)")
    add("--per-token", type=values.quantity, metavar="MONEY", help="with --per-nat: cost of training on one token")
    add("--per-flop", type=values.quantity, metavar="MONEY", help="or of one FLOP")
    add("--per-gpu-hour", type=values.quantity, metavar="MONEY", help="or of one GPU-hour, with --mfu and --peak")
    add("--mfu", type=values.quantity, metavar="0.4", help="share of the peak that training reaches")
    add("--peak", type=values.quantity, metavar="990T", help="FLOPs per second of one GPU")
    add("--currency", metavar="USD", help="with --per-nat: what to call the money")
    add("--control", metavar="FIT.json", help="baseline control: a fit of law power to the control's curve")
    sources.interval_arguments(parser)


def _criterion(options: Namespace) -> Criterion:
    costs = {name: getattr(options, name) for name in (*_COSTS, "mfu", "peak")}
    _only_with("--recovered", options.recovered, start=options.start)
    _only_with("--slope", options.slope, per=options.per)
    _only_with("--per-nat", options.per_nat, **costs, currency=options.currency)
    if options.remaining is not None:
        return Remaining(options.remaining)
    if options.slope is not None:
        return Slope(options.slope, per=_PER[options.per or "token"])  # type: ignore[arg-type]
    if options.target is not None:
        return Target(options.target)
    if options.per_nat is not None:
        return Price(options.per_nat, **costs, currency=options.currency or "")
    if options.start is None:
        raise FitError("--recovered counts from some number of tokens: add --start, for example --start 1M.")
    return Recovered(options.recovered, start=options.start)


def _only_with(flag: str, value: float | None, **others: object) -> None:
    for name, given in others.items():
        if value is None and given is not None:
            raise FitError(f"--{name.replace('_', '-')} goes with {flag}, which is not given.")


def _tokens(options: Namespace) -> Answer:
    source, control = sources.find(options.fit, options), sources.maybe(options.control, options)
    plan = p2law.optimal_tokens(
        source,
        criterion=_criterion(options),
        level=options.level,
        method=options.method,
        control=control,
        **sources.at_of(options.at, source, control),
    )
    return told(plan, source, control, draw=lambda record, ax: p2law.plot.tokens(record, ax))


TOKENS = Question(
    "How many tokens are enough, by a criterion of your choice.",
    _arguments,
    _tokens,
    (
        "fit.json --remaining 0.02 --at N0=27M,rho=0.3,L0=3.2",
        "fit.json --slope 0.01 --per doubling --at N0=14M,27M,rho=0.3 --out tokens.csv --plot tokens.png",
        "fit.json --recovered 0.9 --start 1M --at N0=27M,rho=0.15,0.3,0.5",
        "fit.json --per-nat 1M --per-gpu-hour 2.5 --mfu 0.4 --peak 990T --at N0=27M,rho=0.3",
        "besiroglu-2024 --target 2.1 --at N=7B",
    ),
)
