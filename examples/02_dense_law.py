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
# # The dense law and compute-optimal training
#
# Chinchilla's law, $L(N, D) = E + A N^{-\alpha} + B D^{-\beta}$, fitted to small models of ours, and read for the best
# size and tokens at a budget with published constants.

# %%
import numpy as np

import p2law
from p2law.laws.published import BESIROGLU_2024, HOFFMANN_2022

# %% [markdown]
# ## A fit to twelve rows
#
# Four sizes, three decayed end points each. They are *decayed* for a reason: losses in the middle of a run at a high
# learning rate do not lie on the same law. The rows come from one text of 48M distinct tokens, read up to 3.3 times.

# %%
table = p2law.datasets.load("mini-dense")
print(table[["size", "N_nonemb", "D", "loss"]].to_string(index=False))

# %%
fit = p2law.fit("chinchilla", table, columns={"N": "N_nonemb"})
print(fit.summary())

# %%
ax = p2law.plot.curves(fit)

# %% [markdown]
# Twelve rows for five constants: the law holds to about a hundredth of a nat, and the standard errors say how little
# the constants themselves are worth. $\beta$ in particular describes this text with its repeats, not text in general.
#
# ## Compute-optimal size and tokens
#
# Training costs about $C = 6ND$ FLOPs. Put $D = C / 6N$ into the law and set the derivative by $N$ to zero:
# $\alpha A N^{-\alpha} = \beta B D^{-\beta}$, hence
#
# $$N^* = \left(\frac{\alpha A}{\beta B}\right)^{\frac{1}{\alpha + \beta}}
#   \left(\frac{C}{6}\right)^{\frac{\beta}{\alpha + \beta}}, \qquad D^* = \frac{C}{6 N^*}.$$
#
# The floor $E$ plays no part. The exponent of $C$ says how a larger budget is shared. This is what
# `p2law.compute_optimal` computes.
#
# Two sets of published constants: those of Hoffmann et al. 2022, and those of Besiroglu et al. 2024, who fitted again
# the points they read off the figure of the former.

# %%
budgets, columns = [1e21, 5.76e23, 1e26], ["C", "N", "D", "tokens_per_param", "loss"]
for constants in (HOFFMANN_2022, BESIROGLU_2024):
    optimal = p2law.compute_optimal(constants, budgets).to_frame()
    print(constants.name)
    print(optimal[columns].to_string(index=False, float_format="{:.4g}".format), end="\n\n")

# %% [markdown]
# 5.76e23 FLOPs is the budget of Gopher and Chinchilla; Chinchilla itself has 70B parameters and 1.4T tokens, 20 tokens
# per parameter. The two sets disagree on the tokens, by more the larger the budget: they part in the exponents, and
# the models behind them are far smaller. The loss at the optimum depends on it less, for it is flat there:

# %%
C = 5.76e23
for constants in (HOFFMANN_2022, BESIROGLU_2024):
    N = p2law.compute_optimal(constants, C).N
    factors = np.array([0.5, 1.0, 2.0])
    losses = constants.predict(N=factors * N, D=C / (6 * factors * N))
    print(f"{constants.name}: half, equal and twice the optimal size at the same budget: {np.round(losses, 4)}")

# %% [markdown]
# ## The same reading of our own fit
#
# A fit gives intervals too, and says where an answer lies outside the sizes and tokens of the twelve rows.

# %%
print(p2law.compute_optimal(fit, [2e15, 5e15, 1e16, 1e17]))

# %% [markdown]
# Tokens per parameter here are no advice for other models: the vocabulary has 4,096 entries, the text is small and
# repeated, and twelve rows carry five constants. What carries over is the way to read the law.
