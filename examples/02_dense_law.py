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
# Chinchilla's law, $L(N, D) = E + A N^{-\alpha} + B D^{-\beta}$, fitted to our own small
# models. Then the best size and tokens for a budget, with published constants.

# %%
import numpy as np

import p2law
from p2law.laws.published import BESIROGLU_2024, HOFFMANN_2022

# %% [markdown]
# ## A fit to twelve rows
#
# Four sizes, three decayed end points each. The end points are *decayed*, because losses in the middle of a run at a
# high learning rate follow another law. The runs used one text of 48M distinct tokens up to 3.3 times.

# %%
table = p2law.datasets.load("mini-dense")
print(table[["size", "N_nonemb", "D", "loss"]].to_string(index=False))

# %%
fit = p2law.fit("chinchilla", table, columns={"N": "N_nonemb"})
print(fit.summary())

# %%
ax = p2law.plot.curves(fit)

# %% [markdown]
# With twelve rows for five constants the law fits to about a hundredth of a nat, but the standard errors of the
# constants are large. $\beta$ in particular describes this text with its repeats, not text in general.
#
# ## Compute-optimal size and tokens
#
# Training costs about $C = 6ND$ FLOPs. Put $D = C / 6N$ into the law and set the derivative by $N$ to zero:
# $\alpha A N^{-\alpha} = \beta B D^{-\beta}$, hence
#
# $$N^* = \left(\frac{\alpha A}{\beta B}\right)^{\frac{1}{\alpha + \beta}}
#   \left(\frac{C}{6}\right)^{\frac{\beta}{\alpha + \beta}}, \qquad D^* = \frac{C}{6 N^*}.$$
#
# The result does not depend on the floor $E$. The exponent of $C$ determines how a larger budget is divided between
# size and tokens. `p2law.compute_optimal` computes this.
#
# There are two sets of published constants: those of Hoffmann et al. 2022, and those of Besiroglu et al. 2024, who
# refitted the points of a figure of the former.

# %%
budgets, columns = [1e21, 5.76e23, 1e26], ["C", "N", "D", "tokens_per_param", "loss"]
for constants in (HOFFMANN_2022, BESIROGLU_2024):
    optimal = p2law.compute_optimal(constants, budgets).to_frame()
    print(constants.name)
    print(optimal[columns].to_string(index=False, float_format="{:.4g}".format), end="\n\n")

# %% [markdown]
# 5.76e23 FLOPs is the budget of Gopher and Chinchilla. Chinchilla has 70B parameters and 1.4T tokens, 20 tokens per
# parameter. The two sets disagree on the tokens, and the difference grows with the budget, because their exponents
# differ and the fitted models are far smaller. The loss depends on it less, because it is flat near the optimum:

# %%
C = 5.76e23
for constants in (HOFFMANN_2022, BESIROGLU_2024):
    N = p2law.compute_optimal(constants, C).N
    factors = np.array([0.5, 1.0, 2.0])
    losses = constants.predict(N=factors * N, D=C / (6 * factors * N))
    print(f"{constants.name}: half, equal and twice the optimal size at the same budget: {np.round(losses, 4)}")

# %% [markdown]
# ## The same with our own fit
#
# A fit gives intervals too. The answer states where it lies outside the sizes and tokens of the twelve rows.

# %%
print(p2law.compute_optimal(fit, [2e15, 5e15, 1e16, 1e17]))

# %% [markdown]
# These tokens per parameter do not apply to other models: the vocabulary has 4,096 entries, the text is small and
# repeated, and five constants were fitted to twelve rows.
