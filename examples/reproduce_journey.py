"""Sparse pre-training by its average parameter count (Jin et al. 2025, arXiv 2501.12486): does one law hold for all?

python examples/reproduce_journey.py --text FOLDER --minutes 10    # again and again until nothing is left
python examples/reproduce_journey.py --scale tiny                  # about a minute on a CPU: only a test of the code
"""

import warnings

import _reproduce as common
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import p2law
from p2law.errors import ExtrapolationWarning
from p2law.experiments import plan
from p2law.schedules import PruningSchedule

COUNTS = {"N_avg": "average", "N": "final", "N0": "starting"}
"""Columns of parameter counts, and their names."""
WINDOWS = ((0.0, 0.5), (0.0, 1.0), (0.5, 1.0))
"""When else to prune, in fractions of the compute."""
CLEAR = 1.5
"""Fits whose errors differ by less than this factor count as equal."""


def main() -> None:
    options = common.arguments(str(__doc__))
    scale = common.SCALES[options.scale]
    longest = scale.dense
    outcome = common.swept(
        options,
        parents=scale.parents(common.vocabulary(options)),
        pretrain=scale.training(longest),
        horizons=[longest // 4, longest // 2],
        sparse=[
            {"sparsity": [0.5, 0.75], "every": scale.every},
            *({"sparsity": [0.75], "every": scale.every, "start": start, "end": end} for start, end in WINDOWS),
        ],
    )
    common.opening(options, outcome, "The journey matters: average parameter count")
    rows = outcome.rows[outcome.rows["phase"] == "decayed"]
    dense, pruned = (rows[rows["kind"] == kind] for kind in ("parent", "sparse"))
    sparse = pruned[pruned["method"] == method(scale.every)]
    fit = p2law.fit("average_params", dense)
    print(f"dense law: rms {rms(fit.residuals):.4f} nats over {fit.n} runs")
    for warning in fit.warnings:
        print(f"  note: {warning}")
    measured(pruned)
    print(f"final counts go {dense['N'].min() / sparse['N'].min():.2g} times below the smallest dense model")
    warnings.simplefilter("ignore", ExtrapolationWarning)
    errors = {column: fit.predict(sparse.assign(N_avg=sparse[column])) - sparse["loss"] for column in COUNTS}
    print_errors(sparse, errors)
    equal(fit, sparse)
    best(errors, fit)
    one_law(pd.concat([dense, sparse]))
    windows(fit, pruned, scale.every)
    picture(fit, dense, sparse, options)


def rms(errors) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def measured(sparse: pd.DataFrame) -> None:
    """The schedule's average compared with that of the masks in the run."""
    off = (sparse["N_avg"] / sparse["N_plan"] - 1).abs().max()
    print(f"average counts measured in the runs are within {100 * off:.2g} % of those of the schedule")


def print_errors(sparse: pd.DataFrame, errors: dict) -> None:
    shown = sparse[["run", "N0", "N_avg", "N", "loss"]].assign(
        **{f"error by {name}": errors[column] for column, name in COUNTS.items()}
    )
    print("\nthe dense law's prediction of the sparse runs, minus what they reached")
    print(f"{shown.round(4).to_string(index=False)}\n")


def equal(fit: p2law.Fit, sparse: pd.DataFrame) -> None:
    """Does a sparse run reach the loss of a dense one of its average size?"""
    bounds = fit.predict_interval(sparse, kind="new")
    inside = sparse["loss"].reset_index(drop=True).between(bounds["lower"], bounds["upper"])
    width = float((bounds["upper"] - bounds["lower"]).median() / 2)
    share = f"{inside.sum()} of {len(inside)} sparse runs lie in the dense law's 95 % interval for a new run"
    why = f"{share}, on average ±{width:.3f} nats"
    moved = float(np.median(np.abs(fit.predict(sparse.assign(N_avg=sparse["N0"])) - fit.predict(sparse))))
    verdict = "reproduced" if inside.all() else "not reproduced"
    if not width < moved:  # then the interval would include runs of the starting size too
        verdict, why = (
            "undetermined",
            f"{why}; counting from the start instead moves the prediction by {moved:.3f} only",
        )
    common.finding("A sparse run reaches the loss of a dense one of its average size", verdict, why)


def best(errors: dict, fit: p2law.Fit) -> None:
    """Which count predicts the sparse runs from the dense ones?"""
    size, noise = {COUNTS[column]: rms(error) for column, error in errors.items()}, rms(fit.residuals)
    gap = min(size["final"], size["starting"]) - size["average"]
    why = "rms error by " + ", ".join(f"{name} count {value:.4f}" for name, value in size.items()) + " nats"
    why += f"; less than the dense law's own {noise:.4f} apart counts as equal"
    verdict = common.judged(gap - noise, gap + noise)
    common.finding("The average count predicts sparse runs better than the final or the starting one", verdict, why)


def one_law(rows: pd.DataFrame) -> None:
    """Chinchilla's form fitted to dense and sparse runs together, by each count."""
    fits = {name: p2law.fit("average_params", rows.assign(N_avg=rows[column])) for column, name in COUNTS.items()}
    sizes = {name: rms(fit.residuals) for name, fit in fits.items()}
    why = "rms by " + ", ".join(f"{name} count {value:.4f}" for name, value in sizes.items()) + " nats"
    ratio = min(sizes["final"], sizes["starting"]) / sizes["average"]
    verdict = "reproduced" if ratio > CLEAR else "not reproduced" if ratio < 1 / CLEAR else "undetermined"
    common.finding(
        "One law in the average count fits dense and sparse runs alike", verdict, f"{why}, {fits['average'].n} runs"
    )


def method(every: int, start: float = 0.25, end: float = 0.75) -> str:
    """The method in the tables of sparse runs that prune between these fractions of the compute."""
    return f"sparse-{plan.Growth(PruningSchedule(start=start, end=end), every=every).label}"


def windows(fit: p2law.Fit, pruned: pd.DataFrame, every: int) -> None:
    """Other times to prune beside the paper's: a loss counts from the dense law's at equal average count and tokens."""
    over = pruned.assign(over=pruned["loss"] - fit.predict(pruned))
    over = over.pivot(index=["rate_target", "size"], columns="method", values="over").dropna()
    for start, end in WINDOWS:
        claim = f"Pruning between 25 % and 75 % of the compute beats {100 * start:g} % to {100 * end:g} %"
        common.found_that(claim, over[method(every, start, end)] - over[method(every)], "the other is worse by")


def picture(fit: p2law.Fit, dense: pd.DataFrame, sparse: pd.DataFrame, options) -> None:
    figure, axes = plt.subplots(1, len(COUNTS), figsize=(4.5 * len(COUNTS), 4), sharey=True)
    for ax, (column, name) in zip(axes, COUNTS.items(), strict=True):
        for label, rows in (("dense", dense), ("sparse", sparse)):
            predicted = fit.predict(rows.assign(N_avg=rows[column]))
            ax.plot(predicted, rows["loss"], "o" if label == "dense" else "s", label=label)
        ax.axline((float(dense["loss"].mean()),) * 2, slope=1, color="grey", linewidth=0.8)
        ax.set(xlabel=f"dense law at the {name} count (nats per token)", title=f"{name} count")
    axes[0].set_ylabel("loss reached (nats per token)")
    axes[0].legend()
    common.saved(figure, options, "journey")


if __name__ == "__main__":
    main()
