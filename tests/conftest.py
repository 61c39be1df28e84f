"""Fixtures shared by all tests: public tables where they are at hand, and two small synthetic ones with their fits."""

import os
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

import p2law

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"  # beside the repository
NOISE = 0.003

settings.register_profile("p2law", max_examples=10, deadline=None, derandomize=True, database=None)
settings.load_profile("p2law")


def pytest_configure(config):
    """Keep what JAX compiles for the next run, for other workers and for the interpreters that tests start."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and hasattr(config, "cache"):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(config.cache.mkdir("jax"))
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Two workers for the whole suite; none where some tests are named, which start sooner without."""
    return 0 if config.args_source is config.ArgsSource.ARGS else 2


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """Figures that pyplot keeps open belong to the test that drew them."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def shared_table():
    """Read a public table, or skip the test where the folder is absent."""

    def read(name: str) -> pd.DataFrame:
        path = SHARED / f"{name}.csv"
        if not path.is_file():
            pytest.skip(f"{path.name} is not available")
        return pd.read_csv(path)

    return read


def _grid(**levels: np.ndarray) -> pd.DataFrame:
    return pd.MultiIndex.from_product(levels.values(), names=levels.keys()).to_frame(index=False)


def _measured(loss: pd.Series) -> pd.Series:
    return loss * np.exp(NOISE * np.random.default_rng(7).standard_normal(len(loss)))


def _dense() -> pd.DataFrame:
    table = _grid(N=np.geomspace(1e7, 1e10, 5), D=np.geomspace(1e8, 1e11, 8))
    loss = 1.7 + 400 * table["N"] ** -0.34 + 900 * table["D"] ** -0.3
    return table.assign(loss=_measured(loss))


def _pruned() -> pd.DataFrame:
    table = _grid(N0=np.array([1e8, 5e8, 2e9, 8e9]), rho=np.array([0.15, 0.25, 0.35, 0.5]), D=np.geomspace(1e6, 1e9, 8))
    size, rate, tokens = table["N0"], table["rho"], table["D"]
    parent = 2 + 20 * size**-0.2
    loss = parent + rate**1.3 * size**-0.05 * (20 * size**-0.3 + 250 * tokens**-0.4 + 0.4)
    return table.assign(L0=parent, run=size.map("{:g}".format) + " at " + rate.map(str), loss=_measured(loss))


@pytest.fixture
def dense() -> pd.DataFrame:
    """40 dense models (5 sizes) with 0.3 % noise around a Chinchilla law."""
    return _dense()


@pytest.fixture
def pruned() -> pd.DataFrame:
    """16 post-training curves (4 sizes, 4 rates, 8 checkpoints) with 0.3 % noise around a P² law."""
    return _pruned()


@pytest.fixture(scope="session")
def dense_fit() -> p2law.Fit:
    return p2law.fit("chinchilla", _dense())


@pytest.fixture(scope="session")
def pruned_fit() -> p2law.Fit:
    return p2law.fit("p2", _pruned())
