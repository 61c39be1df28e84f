"""``p2law plan larger``: the whole curve of models not trained yet."""

from argparse import ArgumentParser, Namespace

import p2law

from ...errors import FitError
from .. import sources, values
from ..answers import Answer, Question, told


def _arguments(parser: ArgumentParser) -> None:
    sources.fit_arguments(parser)
    sources.at_argument(parser, "N0=54M,rho=0.3,L0=3.1", about="the models: the law's columns but its tokens")
    add = parser.add_argument
    add("--tokens", type=values.grid, required=True, metavar="1M:100M", help="the curve: low:high, or values")
    add("--parents", metavar="FIT.json", help="a fit of a dense law that forecasts L0, which --at then leaves out")
    what = "its columns for the parents, e.g. the tokens they were trained on"
    add("--parents-at", type=values.columns, metavar="D=160M", help=what)
    add("--control", metavar="FIT.json", help="baseline control: a fit of law power to the new parent's control")
    sources.interval_arguments(parser)


def _larger(options: Namespace) -> Answer:
    fit = sources.load(options.fit, options)
    parents, control = sources.maybe(options.parents, options), sources.maybe(options.control, options)
    tokens = str(fit.law.variable("tokens"))
    at = sources.at_of(options.at, fit)
    if tokens in at:
        raise FitError(f"--at says which models; the {tokens} of their curves go into --tokens.")
    at[tokens] = options.tokens
    if parents is not None:
        base = fit.law.variable("loss")
        if base is None or base in at:
            raise FitError(f"--parents forecasts L0: {'leave it out of --at' if base else fit.law.name + ' has none'}.")
        at[base] = parents
    found = p2law.extrapolate(
        fit,
        level=options.level,
        method=options.method,
        control=control,
        parent=sources.at_of([options.parents_at], parents) if options.parents_at else None,
        **at,
    )
    return told(found, fit, parents, control, draw=lambda record, ax: p2law.plot.extrapolation(record, ax))


LARGER = Question(
    "Forecast the whole curve of larger models, other rates, more tokens.",
    _arguments,
    _larger,
    (
        "fit.json --at N0=54M,rho=0.3,L0=3.1 --tokens 1M:20M",
        "fit.json --at N0=54M,108M,rho=0.3 --tokens 1M,10M --parents dense.json --parents-at D=160M --out larger.csv",
    ),
)
