"""MLflow's stores: the database ``mlflow.db``, or the older folder ``mlruns``."""

import re
import sqlite3
from contextlib import closing
from math import inf
from pathlib import Path

import pandas as pd

from ...errors import DataError

SUFFIXES = {".db", ".sqlite", ".sqlite3"}
LARGEST = 1e308
"""A loss above it was infinite: the database keeps the largest finite number instead."""
_QUERY = """
    SELECT experiments.name, runs.name, runs.run_uuid, step, key, CASE is_nan WHEN 0 THEN value END, timestamp
    FROM metrics JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'
    ORDER BY runs.start_time, run_uuid, timestamp
"""
_COLUMNS = ["experiment", "name", "id", "step", "metric", "value", "timestamp"]


def database(path: Path) -> pd.DataFrame:
    """Every metric of all runs in a database that are not deleted."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as store:
            rows = store.execute(_QUERY).fetchall()
    except sqlite3.Error as error:
        raise DataError(f"{path.name!r} is no database of MLflow: {error}.") from error
    return _named(pd.DataFrame(rows, columns=_COLUMNS))


def is_folder(path: Path) -> bool:
    """Whether a folder is a store, an experiment or a run of MLflow."""
    return any((path / runs / "meta.yaml").is_file() for runs in ("", "0")) or any(path.glob("[0-9]*/meta.yaml"))


def folder(path: Path) -> pd.DataFrame:
    """Every metric of all runs in a folder that are not deleted."""
    found = [file.parent for file in path.rglob("meta.yaml") if (file.parent / "metrics").is_dir()]
    metas = {run: (run / "meta.yaml").read_text(encoding="utf-8") for run in found if ".trash" not in run.parts}
    active = sorted(
        (run for run, meta in metas.items() if _entry(meta, "lifecycle_stage") != "deleted"),
        key=lambda run: (_entry(metas[run], "start_time"), run.name),
    )
    return _named(pd.DataFrame([row for run in active for row in _logged(run, metas[run])], columns=_COLUMNS))


def _logged(run: Path, meta: str) -> list[tuple[str, str, str, int, str, float, int]]:
    """Rows of one run in the order of their times; see ``_COLUMNS``."""
    above = run.parent / "meta.yaml"
    experiment = _entry(above.read_text(encoding="utf-8"), "name") if above.is_file() else ""
    name = run / "tags" / "mlflow.runName"
    called = name.read_text(encoding="utf-8").strip() if name.is_file() else _entry(meta, "run_name")
    rows: list[tuple[str, str, str, int, str, float, int]] = []
    for file in sorted(path for path in (run / "metrics").rglob("*") if path.is_file()):
        metric = file.relative_to(run / "metrics").as_posix()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                timestamp, value, step = line.split()[:3]
                rows.append((experiment, called, run.name, int(step), metric, float(value), int(timestamp)))
            except ValueError as error:
                raise DataError(
                    f"{metric!r} of run {called!r}, line {number}: {line[:80]!r} is not time, value and step."
                ) from error
    return sorted(rows, key=lambda row: row[-1])


def _entry(meta: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?) *$", meta, re.MULTILINE)
    return found[1].strip("'\"") if found else ""


def _named(logged: pd.DataFrame) -> pd.DataFrame:
    """Runs by their names; with that of the experiment or the start of their id, where names do not tell them apart."""
    identity = logged["id"].str[:8]
    names = logged["name"].fillna("").mask(lambda name: name == "", identity)
    ways = [names, logged["experiment"] + "/" + names, names + "-" + identity]
    apart = (way for way in ways if (logged["id"].groupby(way).nunique() == 1).all())
    value = logged["value"].astype(float)
    finite = value.mask(value.abs() > LARGEST, inf)
    return logged[["step", "metric"]].assign(run=next(apart, ways[-1]), value=finite)
