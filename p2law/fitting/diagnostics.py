"""What to know before trusting a fit, as findings: odd rows, bounds, flat directions, too few levels.

Kinds of findings: not converged, saturated, held, at bound, undetermined, second optimum, below baseline, mixture,
one run, few tokens, identical runs, duplicate rows, rounded.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data.columns import ONE_LEVEL, level_of, row_label
from ..data.finding import Finding
from ..data.observations import Observations
from ..data.quantities import format_quantity, in_words
from ..laws import Law, get
from ..laws.law import centre
from .solver import Batch, Problem, Solution, hold
from .solver.curvature import expected_curvature
from .solver.problem import score
from .solver.search import CONVERGED, UNDETERMINED_SE

MIN_TOKENS_PER_PARAM = 0.05
"""Tokens per parameter below which no one trains a model from scratch."""


def _row_findings(law: Law, observations: Observations, problem: Problem, solution: Solution) -> list[Finding]:
    """What is odd about the rows themselves."""
    return [
        *_below_baseline(law, observations),
        *_mixtures(law, observations),
        *_one_run(observations),
        *_few_tokens(law, observations),
        *_duplicates(observations),
        *_rounded(law, problem, solution),
    ]


def _below_baseline(law: Law, observations: Observations) -> list[Finding]:
    """Rows whose loss is at or below the baseline."""
    base = law.variable("loss")
    if base is None:
        return []
    below = observations.response <= observations.columns[base]
    if not below.any():
        return []
    places = np.flatnonzero(below)
    text = (
        f"{len(places)} of {len(below)} rows lie at or below {base} "
        f"(first: row {row_label(observations.frame, places[0])}): the law's excess cannot be positive "
        "there, the unpruned parent itself was still improving. They are kept; baseline='control' measures the excess "
        "from the control instead."
    )
    return [Finding("below baseline", text, (base,), _labels(observations, places), numbers={"rows": len(places)})]


def _labels(observations: Observations, places: np.ndarray) -> tuple[Any, ...]:
    """Labels of the first few rows at these places."""
    return tuple(observations.frame.index[places[:10]].tolist())


def _mixtures(law: Law, observations: Observations) -> list[Finding]:
    """Columns that say that the rows are of several kinds."""
    out = []
    for column, why in (
        ("method", "one set of constants holds for one pruning method: fit each alone"),
        ("family", "one set of constants holds for one model family: fit each alone"),
        ("phase", "decayed or warm-up losses do not lie on the curve of a constant learning rate: keep one phase"),
    ):
        if column == "method" and law.variable("rate") is None:
            continue  # dense, sparse and pruned models may share a law that knows no pruning rate
        if column in observations.frame.columns:
            values = observations.frame[column].dropna().unique()
            if len(values) > 1:
                kinds = in_words([str(v) for v in values])
                text = f"The table mixes {len(values)} values of {column!r} ({kinds}): {why}."
                out.append(Finding("mixture", text, (column,), numbers={"values": len(values)}))
    return out


def _one_run(observations: Observations) -> list[Finding]:
    """All rows are of one run."""
    if observations.run_count > 1 or len(observations.response) == 1:
        return []
    text = (
        "All rows are of one run: intervals say how well its own curve is known; how another run would differ these "
        "data cannot say."
    )
    return [Finding("one run", text)]


def _few_tokens(law: Law, observations: Observations) -> list[Finding]:
    """Pre-training of fewer tokens than anyone trains on: D in millions, perhaps."""
    size, tokens = law.variable("size"), law.variable("tokens")
    if size is None or tokens is None or law.variable("rate") or law.variable("loss"):
        return []
    longest = float((observations.columns[tokens] / observations.columns[size]).max())
    if longest >= MIN_TOKENS_PER_PARAM:
        return []
    text = (
        f"No model has seen more than {longest:.2g} tokens per parameter: is {tokens} in tokens, and {size} in "
        "parameters?"
    )
    return [Finding("few tokens", text, (tokens, size), numbers={"tokens per parameter": longest})]


def _duplicates(observations: Observations) -> list[Finding]:
    """Rows, or whole runs, that are given more than once."""
    if len(np.unique(observations.response)) == len(observations.response):
        return []
    if observations.identical_runs:
        text = "All runs are identical, copies of one: they say nothing about how runs differ. Keep one of them."
        return [Finding("identical runs", text)]
    keys = np.column_stack([*observations.columns.values(), observations.response])
    _, first, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
    if (counts == 1).all():
        return []
    rows = _labels(observations, np.flatnonzero((keys == keys[first[counts > 1][0]]).all(1)))
    more = int((counts - 1).sum())
    text = f"{more} rows repeat another one exactly (first: rows {list(rows[:3])}): each counts once more."
    return [Finding("duplicate rows", text, rows=rows, numbers={"rows": more})]


def _rounded(law: Law, problem: Problem, solution: Solution) -> list[Finding]:
    """Losses rounded so coarsely that the rounding (step/√12) is more than half of what the law leaves over."""
    left = solution.residual * (problem.y if problem.log_space else 1 / problem.scale)
    counted = problem.weight > 0
    spare = np.count_nonzero(counted) - np.count_nonzero(problem.bounds.free)
    if spare <= 0:
        return []
    rms = float(np.sqrt((left[counted] ** 2).sum() / spare))
    step = resolution(problem.y[counted], least=rms * np.sqrt(12) / 2)
    if step is None:
        return []
    text = (
        f"Column {law.response.name} is rounded to {step:g}: that alone scatters it by {step / np.sqrt(12):.2g}, where "
        f"the law leaves {rms:.2g} (rms) in all. Much of what looks like noise may be rounding: log more digits."
    )
    return [Finding("rounded", text, (law.response.name,), numbers={"step": step, "rms": rms})]


def resolution(values: np.ndarray, *, least: float) -> float | None:
    """The power of ten, ``least`` or more, to which all values are rounded; None where there is none.

    Values may have passed through float32. A step so fine that float32 could not tell it from no rounding is not found.
    """
    largest, found = float(np.abs(values).max()), None
    slack = 1e-7 * largest or 1.0  # the latter if all are zero
    step = 10.0 ** np.ceil(np.log10(max(least, 20 * slack)))
    while step <= largest and (np.abs(values - step * np.round(values / step)) <= slack).all():
        step, found = 10 * step, step
    return found


INTERPOLATION_TOLERANCE = 1e-6
"""Residuals up to this share of the response are none."""


def single_levels(observations: Observations, law: Law) -> list[str]:
    """Columns with one level, give or take the spread of realised values around a target."""
    out = []
    for variable in law.variables:
        values = observations.columns[variable.name]
        low, high = float(values.min()), float(values.max())
        if variable.kind.role != "loss" and (high <= low * ONE_LEVEL if low > 0 else high == low):
            out.append(variable.name)
    return out


def hold_undetermined(
    problem: Problem, z: np.ndarray, single: list[str]
) -> tuple[Problem, dict[str, tuple[float, str]]]:
    """Hold nonlinear parameters that a single-level column leaves undetermined; returns value and column of each.

    With that column set to its mean, such a parameter only moves the law along its own amplitudes: nothing tells them
    apart, and whatever the realised spread of the one level seems to say about it is chance.
    """
    coordinates, held = problem.coordinates, {}
    q, names = coordinates.nonlinear, [v.name for v in coordinates.law.variables]
    for name in single:
        i = names.index(name)
        flat = np.full_like(problem.columns[i], problem.columns[i].mean())
        levelled = problem.with_(columns=(*problem.columns[:i], flat, *problem.columns[i + 1 :]))
        jacobian = Batch(levelled).linearise(z)[2]
        amplitudes, scale = jacobian[:, q:], np.linalg.norm(jacobian, axis=0).max()
        for j in range(q):
            slope = jacobian[:, j]
            rest = slope - amplitudes @ np.linalg.lstsq(amplitudes, slope, rcond=None)[0]
            if problem.bounds.free[j] and np.linalg.norm(rest) <= 1e-6 * scale:
                for parameter in coordinates.owners(j):
                    held[parameter] = (_neutral(coordinates.law, parameter), name)
                    problem = problem.with_(bounds=hold(coordinates, problem.bounds, parameter, held[parameter][0]))
    return problem, held


def _neutral(law: Law, parameter: str) -> float:
    """Where an undetermined parameter is held: 0 if it may be of either sign, else the middle of its starts."""
    kind = next(p.kind for p in law.parameters if p.name == parameter)
    return 0.0 if kind.lower < 0 < kind.upper else centre(kind)


def diagnose(
    law: Law,
    observations: Observations,
    problem: Problem,
    solution: Solution,
    held: dict[str, tuple[float, str]],
) -> tuple[Finding, ...]:
    """Everything a user should know before trusting the constants; ``held`` as of :func:`hold_undetermined`."""
    params = dict(zip((p.name for p in law.parameters), solution.params, strict=True))
    return (
        *_not_converged(solution),
        *_saturated(problem, observations, solution),
        *_held(observations, held),
        *_at_bounds(law, problem, params),
        *_undetermined(law, observations, problem, solution),
        *_second_optimum(law, solution),
        *_row_findings(law, observations, problem, solution),
    )


def _not_converged(solution: Solution) -> list[Finding]:
    """The gradient at the solution is not small."""
    if solution.gradient < CONVERGED:
        return []
    text = (
        f"The fit has not converged: the scale-free gradient is {solution.gradient:.1e} (below {CONVERGED:.0e} at an "
        "optimum). Do not use the constants; try more starts, bounds, or a law with fewer parameters."
    )
    return [Finding("not converged", text, numbers={"gradient": solution.gradient})]


def _saturated(problem: Problem, observations: Observations, solution: Solution) -> list[Finding]:
    """As many free parameters as rows."""
    counted, free = observations.weight > 0, int(problem.bounds.free.sum())
    if int(counted.sum()) > free:
        return []
    through = np.abs(solution.residual[counted]).max() < INTERPOLATION_TOLERANCE * np.abs(problem.target[counted]).max()
    so = "the curve passes through every row, right or wrong" if through else "no row is left to judge the law by"
    return [Finding("saturated", f"No more rows than free parameters ({free}): {so}.", numbers={"free": free})]


def _held(observations: Observations, held: dict[str, tuple[float, str]]) -> list[Finding]:
    """Parameters held because a column has one level, one finding per column."""
    out = []
    for column in dict.fromkeys(column for _, column in held.values()):
        values = observations.columns[column]
        names = [name for name, (_, c) in held.items() if c == column]
        at = in_words([f"{name} at {held[name][0]:g}" for name in names])
        text = (
            f"{in_words(names)} cannot be told from one value of {column} ({_range(values)}): held {at}. Predictions "
            f"at another {column} have no support in these data."
        )
        out.append(Finding("held", text, tuple(names), numbers={name: held[name][0] for name in names}))
    return out


def at_bounds(problem: Problem, params: Mapping[str, float]) -> dict[str, str]:
    """Parameters at the edge of their domain, each with the side: 'lower' or 'upper'."""
    bounds, coordinates, out = problem.bounds, problem.coordinates, {}
    z = problem.to_coordinates(params)
    typical = np.median(np.abs(problem.y))
    for i in np.flatnonzero(bounds.free).tolist():
        # An amplitude that ran to its bound stands for a term of no size.
        slack = (
            1e-9 * typical * abs(bounds.factor[i]) if coordinates.transforms[i] == "amplitude" else 1e-12 * abs(z[i])
        )
        side = "lower" if z[i] <= bounds.lower[i] + slack else "upper" if z[i] >= bounds.upper[i] - slack else None
        if side is not None:
            turned = coordinates.transforms[i] != "log" and bounds.factor[i] < 0
            for name in coordinates.owners(i):
                out[name] = {"lower": "upper", "upper": "lower"}[side] if turned else side
    return out


def _at_bounds(law: Law, problem: Problem, params: Mapping[str, float]) -> list[Finding]:
    """Parameters at a bound, one finding per coordinate."""
    coordinates, pressed, out = problem.coordinates, at_bounds(problem, params), []
    for names in dict.fromkeys(coordinates.owners(coordinates.index(name)) for name in pressed):
        text = (
            f"{' = '.join(names)} hit its {pressed[names[0]]} bound ({params[names[0]]:g}); treat it as unidentified."
            + _offer(law, names)
        )
        out.append(Finding("at bound", text, names, numbers={name: params[name] for name in names}))
    return out


def _undetermined(law: Law, observations: Observations, problem: Problem, solution: Solution) -> list[Finding]:
    """Directions whose standard error is as large as the parameters' plausible range."""
    bounds, coordinates = problem.bounds, problem.coordinates
    inside = bounds.free & (solution.z > bounds.lower) & (solution.z < bounds.upper)
    index = np.flatnonzero(inside).tolist()
    if not index:
        return []
    scaled = solution.jacobian[:, index] * problem.plausible[index]
    errors, vectors = _errors(problem, solution.residual, scaled, observations.run)
    flat = errors > UNDETERMINED_SE
    if not flat.any():
        return []
    share = np.abs(vectors[:, flat]).max(1)
    owners = [coordinates.owners(index[i]) for i in np.flatnonzero(share > 0.3).tolist()]
    names = [" = ".join(group) for group in owners]
    counted = [v.name for v in law.variables if v.kind.role in ("size", "rate")]
    counts = {name: int(level_of(observations.columns[name]).max()) + 1 for name in counted}
    few = [f"{name} has {n} distinct value{'s' * (n > 1)}" for name, n in counts.items() if n <= 4]
    because = f" ({'; '.join(few)})" if few else ""
    text = (
        f"{in_words(names)} {'is' if len(names) == 1 else 'are'} not determined by these data{because}: other values "
        "fit as well within the differences between runs. The reported values are one arbitrary choice on this ridge; "
        "predictions inside the range may still be good." + _offer(law, tuple(names))
    )
    return [Finding("undetermined", text, tuple(name for group in owners for name in group))]


def _errors(
    problem: Problem, residual: np.ndarray, scaled: np.ndarray, run: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors along directions of the scaled coordinates (a plain sandwich by run), and those directions.

    The directions are orthonormal; those the data leave exactly free come last, with infinite errors.
    """
    k = scaled.shape[1]
    length = np.linalg.norm(scaled, axis=0)  # columns may differ by more than the precision of numbers
    length = np.where(length > 0, length, 1.0)
    unit = scaled / length
    codes = np.unique(run, return_inverse=True)[1]
    curvature = expected_curvature(problem, residual, int(codes.max()) + 1)
    values, vectors = np.linalg.eigh(unit.T @ ((problem.weight * curvature)[:, None] * unit))
    known = values > 1e-12 * max(values[-1], 1e-300)
    if codes.max() < k:  # too few runs for their scores to span the directions
        codes = np.arange(len(run))
    scores = np.zeros((int(codes.max()) + 1, k))
    np.add.at(scores, codes, (problem.weight * score(problem, residual))[:, None] * unit)
    influence = (scores @ vectors[:, known] / values[known]) @ (vectors[:, known] / length[:, None]).T
    variance, directions = np.linalg.eigh(influence.T @ influence)
    free = np.linalg.qr(vectors[:, ~known] / length[:, None])[0]
    errors = np.concatenate([np.sqrt(np.maximum(variance, 0.0)), np.full(free.shape[1], np.inf)])
    return errors, np.concatenate([directions, free], axis=1)


def _offer(law: Law, names: tuple[str, ...]) -> str:
    """A sentence on the registered law that has none of these parameters, or an empty one."""
    if law.reduced is None:
        return ""
    simpler = {p.name for p in get(law.reduced).parameters}
    if {v.name for v in get(law.reduced).variables} != {v.name for v in law.variables} or set(names) <= simpler:
        return ""
    return f" Consider {law.reduced}, which has no {in_words([n for n in names if n not in simpler])}."


def _second_optimum(law: Law, solution: Solution) -> list[Finding]:
    """Another optimum that is almost as good."""
    other = solution.second
    if other is None or other.gap > 0.01:
        return []
    there = dict(zip((p.name for p in law.parameters), other.params, strict=True))
    shown = ", ".join(f"{name} {value:.4g}" for name, value in there.items())
    text = f"Two optima fit almost equally: another lies {100 * other.gap:.2g} % above the best objective, at {shown}."
    return [Finding("second optimum", text, tuple(there), numbers={"gap": other.gap, **there})]


def _range(values: np.ndarray) -> str:
    low, high = format_quantity(values.min(), 4), format_quantity(values.max(), 4)
    return low if low == high else f"{low} to {high}"
