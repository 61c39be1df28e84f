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
# How to judge the constants and predictions of a fit: intervals, identifiability, hold-out tests, comparison of laws,
# and joint fits of several methods, on the curves that ship with p2law.

# %%
import p2law

runs = p2law.datasets.load("mini-pruning", method="width")
fit = p2law.fit("p2", runs, baseline="control")
print(fit.status)

# %% [markdown]
# ## Intervals
#
# Checkpoints of one run are not independent, so errors are clustered by run. Constants of a law fitted to four sizes
# may be effectively unbounded, while predictions inside the data are well determined, to 0.015 nats here. `"mean"` is
# the interval of the law itself, `"new"` that of a single new run, which includes the variation between runs.

# %%
print(fit.intervals().to_string(index=False, float_format="{:.3g}".format), end="\n\n")
at = {"N0": 27.1e6, "D": 5e6, "rho": 0.3, "L_control": 3.26}
for kind in ("mean", "new"):
    lower, upper = fit.predict_interval(**at, kind=kind)[["lower", "upper"]].iloc[0]
    print(f"{kind}: {fit.predict(**at):.3f} nats, 95 % interval {lower:.3f} to {upper:.3f}")

# %% [markdown]
# The same by refitting: with few runs, the residuals of whole runs are multiplied by random weights (the wild
# bootstrap). A fit with bootstrap draws uses them for every interval.

# %%
drawn = fit.bootstrap(300)
print(drawn.resampled.describe())
print(drawn.intervals().set_index("parameter").loc[["beta", "gamma", "delta"]].round(3).to_string())

# %% [markdown]
# Any function of the constants has an interval too:

# %%
print("share of the token term left after a doubling:", p2law.estimate(lambda p: 2 ** -p["beta"], fit))

# %% [markdown]
# ## What do the data fix?
#
# Identifiability of parameters, combinations and predictions; and the most informative next run.

# %%
report = fit.identifiability()
print("\n".join(report.sentences), end="\n\n")
print(report.combinations.to_string(index=False, float_format="{:.3g}".format))

# %% [markdown]
# The variation between runs, and the run that influences a forecast most (change of the loss without it, nats):

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
# too narrow: the loss of half-pruned models is higher than predicted from three lower rates.

# %%
rates = p2law.holdout("p2", runs, by="rho", baseline="control")
print("\n".join(rates.findings))

# %% [markdown]
# ## Which law?
#
# Rank laws by held-out error; information criteria measure the fit only. Four held-out runs are rarely enough to
# decide.

# %%
print(p2law.compare(["p2", "p2_without_size_term"], runs, by="N0", baseline="control"))

# %% [markdown]
# ## One law for two methods?
#
# A joint fit shares some constants; the rest differ by method. The test of sharing uses the separate fits. It does not
# reject a common exponent of tokens, but it rejects a common exponent of the rate.

# %%
curves = p2law.datasets.load("mini-pruning")
two = curves[curves["method"].isin(["width", "unstructured"])]
both = p2law.joint("p2_without_size_term", two, by="method", shared=["beta"], baseline="control")
print(both.params.round(3).to_string(), end="\n\n")
print(both.sharing()[["parameter", "unstructured", "width", "p", "verdict"]].round(4).to_string(index=False))

# %% [markdown]
# The conditions of the P² paper, each with its margin:

# %%
print(p2law.conditions(fit))
