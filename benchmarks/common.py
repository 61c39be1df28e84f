"""Shared by the benchmarks: what machine this is, where the public tables are, timing in fresh processes."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Public tables that are not part of this repository are looked for in ../shared/data beside it."""


def machine(*packages: str) -> str:
    """One line: processor, cores, Python and the versions of the packages that matter."""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("p2law", "jax", "numpy", "scipy", "pandas", *packages))
    return (
        f"machine: {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def shared_table(name: str) -> pd.DataFrame | None:
    """A public table from ../shared/data, or None with a message where it is absent."""
    path = SHARED / f"{name}.csv"
    if path.is_file():
        return pd.read_csv(path)
    print(f"skipped: {path.name} is not in ../shared/data beside this repository.")
    return None


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def rows(header: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column left-aligned, the others right-aligned."""
    widths = [max(len(line[i]) for line in (header, *body)) for i in range(len(header))]
    for line in (header, *body):
        cells = [
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def interleaved(calls: dict[str, Callable[[int], Any]], repeats: int, *, own: bool = False) -> dict[str, np.ndarray]:
    """Wall and processor seconds of each call, (repeats, 2), taken in turn so that all meet the same disturbances.

    One turn goes untimed first. With ``own`` a call returns its own seconds (measured inside another process).
    """
    seconds: dict[str, list[Any]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            wall, work = perf_counter(), process_time()
            value = call(turn)
            seconds[name].append(value if own else [perf_counter() - wall, process_time() - work])
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def fresh(code: str, *arguments: str, **variables: str) -> list[float]:
    """Numbers printed by a piece of code in a new Python process; it may call ``clock()`` for (wall, processor)."""
    clock = "from time import perf_counter, process_time\ndef clock(): return perf_counter(), process_time()\n"
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"} | variables
    done = subprocess.run(
        [sys.executable, "-c", clock + code, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"the timed process failed:\n{done.stderr}")
    return [float(word) for word in done.stdout.split()]


def times(taken: dict[str, np.ndarray], *more: list[str]) -> None:
    """Print wall and processor time per call; ``more`` are further columns, heading first."""
    header = ["milliseconds", "wall: median", "least", "processor: median", "least", *(column[0] for column in more)]
    body = [
        [label, *(f"{1e3 * f(v[:, i]):.1f}" for i in (0, 1) for f in (np.median, np.min)), *(c[k + 1] for c in more)]
        for k, (label, v) in enumerate(taken.items())
    ]
    rows(header, body)
