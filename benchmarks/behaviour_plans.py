"""More entries of behaviour.py: plans, hold-out tests, comparisons, metrics, data sets and readers."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from behaviour import answer, refused
from behaviour_entries import BEGUN, bundled, dense_rows, entry, fingerprint, fitted, joined

import p2law
from p2law import Squared, plan, schedules
from p2law.laws.published import BESIROGLU_2024
from p2law.plan import Architecture, Parent, Remaining

LLAMA = Architecture(linear=7e9, layers=32, width=4096, sequence=8192, vocabulary=128_256)


@entry
def extrapolate():
    fit, names = fitted("without size term"), ("models", "tokens", "level", "method", "baseline")
    asked = {"N0": 54.2e6, "rho": [0.15, 0.35], "D": np.geomspace(1e6, 1e7, 5)}
    parents, draws = fitted("dense"), fitted("without size term").bootstrap(30)
    at = {"N0": 54e6, "rho": 0.3, "D": [1e6, 1e7]}
    found = {
        "given": p2law.extrapolate(fit, **asked, L0=3.2),
        "parents": p2law.extrapolate(fit, **asked, L0=parents, parent={"D": 160e6}, level=0.8),
        "draws": p2law.extrapolate(draws, **asked, L0=3.2),
        "control": p2law.extrapolate(fitted("p2 control"), **at, control=fitted("power")),
        "control given": p2law.extrapolate(fitted("p2 control"), **at, L_control=3.2),
    }
    return {name: answer(each, *names) for name, each in found.items()}


@entry
def crossover():
    names = ("value", "lower", "upper", "level", "method", "verdict", "below", "above", "at_large", "crossings")
    pruned, scratch = fitted("power pruned"), fitted("power scratch")
    parent, at = Parent(tokens=200e9, size=8.03e9), {"N0": 27.1e6, "rho": 0.3, "L0": 3.2}
    flops = {"charge": "flops", "parent": parent, "size": 4.54e9}
    found = {
        "sunk": p2law.crossover(pruned, scratch),
        "tokens": p2law.crossover(pruned, scratch, charge="tokens", parent=parent),
        "flops": p2law.crossover(pruned, scratch, **flops, children=4, level=0.8),
        "architecture": p2law.crossover(pruned, scratch, **{**flops, "size": LLAMA}, scratch_size=4.5e9),
        "range": p2law.crossover(pruned, scratch, range=(1e9, 1e14), charge="tokens", parent=parent),
        "p2": p2law.crossover(fitted("without size term"), fitted("dense"), N=19e6, **at),
        "published": p2law.crossover(BESIROGLU_2024, BESIROGLU_2024, N=1e9, range=(1e9, 1e11)),
    }
    return {name: answer(each, *names, "status") | {"bill": vars(each.bill)} for name, each in found.items()}


@entry
def crossover_by_draws():
    two = [fitted(f"power {name}").bootstrap(40, scheme="residual") for name in ("pruned", "scratch")]
    return answer(p2law.crossover(*two), "value", "lower", "upper", "method", "crossings")


@entry
def effective_tokens():
    two, at = (fitted("power pruned"), fitted("power scratch")), {"N0": 27.1e6, "rho": 0.3, "L0": 3.2, "N": 19e6}
    mini = fitted("without size term"), fitted("dense")
    found = {"given": p2law.effective_tokens(*two, [10e9, 30e9, 50e9]), "usual": p2law.effective_tokens(*two)}
    found["p2"] = p2law.effective_tokens(*mini, [1e6, 1e7], **at, level=0.8)
    return {name: answer(each, "level", "method") for name, each in found.items()}


def ranking(**options: Any) -> plan.Ranking:
    methods = {m: p2law.fit("p2_without_size_term", bundled(m)) for m in ("width", "depth")}
    parents = {
        "27M": Parent(size=27.1e6, loss=3.279, tokens=160e6),
        "14M": Parent(size=13.8e6, loss=3.313, tokens=160e6),
    }
    return p2law.best_pruning(methods, parents, **{"size": 10e6, "budget": 10e6, **options})


@entry
def best_pruning():
    scratch = fitted("dense")
    asked = {
        "sunk": {},
        "tokens": {"charge": "tokens", "budget": 200e6, "children": 2},
        "flops": {"charge": "flops", "budget": 3e16, "scratch": scratch, "level": 0.8},
    }
    return {name: answer(ranking(**how), "best", "tied", "size", "budget") for name, how in asked.items()}


CANDIDATES = pd.DataFrame(
    {"N0": [2.2e6, 27.1e6, 54e6, 54e6], "rho": [0.7, 0.7, 0.5, 0.25], "D": 1e7},
    index=["2M at 0.7", "27M at 0.7", "54M at 0.5", "54M at 0.25"],
)
TARGET = {"N0": 108e6, "D": 1e7, "rho": 0.5}


@entry
def next_runs():
    fit, names = fitted("p2 control"), ("now", "level", "coin", "ranking", "picks", "notes")
    found = {
        "usual": p2law.next_runs(fit, CANDIDATES, target=TARGET),
        "budget": p2law.next_runs(fit, CANDIDATES, target=TARGET, budget=2e15),
        "constant": p2law.next_runs(fit, CANDIDATES, target=lambda p: p["beta"], most=1, level=0.8),
        "cost": p2law.next_runs(fitted("p2"), CANDIDATES.assign(cost=[1, 2, 3, 4]), target=TARGET, cost="cost"),
    }
    return {name: answer(each, *names) for name, each in found.items()}


@entry
def stop_rule():
    runs = bundled()
    begun, others = runs[(runs["run"] == BEGUN) & (runs["D"] < 5e6)], runs[runs["run"] != BEGUN]
    fixed, moving = (p2law.fit("p2", others, baseline=b) for b in ("fixed", "control"))
    found = {
        "alone": p2law.stop_rule(begun, tokens=10e6, eps=0.02),
        "fit": p2law.stop_rule(begun, tokens=10e6, eps=0.02, fit=fixed),
        "held": p2law.stop_rule(begun, tokens=10e6, eps=0.01, fit=moving, level=0.8),
        "control": p2law.stop_rule(begun, tokens=10e6, eps=0.01, fit=moving, control=fitted("power")),
    }
    names = ("now", "planned", "gain", "gain_interval", "probability", "stop", "advice", "basis", "seen")
    return {name: answer(each, *names) | {"enough": each.enough(0.9)} for name, each in found.items()}


@entry
def compute_optimal():
    names, dense = ("law", "asked", "inference_tokens", "level", "many"), fitted("dense")
    found = {
        "fit": p2law.compute_optimal(dense, [5e15, 1e17]),
        "draws": p2law.compute_optimal(dense.bootstrap(30), 1e16),
        "average": p2law.compute_optimal(fitted("average params"), 1e15),
        "published": p2law.compute_optimal(BESIROGLU_2024, [1e18, 5.76e23]),
        "inference": p2law.compute_optimal(BESIROGLU_2024, 1e22, inference_tokens=1e12),
        "loss": plan.compute_for_loss(BESIROGLU_2024, [2.2, 1.5]),
        "loss of fit": plan.compute_for_loss(dense, 3.4, inference_tokens=1e9, level=0.8),
    }
    single = {name: getattr(found["draws"], name) for name in ("C", "N", "D", "loss", "tokens_per_param", "status")}
    single["interval"] = found["draws"].interval("N")
    return {name: answer(each, *names) for name, each in found.items()} | {"single": single}


@entry
def sizes():
    budgets = np.repeat([1e19, 1e20, 1e21], 5)
    grid = np.tile([0.1, 0.3, 1.0, 3.0, 10.0], 3) * np.sqrt(budgets / 1e20) * 1e9
    bias = plan.parabola_bias(BESIROGLU_2024, budgets, grid, forecast=1e25)
    own = plan.parabola_bias(fitted("dense"), np.repeat(1e16, 4), [2e6, 5e6, 2e7, 5e7])
    profiles = {
        "fit": plan.isoflop(fitted("dense"), [1e16, 1e17], reach=3),
        "given": plan.isoflop(BESIROGLU_2024, 1e21, [1e9, 7e9]),
    }
    costs = {"published": plan.overtraining(BESIROGLU_2024, 5.76e23, [13e9, 34e9, 70e9])}
    costs["fit"] = plan.overtraining(fitted("dense"), 1e16, [5e6, 2e7], level=0.8)
    out = {f"isoflop {name}": answer(each, "law", "optima") for name, each in profiles.items()}
    out |= {f"overtraining {name}": answer(each, "law", "C", "optimal") for name, each in costs.items()}
    names = ("forecast", "exponent", "exponent_parabola", "worst")
    return out | {"parabola": answer(bias, *names), "parabola fit": answer(own, *names)}


@entry
def sparse_pretraining():
    names = ("law", "C", "level", "status", "sparsity", "N_start", "N_avg", "N_final", "D", "loss", "gain", "intervals")
    late = schedules.PruningSchedule(start=0.5, end=0.9, unit="steps", shape="cubic")
    found = {
        "published": plan.sparse_pretraining(BESIROGLU_2024, N_final=2e9, C=1e21),
        "fit": plan.sparse_pretraining(fitted("average params"), N_final=1e5, C=3e14, schedule=late, most=0.9),
    }
    return {name: answer(each, *names) for name, each in found.items()}


@entry
def pruning_schedules():
    size, times, out = {"N": 1e9, "unpruned": 1e8}, np.linspace(0, 1, 9), {}
    for shape in ("geometric", "linear", "cubic"):
        for unit in ("compute", "steps"):
            s = schedules.PruningSchedule(sparsity=0.8, unit=unit, shape=shape)
            told = answer(s, "window") | {"summary": s.summary(N=1e9, D=5e10), "density": s.density(times)}
            told |= {"share": s.compute_share(times), "average": s.average_density()}
            told |= {"params": s.average_params(**size), "final": s.final_params(**size)}
            told |= {"flops": s.flops(D=5e10, **size), "tokens": s.tokens(C=1e20, **size)}
            told |= {"steps": s.steps(C=1e20, batch_tokens=2**22, **size), "at": s.at_steps(1000)}
            told |= {"to final": s.with_final_params(1e9, 4e8).sparsity}
            out[f"{shape} {unit}"] = told | {"to average": s.with_average_params(1e9, 7e8).sparsity}
    logged = schedules.from_log({"step": [0, 2500, 5000, 10000], "density": [1.0, 0.8, 0.5, 0.5]})
    out["logged"] = answer(logged, "at", "kept") | {
        "average": logged.average_density(),
        "flops": logged.flops(1e9, 5e10),
    }
    return out


@entry
def bills():
    parent = Parent(tokens=200e9, size=8e9)
    found = {c: plan.bill(c, parent=parent, children=2, size=4e9) for c in ("sunk", "tokens", "flops")}
    out: dict[str, Any] = {"per token": [plan.flops_per_token(LLAMA), plan.flops_per_token(8e9)]}
    for name, each in found.items():
        out[name] = vars(each) | {"total": each.total(1e10), "scratch": each.scratch_tokens(np.array([1e9, 1e11]))}
    return out


@entry
def holdout():
    runs, names = bundled(), ("law", "baseline", "level", "methods", "error", "carries", "coverage", "findings", "rows")
    asked = {
        "D": {"by": "D", "fraction": [0.5, 0.8]},
        "N0": {"by": "N0", "baseline": "control"},
        "rho": {"by": "rho", "min_tokens": 3e5, "objective": Squared(space="log")},
        "run": {"by": lambda table: table["run"].str.startswith("27M"), "level": 0.8},
    }
    found = {name: p2law.holdout("p2_without_size_term", runs, **how) for name, how in asked.items()}
    dense = dense_rows().assign(C=lambda t: 6 * t["N"] * t["D"])
    found["C"] = p2law.holdout("chinchilla", dense, by="C")
    out = {
        name: answer(each, *names) | {"runs": each.by_run(), "splits": each.by_split()} for name, each in found.items()
    }
    return out | {"p2": answer(p2law.holdout("p2", runs, by="N0"), *names)}


@entry
def compare():
    laws = ("p2", "p2_without_size_term", "p2_log_rate")
    found = {"N0": p2law.compare(laws, bundled(), min_tokens=3e5)}
    found["rho"] = p2law.compare(laws[1:], bundled("unstructured"), by="rho", baseline="control")
    return {name: answer(each, "best", "findings", "rows", "effective_rows") for name, each in found.items()}


@entry
def conditions():
    fits = {"control": fitted("p2 control"), "fixed": fitted("additive"), "joint": joined().of("width")}
    return {name: answer(p2law.conditions(fit, level=0.9), "hold", "baseline") for name, fit in fits.items()}


@entry
def metrics():
    fit = fitted("p2")
    y, f, x, run, m = fit.table["loss"], fit.fitted, fit.table["D"], fit.table["run"], p2law.metrics
    out = {name: getattr(m, name)(y, f) for name in ("r2", "rmse", "mean_relative_error", "huber")}
    out |= {"asd": m.asd(y, f, x, run), "relative": m.asd(y, f, x, run, relative=True), "one": m.asd(y, f, x)}
    return out | {"weighted": [m.r2(y, f, x), m.rmse(y, f, x)], "delta": m.huber(y, f, delta=0.01)}


@entry
def datasets():
    out = {}
    for name in p2law.datasets.names():
        for rows in ("fit", "all"):
            table = p2law.datasets.load(name, rows=rows)
            hashed = fingerprint(table.to_csv(index=False))
            out[f"{name} {rows}"] = {"shape": table.shape, "hash": hashed, "columns": ", ".join(table.columns)}
        out[f"{name} card"] = p2law.datasets.describe(name)
    return out


STEPS = [(50, 3.25, 3.125), (100, 3.0, 2.96875), (150, 2.5, 2.875)]


def logs(folder: Path) -> dict[str, Path]:
    """The same curve in several formats."""
    chart = [f"{step},{train},,\n{step},,{loss},{loss}" for step, train, loss in STEPS]
    history = [{"step": s, "loss": t} for s, t, _ in STEPS] + [{"step": s, "eval_loss": v} for s, _, v in STEPS]
    texts = {
        "nanogpt.txt": ["tokens per iteration will be: 1,000"]
        + [f"step {s}: train loss {t:.4f}, val loss {v:.5f}\niter {s}: loss {t}, time 9.0ms" for s, t, v in STEPS],
        "megatron.out": [f" validation loss at iteration {s} | lm loss value: {v:.6E} | " for s, _, v in STEPS],
        "trainer_state.json": [json.dumps({"log_history": history})],
        "wandb.csv": ['"Step","a - train/loss","a - eval/loss","a - eval/loss__MIN"', *chart],
        "metrics.csv": ["epoch,step,train_loss,val_loss", *(f"0,{s},{t},\n0,{s},,{v}" for s, t, v in STEPS)],
        "plain.csv": ["params,tokens,ce", *(f"7B,{s}M,{v}" for s, _, v in STEPS)],
        "rows.jsonl": [json.dumps({"N": "1.5B", "D": s * 1e6, "loss": v}) for s, _, v in STEPS],
    }
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {name: folder / name for name in texts}


@entry
def readers():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "a"
        folder.mkdir()
        of = logs(folder)
        given = {"given": {"N0": "7B", "rho": 0.25, "L0": 2.1}, "tokens_per_step": 1000}
        out: dict[str, Any] = {"nanogpt": p2law.read(of["nanogpt.txt"])}
        for log in ("nanogpt.txt", "megatron.out", "trainer_state.json", "wandb.csv"):
            out[log] = p2law.read(of[log], **given)
        out["training loss"] = p2law.read(of["trainer_state.json"], metric="loss", tokens_per_step=1000)
        out["lightning"] = p2law.read(of["metrics.csv"], metric="val_loss", tokens_per_step=1000)
        out["plain"] = p2law.read(of["plain.csv"], columns={"N": "params", "D": "tokens", "loss": "ce"})
        out["jsonl"] = p2law.read(of["rows.jsonl"])
        out["no tokens"] = refused(lambda: p2law.read(of["megatron.out"])) | {"message": ""}
    return out | {"absent": refused(lambda: p2law.read("nowhere.csv"))}


@entry
def refusals():
    runs, fit = bundled(), fitted("p2")
    return {
        "law": refused(lambda: p2law.fit("p3", runs)),
        "column": refused(lambda: p2law.fit("p2", runs.drop(columns="rho"))),
        "value": refused(lambda: p2law.fit("p2", runs.assign(loss=-1.0))),
        "rows": refused(lambda: p2law.fit("p2", runs.head(2))),
        "fixed": refused(lambda: p2law.fit("p2", runs, fixed={"omega": 1})),
        "baseline": refused(lambda: p2law.fit("p2", runs, baseline="none")),
        "delta": refused(lambda: p2law.Huber(-1)),
        "point": refused(lambda: fit.predict(N0=1e6)),
        "slope": refused(lambda: p2law.optimal_tokens(fit, criterion=3, N0=1e6, rho=0.3)),
        "target": refused(lambda: p2law.optimal_tokens(fit, criterion=Remaining(0.1), N=1)),
        "level": refused(lambda: fit.intervals(95)),
        "joint": refused(lambda: p2law.joint("p2", runs, by="method", shared=["beta"])),
        "dataset": refused(lambda: p2law.datasets.load("none")),
        "json": refused(lambda: p2law.Fit.from_json("{}")),
        "draws": refused(lambda: fit.intervals(method="bootstrap")),
        "budget": refused(lambda: p2law.compute_optimal(fit, 1e16, rho=0.3, L0=3.2)),
        "metric": refused(lambda: p2law.metrics.rmse([1, 2], [1])),
    }
