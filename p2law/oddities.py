"""What is odd about the rows of a fit, in plain sentences: below L0, of several kinds, given twice, rounded."""

import numpy as np

from .checks import row
from .laws import Law
from .observations import Observations
from .quantities import in_words
from .solver import Problem, Solution

SHORT = 0.05
"""Tokens per parameter below which no one trains a model from scratch."""


def oddities(law: Law, observations: Observations, problem: Problem, solution: Solution) -> list[str]:
    """Everything about the rows that a user should know before trusting the constants."""
    return [
        *_below_baseline(law, observations),
        *_mixtures(law, observations),
        *_one_run(observations),
        *_short(law, observations),
        *_duplicates(observations),
        *_rounded(law, problem, solution),
    ]


def _below_baseline(law: Law, observations: Observations) -> list[str]:
    base = law.variable("loss")
    if base is None:
        return []
    below = observations.response <= observations.columns[base]
    if not below.any():
        return []
    first = row(observations.frame, int(np.flatnonzero(below)[0]))
    return [
        f"{int(below.sum())} of {len(below)} rows lie at or below {base} (first: row {first}): the law's excess cannot "
        "be positive there, the unpruned parent itself was still improving. They are kept; baseline='control' measures "
        "the excess from the control instead."
    ]


def _mixtures(law: Law, observations: Observations) -> list[str]:
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
                out.append(
                    f"The table mixes {len(values)} values of {column!r} ({in_words([str(v) for v in values])}): {why}."
                )
    return out


def _one_run(observations: Observations) -> list[str]:
    if observations.run_count > 1 or len(observations.response) == 1:
        return []
    return [
        "All rows are of one run: intervals say how well its own curve is known; how another run would differ these "
        "data cannot say."
    ]


def _short(law: Law, observations: Observations) -> list[str]:
    """Pre-training of fewer tokens than anyone trains on: D in millions, perhaps."""
    size, tokens = law.variable("size"), law.variable("tokens")
    if size is None or tokens is None or law.variable("rate") or law.variable("loss"):
        return []
    longest = float((observations.columns[tokens] / observations.columns[size]).max())
    if longest >= SHORT:
        return []
    return [
        f"No model has seen more than {longest:.2g} tokens per parameter: is {tokens} in tokens, and {size} in "
        "parameters?"
    ]


def _duplicates(observations: Observations) -> list[str]:
    if len(np.unique(observations.response)) == len(observations.response):
        return []
    if observations.identical_runs:
        return ["All runs are identical, copies of one: they say nothing about how runs differ. Keep one of them."]
    keys = np.column_stack([*observations.columns.values(), observations.response])
    _, first, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
    if (counts == 1).all():
        return []
    twice = keys[first[counts > 1][0]]
    rows = observations.frame.index[(keys == twice).all(1)].tolist()
    return [
        f"{int((counts - 1).sum())} rows repeat another one exactly (first: rows {rows[:3]}): each counts once more."
    ]


def _rounded(law: Law, problem: Problem, solution: Solution) -> list[str]:
    """Losses rounded so coarsely that the rounding (step/√12) is more than half of what the law leaves over."""
    left = solution.residual * (problem.y if problem.log_space else 1 / problem.scale)
    counted = problem.weight > 0
    spare = np.count_nonzero(counted) - np.count_nonzero(problem.box.free)
    if spare <= 0:
        return []
    rms = float(np.sqrt((left[counted] ** 2).sum() / spare))
    step = resolution(problem.y[counted], least=rms * np.sqrt(12) / 2)
    if step is None:
        return []
    return [
        f"Column {law.response.name} is rounded to {step:g}: that alone scatters it by {step / np.sqrt(12):.2g}, where "
        f"the law leaves {rms:.2g} (rms) in all. Much of what looks like noise may be rounding: log more digits."
    ]


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
