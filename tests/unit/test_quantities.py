"""Human quantities: "7B" in, "7B" out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2law.data.quantities import format_probability, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7B", 7e9),
        ("1.4T", 1.4e12),
        ("300M", 3e8),
        ("5k", 5e3),
        (" 2.5 g ", 2.5e9),
        ("1,400,000", 1.4e6),
        ("1_000", 1e3),
        ("1e9", 1e9),
        ("1.5e+3M", 1.5e9),
        (".5B", 5e8),
        ("-3", -3.0),
        (12, 12.0),
        (1.5, 1.5),
    ],
)
def test_quantities_are_read_as_people_write_them(text, value):
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "B", "7 billion", "7BB", "1.2.3", "nan", "seven", "7e", "--7"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match=r"write e\.g\. 7B, 1\.4T"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(7e9, "7B"), (1.4e12, "1.4T"), (3e8, "300M"), (5e3, "5k"), (12, "12"), (0.25, "0.25"), (999.6e6, "1B"), (0, "0")],
)
def test_quantities_are_written_as_people_read_them(value, text):
    assert format_quantity(value) == text


@given(st.floats(1e-3, 9e14))
def test_writing_and_reading_agree_to_the_digits_shown(value):
    assert parse_quantity(format_quantity(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "below 0.1 %"), (1e-18, "below 0.1 %"), (0.001, "0.1 %"), (0.957, "95.7 %"), (0.9995, "above 99.9 %")],
)
def test_probabilities_are_written_in_per_cent(value, text):
    assert format_probability(value) == text
