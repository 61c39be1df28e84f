"""Tables of immutable records: every look at one is a copy, so that nobody can write into the record's own."""

from collections.abc import Iterable
from dataclasses import fields
from html import escape
from typing import Any, TypeVar

import pandas as pd

Record = TypeVar("Record")


def copied_tables(record: type[Record]) -> type[Record]:
    """Class decorator above ``@dataclass(frozen=True)``: fields that are DataFrames give copies."""
    for each in fields(record):  # type: ignore[arg-type]
        if each.type in (pd.DataFrame, "pd.DataFrame"):
            setattr(record, each.name, _Copied(each.name))
    return record


class _Copied:
    """A field whose value is copied whenever it is read; it lives in the instance's own dict, where pickle looks."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, record: Any, owner: type) -> Any:
        return self if record is None else record.__dict__[self.name].copy()

    def __set__(self, record: Any, table: pd.DataFrame) -> None:
        record.__dict__[self.name] = table


# What records show in a notebook: a line in bold or a list of sentences, then a table.


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
