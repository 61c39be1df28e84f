"""A value with its interval, and the base of plan and report records: how they print, what a notebook shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .arguments import plain

if TYPE_CHECKING:
    import pandas as pd

ROWS = 40
"""A notebook shows longer tables cut in the middle, with their size."""

Method = Literal["wald", "bootstrap", "bca", "profile"]
"""How an interval is taken."""


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """A value with its interval; arrays for a quantity that is an array."""

    value: Any
    lower: Any
    """nan where no interval can be given."""
    upper: Any
    level: float
    method: str
    defined: float = 1.0
    """Share of the bootstrap draws in which the quantity exists at all (is not nan)."""

    def __repr__(self) -> str:
        return f"Estimate({self})"

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{np.size(self.value)} values with {100 * self.level:g} % intervals ({self.method})"
        return f"{self.value:.6g} [{self.lower:.6g}, {self.upper:.6g}] ({100 * self.level:g} % interval, {self.method})"


class Copied:
    """Public name of a table that a record keeps in a private field: each access returns a copy."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __get__(self, record: Any, owner: type | None = None) -> "pd.DataFrame":
        return self if record is None else getattr(record, self.field).copy()  # type: ignore[return-value]


class Column:
    """Public name of a column of a record's table; each access returns what ``_column`` of the record gives."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, record: Any, owner: type | None = None) -> Any:
        return self if record is None else record._column(self.name)


@dataclass(frozen=True)
class Report:
    """The text of a record."""

    title: str
    findings: Sequence[str] = ()
    """Sentences above the table, printed as a list."""
    rows: Sequence[str] = ()
    """The table in words; a notebook shows the table instead."""
    sentences: Sequence[str] = ()
    """Sentences below the table."""

    def text(self) -> str:
        """All of it, line by line."""
        head = [self.title, *(["=" * 72] if self.findings else [])] if self.title else []
        return "\n".join([*head, *(f"* {each}" for each in self.findings), *self.rows, *self.sentences])

    def html(self, tables: "Mapping[str, pd.DataFrame]") -> str:
        """All of it, with these tables, by heading, in the place of the rows."""
        import pandas as pd

        listed = "".join(f"<li>{escape(each)}</li>" for each in self.findings)
        parts = [f"<b>{escape(self.title)}</b>", f"<ul>{listed}</ul>" if listed else ""]
        for heading, table in tables.items():
            index = not isinstance(table.index, pd.RangeIndex)
            shown = table.to_html(
                index=index, float_format="{:.5g}".format, max_rows=ROWS, show_dimensions=len(table) > ROWS
            )
            parts.append((f"<p><b>{escape(heading)}</b></p>" if heading else "") + shown)
        parts += [f"<p>{escape(each.strip())}</p>" for each in self.sentences]
        return f"<div>{''.join(parts)}</div>"


class Record:
    """Base of the records that plans and reports return.

    A subclass is a ``@dataclass(frozen=True, eq=False, repr=False)`` with a method ``_report``. It keeps its tables in
    private fields, the main one in ``_table``, reads them there without a copy, and gives them out through
    :class:`Copied`.
    """

    _table: "pd.DataFrame"

    def _report(self) -> Report:
        """What the record says: title, findings, rows, sentences."""
        raise NotImplementedError

    def _tables(self) -> "Mapping[str, pd.DataFrame]":
        """The tables that a notebook shows, by heading."""
        return {"": self.to_frame()}

    def _column(self, name: str) -> Any:
        """The first row's value, of a table with one row or where the first row is the answer."""
        return plain(self._table[name].iloc[0])

    def to_frame(self) -> "pd.DataFrame":
        """The table, as a copy."""
        return self._table.copy()

    def summary(self) -> str:
        """The report as text."""
        return self._report().text()

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        report = self._report()
        return f"<{type(self).__name__}: {report.title or report.findings[0]}>"

    def _repr_html_(self) -> str:
        return self._report().html(self._tables())
