"""``p2law.fit``: a law and a table in, a :class:`~p2law.Fit` out."""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import array, generator, mapping, number, whole_number
from ..data.observations import Observations, Table, observe
from ..errors import DataError, FitError, FitWarning
from ..laws import Law, get
from .diagnostics import diagnose, hold_undetermined, single_levels
from .objective import Huber, Objective, describe, value
from .options import Options, make_problem
from .result import Fit
from .solver import Batch, Problem, Solution, recentre, refine, search
from .solver.coordinates import BoundsOption, TiesOption, ties
from .solver.problem import least_absolute_stages
from .solver.search import CONVERGED

DOUBTFUL = (
    *("not converged", "saturated", "held", "at bound", "undetermined", "second optimum"),
    *("below baseline", "mixture", "few tokens", "identical runs", "duplicate rows"),
)
"""Kinds of findings that raise a :class:`~p2law.errors.FitWarning`: a fit not to be used as it is, or suspect rows."""
StartsOption = int | Mapping[str, float] | Sequence[Mapping[str, float]]


def fit(
    law: str | Law,
    table: Table,
    *,
    columns: Mapping[str, str] | None = None,
    objective: Objective = Huber(1e-3, space="log"),  # noqa: B008 (frozen)
    weights: str | ArrayLike | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: BoundsOption | None = None,
    tied: TiesOption | None = None,
    baseline: str = "fixed",
    run: str = "run",
    min_tokens: float | None = None,
    starts: StartsOption | None = None,
    rng: int | np.random.Generator = 0,
) -> Fit:
    """Fit a scaling law to logged losses; no starting values are needed.

    Parameters
    ----------
    law : str or Law
        Name (``p2law.laws.names()``) or a law made with ``@p2law.law``.
    table : DataFrame, mapping of arrays, or path
        One row per logged loss, with the law's columns (parameters and tokens in units of one, losses in nats per
        token). Optional columns: ``run`` (the curve a checkpoint belongs to), ``weight`` (multiplies a row's term) or
        ``sigma`` (standard error of the loss: weight 1/sigma² relative to its median).
    columns : mapping, optional
        The law's names to the table's: ``{"N0": "params", "D": "tokens"}``.
    objective : Huber, Squared or LeastAbsolute
        What is minimised, a sum over the rows. Default: Huber(1e-3) of log-loss residuals, the field's habit.
    weights : str or array_like, optional
        Weight of each row, as an array or the name of a column.
    fixed : mapping, optional
        Parameters held at a value: ``{"E": 1.69}``.
    bounds : mapping, optional
        ``{"alpha": (0.1, 1.0), "N_C": (0, None)}``; replaces the law's own domain. ``(0, None)`` makes a signed
        amplitude non-negative, ``(None, None)`` frees a non-negative one.
    tied : sequence of groups or mapping, optional
        Parameters held equal: ``[("alpha", "beta")]``.
    baseline : {"fixed", "control"}
        For laws with L0. ``"fixed"``: L0 as given, the parent's loss before post-training. ``"control"``: the unpruned
        control's loss at the same tokens, from column ``L_control`` or from control rows (rho = 0), interpolated in
        log tokens; use it when post-training moves the parent itself.
    run : str
        Column that names the curve of each row; without it each row is its own run.
    min_tokens : float, optional
        Leave out rows with fewer tokens (warm-up); the number left out is reported.
    starts : int, mapping or sequence of mappings, optional
        How many starts to polish at least (default 4, or 8 for laws with three nonlinear parameters or more), or your
        own starting constants in place of the search.
    rng : int or numpy Generator
        Seed of the low-discrepancy starts.

    Returns
    -------
    Fit
        Immutable result: ``params``, ``summary()``, ``predict()``, ``warnings``, ``to_json()`` and more.

    Raises
    ------
    DataError
        If the table cannot be used: names column, row, value and remedy.
    FitError
        If an option makes no sense.

    Warns
    -----
    FitWarning
        Once, if the fit has not converged, is not identified, or has suspect rows: ``fit.warnings`` has all sentences,
        ``fit.findings`` the same as records.

    Notes
    -----
    Constants that these data cannot determine are never left to run away: exponents keep to the law's domain, a
    parameter that a single-valued column leaves free is held, an exactly free direction settles at the neutral values,
    and ``fit.warnings`` says which and why. An identified optimum is not moved (relative effect below 1e-12).
    """
    made = fit_law(
        law,
        table,
        columns=columns,
        objective=objective,
        weights=weights,
        fixed=fixed,
        bounds=bounds,
        tied=tied,
        baseline=baseline,
        run=run,
        min_tokens=min_tokens,
        starts=starts,
        rng=rng,
    )
    warn_of_doubts(made, made.law.name)
    return made


def warn_of_doubts(made: Fit, name: str) -> None:
    """Warn once, at the caller of the public function, where a fit is not to be used as it is."""
    doubts = [finding.text for finding in made.findings if finding.kind in DOUBTFUL]
    if doubts:
        more = f" ({len(doubts) - 1} more: fit.warnings)" if len(doubts) > 1 else ""
        warnings.warn(f"{name}: {doubts[0]}{more}", FitWarning, stacklevel=3)


def fit_law(
    law: str | Law,
    table: Table,
    *,
    columns: Mapping[str, str] | None = None,
    objective: Objective = Huber(1e-3, space="log"),  # noqa: B008 (frozen)
    weights: str | ArrayLike | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: BoundsOption | None = None,
    tied: TiesOption | None = None,
    baseline: str = "fixed",
    run: str = "run",
    min_tokens: float | None = None,
    starts: StartsOption | None = None,
    rng: int | np.random.Generator = 0,
) -> Fit:
    """As :func:`fit`, without a warning: for callers that fit many times and report the findings themselves."""
    law = get(law)
    if baseline not in ("fixed", "control"):
        raise FitError(
            f"baseline={baseline!r}: choose 'fixed' (L0 as given) or 'control' (the control at equal tokens)."
        )
    if not isinstance(objective, Objective):
        raise FitError(f"objective={objective!r}: give Huber(delta), Squared() or LeastAbsolute().")
    observations = observe(
        law, table, columns=columns, run=run, weights=weights, baseline=baseline, min_tokens=min_tokens
    )
    options = Options(_values("fixed", fixed or {}), ties(tied), _pairs(bounds), baseline, run)
    problem = make_problem(law, observations, objective, options)
    check_row_count(problem, observations)
    seed = int(rng) if isinstance(rng, int | np.integer) else None
    solution = _solve(problem, objective, starts, generator(rng))
    held: dict[str, tuple[float, str]] = {}
    single = single_levels(observations, law)
    if single:
        problem, held = hold_undetermined(problem, _raw(problem, solution), single)
    if held:
        solution = _solve(problem, objective, starts, np.random.default_rng(0 if seed is None else seed))
        options = replace(options, held={name: at for name, (at, _) in held.items()})
    return _result(law, observations, objective, options, problem, solution, held, seed)


def _values(name: str, given: Mapping[str, float]) -> dict[str, float]:
    """Constants by their names."""
    given = mapping(name, given, "{'E': 1.69}")
    return {parameter: number(f"{name}[{parameter!r}]", value) for parameter, value in given.items()}


def _pairs(bounds: BoundsOption | None) -> dict[str, tuple[float | None, float | None]]:
    """Bounds by the names of the constants, each a (lower, upper) pair."""
    out = {}
    for name, pair in mapping("bounds", bounds or {}, "{'alpha': (0.1, 1.0)}").items():
        try:
            low, high = pair
        except (TypeError, ValueError) as error:
            raise FitError(f"bounds of {name!r}: give a pair such as (0.1, 1.0) or (0, None), not {pair!r}.") from error
        if isinstance(pair, str) or np.isnan([array(f"bounds[{name!r}]", v) for v in pair if v is not None]).any():
            raise FitError(f"bounds of {name!r}: give a pair such as (0.1, 1.0) or (0, None), not {pair!r}.")
        out[name] = (low, high)
    return out


def check_row_count(problem: Problem, observations: Observations) -> None:
    """Refuse fewer rows than free parameters."""
    rows, free, law = int((observations.weight > 0).sum()), int(problem.bounds.free.sum()), problem.coordinates.law
    if rows < free:
        raise DataError(
            f"{rows} row{'s' * (rows != 1)} cannot determine the {free} free parameters of {law.name}: "
            "give more rows, fix or tie parameters, or use a law with fewer."
        )


def _solve(problem: Problem, objective: Objective, starts: StartsOption | None, rng: np.random.Generator) -> Solution:
    """The optimum of the problem: searched from starts, for absolute residuals through falling thresholds."""
    usual = 4 if problem.coordinates.nonlinear <= 2 else 8
    given = []
    if isinstance(starts, Mapping | list | tuple):
        records = [starts] if isinstance(starts, Mapping) else starts
        given = [problem.to_coordinates(_values("starts", each)) for each in records]
        starts = len(given)
    count = usual if starts is None else whole_number("starts", starts)
    if problem.delta > 0:
        return _found(search(problem, starts=count, rng=rng, given=given))
    # Least absolute residuals: Huber's optimum with delta shrinking towards zero.
    solution = _found(search(problem.with_(delta=1e-3 * _height(problem)), starts=count, rng=rng, given=given))
    fractions = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
    before = solution
    for stage in least_absolute_stages(problem, solution.residual, fractions):
        before, solution = solution, refine(stage, solution)
    # At a vertex the gradient is a matter of rounding; the objective has settled or it has not.
    change = abs(
        value(objective, before.residual, problem.weight) / value(objective, solution.residual, problem.weight) - 1
    )
    return replace(solution, gradient=min(solution.gradient, change if change < 1e-6 else np.inf))


def _found(solution: Solution) -> Solution:
    if not np.isfinite(solution.objective):
        raise FitError(
            "no start gave a finite objective: the law is not defined on these rows; check units and bounds."
        )
    return solution


def _height(problem: Problem) -> float:
    return 1.0 if problem.log_space else float(np.median(np.abs(problem.y * problem.scale)))


def _raw(problem: Problem, solution: Solution) -> np.ndarray:
    return recentre(solution.z, solution.scaling, Batch(problem).scaling)


def _result(
    law: Law,
    observations: Observations,
    objective: Objective,
    options: Options,
    problem: Problem,
    solution: Solution,
    held: dict[str, tuple[float, str]],
    seed: int | None,
) -> Fit:
    """The solution as a fit, with what was found about it."""
    params = dict(zip((p.name for p in law.parameters), solution.params, strict=True))
    converged = solution.gradient < CONVERGED
    agreed, tried = solution.agreed
    status = f"converged: {agreed} of {tried} starts reached this optimum" if converged else "NOT CONVERGED: do not use"
    return Fit(
        law=law,
        params=params,
        objective=objective,
        objective_value=value(objective, solution.residual, problem.weight),
        gradient=solution.gradient,
        converged=converged,
        status=status,
        findings=diagnose(law, observations, problem, solution, held),
        starts_agreed=(agreed, tried),
        options=options,
        observations=observations,
        provenance=_provenance(law, observations, objective, seed),
    )


def _provenance(law: Law, observations: Observations, objective: Objective, seed: int | None) -> dict[str, Any]:
    """Versions, seed, objective and a hash of the rows."""
    digest = hashlib.sha256()
    for values in (*observations.columns.values(), observations.response, observations.weight):
        digest.update(np.ascontiguousarray(values).tobytes())
    return {
        "p2law": _version("p2law"),
        "jax": _version("jax"),
        "numpy": np.__version__,
        "python": python_version(),
        "objective": describe(objective),
        "rows": len(observations.response),
        "rows_left_out": observations.dropped,
        "data_sha256": digest.hexdigest(),
        "seed": seed,
        "reference": law.reference,
    }


@lru_cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
