"""What is written: tables as CSV or JSON, pictures; impossible targets are refused before the work."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError

TABLES = (".csv", ".json")


def check_target(path: str | None) -> None:
    """Refuse a file that cannot be written."""
    if path and (Path(path).is_dir() or not Path(path).resolve().parent.is_dir()):
        why = "it is a directory" if Path(path).is_dir() else f"there is no directory {Path(path).parent}"
        raise DataError(f"cannot write {path}: {why}.")


def check_table(path: str | None) -> None:
    """Refuse a table that cannot be written."""
    check_target(path)
    if path and Path(path).suffix.lower() not in TABLES:
        raise DataError(f"cannot write a table as {path!r}: end its name in {' or '.join(TABLES)}.")


def check_picture(path: str | None) -> None:
    """Refuse a picture that cannot be saved."""
    check_target(path)
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    if Path(path).suffix.removeprefix(".").lower() not in FigureCanvasBase.get_supported_filetypes():
        raise DataError(f"cannot save a picture as {path!r}: end its name in .png, .pdf or .svg.")


def write_table(table: pd.DataFrame, path: str) -> None:
    """CSV, or JSON as a list of rows (null where nothing is known; infinities as text, since JSON has none)."""
    bare = table.index.name is None and isinstance(table.index, pd.RangeIndex)
    frame = table if bare else table.reset_index(names=str(table.index.name or "row"))
    if Path(path).suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
        return
    rows = [
        {str(name): _plain(value) for name, value in row.items()} for row in frame.astype(object).to_dict("records")
    ]
    Path(path).write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def save_picture(draw: Callable[[Any], Any], path: str) -> None:
    """A picture of one pair of axes."""
    from matplotlib.figure import Figure  # not pyplot: no display is needed and no global state touched

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    draw(figure.subplots())
    figure.savefig(path, dpi=150)
