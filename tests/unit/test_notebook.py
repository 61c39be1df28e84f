"""What records show in a notebook."""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.data.answer import ROWS, Report
from p2law.plan import Parent, best_pruning


@pytest.mark.parametrize("report", [Report("Many"), Report("Many", findings=["said"])])
def test_long_tables_are_cut_and_their_size_said(report):
    long = report.html({"": pd.DataFrame({"a": np.arange(500.0)})})
    assert long.count("<tr") <= ROWS + 2
    assert "500 rows" in long
    short = report.html({"": pd.DataFrame({"a": np.arange(3.0)})})
    assert short.count("<tr") == 4
    assert "rows" not in short


def test_a_forecast_of_many_points_stays_small(pruned_fit):
    plan = p2law.extrapolate(pruned_fit, N0=1e10, rho=0.25, D=np.geomspace(1e7, 1e9, 400), L0=2.2)
    assert plan._repr_html_().count("<tr") <= ROWS + 2
    assert len(plan.to_frame()) == 400


def test_closing_sentences_are_said_and_escaped(pruned_fit):
    parents = {"<b>8B</b>": Parent(size=8e9, loss=2.21), "2B": Parent(size=2e9, loss=2.28)}
    fits = {"one": pruned_fit, "same": pruned_fit}
    shown = best_pruning(fits, parents, size=1.4e9, budget=1e8)._repr_html_()
    assert "These data do not tell the best from" in shown
    assert "<b>8B" not in shown


def test_lines_that_are_rows_are_not_said_twice():
    report = Report("Title", rows=["  a = 1: 2"], sentences=["Only this."])
    shown = report.html({"": pd.DataFrame({"a": [1]})})
    assert report.text() == "Title\n  a = 1: 2\nOnly this."
    assert shown.index("<table") < shown.index("<p>Only this.</p>")
    assert "a = 1: 2" not in shown
