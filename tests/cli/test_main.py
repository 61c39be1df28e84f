"""The command line: what it prints, what it writes, how it fails."""

import pickle
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import cli, errors
from p2law.cli import main
from p2law.cli.report import formula

OWN_LAW = """
import p2law
from p2law.laws import Amplitude, Exponent, Params

@p2law.law(title="Size only")
def size_only(N: Params, *, E: Amplitude, A: Amplitude, alpha: Exponent):
    return E + A * N**-alpha

def plain(N):
    return N
"""


@pytest.fixture
def table(folder, dense):
    dense.to_csv("dense.csv", index=False)
    return folder / "dense.csv"


@pytest.fixture
def own_law(folder, monkeypatch):
    (folder / "mylaws.py").write_text(OWN_LAW)
    yield "mylaws:size_only"
    sys.modules.pop("mylaws", None)


@pytest.fixture
def call(monkeypatch, dense_fit):
    """What the command line hands to p2law.fit."""
    seen = SimpleNamespace()

    def fit(law, frame, **options):
        seen.law, seen.table, seen.options = law, frame, options
        return dense_fit

    monkeypatch.setattr("p2law.fitting.fit.fit_law", fit)
    return seen


def test_fit_prints_the_report_and_writes_nothing(table, capsys):
    assert main(["fit", "dense.csv", "--law", "chinchilla"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Chinchilla: converged")
    assert err == ""
    assert [path.name for path in table.parent.iterdir()] == ["dense.csv"]


def test_fit_saves_the_fit_and_the_picture(table, capsys, dense):
    assert main(["fit", "dense.csv", "--law", "chinchilla", "--out", "fit.json", "--plot", "fit.png"]) == 0
    assert "saved fit.json" in capsys.readouterr().out
    saved = p2law.Fit.from_json(table.parent / "fit.json")
    assert dict(saved.params) == pytest.approx(dict(p2law.fit("chinchilla", dense).params))
    assert (table.parent / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_report_and_predict_read_a_saved_fit(folder, dense_fit, capsys):
    dense_fit.to_json("fit.json")
    assert main(["report", "fit.json", "--plot", "again.svg"]) == 0
    assert capsys.readouterr().out.startswith(dense_fit.summary())
    assert (folder / "again.svg").is_file()
    assert main(["predict", "fit.json", "--at", "N=1B,D=20B", "--at", "N=1e9,D=2e9"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{dense_fit.predict(N=1e9, D=2e10):.6g} nats/token at N = 1B, D = 20B"
    assert second == f"{dense_fit.predict(N=1e9, D=2e9):.6g} nats/token at N = 1B, D = 2B"


def test_extrapolation_is_a_sentence_on_stderr(folder, dense_fit, capsys):
    dense_fit.to_json("fit.json")
    assert main(["predict", "fit.json", "--at", "N=100B,D=2T"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err.startswith("p2law: warning: Extrapolation with chinchilla: N = 100B is 10× the largest fitted")
    assert ".py" not in err


def test_bundled_data_by_name_with_control_baseline(capsys):
    arguments = ["--where", "method=2:4", "--baseline", "control", "--min-tokens", "1M", "--objective", "squared"]
    assert main(["fit", "mini-pruning", "--law", "p2_without_size_term", *arguments]) == 0
    out = capsys.readouterr().out
    assert "half the sum of squares of L - Lhat" in out
    assert "the control's at equal tokens" in out
    assert "rows  40, 16 left out, 4 runs" in out


def test_every_option_reaches_the_fit(table, call):
    options = (
        "--objective huber --space linear --delta 0.01 --fixed E=1.69,A=400 --fixed B=1k --tied alpha,beta --bounds "
        "alpha=0.1:1,beta=0.1: --weights w --run curve --seed 7 --min-tokens 300k --baseline control"
    )
    main(["fit", "dense.csv", "--law", "chinchilla", *options.split()])
    assert call.law is p2law.laws.get("chinchilla")
    assert call.options == {
        "objective": p2law.Huber(0.01, space="linear"),
        "weights": "w",
        "fixed": {"E": 1.69, "A": 400.0, "B": 1000.0},
        "bounds": {"alpha": (0.1, 1.0), "beta": (0.1, None)},
        "tied": [("alpha", "beta")],
        "baseline": "control",
        "run": "curve",
        "min_tokens": 3e5,
        "rng": 7,
    }


@pytest.mark.parametrize(
    ("arguments", "objective"),
    [
        ([], p2law.Huber(1e-3, space="log")),
        (["--objective", "squared"], p2law.Squared()),
        (["--objective", "absolute", "--space", "linear"], p2law.LeastAbsolute("linear")),
    ],
)
def test_objectives(table, call, arguments, objective):
    main(["fit", "dense.csv", "--law", "chinchilla", *arguments])
    assert call.options["objective"] == objective


def test_columns_and_rows_are_chosen(folder, call):
    frame = pd.DataFrame({"params": ["1B", "7B", "7B"], "tokens": [1e9, 2e9, 3e9], "kept": [True, True, False]})
    frame.assign(loss=2.0).to_csv("named.csv", index=False)
    columns = ["--columns", "N=params,D=tokens"]
    main(["fit", "named.csv", "--law", "chinchilla", *columns, "--where", "kept=True", "--where", "params=7B"])
    assert call.table[["N", "D"]].to_numpy().tolist() == [[7e9, 2e9]]


def test_a_log_is_read_with_what_it_lacks(folder, call):
    (folder / "train.log").write_text("step 50: train loss 3.0, val loss 3.2\nstep 100: train loss 2.5, val loss 2.9\n")
    lacking = [
        "--tokens-per-step",
        "64k",
        "--metric",
        "val loss",
        "--given",
        "N0=7B,rho=0.25",
        "--given",
        "L0=2.1,run=a",
    ]
    main(["fit", "train.log", "--law", "p2", *lacking])
    expected = {
        "run": "a",
        "step": [50, 100],
        "D": [3.2e6, 6.4e6],
        "loss": [3.2, 2.9],
        "N0": 7e9,
        "rho": 0.25,
        "L0": 2.1,
    }
    pd.testing.assert_frame_equal(call.table, pd.DataFrame(expected), check_dtype=False)


def test_a_fit_that_has_not_converged_is_printed_and_exits_with_1(table, monkeypatch, dense_fit, capsys):
    failed = replace(dense_fit, converged=False, status="NOT CONVERGED")
    monkeypatch.setattr("p2law.fitting.fit.fit_law", lambda *_, **__: failed)
    assert main(["fit", "dense.csv", "--law", "chinchilla", "--out", "fit.json"]) == 1
    out, err = capsys.readouterr()
    assert "NOT CONVERGED" in out
    assert "has not converged" in err
    assert main(["predict", "fit.json", "--at", "N=1B,D=20B"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nothere.csv", "--law", "chinchilla"], "no file 'nothere.csv'"),
        (["fit", "dense.csv", "--law", "chinchila"], "unknown law 'chinchila'"),
        (["fit", "dense.csv", "--law", "p2"], "column 'N0' is missing"),
        (["fit", "dense.csv", "--law", "chinchilla", "--where", "method=x"], "no such column"),
        (["fit", "dense.csv", "--law", "chinchilla", "--where", "N=3"], "no row has this value"),
        (["fit", "dense.csv", "--law", "chinchilla", "--columns", "N=size"], "'size'"),
        (["fit", "dense.csv", "--law", "chinchilla", "--given", "N=1B"], "given= sets 'N', which the file has already"),
        (["fit", "mini-dense", "--law", "chinchilla", "--given", "N=1B"], "mini-dense is a bundled table: --metric, "),
        (["fit", "dense.csv", "--law", "chinchilla", "--fixed", "omega=1"], "no parameter 'omega'"),
        (["fit", "dense.csv", "--law", "chinchilla", "--objective", "squared", "--delta", "1"], "Huber's threshold"),
        (["fit", "dense.csv", "--law", "chinchilla", "--out", "no/where.json"], "no directory no"),
        (["fit", "dense.csv", "--law", "chinchilla", "--plot", "fit.doc"], "end its name in .png"),
        (["fit", "dense.csv", "--law", "chinchilla", "--out", "."], "it is a directory"),
        (["fit", "dense.csv", "--law", "nomodule:law"], "No module named 'nomodule'"),
        (["predict", "nofit.json", "--at", "N=1"], "cannot read nofit.json"),
        (["predict", "fit.json", "--at", "N=1B"], "column 'D' is missing"),
        (["report", "dense.csv"], "not valid JSON"),
        (["laws", "nolaw"], "unknown law"),
    ],
)
def test_mistakes_are_one_sentence_on_stderr(table, dense_fit, capsys, arguments, message):
    dense_fit.to_json("fit.json")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("p2law: error: ")
    assert message in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "method"], "write name=value"),
        (["--min-tokens", "many"], "cannot read 'many' as a quantity"),
        (["--bounds", "alpha=1"], "write low:high"),
        (["--fixed", "E=x"], "cannot read 'x' as a quantity"),
        (["--objective", "cubic"], "invalid choice"),
    ],
)
def test_options_that_cannot_be_read(capsys, arguments, message):
    with pytest.raises(SystemExit) as left:
        main(["fit", "dense.csv", "--law", "chinchilla", *arguments])
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_a_law_of_ones_own(table, own_law, capsys):
    path = list(sys.path)
    assert main(["fit", "dense.csv", "--law", own_law, "--out", "own.json"]) == 0
    assert capsys.readouterr().out.startswith("Size only: converged")
    assert sys.path == path
    assert main(["predict", "own.json", "--at", "N=1B"]) == 2
    assert "Here: --law module:function." in capsys.readouterr().err
    assert main(["predict", "own.json", "--law", own_law, "--at", "N=1B"]) == 0
    assert capsys.readouterr().out.endswith("nats/token at N = 1B\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [("plain", "put @p2law.law above 'def plain(...)'"), ("nothing", "has no 'nothing'")],
)
def test_what_is_no_law_is_refused(table, own_law, capsys, name, message):
    assert main(["fit", "dense.csv", "--law", f"mylaws:{name}"]) == 2
    assert message in capsys.readouterr().err


def test_remedies_are_data_that_the_shell_writes_as_options():
    kinds = [kind for part in get_args(errors.Remedy) for kind in get_args(part)]
    assert set(cli._FLAGS) == set(kinds)
    error = pickle.loads(pickle.dumps(p2law.DataError("no loss: name it.", remedies=["metric", "columns"])))
    assert str(error) == "no loss: name it."
    assert cli.shell_hint(error) == " Here: --columns D=tokens,loss=eval_loss, --metric NAME."
    assert cli.shell_hint(p2law.FitError("columns={'D': 'tokens'}")) == ""


def test_a_broken_module_is_named(folder, capsys):
    (folder / "brokenlaws.py").write_text("def (:\n")
    assert main(["fit", "mini-dense", "--law", "brokenlaws:law"]) == 2
    assert "cannot import 'brokenlaws' for --law brokenlaws:law: SyntaxError" in capsys.readouterr().err


def test_laws_are_listed_with_formula_columns_and_constants(capsys):
    assert main(["laws"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in p2law.laws.names())
    assert "    L(N, D) = E + A N^-alpha + B D^-beta\n" in out
    assert "    columns:   N0 (parameters), D (tokens), rho (fraction), L0 (nats/token), loss\n" in out
    assert "\\" not in out
    assert main(["laws", "power"]) == 0
    assert "E is the level this curve tends to." in capsys.readouterr().out


def test_every_law_of_the_package_shows_a_formula():
    for name in p2law.laws.names():
        assert "=" in formula(p2law.laws.get(name))


def test_data_lists_and_writes(folder, capsys):
    assert main(["data"]) == 0
    assert capsys.readouterr().out.split() == list(p2law.datasets.names())
    assert main(["data", "mini-dense", "--out", "dense.csv"]) == 0
    written = pd.read_csv("dense.csv")
    np.testing.assert_array_equal(written["loss"], p2law.datasets.load("mini-dense")["loss"])
    assert f"{len(written)} rows" in capsys.readouterr().out


def test_data_shows_the_card(capsys):
    assert main(["data", "mini-pruning"]) == 0
    assert "pruned" in capsys.readouterr().out


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_help_teaches_by_example(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"examples:\n  p2law {command}" in capsys.readouterr().out


def test_bare_call_shows_the_way(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in cli.COMMANDS)
    assert "first steps:" in out
    assert cli.ABOUT in out
    assert p2law.__doc__.splitlines()[0] == cli.ABOUT


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "p2law", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"p2law {p2law.__version__}\n"
