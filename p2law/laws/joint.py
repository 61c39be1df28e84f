"""A law over several groups: one more column, the group's number, and a constant per group for what is not shared."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .kinds import NUMBER
from .law import Law, Parameter, Variable

GROUP = "group"


def own_name(parameter: str, group: str, shared: Sequence[str]) -> str:
    """Name of a group's own constant in the joint law; a shared one keeps its name."""
    return parameter if parameter in shared else f"{parameter}[{group}]"


@lru_cache(maxsize=64)
def joint_law(law: Law, groups: tuple[str, ...], shared: tuple[str, ...]) -> Law:
    """The law with a column more, the number of the group, and a constant per group for what is not shared."""

    def function(*columns: Any, **named: Any) -> Any:
        import jax.numpy as jnp  # not above: laws are listed and read without it

        values = dict(zip((*(v.name for v in law.variables), GROUP), columns, strict=False)) | named
        place = jnp.asarray(values[GROUP])  # pyright: ignore[reportUnknownMemberType]

        def own(name: str) -> Any:
            each = [values[own_name(name, g, shared)] for g in groups]
            first, *others = map(jnp.asarray, each)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            for i, value in enumerate(others, start=1):
                first = jnp.where(place == i, value, first)
            return first

        constants = {p.name: values[p.name] if p.name in shared else own(p.name) for p in law.parameters}
        return law.function(**{v.name: values[v.name] for v in law.variables}, **constants)

    parameters = [Parameter(p.name, p.kind) for p in law.parameters if p.name in shared]
    parameters += [
        Parameter(own_name(p.name, g, shared), p.kind) for g in groups for p in law.parameters if p.name not in shared
    ]
    made = Law(
        name=f"{law.name}_joint",
        title=f"{law.title}, joint",
        reference=law.reference,
        function=function,
        variables=(*law.variables, Variable(GROUP, NUMBER)),
        parameters=tuple(parameters),
        response=law.response,
    )
    object.__setattr__(made, "remake", (joint_law, (law, groups, shared)))
    return made
