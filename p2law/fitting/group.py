"""One group of a joint fit as a fit of its own: the group's constants and rows, the errors of the whole.

Nothing is fitted here. The group's constants are some of the joint fit's, so that their covariance is a block of its
covariance; quantities of several groups go through the constants of the whole, where what they share cancels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import FitError
from ..laws import Law
from ..laws.joint import GROUP, own_name
from .objective import value
from .options import Options
from .result import Fit
from .uncertainty.resampling import Draws

if TYPE_CHECKING:
    from .solver.covariance import Local


@dataclass(frozen=True, eq=False)
class Part:
    """Where the constants of a group stand in the joint fit."""

    whole: Fit
    names: Mapping[str, str]
    """The group's name of each constant to that of the joint fit."""

    def params(self, of: Mapping[str, float]) -> dict[str, float]:
        """The group's constants among those of the joint law."""
        return {mine: of[name] for mine, name in self.names.items()}

    def problem(self) -> NoReturn:
        """A group was not fitted alone."""
        raise FitError(
            "one group of a joint fit was not fitted alone: what refits (profiles, draws, influence) is asked of the "
            "whole, joint.fit or joint.bootstrap()."
        )

    @property
    def rows(self) -> list[int]:
        """Place of each of the group's constants among those of the joint law."""
        order = list(self.whole.params)
        return [order.index(name) for name in self.names.values()]

    @property
    def around(self) -> "Local":
        """Local uncertainty of the group's constants."""
        around = self.whole.around
        return replace(around, turn=around.turn[self.rows], raw=around.raw[self.rows])


def group_fit(whole: Fit, law: Law, code: int, label: str, shared: tuple[str, ...], held: Mapping[str, float]) -> Fit:
    """One group of a joint fit; ``held``: what it alone cannot tell, which the whole was given as fixed."""
    names = {p.name: own_name(p.name, label, shared) for p in law.parameters}
    part = Part(whole, MappingProxyType(names))
    seen = whole.observations
    rows = seen.rows(seen.columns[GROUP] == code)
    columns = {v.name: rows.columns[v.name] for v in law.variables}
    rows = replace(rows, frame=rows.frame.drop(columns=GROUP), columns=columns)
    made = replace(
        whole,
        law=law,
        params=part.params(whole.params),
        status=f"{label}, a group of a joint fit: {whole.status}",
        options=_options(whole.options, names, held),
        observations=rows,
        resampled=_draws(whole.resampled, names),
        part=part,
    )
    return replace(made, objective_value=value(made.objective, made.objective_residuals, rows.weight))


def _options(options: Options, names: Mapping[str, str], held: Mapping[str, float]) -> Options:
    """How the group's constants were treated."""
    fixed, open_, bounds = (
        {mine: given[name] for mine, name in names.items() if name in given}
        for given in (options.fixed, options.held, options.bounds)
    )
    fixed = {name: at for name, at in fixed.items() if name not in held}
    return replace(options, fixed=fixed, held={**open_, **held}, bounds=bounds)


def _draws(draws: Draws | None, names: Mapping[str, str]) -> Draws | None:
    if draws is None:
        return None
    table = draws.table[[*names.values(), "objective"]]
    return replace(draws, table=table.set_axis([*names, "objective"], axis=1))


def joined(quantity: Callable[..., Any], fits: tuple[Fit, ...]) -> tuple[Callable[..., Any], tuple[Fit, ...]]:
    """The same quantity by the constants of whole fits, each once: what fits share cancels."""
    asked = [fit if fit.part is None else fit.part.whole for fit in fits]
    place = [next(i for i, other in enumerate(asked) if other is whole) for whole in asked]
    if place == list(range(len(fits))) and all(fit.part is None for fit in fits):
        return quantity, fits
    kept = sorted(set(place))

    def of_wholes(*constants: Mapping[str, float]) -> Any:
        given = dict(zip(kept, constants, strict=True))
        return quantity(
            *(given[i] if fit.part is None else fit.part.params(given[i]) for fit, i in zip(fits, place, strict=True))
        )

    return of_wholes, tuple(asked[i] for i in kept)
