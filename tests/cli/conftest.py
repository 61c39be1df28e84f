"""A folder as the examples of the help texts expect it: saved fits and tables under the names used there."""

import shutil

import pytest

import p2law

RUN = "27M-width-0.5-lr0.2-s0"


@pytest.fixture(scope="session")
def width():
    return p2law.datasets.load("mini-pruning", method="width")


@pytest.fixture(scope="session")
def fits(width):
    """Saved as ``<name>.json``."""
    every = p2law.datasets.load("mini-pruning", rows="all", method="control", phase="const")
    return {
        "fit": p2law.fit("p2_without_size_term", width),
        "dense": p2law.fit("chinchilla", p2law.datasets.load("mini-dense"), columns={"N": "N_nonemb"}),
        "moving": p2law.fit("p2_without_size_term", width, baseline="control"),
        "control": p2law.fit("power", every[every["size"] == "27M"]),
    }


@pytest.fixture(scope="session")
def files(tmp_path_factory, fits, width):
    """The files of :func:`filled`, written once."""
    folder = tmp_path_factory.mktemp("files")
    for name, fit in fits.items():
        fit.to_json(folder / f"{name}.json")
    width.to_csv(folder / "runs.csv", index=False)
    begun = width[(width["run"] == RUN) & (width["D"] < 6e6)]
    begun[["D", "N0", "rho", "L0", "loss"]].rename(columns={"D": "tokens"}).to_csv(folder / "run.csv", index=False)
    (folder / "candidates.csv").write_text("N0,rho,D\n27M,0.3,10M\n54M,0.3,10M\n54M,0.5,20M\n")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def filled(folder, files):
    return shutil.copytree(files, folder, dirs_exist_ok=True)
