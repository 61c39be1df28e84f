"""What records show in a notebook: a line in bold or a list of sentences, then a table."""

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

ROWS = 40
"""Longer tables are cut in the middle, and their size is said."""


def titled(text: str, table: pd.DataFrame, **how: Any) -> str:
    """The first line of a report above a table, its closing sentences below; ``how`` as for ``DataFrame.to_html``.

    Indented lines are left out: they are the rows of the table in words.
    """
    first, *others = text.splitlines()
    closing = "".join(f"<p>{escape(line)}</p>" for line in others if line and not line.startswith(" "))
    return f"<div><b>{escape(first)}</b>{_cut(table, **how)}{closing}</div>"


def listed(title: str, sentences: Iterable[str], table: pd.DataFrame) -> str:
    """A title and sentences above a table."""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<div><b>{escape(title)}</b><ul>{said}</ul>{_cut(table)}</div>"


def _cut(table: pd.DataFrame, **how: Any) -> str:
    return table.to_html(max_rows=ROWS, show_dimensions=len(table) > ROWS, **how)
