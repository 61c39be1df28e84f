"""Correct digits on NIST's law-like nonlinear regression problems (StRD), without starts and from NIST's two.

    python benchmarks/nist.py [folder that holds the .dat files]

NIST's files (https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml) travel in the source distribution of lmfit, which
is downloaded to a temporary folder if no folder is given. A digit is one of -log10 of the relative error of the worst
constant; 11 are certified.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from common import machine, rows

import p2law
from p2law.laws import Exponent, Law, Positive, Real, SignedAmplitude, real

LMFIT = "lmfit==1.3.4"


def problem(function: Callable[..., Any]) -> Law:
    return p2law.law(function.__name__, reference="NIST StRD", response="y")(function)


@problem
def DanWood(x, *, b1: SignedAmplitude, b2: Exponent):
    return b1 * x**b2


@problem
def Bennett5(x, *, b1: SignedAmplitude, b2: Positive, b3: Exponent):
    return b1 * (b2 + x) ** (-1 / b3)


@problem
def Misra1a(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - jnp.exp(-b2 * x))


@problem
def Misra1b(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - (1 + b2 * x / 2) ** -2.0)


@problem
def Misra1c(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - (1 + 2 * b2 * x) ** -0.5)


@problem
def Misra1d(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * b2 * x / (1 + b2 * x)


@problem
def BoxBOD(x, *, b1: SignedAmplitude, b2: Positive):
    return b1 * (1 - jnp.exp(-b2 * x))


@problem
def Chwirut1(x, *, b1: Positive, b2: Positive, b3: Positive):
    return jnp.exp(-b1 * x) / (b2 + b3 * x)


@problem
def Chwirut2(x, *, b1: Positive, b2: Positive, b3: Positive):
    return jnp.exp(-b1 * x) / (b2 + b3 * x)


@problem
def Rat42(x, *, b1: SignedAmplitude, b2: Annotated[float, real(start=(0, 10))], b3: Positive):
    return b1 / (1 + jnp.exp(b2 - b3 * x))


@problem
def Rat43(x, *, b1: SignedAmplitude, b2: Annotated[float, real(start=(0, 10))], b3: Positive, b4: Positive):
    return b1 / (1 + jnp.exp(b2 - b3 * x)) ** (1 / b4)


@problem
def Nelson(x1, x2, *, b1: SignedAmplitude, b2: SignedAmplitude, b3: Annotated[float, real(start=(-0.5, 0.5))]):
    return b1 - b2 * x1 * jnp.exp(-b3 * x2)  # of log y


@problem
def MGH09(x, *, b1: SignedAmplitude, b2: Real, b3: Real, b4: Real):
    return b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)


@problem
def MGH17(x, *, b1: SignedAmplitude, b2: SignedAmplitude, b3: SignedAmplitude, b4: Positive, b5: Positive):
    return b1 + b2 * jnp.exp(-x * b4) + b3 * jnp.exp(-x * b5)


@problem
def Lanczos3(
    x, *, b1: SignedAmplitude, b2: Positive, b3: SignedAmplitude, b4: Positive, b5: SignedAmplitude, b6: Positive
):
    return b1 * jnp.exp(-b2 * x) + b3 * jnp.exp(-b4 * x) + b5 * jnp.exp(-b6 * x)


LAWS = (DanWood, Bennett5, Misra1a, Misra1b, Misra1c, Misra1d, BoxBOD, Chwirut1, Chwirut2, Rat42, Rat43, Nelson)
HARDER = (MGH09, MGH17, Lanczos3)
EXCHANGEABLE = (MGH17, Lanczos3)
"""Problems whose exponential terms may come back in another order: their constants are compared sorted."""


@dataclass(frozen=True)
class Certified:
    """A parsed file: two starts, certified values and standard errors, the table."""

    starts: tuple[dict[str, float], dict[str, float]]
    value: np.ndarray
    error: np.ndarray
    table: pd.DataFrame


def read(path: Path, law: Law) -> Certified:
    lines = path.read_text(encoding="latin-1").splitlines()
    found = [re.match(r"\s*(b\d+) =\s+(.*)", line) for line in lines]
    names = [m[1] for m in found if m]
    first, second, value, error = np.array([[float(word) for word in m[2].split()] for m in found if m]).T
    begin = max(i for i, line in enumerate(lines) if line.startswith("Data:"))
    data = np.array([[float(word) for word in line.split()] for line in lines[begin + 1 :] if line.strip()])
    table = pd.DataFrame(data, columns=["y", *(v.name for v in law.variables)])
    if law is Nelson:
        table["y"] = np.log(table["y"])
    starts = (dict(zip(names, first.tolist(), strict=True)), dict(zip(names, second.tolist(), strict=True)))
    return Certified(starts, value, error, table)


def digits(found: np.ndarray, certified: np.ndarray, exchangeable: bool) -> float:
    if exchangeable:
        found, certified = np.sort(np.abs(found)), np.sort(np.abs(certified))
    return float(-np.log10(max(np.max(np.abs(found / certified - 1)), 1e-11)))


def solve(law: Law, known: Certified, starts: dict[str, float] | None) -> tuple[str, str]:
    """Digits of the constants and of their standard errors."""
    try:
        fit = p2law.fit(law, known.table, objective=p2law.Squared(), starts=starts)
    except p2law.P2LawError as error:
        return f"refused: {error}"[:40], ""
    exchangeable = law in EXCHANGEABLE
    value = digits(np.array(list(fit.params.values())), known.value, exchangeable)
    error = digits(np.array(list(fit.standard_errors.values())), known.error, exchangeable)
    flag = "" if fit.converged else " (says: not converged)"
    return f"{value:.1f}{flag}", f"{error:.1f}"


@contextmanager
def files() -> Iterator[Path | None]:
    """The folder of .dat files: the argument, or lmfit's source distribution unpacked."""
    if len(sys.argv) > 1:
        yield Path(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as name:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            "lmfit",
            "-d",
            name,
            LMFIT,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = list(Path(name).glob("lmfit-*.tar.gz"))
        if not archives:
            print(f"skipped: {LMFIT} could not be downloaded ({done.stderr.strip()[-200:]}); give a folder instead.")
            yield None
            return
        with tarfile.open(archives[0]) as archive:
            archive.extractall(name, filter="data")
        yield next(Path(name).glob("lmfit-*/NIST_STRD"))


def main() -> None:
    print(machine())
    with files() as folder:
        if folder is None:
            return
        body = []
        for law in (*LAWS, *HARDER):
            known = read(folder / f"{law.name}.dat", law)
            results = [solve(law, known, starts) for starts in (None, *known.starts)]
            body.append([law.name, *(value for value, _ in results), results[0][1]])
        print()
        rows(["correct digits", "no start", "NIST start 1", "NIST start 2", "standard errors"], body)


if __name__ == "__main__":
    main()
