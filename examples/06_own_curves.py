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
# # Run your own pruning experiments
#
# From a text to a law: train a small model, prune it in three ways at two rates, post-train the children, fit. This
# needs the extra `p2law[experiments]` and takes about a minute on one processor core. The same plan with other numbers
# and `device = "cuda"` trains models of realistic size. The text is Python's standard library.

# %%
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

if not (find_spec("torch") and find_spec("transformers")):
    print('skipped: pip install "p2law[experiments]"')
    sys.exit(0)

import torch

import p2law
from p2law.experiments import documents, plan, study, sweep, text, tokenize

torch.set_num_threads(1)  # models this small lose more than they gain by sharing their work
here = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Text
#
# Documents become token files, one per split. A hash of its content assigns a document to a split, so no document is
# in two splits. Tokens are bytes here; for real runs give the tokenizer of your model.

# %%
library = Path(sysconfig.get_paths()["stdlib"])
sources = sorted(library.glob("*.py")) + sorted(library.glob("json/*.py"))
found = (each for source in sources for each in documents.documents(source))
packed = text.prepare(
    found, here / "text", tokenize.BYTES, splits={"pretrain": 0.5, "posttrain": 0.4, "validation": 0.1}
)
print({split: facts["tokens"] for split, facts in packed.splits.items()})

# %% [markdown]
# ## Plan
#
# A plan is usually a file, `plan.toml`, for `p2law experiments run plan.toml`. The control, the unpruned parent under
# the same training, is always run: it shows whether post-training changes the parent.

# %%
PLAN = """
family = "example"
text = "text"
validation_sequences = 64
calibration_sequences = 32

[[parents]]
name = "tiny"
lr = 1e-2
architecture = { family = "llama", layers = 4, hidden = 48, ffn = 128, heads = 8, kv_heads = 4, vocabulary = 257 }

[pretrain]
tokens = "200k"
batch = 16
sequence = 64
warmup = 20
decay = 0.3
points = 6

[posttrain]
tokens = "25k"
batch = 8
sequence = 64
warmup = 3
lr_fraction = 0.1
points = 10

[[prune]]
method = "influence"
rates = [0.25, 0.5]

[[prune]]
method = "width"
rates = [0.3, 0.6]

[[prune]]
method = "wanda"
rates = [0.6, 0.8]
"""
(here / "plan.toml").write_text(PLAN)
wanted = plan.read(here / "plan.toml")
print(study.make_study(wanted).table().to_string(index=False))

# %% [markdown]
# ## Sweep
#
# A sweep that was interrupted resumes. A run that fails is recorded, and the others continue.

# %%
outcome = sweep.sweep(wanted, say=print)
curves = outcome.rows
ends = curves[curves["phase"] == "decayed"].set_index("run")
print(ends[["N", "rho", "L0", "loss"]].round(3).to_string())

# %% [markdown]
# ## Law
#
# `pruned.csv` has the rows at the full learning rate, which a law can be fitted to. Constants belong to one method.
# One size does not identify how the excess depends on size, so the terms of size are fixed; with several sizes leave
# them free. The control shows that post-training improves a parent trained so briefly, so the excess is measured from
# the control.

# %%
rows = p2law.read(wanted.out / "pruned.csv")
sparse = rows[rows["method"] == "wanda-row"]
fit = p2law.fit("p2", sparse, fixed={"N_C": 0.0, "alpha": 0.3, "delta": 0.0}, baseline="control")
print(fit)
