"""Reports: values rounded by their error, validity impossible to miss, nothing unescaped."""

from dataclasses import replace

import numpy as np
import pytest

import p2law
from p2law.data.finding import Finding
from p2law.fitting.report import round_by_error
from p2law.laws import Amplitude, Exponent


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.827, 0.119, ("0.83", "0.12")),
        (0.827, 0.367, ("0.8", "0.4")),
        (0.827, 0.0354, ("0.827", "0.035")),
        (0.827, 0.0355, ("0.83", "0.04")),
        (0.827, 0.0949, ("0.83", "0.09")),
        (0.827, 0.0951, ("0.83", "0.10")),
        (477.8259, 116.3, ("480", "120")),
        (2143.4, 714.2, ("2100", "700")),
        (-1.5, 0.2, ("-1.50", "0.20")),
        (0.0, 0.015, ("0.000", "0.015")),
        (1.2345e12, 3.3e10, ("1.234e+12", "3.3e+10")),
        (5.0, 12345.0, ("0", "12000")),
        (2143.4, float("inf"), ("2143.4", "inf")),
        (0.3473105, 0.0, ("0.347311", "-")),
        (0.3473105, float("nan"), ("0.347311", "-")),
    ],
)
def test_value_and_error_are_rounded_as_the_particle_data_group_does(value, error, shown):
    assert round_by_error(value, error) == shown


def test_text_report_holds_what_a_reader_needs(pruned_fit):
    text = pruned_fit.summary()
    assert text.startswith(f"P² law: {pruned_fit.status}")
    for part in ("sum of Huber(delta = 0.001)", "128, 16 runs", "100M to 8B parameters", "1M to 1B tokens", "R²"):
        assert part in text
    assert "L0 as given" in text
    assert "worst runs" in text
    assert str(pruned_fit) == text


def test_treatment_of_each_constant_is_shown(dense):
    fit = p2law.fit("chinchilla", dense, fixed={"alpha": 0.34}, bounds={"E": (0, 3)})
    assert "[fixed]" in fit.summary()
    tied = p2law.fit("chinchilla", dense, tied=[("alpha", "beta")])
    assert tied.summary().count("[tied: alpha = beta]") == 2
    assert tied._repr_html_().count("tied: alpha = beta") == 2


def test_invalid_fit_cannot_be_missed(dense_fit):
    failed = replace(dense_fit, converged=False, status="NOT CONVERGED: do not use")
    assert failed.summary().startswith("Chinchilla: NOT CONVERGED: do not use\n")
    assert "#cf222e" in failed._repr_html_()
    assert "#cf222e" not in dense_fit._repr_html_()


def test_warnings_are_in_both_reports(dense_fit):
    doubted = replace(dense_fit, findings=(Finding("undetermined", "alpha is not determined."),))
    assert "WARNINGS\n  * alpha is not determined." in doubted.summary()
    assert "<li>alpha is not determined.</li>" in doubted._repr_html_()
    assert "WARNINGS" not in dense_fit.summary()


def test_html_is_escaped(dense_fit):
    evil = replace(dense_fit.law, title="<script>alert(1)</script>")
    fit = replace(dense_fit, law=evil, findings=(Finding("note", "<img src=x>"),))
    assert "<script>" not in fit._repr_html_()
    assert "<img" not in fit._repr_html_()


def test_fit_is_immutable(dense_fit):
    with pytest.raises(AttributeError):
        dense_fit.converged = False
    for record in (dense_fit.params, dense_fit.provenance, dense_fit.metrics, dense_fit.standard_errors):
        with pytest.raises(TypeError):
            record["E"] = 0.0
    table = dense_fit.table
    table["loss"] = 0.0
    assert dense_fit.table["loss"].min() > 0


def test_options_of_a_fit_are_immutable(dense):
    fit = p2law.fit("chinchilla", dense, fixed={"alpha": 0.34})
    with pytest.raises(TypeError):
        fit.options.fixed["alpha"] = 0.5


def test_options_given_are_copied(dense):
    fixed = {"alpha": 0.34}
    fit = p2law.fit("chinchilla", dense, fixed=fixed)
    fixed["alpha"] = 0.5
    assert fit.options.fixed == {"alpha": 0.34}


def test_provenance_says_where_the_numbers_come_from(dense):
    one, same, other = (p2law.fit("chinchilla", t, rng=5) for t in (dense, dense.copy(), dense * 1.0001))
    assert one.provenance["seed"] == 5
    assert one.provenance["rows"] == len(dense)
    assert one.provenance["objective"] == "sum of Huber(delta = 0.001) of log L - log Lhat"
    assert {"p2law", "jax", "numpy", "python"} <= set(one.provenance)
    assert one.provenance["data_sha256"] == same.provenance["data_sha256"] != other.provenance["data_sha256"]


def test_html_of_plans_and_schedules_is_escaped():
    @p2law.law(title="N <b>and</b> D")
    def bold(N, D, *, E: Amplitude, A: Amplitude, alpha: Exponent, B: Amplitude, beta: Exponent):
        return E + A * N**-alpha + B * D**-beta

    constants = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    source = p2law.laws.Constants(name="mine", law=bold, params=constants, source="", objective="")
    found = (
        p2law.compute_optimal(source, 1e21),
        p2law.plan.isoflop(source, 1e21),
        p2law.plan.overtraining(source, 1e21, 1e9),
        p2law.plan.parabola_bias(source, np.full(3, 1e21), [1e9, 2e9, 4e9]),
        p2law.plan.sparse_pretraining(source, 1e9, 1e21),
    )
    for record in found:
        assert "&lt;b&gt;and" in record._repr_html_()
        assert "<b>and" not in record._repr_html_()
    assert "<lambda>" not in p2law.schedules.PruningSchedule(shape=lambda progress: progress)._repr_html_()
