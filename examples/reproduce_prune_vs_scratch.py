"""Prune or train from scratch (Xu et al. 2026, arXiv 2606.14150): children beside models of their shape.

Every structured child has two twins from random weights: one trained on the child's tokens (the parent is free), one on
the child's and the parent's together (the parent is charged). Decayed end points are compared as measured; the laws
fitted to the curves say where they meet.

    python examples/reproduce_prune_vs_scratch.py --text FOLDER --minutes 10   # again and again until nothing is left
    python examples/reproduce_prune_vs_scratch.py --scale tiny                 # about a minute on a CPU: only a test
"""

from collections.abc import Iterator
from dataclasses import replace

import _reproduce as common
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import NullFormatter

import p2law
from p2law.errors import P2LawError
from p2law.plan import Parent

EQUAL = "-scratch"
"""How the names of twins on the child's tokens end; those on more have the number after it."""
LATE = 0.05
"""Share of a curve's tokens that its power law leaves out at the start."""


def main() -> None:
    options = common.arguments(str(__doc__))
    scale = common.SCALES[options.scale]
    tokens = scale.equal
    widths = scale.widths[1:2] if options.scale == "tiny" else scale.widths[1:3]
    chosen = replace(scale, widths=widths, lr=scale.rate(widths[0]), pretrain=tokens, posttrain=tokens)
    parents = chosen.parents(common.vocabulary(options))
    parents[0]["seeds"] = [0, 1]  # how much a second order of the text changes a loss
    outcome = common.swept(
        options,
        parents=parents,
        pretrain=chosen.training(tokens),
        posttrain=chosen.training(tokens, lr_fraction=0.4),
        scratch=[tokens, 2 * tokens],
        prune=[
            {"method": "influence", "rates": [0.5, 0.75], "label": "depth"},
            {"method": "width", "rates": [0.5, 0.75]},
            {"method": "wanda", "pattern": "2:4", "rates": [0.5], "label": "2:4"},
        ],
    )
    common.opening(options, outcome, "Small LLMs: pruning vs. training from scratch")
    rows = outcome.rows
    found = pairs(rows)
    print(found.round(4).to_string(index=False))
    print(f"\ngaps differ by up to {repeats(found):.4f} nats between two orders of the text\n")
    equal_tokens(found)
    by_rate(found)
    by_tokens(rows, tokens)
    charged(found)
    fine(rows, found)
    meetings(rows, tokens)
    picture(rows, tokens, options)


def pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """End losses of every structured child and its two twins; gaps above zero are in favour of pruning."""
    ends = rows[rows["phase"] == "decayed"].set_index(["size", "rate_target", "seed", "method"])
    table = []
    for key, child in ends[ends["kind"] == "pruned"].iterrows():
        twins = ends[(ends["kind"] == "scratch")].loc[lambda t, k=key: t.index == (*k[:3], f"scratch-{k[3]}")]
        if len(twins) == 2:
            free, charged = twins.sort_values("D")["loss"]
            loss = child["loss"]
            gaps = {
                "pruned": loss,
                "scratch": free,
                "scratch_all": charged,
                "free": free - loss,
                "charged": charged - loss,
            }
            table.append({**dict(zip(("size", "rate", "seed", "method"), key, strict=True)), "N": child["N"], **gaps})
    return pd.DataFrame(table)


def repeats(found: pd.DataFrame) -> float:
    """Largest difference of a gap between two orders of the text."""
    gaps = found.groupby(["size", "method", "rate"])[["free", "charged"]]
    return float((gaps.max() - gaps.min())[gaps.count() > 1].max().max())


def cells(found: pd.DataFrame, column: str) -> pd.Series:
    return found.set_index(["size", "method", "rate"])[column]


def equal_tokens(found: pd.DataFrame) -> None:
    common.found_that(
        "At equal training tokens the pruned model is better", cells(found, "free"), "scratch minus pruned is"
    )


def by_rate(found: pd.DataFrame) -> None:
    wide = found.pivot_table(index=["size", "seed", "method"], columns="rate", values="free")
    low, high = wide.columns.min(), wide.columns.max()
    shrunk = (wide[low] - wide[high]).droplevel("seed")
    common.found_that(
        "Its lead shrinks with the pruning rate", shrunk, f"from rate {low:g} to {high:g} the gap shrinks by"
    )


def by_tokens(rows: pd.DataFrame, tokens: int) -> None:
    """The gap along the curves at the full rate, where both have a row at the same tokens."""
    shrunk = {}
    for _, child, twin in curves(rows, EQUAL):
        gaps = (twin.set_index("D")["loss"] - child.set_index("D")["loss"]).dropna()
        gaps = gaps[gaps.index > LATE * tokens]
        shrunk[tuple(child[["size", "method", "rate_target", "seed"]].iloc[0])] = gaps.iloc[0] - gaps.iloc[-1]
    along = pd.Series(shrunk).rename_axis(["size", "method", "rate", "seed"]).droplevel("seed")
    common.found_that("Its lead shrinks with tokens", along, "along the curves the gap shrinks by")


def charged(found: pd.DataFrame) -> None:
    for method, own in found.groupby("method"):
        claim = f"With the parent's tokens charged, training from scratch passes {method} pruning"
        common.found_that(claim, cells(own, "charged"), "scratch minus pruned is", sign=-1)


def fine(rows: pd.DataFrame, found: pd.DataFrame) -> None:
    """2:4 has no twin of its shape; the nearest size from scratch replaces it."""
    ends = rows[(rows["phase"] == "decayed") & (rows["method"] == "2:4")]
    gaps = []
    for child in ends.to_dict("records"):
        same = found[(found["size"] == child["size"]) & (found["seed"] == child["seed"])]
        nearest = same.loc[(same["N"] / child["N"] - 1).abs().idxmin()]
        print(f"  2:4 at {child['N']:,.0f} beside {nearest['method']} from scratch at {nearest['N']:,.0f} parameters")
        gaps.append((child["size"], nearest["scratch_all"] - child["loss"]))
    gap = pd.DataFrame(gaps, columns=["size", "gap"]).set_index("size")["gap"]
    common.found_that("Even then 2:4 pruning keeps an edge", gap, "scratch minus pruned is")


def curves(rows: pd.DataFrame, suffix: str) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Every structured child with its rows at the full rate, and those of the twin whose name ends so."""
    level = rows[rows["phase"] == "const"]
    for name, child in level[level["kind"] == "pruned"].groupby("run"):
        twin = level[level["run"] == f"{name}{suffix}"]
        if len(twin):
            yield str(name), child, twin


def meetings(rows: pd.DataFrame, tokens: int) -> None:
    """Crossings of the fitted curves, at constant rates: the parent free, and charged."""
    print("\ncrossings of the curves at the full rate (scratch at the peak rate, children at a fraction of it):")
    for name, child, twin in curves(rows, f"{EQUAL}-{2 * tokens}"):
        try:
            laws = [p2law.fit("power", each, min_tokens=LATE * each["D"].max()) for each in (child, twin)]
            parent = Parent(tokens=tokens, size=float(child["N0"].iloc[0]))
            for charge in ("sunk", "tokens"):
                print(f"  {name}, parent {charge}: {p2law.crossover(*laws, parent_cost=charge, parent=parent).status}")
        except P2LawError as error:
            print(f"  {name}: undetermined: {error}")


def picture(rows: pd.DataFrame, tokens: int, options) -> None:
    shown = list(curves(rows, f"{EQUAL}-{2 * tokens}"))
    across = min(4, len(shown))
    figure, axes = plt.subplots(
        -(-len(shown) // across),
        across,
        figsize=(3.2 * across, 2.6 * -(-len(shown) // across)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax, (name, child, twin) in zip(axes.flat, shown, strict=False):
        ax.semilogx(child["D"], child["loss"], "o-", label="pruned")
        ax.semilogx(twin["D"], twin["loss"], "s-", label="from scratch")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_title(str(name), fontsize=8)
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    figure.supxlabel("tokens")
    figure.supylabel("loss (nats per token)")
    axes[0][0].legend()
    common.saved(figure, options, "prune_vs_scratch")


if __name__ == "__main__":
    main()
