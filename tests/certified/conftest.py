"""The larger NIST tables: those of lmfit's source distribution, in a folder named by P2LAW_NIST."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def nist_folder() -> Path:
    """Folder of NIST's files; the test is skipped where none is named."""
    folder = os.environ.get("P2LAW_NIST")
    if not folder:
        pytest.skip("NIST's larger tables: set P2LAW_NIST to a folder that holds them, as .ci/run does")
    return Path(folder)
