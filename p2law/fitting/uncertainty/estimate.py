"""Any quantity that follows from the constants of one fit or several, with its interval.

Ratios, tokens, budgets where two curves meet: give a function from constants to a number. Two fits to the same runs are
compared on paired draws (or on the covariance of their scores), where what both have in common cancels.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...data.answer import Estimate, Method
from ...data.arguments import array, check_level
from ...errors import FitError
from ..fitted import FittedLaw, Quantity, by_root, require_fit
from ..solver.covariance import LocalCovariance
from .intervals import Spread, draws_of, interval_ends, method_of, percentile


def shifted(params: Mapping[str, float], direction: np.ndarray, step: float) -> dict[str, float]:
    """Constants moved along a direction in raw units."""
    return {name: value + step * float(d) for (name, value), d in zip(params.items(), direction, strict=True)}


def gradient_along(quantity: Quantity, params: Mapping[str, float], directions: np.ndarray) -> np.ndarray:
    """Derivatives of a quantity along directions of the constants, (..., r), by differences of fourth order.

    The directions are of the size of a standard error or less, so that a hundredth of each is a sensible step whatever
    the units of the constants: long enough that quantities computed by differences themselves do not drown in rounding.
    """
    h = 1e-2

    def between(direction: np.ndarray, step: float) -> np.ndarray:
        return np.asarray(quantity(shifted(params, direction, step))) - np.asarray(
            quantity(shifted(params, direction, -step))
        )

    with np.errstate(invalid="ignore"):  # an infinite quantity has no derivative: nan
        columns = [(8 * between(d, h) - between(d, 2 * h)) / (12 * h) for d in directions.T]
    return np.stack(columns, axis=-1)


def estimate(
    quantity: Callable[..., Any],
    *fits: FittedLaw,
    level: float = 0.95,
    method: Method | None = None,
    log: bool = False,
    paired: bool = False,
) -> Estimate:
    """Interval of anything that follows from the constants.

    Parameters
    ----------
    quantity : callable
        ``quantity(params, ...)``: takes one mapping of raw constants per fit, returns a float or an array. It may
        return ``inf``, and ``nan`` where it does not exist.
    *fits : Fit
        One fit or more; fits to different runs are taken as independent.
    level : float
        Confidence level.
    method : {"wald", "bootstrap"}, optional
        Local with t quantiles, or percentiles of draws (default once every fit has draws).
    log : bool
        Take the interval on the logarithm, for positive quantities.
    paired : bool
        The fits are to the same runs: pair their draws (same seed and scheme), or the scores of each run.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> import p2law
    >>> fit = p2law.fit("chinchilla", p2law.datasets.load("mini-dense"), columns={"N": "N_total"})
    >>> ratio = p2law.estimate(lambda p: p["beta"] / (p["alpha"] + p["beta"]), fit)
    >>> bool(ratio.lower < ratio.value < ratio.upper)
    True
    """
    check_level(level)
    if not callable(quantity):
        raise FitError(f"estimate({quantity!r}): give a function of the constants, e.g. lambda p: p['beta'].")
    if not fits:
        raise FitError("estimate(quantity, fit): give at least one fit.")
    for fit in fits:
        require_fit("estimate(quantity, fit): the fit", fit)
    quantity, fits = by_root(quantity, fits)
    if paired:
        _check_paired(fits)
    value = _asked(quantity, fits)
    chosen = method_of(method, *fits)
    error, dof = _local(quantity, fits, value, paired and chosen == "wald")
    if chosen == "wald":
        ends, defined = interval_ends(value, Spread(error, dof).half_width(level), log=log), 1.0
    elif chosen == "bootstrap":
        ends, defined = _drawn(quantity, fits, value, dof, level, paired=paired, log=log)
    else:
        raise FitError(f"method={method!r}: choose 'wald' or 'bootstrap' for a quantity of your own.")
    lower, upper = (end if value.ndim else float(end) for end in ends)
    return Estimate(value if value.ndim else float(value), lower, upper, level, chosen, defined)


def _asked(quantity: Callable[..., Any], fits: tuple[FittedLaw, ...]) -> np.ndarray:
    """The quantity at the fitted constants, or what is wrong with it."""
    names = "; ".join(", ".join(fit.params) for fit in fits)
    try:
        value = quantity(*(fit.params for fit in fits))
    except KeyError as error:
        raise FitError(f"the quantity asks for a constant {error.args[0]!r}; there are {names}.") from error
    except TypeError as error:
        raise FitError(
            f"the quantity fails with TypeError: {error}. It takes one mapping of constants per fit, here {len(fits)}."
        ) from error
    return array("the quantity", value, error=FitError)


def _check_paired(fits: tuple[FittedLaw, ...]) -> None:
    runs = [set(np.unique(fit.observations.run.astype(str)).tolist()) for fit in fits]
    if any(names != runs[0] for names in runs):
        raise FitError("paired=True compares fits to the same runs; these fits are to different ones.")


def _local(
    quantity: Callable[..., Any], fits: tuple[FittedLaw, ...], value: np.ndarray, paired: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error and degrees of freedom of every element of the quantity."""
    slopes, variances, dofs = [], [], []
    for i, fit in enumerate(fits):

        def moved(params: Any, i: int = i) -> Any:
            return quantity(*(params if j == i else other.params for j, other in enumerate(fits)))

        slope, free, dof = _along(moved, fit, fit.covariance)
        slopes.append(slope)
        variances.append(np.where(free, np.inf, np.sum(slope**2, -1)))
        dofs.append(dof)
    total = np.sum(variances, axis=0)
    if paired:
        if len({s.shape for s in slopes}) > 1:
            raise FitError("these fits' local errors cannot be paired (one is textbook least squares): bootstrap both.")
        together = np.sum(np.sum(slopes, axis=0) ** 2, -1)
        total = np.where(np.isfinite(total), together, total)
        return np.sqrt(total), np.min(dofs, axis=0)
    with np.errstate(all="ignore"):
        dof = total**2 / np.sum([v**2 / d for v, d in zip(variances, dofs, strict=True)], axis=0)
    return np.sqrt(total), np.where(np.isfinite(dof), dof, np.min(dofs, axis=0)).reshape(value.shape)


def _along(
    quantity: Quantity, fit: FittedLaw, covariance: LocalCovariance
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The quantity's derivative along each independent error, whether it is undetermined, degrees of freedom."""
    size = np.sqrt(np.mean(np.sum(covariance.root**2, -1))) if covariance.root.size else 1.0
    step = np.minimum(size or 1.0, _step(fit, covariance.basis) / np.linalg.norm(covariance.basis, axis=0))
    inner = gradient_along(quantity, fit.params, covariance.basis * step) / step
    flat = inner.reshape(-1, inner.shape[-1])
    shape = inner.shape[:-1]
    dof = np.array([covariance.inner_dof(g) for g in flat]).reshape(shape)
    lost = np.zeros(shape, dtype=bool)
    if covariance.null.shape[1]:
        free = covariance.raw @ covariance.null
        moved = gradient_along(quantity, fit.params, free / np.linalg.norm(free, axis=0) * _step(fit, free))
        lost = np.any(np.abs(moved) > 1e-3 * np.abs(np.asarray(quantity(fit.params)))[..., None], axis=-1)
    if covariance.rows_dof < 1:
        lost = np.ones(shape, dtype=bool)
    unbounded = not np.array_equal(covariance.root, covariance.unbounded_root) and _of_one_constant(quantity, fit)
    root = covariance.unbounded_root if unbounded else covariance.root  # see LocalCovariance.variance
    return (flat @ root).reshape(*shape, -1), lost, dof


def _of_one_constant(quantity: Callable[..., Any], fit: FittedLaw) -> bool:
    """Whether a quantity is a constant in other words: exactly one of them moves it."""
    here = np.asarray(quantity(fit.params))
    moved = ({**fit.params, name: value + 1e-3 * (abs(value) or 1.0)} for name, value in fit.params.items())
    with np.errstate(all="ignore"):
        return sum(not np.array_equal(quantity(params), here, equal_nan=True) for params in moved) == 1


def _step(fit: FittedLaw, directions: np.ndarray) -> np.ndarray:
    """A step along each direction that moves no constant by more than its own size."""
    size = np.array([abs(v) or np.inf for v in fit.params.values()])
    unit = directions / np.linalg.norm(directions, axis=0)
    return 1 / np.max(np.abs(unit) / size[:, None], axis=0)


def _drawn(
    quantity: Callable[..., Any],
    fits: tuple[FittedLaw, ...],
    value: np.ndarray,
    dof: np.ndarray,
    level: float,
    *,
    paired: bool,
    log: bool,
) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Percentile interval over the draws, and the share of them in which the quantity exists."""
    tables = [draws_of(fit) for fit in fits]
    if paired:
        resampled = [fit.resampled for fit in fits]
        if len({(r.scheme, r.seed) for r in resampled if r is not None}) != 1 or resampled[0] is None:
            raise FitError("paired draws need the same scheme and the same seed: bootstrap(n, rng=0) on each fit.")
        common = tables[0].index
        for table in tables[1:]:
            common = common.intersection(table.index)
        tables = [table.loc[common] for table in tables]
    else:  # equal seeds must not pair what is independent
        tables = [table.sample(frac=1, random_state=i) if i else table for i, table in enumerate(tables)]
    count = min(len(table) for table in tables)
    names = [[p.name for p in fit.law.parameters] for fit in fits]
    rows = [table[n].to_numpy()[:count] for table, n in zip(tables, names, strict=True)]
    values = np.empty((count, value.size))
    with np.errstate(all="ignore"):
        for i in range(count):
            constants = (dict(zip(n, r[i].tolist(), strict=True)) for n, r in zip(names, rows, strict=True))
            values[i] = np.ravel(quantity(*constants))
    defined = ~np.isnan(values)
    ends = [
        percentile(column[good], level, d, estimate=v, log=log) if good.any() else (np.nan, np.nan)
        for column, good, d, v in zip(
            values.T, defined.T, np.broadcast_to(dof, value.shape).ravel().tolist(), value.ravel().tolist(), strict=True
        )
    ]
    lower, upper = (np.array(end).reshape(value.shape) for end in zip(*ends, strict=True))
    return (lower, upper), float(defined.all(axis=1).mean())
