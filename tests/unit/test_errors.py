"""Old public names work for one release, with a warning that points at the caller."""

import pytest

from p2law.errors import renamed_arguments, renamed_attribute


@renamed_arguments(colour="color")
def draw(x: int, *, color: str = "red") -> tuple[int, str]:
    """Draw."""
    return x, color


class Record:
    holds = True
    carries = renamed_attribute("carries", "holds")


def test_an_old_argument_is_taken_with_a_warning():
    old = {"colour": "blue"}
    assert draw(1, color="blue") == (1, "blue")
    with pytest.warns(DeprecationWarning, match=r"draw\(colour=\.\.\.\) is deprecated: use color=") as caught:
        assert draw(1, **old) == (1, "blue")
    assert caught[0].filename == __file__
    assert (draw.__name__, draw.__doc__) == ("draw", "Draw.")


def test_an_old_attribute_is_read_with_a_warning():
    with pytest.warns(DeprecationWarning, match=r"Record\.carries is deprecated: use \.holds") as caught:
        assert Record().carries
    assert caught[0].filename == __file__
