"""``p2law plan tokens``, ``larger`` and ``stop``: how long to train."""

from argparse import Namespace

from ... import plan
from ...errors import FitError
from .. import arguments
from ..arguments import argument, columns, group, number, one_of
from ..command import Answer, as_answer, question

_PER = {"token": "token", "1B": "1e9 tokens", "doubling": "doubling"}
_COSTS = ("per_token", "per_flop", "per_gpu_hour", "mfu", "peak")


def _criterion(options: Namespace) -> "plan.Criterion":
    """The one criterion that the options give, once those that go with another are refused."""
    costs = {name: getattr(options, name) for name in _COSTS}
    _only_with("--recovered", options.recovered, start=options.start)
    _only_with("--slope", options.slope, per=options.per)
    _only_with("--per-nat", options.per_nat, **costs, currency=options.currency)
    if options.remaining is not None:
        return plan.Remaining(options.remaining)
    if options.slope is not None:
        return plan.Slope(options.slope, per=_PER[options.per or "token"])  # type: ignore[arg-type]
    if options.target is not None:
        return plan.Target(options.target)
    if options.per_nat is not None:
        return plan.Price(options.per_nat, **costs, currency=options.currency or "")
    if options.start is None:
        raise FitError("--recovered counts from some number of tokens: add --start, for example --start 1M.")
    return plan.Recovered(options.recovered, start=options.start)


def _only_with(flag: str, value: float | None, **others: object) -> None:
    """Refuse options that go with a flag which is not given."""
    for name, given in others.items():
        if value is None and given is not None:
            raise FitError(f"--{name.replace('_', '-')} goes with {flag}, which is not given.")


@question(
    "How many tokens are enough, by a criterion of your choice.",
    arguments.sources,
    arguments.at("N0=8B,rho=0.25,L0=2.1"),
    group(
        "when it is enough (one of these)",
        one_of(
            number("--remaining", "NATS", "no more than this is left to recover"),
            number("--recovered", "0.9", "fraction of the recoverable loss, from --start on"),
            number("--slope", "NATS", "the loss falls by no more than this --per ..."),
            number("--target", "LOSS", "the loss is down to this"),
            number("--per-nat", "MONEY", "worth of one nat: stop when a token costs more"),
            required=True,
        ),
    ),
    group(
        "more about that",
        number("--start", "1M", "with --recovered: tokens from which recovery is counted"),
        argument("--per", None, "with --slope (default: token; 1B: a billion tokens)", choices=tuple(_PER)),
        number("--per-token", "MONEY", "with --per-nat: cost of training on one token"),
        number("--per-flop", "MONEY", "or of one FLOP"),
        number("--per-gpu-hour", "MONEY", "or of one GPU-hour, with --mfu and --peak"),
        number("--mfu", "0.4", "share of the peak that training reaches"),
        number("--peak", "990T", "FLOPs per second of one GPU"),
        argument("--currency", "USD", "with --per-nat: what to call the money"),
        arguments.control(),
    ),
    arguments.intervals(),
    examples=(
        "fit.json --remaining 0.02 --at N0=27M,rho=0.3,L0=3.2",
        "fit.json --slope 0.01 --per doubling --at N0=14M,27M,rho=0.3 --out tokens.csv --plot tokens.png",
        "fit.json --recovered 0.9 --start 1M --at N0=27M,rho=0.15,0.3,0.5",
        "fit.json --per-nat 1M --per-gpu-hour 2.5 --mfu 0.4 --peak 990T --at N0=27M,rho=0.3",
        "besiroglu-2024 --target 2.1 --at N=7B",
    ),
)
def tokens(options: Namespace) -> Answer:
    source, control = arguments.find_source(options.fit, options), arguments.optional_fit(options.control, options)
    how = {"criterion": _criterion(options), "control": control, **arguments.interval_options(options)}
    found = plan.optimal_tokens(source, **how, **arguments.at_columns(options.at, source, control))
    return as_answer(found, source, control, picture="tokens")


@question(
    "Forecast the whole curve of larger models, other rates, more tokens.",
    arguments.fits,
    arguments.at("N0=54M,rho=0.3,L0=3.1", "the models: the law's columns but its tokens"),
    argument("--tokens", "1M:100M", "the curve: low:high, or values", type=arguments.grid, required=True),
    argument("--parents", "FIT.json", "a fit of a dense law that forecasts L0, which --at then leaves out"),
    argument(
        "--parents-at", "D=160M", "its columns for the parents, e.g. the tokens they were trained on", type=columns
    ),
    arguments.control("the new parent's control"),
    arguments.intervals(),
    examples=(
        "fit.json --at N0=54M,rho=0.3,L0=3.1 --tokens 1M:20M",
        "fit.json --at N0=54M,108M,rho=0.3 --tokens 1M,10M --parents dense.json --parents-at D=160M --out larger.csv",
    ),
)
def larger(options: Namespace) -> Answer:
    """Loss curves of models outside the fitted runs."""
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
    parent = arguments.at_columns([options.parents_at], parents) if options.parents_at else None
    found = plan.extrapolate(fit, **arguments.interval_options(options), control=control, parent=parent, **at)
    return as_answer(found, fit, parents, control, picture="extrapolation")


@question(
    "Stop or go on: the gain left in a running curve, and the probability that stopping now loses little.",
    argument("table", "RUN", f"checkpoints so far of one run: {arguments.TABLE_HELP}"),
    number("--tokens", "1B", "tokens the run is planned for", required=True),
    number("--eps", "NATS", "smallest loss improvement worth training for", required=True),
    argument("--fit", "FIT.json", "a law fitted to other runs, put together with this run's own checkpoints"),
    arguments.control(),
    arguments.level("confidence level, and probability from which on to stop"),
    arguments.LAW,
    arguments.rows(
        number("--min-tokens", "300k", "leave out the warm-up"),
        number("--max-tokens", "5M", "leave out later rows, to try it out"),
    ),
    examples=(
        "mini-pruning --where run=27M-width-0.5-lr0.2-s0 --min-tokens 1M --tokens 20M --eps 0.005",
        "mini-pruning --where run=27M-width-0.5-lr0.2-s0 --max-tokens 5M --tokens 10M --eps 0.01 --plot stop.png",
        "run.csv --columns D=tokens --tokens 20M --eps 0.01 --fit fit.json",
    ),
)
def stop(options: Namespace) -> Answer:
    """Whether a run begun should go on."""
    fit, control = arguments.optional_fit(options.fit, options), arguments.optional_fit(options.control, options)
    frame = arguments.read_rows(options)
    name = "D" if fit is None else str(fit.law.variable("tokens"))
    if name in frame.columns:
        low, high = options.min_tokens or 0.0, options.max_tokens or float("inf")
        frame = frame[(frame[name] >= low) & (frame[name] <= high)]
    found = plan.stop_rule(frame, tokens=options.tokens, eps=options.eps, fit=fit, control=control, level=options.level)
    return as_answer(found, fit, control, picture="stop")
