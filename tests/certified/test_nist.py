"""NIST StRD: six correct digits in every constant and every standard error, from NIST's starts and from none.

Each problem is a law of its own to compile: three of the small ones are solved in every run, all others by ``-m slow``.
"""

import numpy as np
import pytest

import p2law
from tests.certified import nist_laws
from tests.certified.nist_tables import SMALL, Certified, parse

LARGE = ("Bennett5", "Chwirut2", "MGH17", "Nelson")
QUICK = ("Misra1a", "BoxBOD", "Rat43")
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in (*SMALL, *LARGE)]
SWAPPED = {"b1": "b1", "b2": "b3", "b3": "b2", "b4": "b5", "b5": "b4"}


@pytest.fixture
def certified(name, request) -> Certified:
    if name in SMALL:
        return parse(SMALL[name])
    path = request.getfixturevalue("nist_folder") / f"{name}.dat"
    if not path.is_file():
        pytest.skip(f"{path} is not available")
    problem = parse(path.read_text())
    if name == "Nelson":  # NIST fits the logarithm of the response
        problem.table["y"] = np.log(problem.table["y"])
    return problem


def correct_digits(found, certified) -> float:
    """Correct significant digits of the worst constant."""
    return min(-np.log10(max(abs(found[b] / certified[b] - 1), 1e-16)) for b in certified)


@pytest.mark.parametrize("start", [None, 0, 1], ids=["no start", "start 1", "start 2"])
@pytest.mark.parametrize("name", NAMES)
def test_constants_and_errors_have_six_correct_digits(name, start, certified):
    law = getattr(nist_laws, name)
    starts = None if start is None else certified.starts[start]
    fit = p2law.fit(law, certified.table, objective=p2law.Squared(), starts=starts)
    constants, errors = dict(fit.params), dict(fit.standard_errors)
    if name == "MGH17" and constants["b4"] > constants["b5"]:  # its two exponentials may change places
        constants, errors = ({b: found[SWAPPED[b]] for b in found} for found in (constants, errors))
    assert fit.converged, fit.status
    assert correct_digits(constants, certified.values) >= 6
    assert correct_digits(errors, certified.errors) >= 6
