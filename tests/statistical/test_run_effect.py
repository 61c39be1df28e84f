"""The spread between runs: recovered where it is known, floored where it is not, and used in forecasts."""

import numpy as np
import pandas as pd
import pytest

import p2law


def scattered(offset: float, tilt: float = 0.0, noise: float = 0.001, seed: int = 0) -> pd.DataFrame:
    """30 runs of one size and rate whose excess differs by a level and a slope of their own."""
    rng, tokens = np.random.default_rng(seed), np.geomspace(1e7, 1e9, 12)
    excess = 0.1 + 900 * tokens**-0.45
    turn = np.log(tokens / np.exp(np.log(tokens).mean()))
    rows = []
    for i in range(30):
        own = excess * (1 + offset * rng.standard_normal() + tilt * rng.standard_normal() * turn)
        loss = 2 + own + noise * rng.standard_normal(12)
        rows.append(pd.DataFrame({"D": tokens, "rho": 0.3, "N0": 1e9, "L0": 2.0, "run": f"r{i}", "loss": loss}))
    return pd.concat(rows, ignore_index=True)


def fitted(table):
    return p2law.fit("p2_without_size_term", table, objective=p2law.Squared())


@pytest.mark.parametrize(("offset", "tilt"), [(0.05, 0.0), (0.05, 0.02), (0.1, 0.01)])
def test_spread_is_recovered(offset, tilt):
    effect = fitted(scattered(offset, tilt)).run_effect
    assert effect.offset == pytest.approx(offset, rel=0.4)
    assert effect.tilt == pytest.approx(tilt, abs=0.008)
    assert effect.noise == pytest.approx(0.001, rel=0.3)


def test_no_spread_is_not_invented_and_a_floor_is_named():
    effect = fitted(scattered(0.0)).run_effect
    assert effect.offset < 0.005
    assert effect.floor < 0.01
    assert "nats" in effect.describe()


def test_new_run_covers_the_runs():
    """80 % intervals for a new run hold about that share of the runs that were fitted, at every checkpoint."""
    table = scattered(0.08, seed=4)
    fit = fitted(table)
    ends = fit.predict_interval(table[["N0", "D", "rho", "L0"]], kind="new", level=0.8)
    inside = table["loss"].between(ends["lower"], ends["upper"]).mean()
    assert 0.65 < inside < 0.95
    mean = fit.predict_interval(table[["N0", "D", "rho", "L0"]], level=0.8)
    assert table["loss"].between(mean["lower"], mean["upper"]).mean() < inside


def test_run_begun_is_forecast_better_than_by_the_law_alone():
    table = scattered(0.08, seed=5)
    fit, begun = fitted(table[table["run"] != "r0"]), table[table["run"] == "r0"]
    seen, ahead = begun.iloc[:6], begun.iloc[6:]
    found = fit.forecast(seen, ahead["D"].to_numpy())
    law = fit.predict(ahead[["N0", "D", "rho", "L0"]])
    assert np.abs(found.loss - ahead["loss"]).max() < 0.3 * np.abs(law - ahead["loss"]).max()
    ends = found.interval(0.95)
    assert ahead["loss"].between(ends["lower"].to_numpy(), ends["upper"].to_numpy()).mean() >= 0.8


def test_runs_are_needed(dense_fit):
    with pytest.raises(p2law.FitError, match="three runs"):
        _ = dense_fit.run_effect


def test_a_checkpoint_logged_twice_changes_little():
    runs = p2law.datasets.load("mini-pruning", method="width")
    twice = runs.iloc[[5]].assign(loss=runs["loss"].iloc[5] + 1e-3)
    once, more = (
        p2law.fit("p2_without_size_term", table).run_effect
        for table in (runs, pd.concat([runs, twice], ignore_index=True))
    )
    assert more.noise == pytest.approx(once.noise, rel=0.1)
    assert more.offset == pytest.approx(once.offset, rel=0.1)


def test_two_rows_of_one_run_among_thirty_runs_say_nothing_of_runs():
    rng = np.random.default_rng(5)
    size, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e10, 6), np.geomspace(1e9, 1e11, 5)))
    loss = (1.7 + 400 * size**-0.34 + 400 * tokens**-0.28) * np.exp(0.005 * rng.standard_normal(30))
    run = np.arange(30)
    run[1] = 0
    fit = p2law.fit("chinchilla", {"N": size, "D": tokens, "loss": loss, "run": run})
    with pytest.raises(p2law.FitError, match="three runs or more"):
        fit.run_effect  # noqa: B018
    assert len(fit.identifiability().next_runs) > 0
    assert len(p2law.next_runs(fit, pd.DataFrame({"N": [2e10], "D": [2e11]}), target={"N": 4e10, "D": 4e11}).picks) == 1
    ends = fit.predict_interval(N=1e9, D=1e10, kind="new")
    assert 0.01 < (ends["upper"] - ends["lower"]).item() < 0.2
