"""What is printed is the record's summary, what is written its table; mistakes are sentences."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.cli import main
from p2law.cli.arguments import GRID_POINTS, grid
from p2law.cli.command import write_table
from p2law.laws.published import BESIROGLU_2024
from p2law.plan import Parent, Price, Recovered, Remaining, Slope, Target

AT = {"N0": 27e6, "rho": 0.3, "L0": 3.2}
ONE = "--at N0=27M,rho=0.3,L0=3.2"
PLANS = {
    f"tokens fit.json --remaining 0.02 {ONE}": lambda f: p2law.optimal_tokens(
        f["fit"], criterion=Remaining(0.02), **AT
    ),
    "tokens fit.json --slope 0.3 --per 1B --at N0=14M,27M,rho=0.3": lambda f: p2law.optimal_tokens(
        f["fit"], criterion=Slope(0.3, per="1e9 tokens"), N0=[14e6, 27e6], rho=0.3
    ),
    "tokens fit.json --recovered 0.8 --start 1M --at N0=27M,rho=0.3 --at N0=14M,rho=0.5 --level 0.8": (
        lambda f: p2law.optimal_tokens(
            f["fit"], criterion=Recovered(0.8, start=1e6), N0=[27e6, 14e6], rho=[0.3, 0.5], level=0.8
        )
    ),
    f"tokens fit.json --per-nat 1k --per-flop 1e-15 {ONE}": lambda f: p2law.optimal_tokens(
        f["fit"], criterion=Price(1000, per_flop=1e-15), **AT
    ),
    "tokens moving.json --target 3.4 --control control.json --at N0=27M,rho=0.3": lambda f: p2law.optimal_tokens(
        f["moving"], criterion=Target(3.4), control=f["control"], N0=27e6, rho=0.3
    ),
    "larger fit.json --at N0=54M,108M,rho=0.3 --tokens 1M,10M --parents dense.json --parents-at D=160M": (
        lambda f: p2law.extrapolate(
            f["fit"], N0=[54e6, 108e6], rho=0.3, D=[1e6, 1e7], L0=f["dense"], parent={"D": 160e6}
        )
    ),
    "crossover fit.json dense.json --at rho=0.3 --parent size=27M,tokens=160M,loss=3.2 --charge flops --children 2": (
        lambda f: p2law.crossover(
            f["fit"], f["dense"], rho=0.3, parent=Parent(160e6, 27e6, 3.2), parent_cost="flops", models_per_parent=2
        )
    ),
    "worth moving.json dense.json --at N0=27M,rho=0.3 --parent loss=control.json --tokens 1M": (
        lambda f: p2law.effective_tokens(
            f["moving"], f["dense"], 1e6, parent=Parent(loss=f["control"]), N0=27e6, rho=0.3
        )
    ),
    "best width=fit.json --size 10M --budget 10M --parent size=14M,loss=3.3 --parent size=27M,loss=3.2": (
        lambda f: p2law.best_pruning(
            {"width": f["fit"]},
            {"14M": Parent(size=14e6, loss=3.3), "27M": Parent(size=27e6, loss=3.2)},
            size=1e7,
            budget=1e7,
        )
    ),
    "compute besiroglu-2024 --flops 1e21,5.76e23": lambda f: p2law.compute_optimal(BESIROGLU_2024, [1e21, 5.76e23]),
    "compute dense.json --loss 3.3": lambda f: p2law.plan.compute_for_loss(f["dense"], [3.3]),
    "sizes dense.json --flops 1e16 --sizes 5M,20M": lambda f: p2law.plan.overtraining(f["dense"], 1e16, [5e6, 2e7]),
    "sparse dense.json --size 5M --flops 1e16 --shape cubic --most 0.7": lambda f: p2law.plan.sparse_pretraining(
        f["dense"], 5e6, 1e16, schedule=p2law.schedules.PruningSchedule(shape="cubic"), most=0.7
    ),
    "next fit.json --candidates candidates.csv --target N0=108M,rho=0.3,D=10M,L0=3 --most 2": (
        lambda f: p2law.next_runs(
            f["fit"], "candidates.csv", target={"N0": [108e6], "rho": [0.3], "D": [1e7], "L0": [3.0]}, most=2
        )
    ),
    "stop run.csv --columns D=tokens --tokens 20M --eps 0.01 --fit fit.json --min-tokens 1M": (
        lambda f: p2law.stop_rule(_begun(), tokens=2e7, eps=0.01, fit=f["fit"])
    ),
}


def _begun():
    frame = p2law.read("run.csv", columns={"D": "tokens"})
    return frame[frame["D"] >= 1e6]


@pytest.mark.filterwarnings("ignore::p2law.ExtrapolationWarning")
@pytest.mark.parametrize("line", PLANS)
def test_plans_are_those_of_python(filled, fits, capsys, line):
    assert main(["plan", *line.split(), "--out", "out.csv"]) == 0
    plan = PLANS[line](fits)
    assert capsys.readouterr().out == f"{plan.summary()}\n\nsaved out.csv\n"
    table = plan.to_frame()
    written = pd.read_csv("out.csv")
    assert set(table.columns) <= set(written.columns)
    numbers = table.select_dtypes("number").columns
    np.testing.assert_allclose(written[numbers].to_numpy(), table[numbers].to_numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("--sparsity 0.8 --size 1.14B --tokens 200B", ["average density 0.3991", "5.46e+20 FLOPs"]),
        ("--final-size 250M --size 1B --flops 1e21 --batch-tokens 4M", ["75 % sparsity", "steps of 4M tokens"]),
        ("--average-size 692.9M --size 1B --unpruned 0", ["50 % sparsity", "average 693M"]),
        ("", ["average density 0.6929"]),
    ],
)
def test_schedules_forwards_and_backwards(capsys, line, lines):
    assert main(["plan", "schedule", *line.split()]) == 0
    out = capsys.readouterr().out
    assert all(part in out for part in lines)


def test_predictions_with_intervals_and_in_rows(filled, fits, capsys):
    line = "predict moving.json --at N0=14M,27M,D=5M,rho=0.3 --control control.json --interval new --out p.json"
    assert main(line.split()) == 0
    expected = fits["moving"].predict_interval(kind="new", control=fits["control"], N0=[14e6, 27e6], D=5e6, rho=0.3)
    rows = json.loads((filled / "p.json").read_text())
    assert [row["N0"] for row in rows] == [14e6, 27e6]
    for name in ("loss", "lower", "upper"):
        np.testing.assert_allclose([row[name] for row in rows], expected[name], rtol=1e-12)
    first = expected.iloc[0]
    assert f"{first.loss:.6g} [{first.lower:.6g}, {first.upper:.6g}] nats/token at N0 = 14M" in capsys.readouterr().out


def test_published_constants_predict(capsys):
    assert main(["predict", "besiroglu-2024", "--at", "N=70B,D=1.4T"]) == 0
    value = BESIROGLU_2024.predict(N=70e9, D=1.4e12)
    assert capsys.readouterr().out == f"{value:.6g} nats/token at N = 70B, D = 1.4T\n"


def test_intervals_of_constants(filled, fits, capsys):
    assert main(["intervals", "fit.json", "--level", "0.9", "--out", "intervals.json"]) == 0
    assert "90 % intervals of the constants, raw units (wald)" in capsys.readouterr().out
    expected = fits["fit"].intervals(0.9)
    assert json.loads((filled / "intervals.json").read_text()) == expected.to_dict("records")


def test_tables_as_json_lose_no_digit_and_no_infinity(folder):
    table = pd.DataFrame({"value": [0.1 + 0.2, np.inf, np.nan], "many": [1, 2, 3]}, index=["a", "b", "c"])
    write_table(table.rename_axis("law"), "t.json")
    assert json.loads((folder / "t.json").read_text()) == [
        {"law": "a", "value": 0.1 + 0.2, "many": 1},
        {"law": "b", "value": "inf", "many": 2},
        {"law": "c", "value": None, "many": 3},
    ]


def test_draws_are_made_saved_and_used(filled, capsys):
    assert main(["report", "dense.json", "--draws", "30", "--out", "drawn.json"]) == 0
    assert "30 draws" in capsys.readouterr().out
    saved = p2law.Fit.from_json("drawn.json")
    assert main(["intervals", "drawn.json", "--out", "i.csv"]) == 0
    assert "(bootstrap)" in capsys.readouterr().out
    expected = saved.intervals(method="bootstrap")
    np.testing.assert_allclose(pd.read_csv("i.csv")["upper"], expected["upper"], rtol=1e-12)


def test_holdout_from_a_saved_fit_is_that_of_the_table(filled, width, capsys):
    assert (
        main(["holdout", "moving.json", "--by", "rho", "--fraction", "0.7", "--out", "h.csv", "--plot", "h.png"]) == 0
    )
    out = capsys.readouterr().out
    expected = p2law.holdout("p2_without_size_term", width, by="rho", fraction=0.7, baseline="control")
    assert out.startswith(expected.summary())
    assert pd.read_csv("h.csv")["method"].tolist() == list(expected.methods)
    assert (filled / "h.png").read_bytes().startswith(b"\x89PNG")
    options = "--law p2_without_size_term --baseline control --by rho --fraction 0.7"
    assert main(["holdout", "runs.csv", *options.split()]) == 0
    assert capsys.readouterr().out == f"{expected.summary()}\n"


def test_compare_puts_the_fits_own_law_beside_others(filled, capsys):
    line = "compare control.json --laws p2_with_floor,p2 --by D --fraction 0.7 --out laws.csv"
    assert main(line.split()) == 0
    out = capsys.readouterr().out
    assert "power predicts the held-out rows best" in out
    assert "p2 is left out: column 'rho'" in out
    assert pd.read_csv("laws.csv")["law"].tolist() == ["power"]


def test_a_fit_that_has_not_converged_shows_in_the_exit_code(filled, fits, capsys):
    replace(fits["dense"], converged=False).to_json("bad.json")
    assert main(["plan", "compute", "bad.json", "--flops", "1e16"]) == 1
    assert "has not converged" in capsys.readouterr().err
    assert main(["plot", "isoloss", "bad.json", "--out", "x.png"]) == 1


MISTAKES = {
    "plan tokens fit.json --remaining -1 --at N0=27M,rho=0.3": "must be a positive number",
    "plan tokens fit.json --slope 1 --start 1M --at N0=27M,rho=0.3": "--start goes with --recovered",
    "plan tokens fit.json --recovered 0.9 --at N0=27M,rho=0.3": "add --start",
    "plan tokens fit.json --remaining 1 --at N0=27M,level=0.3": "there is no column 'level'",
    "plan tokens fit.json --remaining 1 --at N0=1M,2M,3M,rho=0.3,0.5": "3 values of N0 and 2 of rho",
    "plan tokens fit.json --remaining 1 --at N0=1M --at rho=0.3": "name the same columns each time",
    "plan tokens nofit --remaining 1 --at N=1B": "neither a saved fit (.json) nor published constants",
    "plan tokens moving.json --target 3.4 --at N0=27M,rho=0.3": "Here: --control FIT.json.",
    "plan stop mini-pruning --tokens 20M --eps 0.01": "Here: --where run=NAME.",
    "plan larger fit.json --at N0=54M,rho=0.3,D=1M --tokens 1M": "go into --tokens",
    "plan larger fit.json --at N0=54M,rho=0.3,L0=3 --tokens 1M --parents dense.json": "leave it out of --at",
    "plan larger fit.json --at N0=54M,rho=0.3 --tokens 1M --parents dense.json": "Here: --parents-at D=160M.",
    "plan larger besiroglu-2024 --at N=54M --tokens 1M": "this needs a saved fit",
    "plan crossover fit.json dense.json --at N0=27M,rho=0.3,0.4,L0=3.2": "--at gives 2 points",
    "plan crossover fit.json dense.json --at rho=0.3 --parent size=27M,los=3": "it has size, tokens, loss",
    "plan crossover fit.json dense.json --at rho=0.3 --parent size=many": "cannot read 'many' as a quantity",
    "plan crossover fit.json dense.json --at N0=27M,rho=0.3,L0=3 --charge tokens": "Here: --parent size=8B",
    "plan compute fit.json --flops 1e21": "Share budgets with a law of pre-training",
    "plan compute besiroglu-2024 --flops 1e21 --draws 9": "cannot be resampled",
    "plan compute dense.json --flops 1e16 --out plan.txt": "end its name in .csv or .json",
    "plan schedule --final-size 1M": "--final-size needs the dense model's parameters",
    "plan schedule --size 1B --batch-tokens 1M": "add --flops",
    "plan schedule --size 1B --tokens 1B --flops 1e20": "give one of them",
    "plan next fit.json --candidate N0=27M --target N0=1B --cost price": "give it with each run",
    "predict besiroglu-2024 --at N=1B": "needs D",
    "predict besiroglu-2024 --at N=1B,D=1B --interval new": "--interval: the correlations",
    "intervals fit.json --method bootstrap": "Here: --draws 1000.",
    "intervals fit.json --level 95": "must lie between 0 and 1",
    "holdout fit.json --objective squared": "--objective: fit.json says itself what was fitted",
    "holdout runs.csv": "--law is missing",
    "compare runs.csv --laws p2": "two laws or more",
    "compare runs.csv --laws p2,p3": "unknown law 'p3'",
    "plot curves besiroglu-2024 --out x.png": "this needs a saved fit",
    "plot curves fit.json --out x.docx": "end its name in .png",
    "plot isoflop besiroglu-2024 --loss 1.5 --out x.png": "no budget reaches this loss",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_sentences(filled, capsys, line):
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert err.startswith("p2law: error: ")
    assert MISTAKES[line] in err
    assert out == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plan tokens fit.json --at N0=1B", "required"),
        ("plan tokens fit.json --remaining 1 --at 27M", "write name=value"),
        ("plan larger fit.json --at N0=1B --tokens 10M:1M", "below the second"),
        ("plan crossover a.json b.json --range 1M", "write low:high"),
        ("plan next fit.json --target N0=1B", "required"),
        ("plot curves fit.json", "required"),
    ],
)
def test_what_cannot_be_read_shows_the_usage(capsys, line, message):
    with pytest.raises(SystemExit) as left:
        main(line.split())
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_grids_are_even_in_the_logarithm():
    found = np.array(grid("1M:100M"))
    assert len(found) == GRID_POINTS
    np.testing.assert_allclose(found[[0, -1]], [1e6, 1e8])
    np.testing.assert_allclose(np.diff(np.log(found)), np.log(100) / (GRID_POINTS - 1))
