# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Plans
#
# Questions that a fitted law answers: how many tokens, stop or go on, the loss of a larger model, prune or train from
# scratch, which size for a budget, the cost of a schedule, which runs next. Every answer states where it extrapolates.

# %%
import numpy as np
import pandas as pd

import p2law
from p2law import plan
from p2law.laws.published import BESIROGLU_2024
from p2law.plan import Parent, Price, Remaining, Slope

runs = p2law.datasets.load("mini-pruning", method="width")
fit = p2law.fit("p2", runs, baseline="control")

# %% [markdown]
# ## How many post-training tokens?
#
# Choose a criterion: a slope, the loss left to recover, or a price. One call can answer for many models.

# %%
for criterion in (Slope(0.02, per="doubling"), Remaining(0.05), Price(per_nat=1e18, per_flop=1.0)):
    print(p2law.optimal_tokens(fit, criterion=criterion, N0=27.1e6, rho=[0.15, 0.35, 0.5]))

# %% [markdown]
# Many of these answers are extrapolated, as their status says. The picture shows the loss at half and at twice the
# tokens:

# %%
tokens = p2law.optimal_tokens(fit, criterion=Slope(0.02, per="doubling"), N0=27.1e6, rho=0.35, L_control=3.26)
ax = p2law.plot.tokens(tokens)

# %% [markdown]
# ## Stop or go on?
#
# One run up to 5M tokens: a forecast from its own power law alone, and one combined with the law fitted to the other
# runs.

# %%
name = "27M-width-0.35-lr0.2-s0"
whole, others = runs[runs["run"] == name], p2law.fit("p2", runs[runs["run"] != name])
begun = whole[whole["D"] < 5e6]
alone = p2law.stop_rule(begun, tokens=whole["D"].max(), eps=0.005)
together = p2law.stop_rule(begun, tokens=whole["D"].max(), eps=0.005, fit=others)
print(alone, together, sep="\n")
print(f"what it really gained: {begun['loss'].iloc[-1] - whole['loss'].iloc[-1]:.4f} nats")

# %%
ax = p2law.plot.stop(together)

# %% [markdown]
# ## A larger model
#
# Twice the largest size. The excess over the parent comes from the pruned runs, the parent's loss from a Chinchilla
# fit to the dense ones. The interval includes the errors of both.

# %%
fixed = p2law.fit("p2", runs)
parents = p2law.fit("chinchilla", p2law.datasets.load("mini-dense"), columns={"N": "N_nonemb"})
grid = np.geomspace(1e6, 1e7, 15)
larger = p2law.extrapolate(fixed, N0=54.2e6, rho=[0.15, 0.35], D=grid, L0=parents, parent={"D": 160e6})
print(larger)

# %%
ax = p2law.plot.extrapolation(larger)

# %% [markdown]
# ## Prune or train from scratch?
#
# Two power laws, fitted to five losses each that were read off a figure of arXiv 2606.14150: models of 4.5B
# parameters, pruned in depth from 8B and retrained, or trained from scratch. With a free parent the pruned model has
# the lower loss. With the parent's 200B tokens charged it starts behind, and five points do not show that it ever
# catches up.

# %%
at = [10e9, 30e9, 50e9, 250e9, 500e9]
pruned = p2law.fit("power", {"D": at, "loss": [2.70, 2.59, 2.54, 2.46, 2.43]}, objective=p2law.Squared())
scratch = p2law.fit("power", {"D": at, "loss": [3.09, 2.81, 2.64, 2.49, 2.47]}, objective=p2law.Squared())
parent = Parent(tokens=200e9, size=8.03e9)
charged = p2law.crossover(pruned, scratch, parent_cost="tokens", parent=parent)
print("parent free:", p2law.crossover(pruned, scratch).status)
print("parent charged:", charged.status)
for children in (1, 10):
    shared = p2law.crossover(pruned, scratch, parent_cost="flops", parent=parent, size=4.54e9, children=children)
    print(f"charged in FLOPs, {children} children:", shared.status)

# %%
ax = p2law.plot.crossover(charged)

# %% [markdown]
# The tokens of training from scratch that reach the same loss:

# %%
print(p2law.effective_tokens(pruned, scratch, [10e9, 30e9, 50e9]))

# %% [markdown]
# ## Which size for a budget?
#
# Our own dense runs give intervals; published constants do not. Then a budget that includes inference, and the cost
# of a model smaller than the optimum.

# %%
print(p2law.compute_optimal(parents, [5e15, 1e17]))
print(p2law.compute_optimal(BESIROGLU_2024, 5.76e23))
print(p2law.compute_optimal(BESIROGLU_2024, 5.76e23, inference_tokens=10e12))
print(plan.overtraining(BESIROGLU_2024, 5.76e23, [13e9, 34e9]))

# %% [markdown]
# ## A pruning schedule
#
# Dense, then pruned step by step, then sparse: average parameters, FLOPs, and the steps that fit a budget. The
# inverse: a sparse run that ends at 2B parameters and whose average is the compute-optimal size.

# %%
schedule = p2law.schedules.PruningSchedule(sparsity=0.8)
print(schedule.summary(N=1e9, D=50e9))
print(f"  1e20 FLOPs pay for {schedule.steps(N=1e9, C=1e20, batch_tokens=2**22)} steps of 4.2M tokens")
print(plan.sparse_pretraining(BESIROGLU_2024, N_final=2e9, C=1e21))

# %%
ax = p2law.plot.schedule(schedule)

# %% [markdown]
# ## Which runs next?
#
# The target is a model of four times the largest size, half pruned. Which of these runs narrows its forecast most?
# Costs are 6 N D with the parameters left after pruning.

# %%
candidates = pd.DataFrame(
    {"N0": [2.2e6, 27.1e6, 54e6, 54e6], "rho": [0.7, 0.7, 0.5, 0.25], "D": 1e7},
    index=["2M at 0.7", "27M at 0.7", "54M at 0.5", "54M at 0.25"],
)
following = p2law.next_runs(fit, candidates, target={"N0": 108e6, "D": 1e7, "rho": 0.5}, budget=2e15)
print(following)
print(following.to_frame().round(3).to_string(index=False))
