"""Human quantities at the edges: "7B", "1.4T", "300M" in, the same out; names in a row."""

import re

_SUFFIX = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_QUANTITY = re.compile(r"\s*([+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([kKmMbBgGtT]?)\s*")


def parse_quantity(text: str | float) -> float:
    """Read a number as people write it: ``"7B"`` is 7e9, ``"1.4T"`` 1.4e12, ``"300M"`` 3e8, ``"5k"`` 5e3.

    Raises
    ------
    ValueError
        If the text is not a number with an optional suffix k, M, B (or G) or T.
    """
    if isinstance(text, (int, float)):
        return float(text)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read {text!r} as a quantity: write e.g. 7B, 1.4T, 300M, 5k or 1e9.")
    number, suffix = match.groups()
    return float(number.replace(",", "").replace("_", "")) * _SUFFIX[suffix.lower()]


def format_quantity(value: float, digits: int = 3) -> str:
    """Write a count as people read it: 7e9 is ``7B``."""
    rounded = float(f"{value:.{digits}g}")
    for limit, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if limit <= abs(rounded) < 1e3 * limit:
            return f"{rounded / limit:.12g}{suffix}"
    return f"{rounded:g}"


def format_probability(value: float) -> str:
    """Write a probability in per cent: 0.957 is ``95.7 %``; beyond 0.1 and 99.9 % only that it is."""
    return "below 0.1 %" if value < 0.001 else "above 99.9 %" if value > 0.999 else f"{100 * value:.3g} %"


def in_words(names: list[str]) -> str:
    """Names as a sentence lists them: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
