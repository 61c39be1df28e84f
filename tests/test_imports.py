"""Importing p2law is cheap and leaves the user's JAX alone: checked in fresh interpreters."""

import json
import os
import subprocess
import sys

import pytest

import p2law

IMPORT_AND_FIT = """
import json, sys
import jax, pandas
given = set(sys.modules)
import p2law
from jax._src import xla_bridge
imported, backends = [*set(sys.modules) - given], list(xla_bridge._backends)

def precision():
    return [jax.config.jax_enable_x64, str(jax.numpy.ones(1).dtype), jax.config.jax_default_device]

before = precision()
size, tokens = [1e7, 1e8, 1e9] * 4, [1e8, 1e9, 1e10, 1e11] * 3
noise = [0.003 * (-1) ** (i // 2) for i in range(12)]
loss = [(1.7 + 400 * N**-0.34 + 900 * D**-0.3) * (1 + e) for N, D, e in zip(size, tokens, noise)]
fit = p2law.fit("chinchilla", {"N": size, "D": tokens, "loss": loss})
numbers = [*fit.params.values(), *fit.standard_errors.values(), fit.objective_value, fit.predict(N=1e8, D=1e10)]
arrays = [fit.fitted, fit.residuals, fit.predict(N=size, D=tokens)]
print(json.dumps({
    "imported": imported,
    "backends": backends,
    "before": before,
    "after": precision(),
    "numbers": numbers,
    "kinds": sorted({type(x).__module__ for x in [*numbers, *arrays]}),
    "modules": list(sys.modules),
}))
"""


def fresh(code: str, **environment: str) -> dict:
    """Run code in a new interpreter with warnings as errors; read the JSON it prints."""
    call = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def single() -> dict:
    """An import and a fit where the user works in JAX's default precision and promotion."""
    return fresh(IMPORT_AND_FIT, JAX_ENABLE_X64="0")


@pytest.fixture(scope="module")
def strict() -> dict:
    """The same in double precision, where the user also forbids every promotion."""
    promotion = {"JAX_NUMPY_RANK_PROMOTION": "raise", "JAX_NUMPY_DTYPE_PROMOTION": "strict"}
    return fresh(IMPORT_AND_FIT, JAX_ENABLE_X64="1", **promotion)


@pytest.mark.parametrize(
    "module", ["matplotlib", "torch", "scipy.stats", "scipy.special", "pyarrow", "tqdm", "IPython", "p2law.plan"]
)
def test_import_does_not_load(single, module):
    assert module not in single["imported"]


def test_import_starts_no_jax_backend(single):
    assert single["backends"] == []


@pytest.mark.parametrize("module", ["matplotlib", "torch", "scipy.stats"])
def test_fit_does_not_load(single, module):
    assert module not in single["modules"]


def test_flag_and_dtype_of_the_user_are_untouched(single, strict):
    assert single["before"] == single["after"] == [False, "float32", None]
    assert strict["before"] == strict["after"] == [True, "float64", None]


def test_numbers_do_not_depend_on_the_users_precision_and_promotion(single, strict):
    assert single["numbers"] == strict["numbers"]


def test_results_are_numpy_and_python(single):
    assert single["kinds"] == ["builtins", "numpy"]


@pytest.mark.parametrize(
    "name",
    [
        *("plot", "datasets", "laws", "metrics", "plan", "schedules", "validate", "__version__"),
        *("fit", "Fit", "law", "read", "joint", "estimate", "optimal_tokens", "stop_rule", "extrapolate", "crossover"),
        *("compute_optimal", "effective_tokens", "best_pruning", "next_runs", "holdout", "compare", "conditions"),
    ],
)
def test_public_name_is_listed_and_there(name):
    assert name in dir(p2law)
    assert getattr(p2law, name)


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'p2law' has no attribute 'fitt'"):
        p2law.fitt  # noqa: B018
