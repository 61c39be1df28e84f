"""The P² study (Chen et al. 2025, arXiv 2411.10272) on your own models: which of its findings are reproduced?

python examples/reproduce_p2.py --text FOLDER --minutes 10     # again and again until nothing is left
python examples/reproduce_p2.py --scale tiny                   # about a minute on a CPU: only a test of the code
"""

import _reproduce as common
import matplotlib.pyplot as plt
import pandas as pd

import p2law
from p2law.errors import P2LawError
from p2law.experiments import table

LAWS = ["p2", "p2_without_size_term", "p2_log_rate", "p2_with_floor", "p2_additive"]
CLAIMS = {"D": "more tokens", "N0": "larger models", "rho": "higher rates"}
CLOSE = 1.1
"""Errors within this factor of the best count as equal."""
FEW = 3
"""Held-out runs below this number decide nothing."""
SIGNS = 6
"""Nor do fewer than these between two laws: no sign test of fewer reaches 5 %."""


def main() -> None:
    options = common.arguments(str(__doc__))
    scale = common.SCALES[options.scale]
    parents = scale.parents(common.vocabulary(options))
    parents[len(parents) // 2]["seeds"] = [0, 1]
    rates = list(scale.rates)
    structured = [{"method": "influence", "rates": rates, "label": "depth"}, {"method": "width", "rates": rates}]
    if options.scale == "tiny":
        structured = structured[:1]
    outcome = common.swept(
        options,
        parents=parents,
        pretrain=scale.training(scale.pretrain, passes=4),
        posttrain=scale.training(scale.posttrain, lr_fraction=0.2),
        prune=[*structured, {"method": "wanda", "pattern": "2:4", "rates": [0.5], "label": "2:4"}],
    )
    common.opening(options, outcome, "Scaling law of post-training after pruning")
    rows = outcome.rows
    pruned = rows[(rows["kind"] == "pruned") & (rows["phase"] == "const")]
    controls(rows)
    repeats(pruned)
    fits = {}
    for method, own in pruned.groupby("method"):
        print(f"\n{method}\n{'-' * len(str(method))}")
        try:
            fits[method] = fitted(own)
            trends(fits[method])
            generalises(own)
            if own["rho"].round(2).nunique() > 1:
                chosen(own)
        except P2LawError as error:
            common.finding("A law can be fitted", "undetermined", str(error))
    picture(fits, options)


def fitted(rows: pd.DataFrame) -> p2law.Fit:
    one_rate = rows["rate_target"].nunique() == 1
    fit = p2law.fit("p2", rows, baseline="control", fixed={"gamma": 0.0} if one_rate else None)
    residuals = fit.residuals
    print(f"rms residual {(residuals**2).mean() ** 0.5:.4f} nats over {fit.n} rows of {fit.run_count} runs")
    for warning in fit.warnings:
        print(f"  note: {warning}")
    return fit


def controls(rows: pd.DataFrame) -> None:
    """Does post-training change the unpruned parent? If so, the excess is measured from it."""
    drift = table.controls(rows)
    print("drift of the controls, nats:", ", ".join(f"{size} {value:+.3f}" for size, value in drift.items()))


def repeats(pruned: pd.DataFrame) -> None:
    keys = ["size", "method", "rate_target", "D"]
    spread = pruned.groupby(keys)["loss"].agg(["std", "count"]).query("count > 1")["std"]
    print(f"a second order of the text: standard deviation {spread.mean():.4f} nats, mean over {len(spread)} points")


def trends(fit: p2law.Fit) -> None:
    """The conditions of the paper, and the trend of the tokens needed."""
    for condition in p2law.conditions(fit).checked:
        if condition.status != "does not apply":
            verdict = "reproduced" if condition.status == "holds" else common.judged(float("-inf"), condition.upper)
            common.finding(condition.name, verdict, str(condition).split(": ", 1)[1])
    bounds, treatment = fit.intervals().set_index("parameter"), fit.to_frame()["treatment"]
    needs = {"delta": ("Larger models need less post-training data", 1), "gamma": ("Higher rates need more of it", -1)}
    for name, (claim, sign) in needs.items():
        if treatment[name] == "free":
            estimate, low, high = bounds.loc[name, ["estimate", "lower", "upper"]]
            low, high = sorted([sign * low, sign * high])
            common.finding(
                claim, common.judged(low, high), f"{name} = {estimate:.3g}, {sign:+d} x it in [{low:.3g}, {high:.3g}]"
            )


def generalises(rows: pd.DataFrame) -> None:
    """The paper's three tests of extrapolation."""
    for column, what in CLAIMS.items():
        if column == "rho" and rows["rate_target"].nunique() < 3:
            continue
        try:
            test = p2law.holdout("p2", rows, by=column, baseline="control")
        except P2LawError as error:
            common.finding(f"The law generalises to {what}", "undetermined", str(error))
            continue
        verdict = "undetermined" if few(test) else "reproduced" if test.generalises else "not reproduced"
        common.finding(f"The law generalises to {what}", verdict, " ".join(test.findings))


def few(test: p2law.Holdout, least: int = FEW) -> bool:
    """Whether too few runs were held out for a conclusion."""
    return test.rows["run"].nunique() < least


def chosen(rows: pd.DataFrame) -> None:
    """Is the paper's form the best of its kind?"""
    found = p2law.compare(LAWS, rows, baseline="control")
    errors = found.to_frame()["error"]
    ratio = errors.get("p2", float("inf")) / errors.min()
    verdict = "reproduced" if found.best == "p2" else "undetermined" if ratio < CLOSE else "not reproduced"
    if few(found.holdouts[found.best], SIGNS):
        verdict = "undetermined"
    common.finding("The paper's form predicts best among its neighbours", verdict, " ".join(found.findings))


def picture(fits: dict, options) -> None:
    figure, axes = plt.subplots(1, max(len(fits), 1), figsize=(5 * max(len(fits), 1), 4), squeeze=False)
    for ax, (method, fit) in zip(axes[0], fits.items(), strict=False):
        p2law.plot.curves(fit, ax=ax)
        ax.set_title(str(method))
    common.saved(figure, options, "p2")


if __name__ == "__main__":
    main()
