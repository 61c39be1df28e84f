"""Small NIST StRD tables, in the format of NIST's files, and a parser for that format.

Source: NIST Information Technology Laboratory, Statistical Reference Datasets, nonlinear regression,
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml. Works of the US government, in the public domain.
"""

import re
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Certified:
    """One problem: two starts, certified constants with standard errors, the data."""

    starts: tuple[dict[str, float], dict[str, float]]
    values: dict[str, float]
    errors: dict[str, float]
    table: dict[str, np.ndarray]


def parse(text: str) -> Certified:
    """Read NIST's format: lines ``b1 = start1 start2 value error``, then the data below a line ``Data: y x``."""
    rows = re.findall(r"^\s*(b\d+)\s*=\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", text, re.MULTILINE)
    first, second, values, errors = ({row[0]: float(row[i]) for row in rows} for i in range(1, 5))
    heading, *lines = text[text.rindex("Data:") :].strip().splitlines()
    data = np.array([line.split() for line in lines], dtype=float)
    return Certified((first, second), values, errors, dict(zip(heading.split()[1:], data.T, strict=True)))


_MISRA = """
Data: y x
10.07E0 77.6E0
14.73E0 114.9E0
17.94E0 141.1E0
23.93E0 190.8E0
29.61E0 239.9E0
35.18E0 289.0E0
40.02E0 332.8E0
44.82E0 378.4E0
50.76E0 434.8E0
55.05E0 477.3E0
61.01E0 536.8E0
66.40E0 593.1E0
75.47E0 689.1E0
81.78E0 760.0E0
"""

SMALL = {
    "Misra1a": """
b1 = 500 250 2.3894212918E+02 2.7070075241E+00
b2 = 0.0001 0.0005 5.5015643181E-04 7.2668688436E-06
"""
    + _MISRA,
    "Misra1b": """
b1 = 500 300 3.3799746163E+02 3.1643950207E+00
b2 = 0.0001 0.0002 3.9039091287E-04 4.2547321834E-06
"""
    + _MISRA,
    "Misra1c": """
b1 = 500 600 6.3642725809E+02 4.6638326572E+00
b2 = 0.0001 0.0002 2.0813627256E-04 1.7728423155E-06
"""
    + _MISRA,
    "Misra1d": """
b1 = 500 450 4.3736970754E+02 3.6489174345E+00
b2 = 0.0001 0.0003 3.0227324449E-04 2.9334354479E-06
"""
    + _MISRA,
    "DanWood": """
b1 = 1 0.7 7.6886226176E-01 1.8281973860E-02
b2 = 5 4 3.8604055871E+00 5.1726610913E-02
Data: y x
2.138E0 1.309E0
3.421E0 1.471E0
3.597E0 1.490E0
4.340E0 1.565E0
4.882E0 1.611E0
5.660E0 1.680E0
""",
    "BoxBOD": """
b1 = 1 100 2.1380940889E+02 1.2354515176E+01
b2 = 1 0.75 5.4723748542E-01 1.0455993237E-01
Data: y x
109 1
149 2
149 3
191 5
213 7
224 10
""",
    "Rat43": """
b1 = 100 700 6.9964151270E+02 1.6302297817E+01
b2 = 10 5 5.2771253025E+00 2.0828735829E+00
b3 = 1 0.75 7.5962938329E-01 1.9566123451E-01
b4 = 1 1.3 1.2792483859E+00 6.8761936385E-01
Data: y x
16.08E0 1.0E0
33.83E0 2.0E0
65.80E0 3.0E0
97.20E0 4.0E0
191.55E0 5.0E0
326.20E0 6.0E0
386.87E0 7.0E0
520.53E0 8.0E0
590.03E0 9.0E0
651.92E0 10.0E0
724.93E0 11.0E0
699.56E0 12.0E0
689.96E0 13.0E0
637.56E0 14.0E0
717.41E0 15.0E0
""",
}
