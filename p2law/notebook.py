"""What records show in a notebook: a line in bold or a list of sentences, then a table."""

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd


def titled(text: str, table: pd.DataFrame, **how: Any) -> str:
    """The first line of a report above a table; ``how`` as for ``DataFrame.to_html``."""
    return f"<div><b>{escape(text.splitlines()[0])}</b>{table.to_html(**how)}</div>"


def listed(title: str, sentences: Iterable[str], table: pd.DataFrame) -> str:
    """A title and sentences above a table."""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<div><b>{escape(title)}</b><ul>{said}</ul>{table.to_html()}</div>"
