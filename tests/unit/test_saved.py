"""Saved fits: everything comes back, whatever cannot be trusted is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import p2law

MINE = replace(p2law.laws.get("chinchilla"), name="mine")


def edited(fit: p2law.Fit, **changes) -> str:
    return json.dumps(json.loads(fit.to_json()) | changes)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": p2law.Huber(np.pi * 1e-4, "linear")},
        {"objective": p2law.LeastAbsolute()},
        {"fixed": {"alpha": 1 / 3}},
        {"tied": [("alpha", "beta")]},
        {"bounds": {"E": (None, None), "alpha": (0.1, None)}},
        {"weights": np.linspace(0.1, 1, 40)},
        {"min_tokens": 3e8},
        {"fixed": {"alpha": np.float32(0.34)}, "bounds": {"E": (np.int64(0), None)}},
        {"rng": np.int64(3)},
        pytest.param({"rng": np.random.default_rng(1)}, id="rng: a generator"),
    ],
    ids=str,
)
def test_options_come_back(dense, options):
    fit = p2law.fit("chinchilla", dense, **options)
    loaded = p2law.Fit.from_json(fit.to_json())
    assert loaded.options == fit.options
    assert loaded.objective == fit.objective
    assert loaded.observations.dropped == fit.observations.dropped
    np.testing.assert_array_equal(loaded.observations.weight, fit.observations.weight)
    assert dict(loaded.standard_errors) == dict(fit.standard_errors)
    assert loaded.summary() == fit.summary()


def test_other_columns_and_odd_values_come_back(dense):
    rows = len(dense)
    table = dense.assign(
        note=[None, 'ü, "quoted"', *["x"] * (rows - 2)],
        gap=[np.nan, np.inf, *range(rows - 2)],
        seed=np.arange(rows, dtype="int32"),
        flag=True,
        when=pd.Timestamp("2026-01-02"),
        count=pd.array([None, *range(rows - 1)], dtype="Int64"),
    ).set_index(pd.Index([f"row {i}" for i in range(rows)]))
    fit = p2law.fit("chinchilla", table)
    loaded = p2law.Fit.from_json(fit.to_json()).table
    pd.testing.assert_frame_equal(loaded[table.columns], table, check_exact=True, check_index_type=False)


def test_sigma_becomes_a_weight(dense):
    fit = p2law.fit("chinchilla", dense.assign(sigma=np.linspace(1e-3, 1e-2, 40)))
    loaded = p2law.Fit.from_json(fit.to_json())
    np.testing.assert_array_equal(loaded.observations.weight, fit.observations.weight)


def test_ones_own_law_must_be_passed(dense_fit):
    text = replace(dense_fit, law=MINE).to_json()
    assert p2law.Fit.from_json(text, law=MINE).law is MINE
    with pytest.raises(p2law.FitError, match=r"law 'mine' is not one of p2law's: pass it, .*\(path, law=mine\)"):
        p2law.Fit.from_json(text)
    with pytest.raises(p2law.FitError, match=r"made with law 'mine' \(E, A, .*\), not 'power' \(E, B, beta\)"):
        p2law.Fit.from_json(text, law=p2law.laws.get("power"))


REFUSED = [
    ({"format": "lmfit"}, r"no p2law fit"),
    ({"version": 2}, r"format version 2; this p2law reads version 1\. Update p2law"),
    ({"version": None}, r"format version None"),
    ({"law": "perceptron"}, r"law 'perceptron' is not one of p2law's"),
    ({"parameters": {"E": 1.0}}, r"made with law 'chinchilla' \(E\), not 'chinchilla' \(E, A, B"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=str)
def test_unknown_format_version_or_law_is_refused(dense_fit, changes, message):
    with pytest.raises(p2law.FitError, match=message):
        p2law.Fit.from_json(edited(dense_fit, **changes))


@pytest.mark.parametrize(("text", "message"), [("{broken", r"not valid JSON \(line 1\)"), ("{}", "no p2law fit")])
def test_what_is_no_fit_is_refused(text, message):
    with pytest.raises(p2law.FitError, match=message):
        p2law.Fit.from_json(text)


def test_file_that_is_no_fit_is_refused(tmp_path):
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(p2law.FitError, match="no p2law fit"):
        p2law.Fit.from_json(tmp_path / "list.json")
    with pytest.raises(p2law.FitError, match=r"cannot read .*absent\.json: No such file"):
        p2law.Fit.from_json(tmp_path / "absent.json")


def test_file_cut_short_is_refused(dense_fit, tmp_path):
    path = tmp_path / "fit.json"
    dense_fit.to_json(path)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(p2law.FitError, match="not valid JSON"):
        p2law.Fit.from_json(path)


def test_missing_entry_is_refused(dense_fit):
    record = json.loads(dense_fit.to_json())
    del record["options"]
    with pytest.raises(p2law.FitError, match="options"):
        p2law.Fit.from_json(json.dumps(record))


def test_half_written_file_never_takes_the_place_of_a_good_one(dense_fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.json"
    dense_fit.to_json(path)
    before = path.read_text()

    def disk_full(self, text, **options):
        self.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", disk_full)
    with pytest.raises(OSError, match="No space left"):
        dense_fit.to_json(path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_file_is_plain_json(dense_fit):
    def refuse(constant):
        raise AssertionError(constant)

    record = json.loads(dense_fit.to_json(), parse_constant=refuse)
    assert record["format"] == "p2law.fit"
    assert record["parameters"] == dict(dense_fit.params)
