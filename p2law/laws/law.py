"""A law is one function: columns are positional, parameters keyword-only, kinds in the annotations."""

import functools
import importlib
import inspect
import itertools
import pickle
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ..errors import LawError
from .kinds import BY_NAME, LOSS, NUMBER, ParameterKind, VariableKind
from .precision import float64


@dataclass(frozen=True)
class Variable:
    """A column the law reads."""

    name: str
    kind: VariableKind


@dataclass(frozen=True)
class Parameter:
    """A constant the law is fitted for."""

    name: str
    kind: ParameterKind


@dataclass(frozen=True, eq=False, repr=False)
class Law:
    """A scaling law: a function with its columns, parameters and their kinds. Callable like the function itself.

    Compared and hashed by identity: a law redefined in a notebook cell is a new law. A law of a module is pickled by
    its name there; one of a notebook, a script or a function by value, which needs cloudpickle.
    """

    name: str
    title: str
    reference: str
    function: Callable[..., Any]
    variables: tuple[Variable, ...]
    parameters: tuple[Parameter, ...]
    response: Variable = Variable("loss", LOSS)
    reduced: str | None = None
    """Name of a law with fewer constants, offered where the data cannot carry this one."""
    closed_forms: dict[str, Callable[..., Any]] = field(default_factory=dict[str, Callable[..., Any]])
    remake: "tuple[Callable[..., Law], tuple[Any, ...]] | None" = field(default=None, init=False)
    """Function and arguments that make this law again, where it was made from another one."""

    def __call__(self, *columns: Any, **named: Any) -> Any:
        """Evaluate at columns (positional or by name) and parameters (by name).

        JAX arrays in, JAX arrays out, in your own precision, to jit and differentiate as you like. Anything else is
        computed in float64 and comes back as NumPy.
        """
        jax_array = _jax_array()
        if jax_array and any(isinstance(x, jax_array) for x in (*columns, *named.values())):
            return self.function(*columns, **named)
        with float64():
            return np.asarray(self.function(*map(_array, columns), **{k: _array(v) for k, v in named.items()}))[()]

    def variable(self, role: str) -> str | None:
        """Name of the first column with this role ('size', 'tokens', 'rate'), or None.

        The role 'loss' is the loss of the unpruned parent (L0), the baseline an excess is measured from.
        """
        return next((v.name for v in self.variables if v.kind.role == role), None)

    def closed_form(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a closed form beside the law; a test holds it against the numerical route."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.closed_forms[name] = function
            return function

        return register

    @property
    def doc(self) -> str:
        """The docstring of the function."""
        return inspect.getdoc(self.function) or ""

    def __repr__(self) -> str:
        columns, constants = (", ".join(x.name for x in each) for each in (self.variables, self.parameters))
        return f"<Law {self.name}({columns}, *, {constants})>"

    def __copy__(self) -> "Law":
        return self

    def __deepcopy__(self, memo: object) -> "Law":
        return self

    def __reduce__(self) -> tuple[Callable[..., "Law"], tuple[Any, ...]]:
        if self.remake is not None:
            return self.remake
        home = self._home()
        if home and home[0] != "__main__":
            return _by_name, home
        try:
            dumps: Callable[[Any], bytes] = importlib.import_module("cloudpickle").dumps
        except ImportError:
            if home:  # in a script: the processes that it starts find it there
                return _by_name, home
            raise pickle.PicklingError(
                f"law {self.name} was made in a notebook or inside a function, where no other process finds it: put "
                "it into a module that can be imported, or install cloudpickle."
            ) from None
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return _by_value, (dumps(values),)

    def _home(self) -> tuple[str, str] | None:
        """Module and name under which this very law is found, if there are such."""
        module, name = self.function.__module__, getattr(self.function, "__qualname__", self.name)
        module = "p2law.laws" if _is_ours(module) else module.replace("__mp_main__", "__main__")
        try:
            return (module, name) if _by_name(module, name) is self else None
        except (ImportError, AttributeError):
            return None


def law(
    title: str | Callable[..., Any] | None = None,
    *,
    reference: str = "",
    response: str = "loss",
    reduced: str | None = None,
) -> Any:
    """Turn a function into a :class:`Law` that can be fitted, reported, saved and plotted.

    Positional arguments are columns of the table, keyword-only arguments are parameters. Each parameter needs a kind
    in its annotation (``Amplitude``, ``SignedAmplitude``, ``Exponent``, ``Real``, ``Positive`` from ``p2law.laws``, or
    ``Annotated[float, p2law.laws.exponent(upper=3)]``); columns are annotated with ``Params``, ``Tokens``, ``Rate``,
    ``Loss`` or ``Number``, and may go without where their name says it (N, D, N0, rho, L0) or they are plain numbers.

    Parameters
    ----------
    title : str
        Name shown in reports; default: the function's name. ``@law`` without parentheses works too.
    reference : str
        Where the law comes from.
    response : str
        Column that the law predicts. ``"loss"`` (nats per token) must be positive; any other may be any number.
    reduced : str, optional
        Registered law with fewer constants, named in warnings where the data cannot determine this one.

    Raises
    ------
    LawError
        If a parameter has no kind, an annotation is unknown, the law is not finite at the centre of its domain, or is
        not affine in parameters declared as amplitudes.

    Examples
    --------
    >>> import p2law
    >>> from p2law.laws import Amplitude, Exponent
    >>> @p2law.law(title="Plain power law")
    ... def plain(D, *, B: Amplitude, beta: Exponent):
    ...     return B * D**-beta
    >>> plain.variables[0].kind.unit, [p.name for p in plain.parameters]
    ('tokens', ['B', 'beta'])
    """

    def build(function: Callable[..., Any]) -> Law:
        name, (variables, parameters) = function.__name__, _read_signature(function)
        shown = title if isinstance(title, str) else name
        predicted = Variable(response, LOSS if response == "loss" else NUMBER)
        made = Law(name, shown, reference, function, variables, parameters, predicted, reduced)
        if not _is_ours(function.__module__):
            _check_author(made)  # the package's own laws are checked by its tests: importing must not start JAX
        return made

    return build(title) if callable(title) else build


def _is_ours(module: str) -> bool:
    return module.startswith("p2law.laws.")


def _by_name(module: str, name: str) -> Law:
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))  # type: ignore[return-value]


@functools.lru_cache(maxsize=64)
def _by_value(pickled: bytes) -> Law:
    """The law in these bytes, one object however often a worker is sent it: what is compiled for a law is kept."""
    return Law(**pickle.loads(pickled))


def _jax_array() -> type | None:
    """The type of JAX's arrays and tracers; None where JAX is not loaded, so that there are none."""
    return sys.modules["jax"].Array if "jax" in sys.modules else None


def _array(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=float)


def _read_signature(function: Callable[..., Any]) -> tuple[tuple[Variable, ...], tuple[Parameter, ...]]:
    """The columns and constants of a law from the signature of its function."""
    name = function.__name__
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise LawError(
            f"law {name}: unknown annotation ({error}). Import the kind first, e.g. "
            "'from p2law.laws import Amplitude, Exponent'."
        ) from error
    variables: list[Variable] = []
    parameters: list[Parameter] = []
    for argument in inspect.signature(function).parameters.values():
        hint = hints.get(argument.name)
        if argument.kind is argument.POSITIONAL_OR_KEYWORD or argument.kind is argument.POSITIONAL_ONLY:
            variables.append(Variable(argument.name, _variable_kind(name, argument.name, hint)))
        elif argument.kind is argument.KEYWORD_ONLY:
            parameters.append(Parameter(argument.name, _parameter_kind(name, argument.name, hint)))
        else:
            raise LawError(f"law {name}: '*{argument.name}' is not possible; name every column and every parameter.")
    if not variables:
        raise LawError(
            f"law {name} has no column: its positional arguments name the columns, as in 'def {name}(N, D, *, E, ...)'."
        )
    if not parameters:
        raise LawError(
            f"law {name} has no parameter: put them after '*', as in 'def {name}(D, *, B: Amplitude, beta: Exponent)'."
        )
    return tuple(variables), tuple(parameters)


def _variable_kind(law_name: str, name: str, hint: Any) -> VariableKind:
    """The kind of a column from its annotation or its name."""
    if hint in (None, float, Any, np.ndarray) or hint is _jax_array():
        return BY_NAME.get(name, NUMBER)
    for kind in getattr(hint, "__metadata__", ()):
        if isinstance(kind, VariableKind):
            return kind
    raise LawError(
        f"law {law_name}: column '{name}' is annotated with {hint!r}, which says nothing about units. "
        "Use Params, Tokens, Rate, Loss or Number from p2law.laws, or no annotation."
    )


def _parameter_kind(law_name: str, name: str, hint: Any) -> ParameterKind:
    """The kind of a constant from its annotation."""
    for kind in getattr(hint, "__metadata__", ()):
        if isinstance(kind, ParameterKind):
            return kind
    raise LawError(
        f"law {law_name}: parameter '{name}' has no kind (annotation: {hint!r}). Write '{name}: Amplitude' if the "
        f"law is linear in it, '{name}: Exponent' for a positive power, or Real, Positive, SignedAmplitude "
        "(all in p2law.laws)."
    )


def centre(kind: ParameterKind) -> float:
    """Neutral value of a parameter: the middle of its range of starts (1 for amplitudes)."""
    if kind.linear:
        return float(np.clip(1.0, kind.lower, kind.upper))
    low, high = kind.start
    return float(np.sqrt(low * high)) if kind.log else 0.5 * (low + high)


_TYPICAL = {"size": (1e8, 3e9), "tokens": (1e9, 3e10), "rate": (0.2, 0.5), "loss": (2.0, 3.0), "number": (0.5, 2.0)}
"""Two values of a column of each role, at whose corners a new law is tried."""


def _check_author(candidate: Law) -> None:
    """Refuse a law that is not finite or not affine in its amplitudes at the centre of its domain."""
    corners = itertools.product(*(_TYPICAL[v.kind.role] for v in candidate.variables))
    columns = np.array(list(corners)[:64]).T
    values = {p.name: centre(p.kind) for p in candidate.parameters}
    linear = [p.name for p in candidate.parameters if p.kind.linear]

    def at(scale: float) -> np.ndarray:
        shifted = {k: v * scale if k in linear else v for k, v in values.items()}
        with np.errstate(all="ignore"):  # what is not finite is reported below, in words
            return np.broadcast_to(candidate(*columns, **shifted), columns.shape[1:])

    try:
        first = at(1.0)
    except Exception as error:
        raise LawError(f"law {candidate.name} fails at the centre of its domain ({values}): {error}") from error
    if not np.all(np.isfinite(first)):
        row = int(np.flatnonzero(~np.isfinite(first))[0])
        where = {v.name: float(columns[i, row]) for i, v in enumerate(candidate.variables)}
        raise LawError(
            f"law {candidate.name} is not finite at {where} with {values}: check its formula, or give a parameter a "
            "narrower start range, e.g. Annotated[float, p2law.laws.positive(start=(1, 100))]."
        )
    if linear:
        # An affine function has no second difference along any line through its amplitudes.
        middle, last = at(2.0), at(3.0)
        size = np.abs(first) + np.abs(middle) + np.abs(last)
        if np.any(np.abs(first - 2 * middle + last) > 1e-9 * size):
            raise LawError(
                f"law {candidate.name} is not linear in its amplitudes {linear} taken together. Declare those that "
                "multiply each other, or stand inside a power, as Positive or Real instead."
            )
