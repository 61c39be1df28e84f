"""One group of a joint fit as a fit of its own: the group's constants and rows, the errors of the joint fit.

Nothing is fitted here. The group's constants are some of the joint fit's, so their covariance is a block of its
covariance; quantities of several groups go through the constants of the joint fit, where what they share cancels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from os import PathLike
from typing import NoReturn

from ..errors import FitError
from ..laws import FrozenDict, Law
from ..laws.joint import GROUP, own_name
from .objective import value
from .result import Fit
from .solver.covariance import LocalCovariance


@dataclass(frozen=True, eq=False, repr=False)
class GroupFit(Fit):
    """A group of a joint fit. Answers what a :class:`Fit` answers, except what would refit or save it alone."""

    joint: Fit = field(kw_only=True)
    joint_names: Mapping[str, str] = field(kw_only=True)
    """The group's name of each constant to that of the joint fit."""

    @property
    def root(self) -> Fit:
        """The joint fit."""
        return self.joint

    @property
    def names(self) -> Mapping[str, str]:
        """The name in the joint fit of each constant."""
        return self.joint_names

    def problem(self) -> NoReturn:
        """A group was not fitted alone."""
        raise FitError(
            "one group of a joint fit was not fitted alone: what refits (profiles, draws, influence) is asked of the "
            "whole, joint.fit or joint.bootstrap()."
        )

    def to_json(self, path: str | PathLike[str] | None = None) -> NoReturn:
        """A group is saved with its joint fit."""
        raise FitError(
            "a group of a joint fit is saved with it: joint.to_json(path); later Joint.from_json(path).of(...)."
        )

    @cached_property
    def covariance(self) -> LocalCovariance:
        """Local covariance of the group's constants: a block of the joint fit's."""
        order = list(self.joint.params)
        rows = [order.index(name) for name in self.joint_names.values()]
        whole = self.joint.covariance
        return replace(whole, basis=whole.basis[rows], raw=whole.raw[rows])


def group_fit(
    joint: Fit, law: Law, code: int, label: str, shared: tuple[str, ...], held: Mapping[str, float]
) -> GroupFit:
    """One group of a joint fit; ``held``: what it alone cannot tell, which the joint fit was given as fixed."""
    names = {p.name: own_name(p.name, label, shared) for p in law.parameters}
    rows = joint.observations.rows(joint.observations.columns[GROUP] == code)
    columns = {v.name: rows.columns[v.name] for v in law.variables}
    rows = replace(rows, frame=rows.frame.drop(columns=GROUP), columns=columns)
    fixed, open_, bounds = (
        {mine: given[name] for mine, name in names.items() if name in given}
        for given in (joint.options.fixed, joint.options.held, joint.options.bounds)
    )
    fixed = {name: at for name, at in fixed.items() if name not in held}
    draws = joint.resampled
    if draws is not None:
        table = draws.table[[*names.values(), "objective"]]
        draws = replace(draws, table=table.set_axis([*names, "objective"], axis=1))
    own = {each.name: getattr(joint, each.name) for each in fields(joint)} | {
        "law": law,
        "params": {mine: joint.params[name] for mine, name in names.items()},
        "status": f"{label}, a group of a joint fit: {joint.status}",
        "options": replace(joint.options, fixed=fixed, held=open_ | dict(held), bounds=bounds),
        "observations": rows,
        "resampled": draws,
    }
    made = GroupFit(**own, joint=joint, joint_names=FrozenDict(names))
    return replace(made, objective_value=value(made.objective, made.objective_residuals, rows.weight))
