"""Tables of immutable records: every look at one is a copy, so that nobody can write into the record's own."""

from dataclasses import fields
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
