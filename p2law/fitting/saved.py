"""Fits as JSON: exact to the last bit, no pickle, never half written; whatever cannot be trusted is refused."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data import files
from ..data.finding import Finding
from ..data.observations import observe
from ..errors import FitError
from ..laws import Law, get, names
from ..laws.joint import joint_law
from . import objective
from .fitted import Draws, FittedLaw
from .options import Options

VERSION = 1
_KEYS = (
    *("law", "parameters", "objective", "objective_value", "gradient", "converged", "status", "warnings"),
    *("starts_agreed", "options", "rows_left_out", "provenance", "table", "draws", "index"),
)


def to_json(fit: FittedLaw, path: str | PathLike[str] | None = None) -> str:
    """See :meth:`p2law.Fit.to_json`."""
    return _write({"format": "p2law.fit", "version": VERSION, **_record(fit)}, path)


def joint_to_json(
    by: str,
    shared: tuple[str, ...],
    fit: FittedLaw,
    separate: Mapping[str, FittedLaw],
    path: str | PathLike[str] | None = None,
) -> str:
    """The joint fit and the separate ones, each as a fit is saved; see :meth:`p2law.Joint.to_json`."""
    record = {
        "format": "p2law.joint",
        "version": VERSION,
        "by": by,
        "groups": list(separate),
        "shared": list(shared),
        "joint": _record(fit),
        "separate": {group: _record(each) for group, each in separate.items()},
    }
    return _write(record, path)


def _write(record: dict[str, Any], path: str | PathLike[str] | None) -> str:
    """A record as text, written to a file if a path is given."""
    text = files.to_json(record, indent=1)
    if path is not None and not isinstance(path, str | PathLike):
        raise FitError(f"to_json({path!r}): give the path of a file.")
    if path is not None:
        files.write_text(Path(path), text)
    return text


def _record(fit: FittedLaw) -> dict[str, Any]:
    """What there is to save of a fit."""
    frame = fit.observations.frame.assign(weight=fit.observations.weight).drop(columns="sigma", errors="ignore")
    return {
        "law": fit.law.name,
        "parameters": dict(fit.params),
        "objective": objective.to_dict(fit.objective),
        "objective_value": fit.objective_value,
        "gradient": fit.gradient,
        "converged": fit.converged,
        "status": fit.status,
        "warnings": list(fit.warnings),
        "findings": [{**vars(f), "numbers": dict(f.numbers)} for f in fit.findings],
        "starts_agreed": list(fit.starts_agreed),
        "options": {
            "fixed": dict(fit.options.fixed),
            "tied": [list(group) for group in fit.options.tied],
            "bounds": {name: list(pair) for name, pair in fit.options.bounds.items()},
            "baseline": fit.options.baseline,
            "run": fit.options.run,
            "held": dict(fit.options.held),
        },
        "rows_left_out": fit.observations.dropped,
        "provenance": dict(fit.provenance),
        "table": _columns(frame),
        "draws": _draws(fit.resampled),
        "index": [_plain(v) for v in frame.index.tolist()],
    }


def from_json(source: str | PathLike[str], *, law: Law | None = None) -> dict[str, Any]:
    """The fields of a saved fit; see :meth:`p2law.Fit.from_json`."""
    return _fields(_read_kind(source, "p2law.fit"), law)


def joint_from_json(
    source: str | PathLike[str], *, law: Law | None = None
) -> tuple[str, tuple[str, ...], dict[str, Any], dict[str, dict[str, Any]]]:
    """What a joint fit is by and shares, and the fields of it and of the separate fits; see `p2law.Joint.from_json`."""
    record = _read_kind(source, "p2law.joint")
    missing = [key for key in ("by", "groups", "shared", "joint", "separate") if key not in record]
    if missing or not record["separate"] or set(record["groups"]) != set(record["separate"]):
        raise FitError(f"this joint fit lacks {', '.join(missing) or 'its groups'}: it was cut or edited; fit again.")
    groups, shared = tuple(record["groups"]), tuple(record["shared"])
    law = _known_law(next(iter(record["separate"].values())).get("law"), law, "Joint")
    separate = {group: _fields(record["separate"][group], law) for group in groups}
    return record["by"], shared, _fields(record["joint"], joint_law(law, groups, shared)), separate


def _read_kind(source: str | PathLike[str], what: str) -> dict[str, Any]:
    """A record of one kind from a path or its text.

    Raises
    ------
    FitError
        If it cannot be read, or is of another kind or format version.
    """
    record = _read(source)
    if record.get("format") != what:
        other = {"p2law.fit": "Fit", "p2law.joint": "Joint"}.get(str(record.get("format")))
        hint = f": load it with p2law.{other}.from_json" if other else ""
        raise FitError(
            f"this JSON is no {what.replace('.', ' ')} (its 'format' is not {what!r}){hint}.",
            remedies=["group"] if other == "Joint" else [],
        )
    if record.get("version") != VERSION:
        raise FitError(
            f"this fit was saved in format version {record.get('version')!r}; this p2law reads version {VERSION}. "
            "Update p2law, or fit again from the data."
        )
    return record


def _read(source: str | PathLike[str]) -> dict[str, Any]:
    """The object in a JSON file or text."""
    try:
        text = os.fspath(source)
        if isinstance(text, bytes):
            raise TypeError("bytes")
    except TypeError as error:
        raise FitError(f"from_json({source!r}): give a path, or the text of a saved fit.") from error
    if not text.lstrip().startswith("{"):
        try:
            text = Path(source).read_text(encoding="utf-8")
        except OSError as error:
            raise FitError(f"cannot read {source}: {error.strerror or error}.") from error
        except ValueError as error:  # UnicodeDecodeError, or a null in the path
            raise FitError(f"cannot read {source!r}: {error}.") from error
    try:
        record = files.from_json(text)
    except json.JSONDecodeError as error:
        raise FitError(f"this is not valid JSON (line {error.lineno}): {error.msg}.") from error
    if not isinstance(record, dict):
        raise FitError("this JSON is no p2law fit: it does not hold an object.")
    return record


def _fields(record: dict[str, Any], law: Law | None) -> dict[str, Any]:
    """The fields of the fit that was saved."""
    missing = [key for key in _KEYS if key not in record]
    if missing:
        raise FitError(f"this saved fit lacks {', '.join(missing)}: it was cut or edited; fit again from the data.")
    name = record["law"]
    law = _known_law(name, law, "Fit")
    stored, mine = list(record["parameters"]), [p.name for p in law.parameters]
    if law.name != name or stored != mine:
        raise FitError(
            f"the fit was made with law {name!r} ({', '.join(stored)}), not {law.name!r} ({', '.join(mine)})."
        )
    frame, run = _frame(record), record["options"]["run"]
    observations = observe(law, frame, run=run if run in frame.columns else "run")
    same = ("objective_value", "gradient", "converged", "status", "provenance")
    return {key: record[key] for key in same} | {
        "law": law,
        "params": record["parameters"],
        "objective": objective.from_dict(record["objective"]),
        "findings": _findings(record),
        "starts_agreed": tuple(record["starts_agreed"]),
        "options": _options(record["options"]),
        "observations": replace(observations, dropped=record["rows_left_out"]),
        "resampled": _resampled(record["draws"]),
    }


def _findings(record: dict[str, Any]) -> tuple[Finding, ...]:
    """What was found about the fit; files from before there were findings have its sentences alone."""
    if "findings" not in record:
        return tuple(Finding("note", text) for text in record["warnings"])
    lists = ("names", "rows", "runs")
    return tuple(Finding(**(each | {key: tuple(each[key]) for key in lists})) for each in record["findings"])


def _known_law(name: str, law: Law | None, record: str) -> Law:
    """The law of a saved record: the one given, else p2law's own of this name."""
    if law is None and name not in names():
        raise FitError(
            f"the law {name!r} is not one of p2law's: pass it, {record}.from_json(path, law={name}).", remedies=["law"]
        )
    return law or get(name)


def _options(record: dict[str, Any]) -> Options:
    """The options of a saved fit."""
    return Options(
        fixed=record["fixed"],
        tied=tuple(tuple(group) for group in record["tied"]),
        bounds={name: (low, high) for name, (low, high) in record["bounds"].items()},
        baseline=record["baseline"],
        run=record["run"],
        held=record["held"],
    )


def _plain(value: Any) -> Any:
    """A table entry as JSON knows it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        str(name): {"dtype": str(column.dtype), "values": [_plain(v) for v in column.tolist()]}
        for name, column in frame.items()
    }


def _draws(draws: Draws | None) -> dict[str, Any] | None:
    if draws is None:
        return None
    how = {"scheme": draws.scheme, "failed": draws.failed, "seed": draws.seed}
    return {**how, "table": _columns(draws.table), "index": draws.table.index.tolist()}


def _resampled(record: dict[str, Any] | None) -> Draws | None:
    if record is None:
        return None
    table = _frame(record)
    table.index.name = "draw"
    return Draws(table, record["scheme"], record["failed"], record["seed"])


def _frame(record: dict[str, Any]) -> pd.DataFrame:
    """A saved table with its index."""
    columns = {}
    for name, column in record["table"].items():
        values = column["values"]
        if column["dtype"].startswith("float"):
            values = [math.nan if v is None else v for v in values]
        columns[name] = pd.Series(values, dtype=column["dtype"])
    frame = pd.DataFrame(columns)
    frame.index = pd.Index(record["index"])
    return frame
