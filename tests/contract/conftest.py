"""Every test here runs for every law that ships with p2law: a new law is tested by being registered."""

import numpy as np
import pandas as pd
import pytest

import p2law
from tests.contract.designs import columns, design, middle


def _measured(law: p2law.Law) -> pd.DataFrame:
    table = design(law)
    noise = np.random.default_rng(3).standard_normal(len(table))
    return table.assign(loss=law(*columns(law, table), **middle(law)) * np.exp(0.003 * noise))


@pytest.fixture(scope="session", params=p2law.laws.names())
def law(request) -> p2law.Law:
    return p2law.laws.get(request.param)


@pytest.fixture
def table(law) -> pd.DataFrame:
    """Losses with 0.3 % noise around the law."""
    return _measured(law)


@pytest.fixture(scope="session")
def fit(law) -> p2law.Fit:
    return p2law.fit(law, _measured(law))
