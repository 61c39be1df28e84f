"""What users get, recorded: numbers that must not change when the code is rearranged, and words that may.

    python benchmarks/behaviour.py OUT.json            record (70 s of one processor)
    python benchmarks/behaviour.py OLD.json NEW.json   compare; exits 1 if a number or an entry differs

Public names only, of the checkout that this file is in. The entries are in behaviour_entries.py (fits, intervals),
behaviour_plans.py and behaviour_shell.py (pictures, command line); those that need the tables of ../shared/data are
left out where these are absent.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

TOLERANCE = 1e-9
RENAMED: dict[str, str] = {}
"""Parts of keys (names of entries, columns, attributes) in OLD that are called otherwise in NEW."""
SHOWN = 100
"""Characters of a differing line of text."""

Entry = Callable[[], Mapping[str, Any] | None]
Record = dict[str, dict[str, dict[str, Any]]]


def flat(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    """A value's parts by key: numbers as lists or floats, all else as text."""
    if isinstance(value, pd.Series):
        value = value.to_frame("value")
    if isinstance(value, pd.DataFrame):
        yield f"{key}/rows", float(len(value))
        if not isinstance(value.index, pd.RangeIndex):
            yield f"{key}/index", column(value.index.to_series())
        for name in value.columns:
            yield f"{key}/{name}", column(value[name])
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from flat(part, f"{key}/{name}" if key else str(name))
    elif isinstance(value, bool | int | float | np.number | np.bool_):
        yield key, float(value)
    elif isinstance(value, list | tuple | np.ndarray):
        plain = numeric(value)
        if plain is not None:
            yield key, plain
        elif len(value) and all(isinstance(part, str) for part in value):
            yield f"{key}/count", float(len(value))
            yield key, "\n".join(value)
        else:
            yield f"{key}/count", float(len(value))
            yield from flat(dict(enumerate(value)), key)
    else:
        yield key, str(value)


def numeric(value: Any) -> list | None:
    """As nested lists of floats; None if there is anything but numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        return None
    return array.astype(float).tolist() if array.dtype.kind in "biuf" else None


def column(values: pd.Series) -> list | str:
    plain = numeric(values.to_numpy())
    return "\n".join(map(str, values)) if plain is None else plain


def answer(found: Any, *names: str) -> dict[str, Any]:
    """What every answer has, and attributes of its own by name."""
    table = {"table": found.to_frame()} if hasattr(found, "to_frame") else {}
    return {"text": str(found), **table, **{name: getattr(found, name) for name in names}}


def refused(call: Callable[[], Any]) -> dict[str, Any]:
    """The error that a call ends with."""
    try:
        call()
    except Exception as error:
        return {"refused": True, "kind": type(error).__name__, "message": str(error)}
    return {"refused": False}


def drawn(ax: Any) -> dict[str, Any]:
    """What is on a figure: data, colours, limits, words."""
    figure = ax.figure
    figure.canvas.draw()
    return {f"axes {i}": on_axes(each) for i, each in enumerate(figure.axes)}


def on_axes(ax: Any) -> dict[str, Any]:
    legend = ax.get_legend()
    items = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    ticks = [label.get_text() for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels()]
    return {
        "lines": [line_drawn(line) for line in ax.get_lines()],
        "collections": [collection_drawn(each) for each in ax.collections],
        "patches": [each.get_path().vertices[np.newaxis] for each in ax.patches],
        "texts": len(ax.texts),
        "text places": [text.get_position() for text in ax.texts],
        "limits": [*ax.get_xlim(), *ax.get_ylim()],
        "legend entries": len(items),
        "words": "\n".join([ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), *(t.get_text() for t in ax.texts)]),
        "legend": "\n".join(items),
        "ticks": "\n".join([ax.get_xscale(), ax.get_yscale(), *ticks]),
    }


def line_drawn(line: Any) -> dict[str, Any]:
    style = f"{line.get_linestyle()} {line.get_marker()}"
    x, y = np.asarray(line.get_xydata(), dtype=float).T
    return {"x": x, "y": y, "colour": to_rgba(line.get_color()), "style": style, "label": line.get_label()}


def collection_drawn(collection: Any) -> dict[str, Any]:
    paths = [path.vertices for path in collection.get_paths()]
    return {
        "offsets": np.asarray(collection.get_offsets(), dtype=float),
        "paths": np.concatenate(paths) if paths else [],
        "colours": collection.get_facecolor(),
        "label": collection.get_label(),
    }


def record(entries: Mapping[str, Entry]) -> Record:
    """Run every entry; one that fails is recorded with its error."""
    out: Record = {}
    for name, entry in entries.items():
        began = perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = entry()
            except Exception as error:
                found = {"failed": f"{type(error).__name__}: {error}"}
        print(f"{perf_counter() - began:6.1f} s  {name}" + (" (not run)" if found is None else ""), flush=True)
        if found is None:
            continue
        if "failed" in found:
            print(f"          {found['failed'][:300]}")
        said = [w for w in caught if w.category.__module__.startswith("p2law")]
        told = {"warned": len(said), "warnings": "\n".join(f"{w.category.__name__}: {w.message}" for w in said)}
        parts = dict(flat({**found, **told}))
        out[name] = {
            "numbers": {key: value for key, value in parts.items() if not isinstance(value, str)},
            "words": {key: value for key, value in parts.items() if isinstance(value, str)},
        }
    return out


def renamed(key: str) -> str:
    return "/".join(RENAMED.get(part, part) for part in key.split("/"))


def differences(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> list[str]:
    """A line for every number that differs, every one missing and every new one."""
    lines = [f"{where} {key}: missing" for key in old if key not in new]
    lines += [f"{where} {key}: new" for key in new if key not in old]
    for key in (key for key in old if key in new):
        before, after = (np.asarray(side[key], dtype=float) for side in (old, new))
        if before.shape != after.shape:
            lines.append(f"{where} {key}: shape {before.shape} -> {after.shape}")
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(before - after) / np.maximum(np.maximum(np.abs(before), np.abs(after)), np.finfo(float).tiny)
        same = (before == after) | (np.isnan(before) & np.isnan(after)) | (apart <= TOLERANCE)
        if not same.all():
            worst = np.unravel_index(np.argmax(np.where(same, -1.0, np.nan_to_num(apart, nan=np.inf))), before.shape)
            many = f"{int((~same).sum())} of {before.size} values, the worst " if before.size > 1 else ""
            far = f" (relative {apart[worst]:.1e})" if np.isfinite(apart[worst]) else ""
            lines.append(f"{where} {key}: {many}{float(before[worst])!r} -> {float(after[worst])!r}{far}")
    return lines


def rewordings(old: Mapping[str, str], new: Mapping[str, str], where: str) -> list[str]:
    """The first differing line of each text."""
    lines = []
    for key in (key for key in {**old, **new} if old.get(key) != new.get(key)):
        pair = [side.get(key, "(none)").splitlines() for side in (old, new)]
        count = max(map(len, pair))
        padded = zip(*(side + [""] * (count - len(side)) for side in pair), strict=True)
        before, after = next((lines for lines in padded if lines[0] != lines[1]), ("(line ends)", "(line ends)"))
        lines.append(f"{where} {key}:\n    - {before[:SHOWN]}\n    + {after[:SHOWN]}")
    return lines


def compare(old: Record, new: Record) -> int:
    """Print what differs between two records; 1 if it is more than words."""
    old = {
        renamed(name): {kind: {renamed(key): v for key, v in part.items()} for kind, part in entry.items()}
        for name, entry in old.items()
    }
    wrong = [f"{name}: missing" for name in old if name not in new] + [
        f"{name}: new" for name in new if name not in old
    ]
    words: list[str] = []
    both = [name for name in old if name in new]
    for name in both:
        wrong += differences(old[name]["numbers"], new[name]["numbers"], name)
        words += rewordings(old[name]["words"], new[name]["words"], name)
    count = sum(np.size(value) for name in both for value in old[name]["numbers"].values())
    print(f"{len(both)} entries on both sides, {count} numbers; {len(wrong)} differences, {len(words)} of words only")
    print("\n".join(wrong))
    if words:
        print("\nwords only:\n" + "\n".join(words))
    return 1 if wrong else 0


def main(*paths: str) -> int:
    if len(paths) == 2:
        old, new = (json.loads(Path(path).read_text(encoding="utf-8")) for path in paths)
        return compare(old, new)
    if len(paths) != 1:
        print(__doc__)
        return 2
    os.environ["COLUMNS"] = "100"  # width of help texts
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, whichever one is installed
    import matplotlib

    import p2law

    matplotlib.use("Agg")
    print(f"recording {Path(p2law.__file__).parent}")
    import behaviour_plans  # noqa: F401 (adds its entries)
    from behaviour_entries import ENTRIES
    from behaviour_shell import SHELL

    began = perf_counter()
    out = record({**ENTRIES, **SHELL})
    Path(paths[0]).write_text(json.dumps(out, indent=0), encoding="utf-8")
    failed = [name for name, entry in out.items() if "failed" in entry["words"]]
    print(f"{len(out)} entries in {perf_counter() - began:.0f} s; {len(failed)} failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
