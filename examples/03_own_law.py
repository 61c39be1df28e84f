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
# # Your own law
#
# A law is one function. Positional arguments are columns of the table, keyword-only ones are constants, and the
# annotations give their kinds. Starts, fit, errors, report, plot and JSON follow from the function.

# %%
import tempfile
from pathlib import Path
from typing import Annotated

import pandas as pd

import p2law
from p2law.laws import Amplitude, Exponent, Tokens, positive

# %% [markdown]
# The curve over the first million post-training tokens often differs in shape from the rest. A shift of the tokens is
# a simple model of this. `Amplitude` is a constant that enters linearly, `Exponent` a positive power, and
# `positive(start=...)` a positive number with the range of its starting values.


# %%
@p2law.law(title="Shifted power law", reference="this example")
def shifted(
    D: Tokens,
    *,
    E: Amplitude,
    B: Amplitude,
    beta: Exponent,
    D_s: Annotated[float, positive(start=(1e4, 1e7))],
):
    r"""Loss of one run whose curve starts as if it had seen D_s tokens already.

    .. math:: L(D) = E + B\,(D + D_s)^{-\beta}
    """
    return E + B * (D + D_s) ** -beta


# %% [markdown]
# An invalid law raises an error that names the remedy: a constant without a kind, an amplitude that does not enter
# linearly, a law that is not finite. This law is fitted like any other.

# %%
depth = p2law.datasets.load("mini-pruning", method="depth")
half = depth[depth["rate_target"] == 0.5]
curve = half[half["size"] == "2M"]

fit = p2law.fit(shifted, curve)
print(fit.summary())

# %%
ax = p2law.plot.curves(fit, extend=5)

# %%
print(f"after 1M tokens: {fit.predict(D=1e6):.4f}, after 5M: {fit.predict(D=5e6):.4f} nats/token")

# %% [markdown]
# ## Is it better?
#
# A further constant never makes the fit worse. To test whether it *predicts* better, we fit the tokens below 5M and
# predict the rest, for the half-pruned model of each size.

# %%
rows = []
for size, run in half.groupby("size", sort=False):
    early, late = run[run["D"] < 5e6], run[run["D"] >= 5e6]
    row = {"size": size}
    for law in ("power", shifted):
        name = p2law.laws.get(law).name
        ahead = p2law.fit(law, early)
        row[f"{name}: RMSE"] = p2law.fit(law, run).metrics["rmse"]
        row[f"{name}: error ahead"] = p2law.metrics.rmse(late["loss"], ahead.law(late["D"], **ahead.params))
    rows.append(row)
print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format))

# %% [markdown]
# The shift fits every curve more closely. It also predicts better where the early part of the curve bends strongly;
# elsewhere it predicts worse than the plain power law. Choose between laws by held-out tokens, not by the fit.
#
# ## Saving
#
# JSON has the constants, the rows and their origin, but no code. To load a fit of your own law, pass the law.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "shifted.json"
    fit.to_json(path)
    again = p2law.Fit.from_json(path, law=shifted)
print(again.params == fit.params, again.predict(D=10e6) == fit.predict(D=10e6))

# %% [markdown]
# In a file `mylaws.py` the same function works from the shell: `p2law fit runs.csv --law mylaws:shifted`.
