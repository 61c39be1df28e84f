"""A few lines of reStructuredText, the language of the docstrings."""

from collections.abc import Iterable, Sequence


def title(text: str, line: str = "=") -> str:
    """A heading; double width, since Greek and superscripts may count as wide."""
    return f"{text}\n{line * 2 * len(text)}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with one line of heads."""
    lines = ["* - " + "\n  - ".join(row) for row in (head, *rows)]
    return ".. list-table::\n   :header-rows: 1\n\n" + indent("\n".join(lines)) + "\n"


def contents(names: Iterable[str]) -> str:
    """A table of contents that shows only in the margin."""
    return ".. toctree::\n   :hidden:\n\n" + indent("\n".join(names)) + "\n"


def indent(text: str) -> str:
    """Three spaces before every line: the body of a directive."""
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())
