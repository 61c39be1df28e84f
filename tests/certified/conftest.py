"""The larger NIST tables: from a folder named by P2LAW_NIST, or from lmfit's source distribution on PyPI."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

LMFIT = "lmfit-1.3.4"


@pytest.fixture(scope="session")
def nist_folder(pytestconfig) -> Path:
    """Folder of NIST's files; the test is skipped where they cannot be had."""
    if given := os.environ.get("P2LAW_NIST"):
        return Path(given)
    cache = Path(pytestconfig.cache.mkdir("nist"))
    folder = cache / LMFIT / "NIST_STRD"
    if not folder.is_dir():
        _download(cache)
    return folder


def _download(into: Path) -> None:
    wanted = ["--no-deps", "--no-binary", ":all:", "--retries", "0", "--dest", str(into), LMFIT.replace("-", "==")]
    pip = subprocess.run([sys.executable, "-m", "pip", "download", *wanted], capture_output=True, text=True)
    if pip.returncode:
        pytest.skip(f"no NIST files: P2LAW_NIST is not set and pip download failed ({pip.stderr.strip()[-200:]})")
    with tarfile.open(into / f"{LMFIT}.tar.gz") as archive:
        files = [m for m in archive.getmembers() if m.isfile() and "/NIST_STRD/" in m.name]
        archive.extractall(into, members=files, filter="data")
