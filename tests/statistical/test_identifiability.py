"""What the data fix: tables and sentences that follow the design, and the influence of runs."""

import numpy as np
import pytest

import p2law


def test_good_design_is_determined(dense_fit):
    report = dense_fit.identifiability()
    verdicts = report.parameters.set_index("parameter")["verdict"]
    assert verdicts["alpha"] == verdicts["beta"] == "determined"
    assert "not determined" not in report.combinations["verdict"].tolist()


def test_two_sizes_leave_the_size_term_open_and_the_plateaus_known(pruned):
    report = p2law.fit("p2", pruned[pruned["N0"].isin([1e8, 8e9])]).identifiability()
    verdicts = report.parameters.set_index("parameter")["verdict"]
    assert {verdicts[name] for name in ("N_C", "alpha", "E")} == {"not determined"}
    assert verdicts["gamma"] == "determined"
    assert np.isinf(report.combinations["error"]).sum() == 1
    assert "alpha" in report.combinations["of"].iloc[-1]
    known = report.predictions.set_index("where")
    half = (known["upper"] - known["lower"]) / 2
    assert half["at the largest size"] < 0.02
    assert half["at twice that size"] > 1.5 * half["at the largest size"]
    assert any("well determined nonetheless" in sentence for sentence in report.sentences)
    kinds = {finding.kind: finding for finding in report.findings}
    assert {"undetermined", "undetermined combinations", "predictions", "next run"} <= set(kinds)
    assert {"N_C", "alpha", "E"} <= set(kinds["undetermined"].names)
    assert kinds["predictions"].numbers["at the largest size"] == pytest.approx(half["at the largest size"])


def test_one_rate_cannot_tell_gamma(pruned):
    report = p2law.fit("p2_without_size_term", pruned[pruned["rho"] == 0.25]).identifiability()
    assert report.parameters.set_index("parameter").loc["gamma", "verdict"] == "held"
    assert any("gamma" in sentence and "rho" in sentence for sentence in report.sentences)


def test_recommended_run_helps_more_than_the_last_choice(pruned):
    """Adding the run that was recommended narrows the open direction more than the one ranked last."""
    law, few = p2law.laws.get("p2"), pruned[pruned["N0"].isin([5e8, 2e9])]
    ranked = p2law.fit(law, few).identifiability().next_runs
    assert (ranked["shrinks"].between(0, 1)).all()
    assert ranked["shrinks"].is_monotonic_decreasing
    best, worst = ranked.iloc[0], ranked.iloc[-1]
    assert best["shrinks"] > worst["shrinks"]
    assert best["N0"] not in (5e8, 2e9)


def test_report_is_shown(pruned_fit):
    report = pruned_fit.identifiability(method="wald")
    assert "parameters" in report.summary()
    assert "<table" in report._repr_html_()
    assert report.to_frame().equals(report.parameters)


def test_spoilt_run_is_the_most_influential(pruned):
    runs = pruned["run"].unique()
    spoilt = pruned.assign(loss=np.where(pruned["run"] == runs[3], pruned["loss"] * 1.05, pruned["loss"]))
    fit = p2law.fit("p2_without_size_term", spoilt, objective=p2law.Squared())
    assert fit.influence().index[0] == runs[3]
    forecast = fit.influence(N0=8e9, D=1e9, rho=0.5, L0=2.2)
    refitted = p2law.fit("p2_without_size_term", spoilt[spoilt["run"] != runs[3]], objective=p2law.Squared())
    assert forecast.loc[runs[3], "loss"] == pytest.approx(refitted.predict(N0=8e9, D=1e9, rho=0.5, L0=2.2), rel=1e-6)


def test_constants_left_open_have_no_influence_in_numbers(pruned):
    few = pruned[pruned["N0"].isin(sorted(pruned["N0"].unique())[:2])]
    fit = p2law.fit("p2", few)
    moved = fit.influence()
    verdict = fit.identifiability(method="wald").parameters.set_index("parameter")["verdict"]
    open_ = verdict[verdict == "not determined"].index
    assert {"N_C", "alpha"} <= set(open_)
    assert moved[open_].isna().all(axis=None)
    assert moved.drop(columns=open_).abs().max(axis=None) < 20


def test_influence_needs_runs(pruned):
    one = pruned[pruned["run"] == pruned["run"].iloc[0]]
    with pytest.raises(p2law.FitError, match="one run alone"):
        p2law.fit("power", one).influence()
    with pytest.raises(p2law.FitError, match="single values"):
        p2law.fit("p2", pruned).influence(N0=8e9, D=[1e9, 2e9], rho=0.5, L0=2.2)
