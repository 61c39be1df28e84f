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
# # How far to trust a fit
#
# A fit always gives constants. What are they worth? Intervals, what the data leave open, hold-out tests, a choice
# between laws, and several methods fitted together; on the curves that ship with p2law.

# %%
import p2law

runs = p2law.datasets.load("mini-pruning", method="width")
fit = p2law.fit("p2", runs, baseline="control")
print(fit.status)

# %% [markdown]
# ## Intervals
#
# Checkpoints of one run are not independent, so errors are counted by run. Constants of a law fitted to four sizes may
# are effectively unbounded; the loss predicted inside the data is well determined, to 0.015 nats here. `"mean"`
# is the law itself, `"new"` a single run, which differs from the law as the fitted runs do.

# %%
print(fit.intervals().to_string(index=False, float_format="{:.3g}".format), end="\n\n")
at = {"N0": 27.1e6, "D": 5e6, "rho": 0.3, "L_control": 3.26}
for kind in ("mean", "new"):
    lower, upper = fit.predict_interval(**at, kind=kind)[["lower", "upper"]].iloc[0]
    print(f"{kind}: {fit.predict(**at):.3f} nats, 95 % interval {lower:.3f} to {upper:.3f}")

# %% [markdown]
# The same by refitting: with few runs, whole runs keep their place and their residuals are given random signs and sizes
# (the wild bootstrap). A fit with draws uses them wherever an interval is asked for.

# %%
drawn = fit.bootstrap(300)
print(drawn.resampled.describe())
print(drawn.intervals().set_index("parameter").loc[["beta", "gamma", "delta"]].round(3).to_string())

# %% [markdown]
# Anything that follows from the constants has an interval too:

# %%
print("share of the token term left after a doubling:", p2law.estimate(lambda p: 2 ** -p["beta"], fit))

# %% [markdown]
# ## What do the data fix?
#
# Parameters by parameter, in combinations, and in predictions; and which further run would tell most.

# %%
report = fit.identifiability()
print("\n".join(report.sentences), end="\n\n")
print(report.combinations.to_string(index=False, float_format="{:.3g}".format))

# %% [markdown]
# How runs differ from the law, and which run a forecast hangs on (change of the loss without it, nats):

# %%
print(fit.run_effect.describe())
print(fit.influence(**at).head(3)[["change"]].round(4).to_string())

# %% [markdown]
# ## Does the law generalise?
#
# Fit the three smaller sizes, predict the largest. The report says whether the law generalises, whether its intervals
# are wide enough, and whether a naive baseline does as well.

# %%
sizes = p2law.holdout("p2", runs, by="N0", baseline="control")
print("\n".join(sizes.findings))

# %%
ax = p2law.plot.holdout(sizes)

# %% [markdown]
# Predict the highest pruning rate from the lower ones instead. Here the law does not generalise, and its interval is
# too narrow: half-pruned models are worse than three lower rates suggest.

# %%
rates = p2law.holdout("p2", runs, by="rho", baseline="control")
print("\n".join(rates.findings))

# %% [markdown]
# ## Which law?
#
# Held-out error comes first; criteria of information speak only of the rows fitted. Four held-out runs seldom decide.

# %%
print(p2law.compare(["p2", "p2_without_size_term"], runs, by="N0", baseline="control"))

# %% [markdown]
# ## One law for two methods?
#
# A joint fit shares some constants and keeps the rest per method. The test of sharing uses the separate fits: the
# exponent of tokens may be common to both methods, the exponent of the rate is not.

# %%
curves = p2law.datasets.load("mini-pruning")
two = curves[curves["method"].isin(["width", "unstructured"])]
both = p2law.joint("p2_without_size_term", two, by="method", shared=["beta"], baseline="control")
print(both.params.round(3).to_string(), end="\n\n")
print(both.sharing()[["parameter", "unstructured", "width", "p", "verdict"]].round(4).to_string(index=False))

# %% [markdown]
# Does a fit behave as pruning does? The conditions of the P² paper, each with its margin:

# %%
print(p2law.conditions(fit))
