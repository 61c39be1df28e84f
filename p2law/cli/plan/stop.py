"""``p2law plan stop``: what the rest of a running curve would still bring."""

from argparse import ArgumentParser, Namespace

import p2law

from .. import sources, tables, values
from ..answers import Answer, Question, told


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("table", metavar="RUN", help=f"checkpoints so far of one run: {tables.HELP}")
    add("--tokens", type=values.quantity, required=True, metavar="1B", help="tokens the run is planned for")
    add("--eps", type=values.quantity, required=True, metavar="NATS", help="loss that is not worth training for")
    add("--fit", metavar="FIT.json", help="a law fitted to other runs, put together with this run's own checkpoints")
    add("--control", metavar="FIT.json", help="baseline control: a fit of law power to the control's curve")
    sources.level_argument(parser, "confidence level, and probability from which on to stop")
    sources.law_argument(parser)
    rows = tables.table_arguments(parser)
    rows.add_argument("--min-tokens", type=values.quantity, metavar="300k", help="leave out the warm-up")
    rows.add_argument("--max-tokens", type=values.quantity, metavar="5M", help="leave out later rows, to try it out")


def _stop(options: Namespace) -> Answer:
    fit, control = sources.maybe(options.fit, options), sources.maybe(options.control, options)
    frame = tables.rows(options)
    name = "D" if fit is None else str(fit.law.variable("tokens"))
    if name in frame.columns:
        low, high = options.min_tokens or 0.0, options.max_tokens or float("inf")
        frame = frame[(frame[name] >= low) & (frame[name] <= high)]
    found = p2law.stop_rule(
        frame, tokens=options.tokens, eps=options.eps, fit=fit, control=control, level=options.level
    )
    return told(found, fit, control, draw=lambda record, ax: p2law.plot.stop(record, ax))


STOP = Question(
    "Stop or go on: the gain left in a running curve, and the probability that stopping now loses little.",
    _arguments,
    _stop,
    (
        "mini-pruning --where run=27M-width-0.5-lr0.2-s0 --min-tokens 1M --tokens 20M --eps 0.005",
        "mini-pruning --where run=27M-width-0.5-lr0.2-s0 --max-tokens 5M --tokens 10M --eps 0.01 --plot stop.png",
        "run.csv --columns D=tokens --tokens 20M --eps 0.01 --fit fit.json",
    ),
)
