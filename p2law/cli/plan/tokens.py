"""``p2law plan tokens``, ``larger`` and ``stop``: how long to train."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ...errors import FitError
from .. import arguments
from ..command import Answer, AnswerCommand, as_answer

if TYPE_CHECKING:
    from ...plan import Criterion

_PER = {"token": "token", "1B": "1e9 tokens", "doubling": "doubling"}
_COSTS = ("per_token", "per_flop", "per_gpu_hour")


def _tokens_arguments(parser: ArgumentParser) -> None:
    arguments.at_argument(parser, "N0=8B,rho=0.25,L0=2.1")
    group = parser.add_argument_group("when it is enough (one of these)").add_mutually_exclusive_group(required=True)
    add = group.add_argument
    add("--remaining", type=arguments.quantity, metavar="NATS", help="no more than this is left to recover")
    add("--recovered", type=arguments.quantity, metavar="0.9", help="fraction of the recoverable loss, from --start on")
    add("--slope", type=arguments.quantity, metavar="NATS", help="the loss falls by no more than this --per ...")
    add("--target", type=arguments.quantity, metavar="LOSS", help="the loss is down to this")
    add("--per-nat", type=arguments.quantity, metavar="MONEY", help="worth of one nat: stop when a token costs more")
    add = parser.add_argument_group("more about that").add_argument
    start = "with --recovered: tokens from which recovery is counted"
    add("--start", type=arguments.quantity, metavar="1M", help=start)
    add("--per", choices=tuple(_PER), help="with --slope (default: token; 1B: a billion tokens)")
    add("--per-token", type=arguments.quantity, metavar="MONEY", help="with --per-nat: cost of training on one token")
    add("--per-flop", type=arguments.quantity, metavar="MONEY", help="or of one FLOP")
    add("--per-gpu-hour", type=arguments.quantity, metavar="MONEY", help="or of one GPU-hour, with --mfu and --peak")
    add("--mfu", type=arguments.quantity, metavar="0.4", help="share of the peak that training reaches")
    add("--peak", type=arguments.quantity, metavar="990T", help="FLOPs per second of one GPU")
    add("--currency", metavar="USD", help="with --per-nat: what to call the money")
    add("--control", metavar="FIT.json", help="baseline control: a fit of law power to the control's curve")


def _criterion(options: Namespace) -> "Criterion":
    """The one criterion that the options give, once those that go with another are refused."""
    from ...plan import Price, Recovered, Remaining, Slope, Target

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
    """Refuse options that go with a flag which is not given."""
    for name, given in others.items():
        if value is None and given is not None:
            raise FitError(f"--{name.replace('_', '-')} goes with {flag}, which is not given.")


def _tokens(options: Namespace) -> Answer:
    from ...plan import optimal_tokens

    source, control = arguments.find_source(options.fit, options), arguments.optional_fit(options.control, options)
    plan = optimal_tokens(
        source,
        criterion=_criterion(options),
        **arguments.interval_options(options),
        control=control,
        **arguments.at_columns(options.at, source, control),
    )
    return as_answer(plan, source, control, picture="tokens")


TOKENS = AnswerCommand(
    "How many tokens are enough, by a criterion of your choice.",
    (arguments.source_arguments, _tokens_arguments, arguments.interval_arguments),
    _tokens,
    (
        "fit.json --remaining 0.02 --at N0=27M,rho=0.3,L0=3.2",
        "fit.json --slope 0.01 --per doubling --at N0=14M,27M,rho=0.3 --out tokens.csv --plot tokens.png",
        "fit.json --recovered 0.9 --start 1M --at N0=27M,rho=0.15,0.3,0.5",
        "fit.json --per-nat 1M --per-gpu-hour 2.5 --mfu 0.4 --peak 990T --at N0=27M,rho=0.3",
        "besiroglu-2024 --target 2.1 --at N=7B",
    ),
)


def _larger_arguments(parser: ArgumentParser) -> None:
    arguments.at_argument(parser, "N0=54M,rho=0.3,L0=3.1", about="the models: the law's columns but its tokens")
    add = parser.add_argument
    add("--tokens", type=arguments.grid, required=True, metavar="1M:100M", help="the curve: low:high, or values")
    add("--parents", metavar="FIT.json", help="a fit of a dense law that forecasts L0, which --at then leaves out")
    what = "its columns for the parents, e.g. the tokens they were trained on"
    add("--parents-at", type=arguments.columns, metavar="D=160M", help=what)
    add("--control", metavar="FIT.json", help="baseline control: a fit of law power to the new parent's control")


def _larger(options: Namespace) -> Answer:
    from ...plan import extrapolate

    fit = arguments.load_fit(options.fit, options)
    parents = arguments.optional_fit(options.parents, options)
    control = arguments.optional_fit(options.control, options)
    tokens = str(fit.law.variable("tokens"))
    at = arguments.at_columns(options.at, fit)
    if tokens in at:
        raise FitError(f"--at says which models; the {tokens} of their curves go into --tokens.")
    at[tokens] = options.tokens
    if parents is not None:
        base = fit.law.variable("loss")
        if base is None or base in at:
            raise FitError(f"--parents forecasts L0: {'leave it out of --at' if base else fit.law.name + ' has none'}.")
        at[base] = parents
    found = extrapolate(
        fit,
        **arguments.interval_options(options),
        control=control,
        parent=arguments.at_columns([options.parents_at], parents) if options.parents_at else None,
        **at,
    )
    return as_answer(found, fit, parents, control, picture="extrapolation")


LARGER = AnswerCommand(
    "Forecast the whole curve of larger models, other rates, more tokens.",
    (arguments.fit_arguments, _larger_arguments, arguments.interval_arguments),
    _larger,
    (
        "fit.json --at N0=54M,rho=0.3,L0=3.1 --tokens 1M:20M",
        "fit.json --at N0=54M,108M,rho=0.3 --tokens 1M,10M --parents dense.json --parents-at D=160M --out larger.csv",
    ),
)


def _stop_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("table", metavar="RUN", help=f"checkpoints so far of one run: {arguments.TABLE_HELP}")
    add("--tokens", type=arguments.quantity, required=True, metavar="1B", help="tokens the run is planned for")
    eps = "smallest loss improvement worth training for"
    add("--eps", type=arguments.quantity, required=True, metavar="NATS", help=eps)
    add("--fit", metavar="FIT.json", help="a law fitted to other runs, put together with this run's own checkpoints")
    add("--control", metavar="FIT.json", help="baseline control: a fit of law power to the control's curve")
    arguments.level_argument(parser, "confidence level, and probability from which on to stop")


def _rows_arguments(parser: ArgumentParser) -> None:
    add = arguments.table_arguments(parser).add_argument
    add("--min-tokens", type=arguments.quantity, metavar="300k", help="leave out the warm-up")
    add("--max-tokens", type=arguments.quantity, metavar="5M", help="leave out later rows, to try it out")


def _stop(options: Namespace) -> Answer:
    from ...plan import stop_rule

    fit, control = arguments.optional_fit(options.fit, options), arguments.optional_fit(options.control, options)
    frame = arguments.read_rows(options)
    name = "D" if fit is None else str(fit.law.variable("tokens"))
    if name in frame.columns:
        low, high = options.min_tokens or 0.0, options.max_tokens or float("inf")
        frame = frame[(frame[name] >= low) & (frame[name] <= high)]
    found = stop_rule(frame, tokens=options.tokens, eps=options.eps, fit=fit, control=control, level=options.level)
    return as_answer(found, fit, control, picture="stop")


STOP = AnswerCommand(
    "Stop or go on: the gain left in a running curve, and the probability that stopping now loses little.",
    (_stop_arguments, arguments.law_argument, _rows_arguments),
    _stop,
    (
        "mini-pruning --where run=27M-width-0.5-lr0.2-s0 --min-tokens 1M --tokens 20M --eps 0.005",
        "mini-pruning --where run=27M-width-0.5-lr0.2-s0 --max-tokens 5M --tokens 10M --eps 0.01 --plot stop.png",
        "run.csv --columns D=tokens --tokens 20M --eps 0.01 --fit fit.json",
    ),
)
