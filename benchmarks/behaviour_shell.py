"""Entries of behaviour.py that are seen or typed: pictures, and the command line called in process."""

import contextlib
import io
import shlex
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from behaviour import Entry, drawn
from behaviour_entries import BEGUN, bundled, control_rows, fitted
from behaviour_plans import CANDIDATES, TARGET, ranking

import p2law
from p2law import plan, plot, schedules
from p2law.cli import main
from p2law.laws.published import BESIROGLU_2024
from p2law.plan import Parent, Remaining, Slope

SHELL: dict[str, Entry] = {}
PICTURES = {
    "curves": lambda: plot.curves(fitted("p2")),
    "curves by rate": lambda: plot.curves(fitted("p2 control"), colour="rho", marker="N0", extend=10),
    "curves dense": lambda: plot.curves(fitted("dense"), x="N"),
    "residuals": lambda: plot.residuals(fitted("p2")),
    "residuals by size": lambda: plot.residuals(fitted("p2"), x="N0", colour="rho"),
    "parameters": lambda: plot.parameters(fitted("p2 control"), level=0.9),
    "profile": lambda: plot.profile(fitted("p2").profile("alpha")),
    "tokens": lambda: plot.tokens(
        p2law.optimal_tokens(fitted("p2"), criterion=Remaining(0.05), N0=27.1e6, rho=[0.2, 0.4], L0=3.2)
    ),
    "tokens of a fit": lambda: plot.tokens(
        fitted("p2 control"), criterion=Slope(0.02, per="doubling"), N0=27.1e6, rho=0.35, L_control=3.26
    ),
    "stop": lambda: plot.stop(p2law.stop_rule(begun(), tokens=10e6, eps=0.02)),
    "crossover": lambda: plot.crossover(
        p2law.crossover(*curves_of_paper(), charge="tokens", parent=Parent(tokens=200e9))
    ),
    "worth": lambda: plot.worth(p2law.effective_tokens(*curves_of_paper())),
    "extrapolation": lambda: plot.extrapolation(
        p2law.extrapolate(fitted("p2"), N0=54e6, rho=[0.2, 0.4], L0=3.2, D=np.geomspace(1e6, 1e7, 9))
    ),
    "isoflop": lambda: plot.isoflop(fitted("dense"), [1e16, 1e17]),
    "isoflop published": lambda: plot.isoflop(BESIROGLU_2024, [1e20, 1e21]),
    "isoloss": lambda: plot.isoloss(fitted("dense")),
    "holdout": lambda: plot.holdout(p2law.holdout("p2_without_size_term", bundled(), by="N0")),
    "holdout tokens": lambda: plot.holdout(p2law.holdout("p2_without_size_term", bundled(), by="D"), x="rho"),
    "next runs": lambda: plot.next_runs(p2law.next_runs(fitted("p2"), CANDIDATES, target=TARGET)),
    "schedule": lambda: plot.schedule(schedules.PruningSchedule(sparsity=0.5)),
    "schedule logged": lambda: plot.schedule(
        schedules.from_log({"step": [0, 250, 500, 1000], "density": [1.0, 0.8, 0.5, 0.5]}), compute=False
    ),
    "ranking": lambda: plot.ranking(ranking()),
    "sizes": lambda: plot.sizes(plan.overtraining(BESIROGLU_2024, 5.76e23, [13e9, 34e9, 70e9])),
    "sparse": lambda: plot.sparse(plan.sparse_pretraining(BESIROGLU_2024, N_final=2e9, C=1e21)),
    "parabola": lambda: plot.parabola(
        plan.parabola_bias(BESIROGLU_2024, np.repeat([1e19, 1e20], 4), np.tile([1e8, 3e8, 1e9, 3e9], 2))
    ),
}


def begun() -> pd.DataFrame:
    runs = bundled()
    return runs[(runs["run"] == BEGUN) & (runs["D"] < 5e6)]


def curves_of_paper() -> tuple[p2law.Fit, p2law.Fit]:
    return fitted("power pruned"), fitted("power scratch")


def picture(name: str) -> Entry:
    def run() -> dict[str, Any]:
        plt.figure()
        try:
            return drawn(PICTURES[name]())
        finally:
            plt.close("all")

    return run


SHELL |= {f"plot {name}": picture(name) for name in PICTURES}


def typed(line: str) -> dict[str, Any]:
    """One command: exit code, what it printed, and the tables it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(shlex.split(line))
        except SystemExit as left:
            code = left.code
    told: dict[str, Any] = {"code": int(code or 0), "out": out.getvalue(), "err": err.getvalue()}
    path = Path("answer.csv")
    if path.exists():
        told["table"] = pd.read_csv(path)
        path.unlink()
    return told


def shell(*lines: str) -> Entry:
    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            files()
            return {line or "nothing typed": typed(line) for line in lines}

    return run


def files() -> None:
    """Saved fits and tables under the names of the commands below."""
    for name, fit in {"fit": "without size term", "dense": "dense", "moving": "p2 control", "control": "power"}.items():
        fitted(fit).to_json(f"{name}.json")
    for name in ("pruned", "scratch"):
        fitted(f"power {name}").to_json(f"{name}.json")
    bundled().to_csv("runs.csv", index=False)
    begun()[["D", "N0", "rho", "L0", "loss"]].rename(columns={"D": "tokens"}).to_csv("run.csv", index=False)
    control_rows().to_csv("controls.csv", index=False)
    Path("candidates.csv").write_text("N0,rho,D\n27M,0.3,10M\n54M,0.3,10M\n54M,0.5,20M\n", encoding="utf-8")
    Path("mylaws.py").write_text(OWN_LAW, encoding="utf-8")


OWN_LAW = """import p2law
from p2law.laws import Amplitude, Exponent, Tokens

@p2law.law(title="Plateau")
def plateau(D: Tokens, *, E: Amplitude, B: Amplitude, beta: Exponent):
    return E + B * D**-beta
"""
GROUPS = ("", "plan", "plot", "experiments")
SINGLE = ("fit", "joint", "report", "predict", "intervals", "identifiability", "influence", "conditions")
TESTS = ("holdout", "compare", "laws", "data")
PLANS = ["tokens", "stop", "larger", "crossover", "worth", "best", "compute", "sizes", "schedule", "sparse", "next"]
DRAWN = [
    "curves",
    "residuals",
    "parameters",
    "profile",
    "isoloss",
    "holdout",
    "extrapolation",
    "isoflop",
    "tokens",
    "stop",
    "crossover",
]
OUT = "--out answer.csv"
SHELL |= {
    "shell help": shell(
        *(f"{group} --help".strip() for group in (*GROUPS, *SINGLE, *TESTS)),
        *(f"plan {name} --help" for name in PLANS),
        *(f"plot {name} --help" for name in (*DRAWN, "worth", "schedule", "next")),
    ),
    "shell catalogue": shell(
        "laws", *(f"laws {name}" for name in p2law.laws.names()), "data", "data mini-pruning", f"data mini-dense {OUT}"
    ),
    "shell fit": shell(
        "fit mini-pruning --where method=width --law p2 --out a.json",
        "fit runs.csv --law p2_without_size_term --baseline control --min-tokens 300k --fixed delta=0.25 --draws 20",
        "fit mini-dense --law chinchilla --columns N=N_nonemb --objective squared --tied alpha,beta --bounds E=1:3",
        "fit controls.csv --law mylaws:plateau --objective absolute --seed 3",
        "joint mini-pruning --law p2_without_size_term --by method --shared beta --min-tokens 1M --out joint.json",
        "report fit.json",
        "report joint.json:width",
        "report moving.json --draws 20",
    ),
    "shell questions": shell(
        f"predict fit.json --at N0=27M,D=20M,rho=0.3,L0=3.2 --interval new {OUT}",
        f"predict fit.json --at N0=27M,D=20M,40M,rho=0.3,L0=3.2 {OUT}",
        "predict besiroglu-2024 --at N=70B,D=1.4T --at N=7B,D=2T",
        f"intervals fit.json {OUT}",
        f"intervals fit.json --method profile --level 0.9 {OUT}",
        f"intervals fit.json --draws 20 --method bca {OUT}",
        f"identifiability fit.json --method wald {OUT}",
        f"influence fit.json --at N0=54M,rho=0.3,D=10M,L0=3.1 {OUT}",
        f"conditions moving.json {OUT}",
        f"holdout fit.json --by N0 {OUT}",
        f"holdout mini-pruning --where method=width --law p2_without_size_term --by D --fraction 0.3,0.8 {OUT}",
        f"compare fit.json --laws p2_log_rate --by rho {OUT}",
    ),
    "shell plans": shell(
        f"plan tokens moving.json --slope 0.02 --per doubling --at N0=27M,rho=0.25 {OUT}",
        f"plan tokens fit.json --remaining 0.02 --at N0=27M,rho=0.3 {OUT}",
        f"plan stop run.csv --columns D=tokens --tokens 20M --eps 0.01 {OUT}",
        f"plan stop run.csv --columns D=tokens --tokens 20M --eps 0.01 --fit fit.json {OUT}",
        f"plan larger moving.json --at N0=54M,108M,rho=0.3 --tokens 1M,10M --control control.json {OUT}",
        f"plan larger fit.json --at N0=54M,rho=0.3 --tokens 1M:9M --parents dense.json --parents-at D=160M {OUT}",
        f"plan crossover pruned.json scratch.json --charge tokens --parent tokens=200B {OUT}",
        f"plan worth pruned.json scratch.json --tokens 10B,30B {OUT}",
        f"plan best width=fit.json --size 10M --budget 10M --parent size=14M,loss=3.3 --parent size=27M,loss=3.2 {OUT}",
        f"plan compute dense.json --flops 1e16,1e17 {OUT}",
        f"plan compute besiroglu-2024 --loss 2.0 --inference-tokens 1T {OUT}",
        f"plan sizes dense.json --flops 1e16 --sizes 5M,20M {OUT}",
        f"plan schedule --final-size 250M --size 1B --flops 1e21 --batch-tokens 4M {OUT}",
        f"plan schedule --sparsity 0.5 --shape cubic --unit steps --start 0.1 --end 0.6 {OUT}",
        f"plan sparse besiroglu-2024 --size 1B --flops 1e21 {OUT}",
        f"plan next moving.json --candidates candidates.csv --target N0=108M,rho=0.3,D=10M --budget 1e16 {OUT}",
        "plot curves fit.json --out curves.svg",
    ),
    "shell errors": shell(
        "",
        "fit",
        "fit absent.csv --law p2",
        "fit runs.csv --law p3",
        "fit runs.csv --law power --columns D=nothing",
        "fit runs.csv --law p2 --fixed omega=1",
        "fit mini-pruning --law p2 --where method=none",
        "predict fit.json --at N0=1M",
        "predict absent.json --at N0=1M",
        "report runs.csv",
        "plan tokens fit.json --at rho=0.3",
        "plan compute fit.json",
        "plan crossover pruned.json scratch.json --charge flops",
        "plan schedule --tokens 1B",
        "plan schedule --sparsity 2",
        "plot curves fit.json --out curves.xyz",
        "joint runs.csv --law p2 --by method --shared beta",
    ),
}
