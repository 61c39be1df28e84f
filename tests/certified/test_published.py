"""Published tables: the optimum of the stated objective, found without a start and from any seed."""

import numpy as np
import pytest

import p2law
from p2law.laws.published import BESIROGLU_2024, HOFFMANN_2022, HOFFMANN_2022_ROUNDED, PUBLISHED

HOFFMANN_BY_EPOCH = {"E": 1.817218, "A": 477.826, "B": 2143.42, "alpha": 0.347310, "beta": 0.367172}


@pytest.fixture(scope="module")
def epoch(shared_table):
    """Besiroglu et al. 2024 (arXiv 2404.10102): Chinchilla's runs as read off its figure."""
    return shared_table("epoch_chinchilla")


@pytest.fixture(scope="module")
def kept(epoch):
    return epoch[epoch["epoch_kept"]]


@pytest.mark.parametrize("seed", range(5))
def test_epoch_table_from_any_seed(kept, seed):
    fit = p2law.fit("chinchilla", kept, rng=seed)
    assert fit.objective_value <= 1.01827402e-3
    assert dict(fit.params) == pytest.approx(HOFFMANN_BY_EPOCH, rel=5e-6)
    assert fit.converged
    assert fit.starts_agreed[0] == fit.starts_agreed[1]
    assert not fit.warnings


def test_epoch_table_with_its_outliers(epoch):
    fit = p2law.fit("chinchilla", epoch)
    assert fit.objective_value == pytest.approx(1.8260105231e-3, rel=1e-9)


@pytest.mark.parametrize(
    ("objective", "optimum"),
    [
        (p2law.Huber(1e-3, space="linear"), 2.8962431958e-03),
        (p2law.Squared(), 8.3203807693e-02 / 2),  # the published figure is the whole sum of squares
    ],
)
def test_epoch_table_in_raw_losses(kept, objective, optimum):
    fit = p2law.fit("chinchilla", kept, objective=objective)
    assert fit.objective_value == pytest.approx(optimum, rel=1e-9)
    assert fit.converged


def test_epoch_table_by_least_absolute_residuals(kept):
    fit = p2law.fit("chinchilla", kept, objective=p2law.LeastAbsolute())
    assert dict(fit.params) == pytest.approx(
        {"E": 1.816864, "A": 482.0057, "B": 2085.4342, "alpha": 0.347813, "beta": 0.365854}, rel=5e-6
    )
    log_residuals = np.log(kept["loss"]) - np.log(fit.fitted)
    assert fit.objective_value == pytest.approx(np.abs(log_residuals).sum(), rel=1e-12)
    assert (np.abs(log_residuals) < 1e-6).sum() >= 5  # the optimum passes through as many rows as it has constants


@pytest.mark.parametrize(("delta", "optimum"), [(1e-3, 1.9816128088e-3), (1e-4, 2.0750515560e-4)])
def test_gemstones_are_fitted_better_than_published(shared_table, delta, optimum):
    """McLeish et al. 2025: their best of 4,500 starts lies 5.6e-8 (delta 1e-3) and 4.7e-4 (1e-4) above the optimum."""
    table = shared_table("gemstones_hot")
    fit = p2law.fit("chinchilla", table, run="run_name", objective=p2law.Huber(delta))
    assert fit.objective_value == pytest.approx(optimum, rel=1e-9)
    assert fit.converged
    assert fit.run_count == 22


@pytest.mark.parametrize("text", ["c4", "pile", "wikitext", "dolma_cc", "dolma_wiki"])
def test_olmo_ladder_converges_and_predicts_its_reruns(shared_table, text):
    """Bhagia et al. 2024 (arXiv 2412.04403): 20 runs, and 4 repeated ones."""
    table = shared_table("olmo_ladder_small").rename(columns={f"loss_{text}": "loss"})
    fit = p2law.fit("chinchilla", table[table["split"] == "ladder"])
    assert fit.converged
    rerun = table[table["split"] == "rerun"]
    np.testing.assert_allclose(fit.predict(rerun), rerun["loss"], rtol=0.02)


@pytest.mark.parametrize(
    ("constants", "objective"),
    [
        (HOFFMANN_2022, 1.2311626026e-3),
        (BESIROGLU_2024, 1.0228427735e-3),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_published_constants_have_the_objective_known_of_them(kept, constants, objective):
    predicted = constants.predict(N=kept["N"].to_numpy(), D=kept["D"].to_numpy())
    assert p2law.metrics.huber(kept["loss"], predicted) == pytest.approx(objective, rel=1e-8)


def test_published_constants_state_source_and_objective():
    for constants in PUBLISHED:
        assert "arXiv" in constants.source
        assert constants.objective
        assert isinstance(constants.predict(N=70e9, D=1.4e12), float)
    assert HOFFMANN_2022_ROUNDED.params["alpha"] == 0.34
    assert BESIROGLU_2024.standard_errors["E"] == 0.026
