"""Entries of behaviour.py: fits, intervals, plans, tests and files, through the public names of the library."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from behaviour import Entry, answer
from common import SHARED

import p2law
from p2law import Huber, LeastAbsolute, Squared
from p2law.laws import Amplitude, Exponent, Loss, Rate, Real, Tokens
from p2law.laws.published import BESIROGLU_2024, PUBLISHED
from p2law.plan import Price, Recovered, Remaining, Slope, Target

ENTRIES: dict[str, Entry] = {}
AT = {"N0": 27.1e6, "D": 5e6, "rho": 0.3, "L0": 3.279}
FAR = {"N0": 54e6, "D": 10e6, "rho": 0.3, "L_control": 3.2}
BEGUN = "27M-width-0.35-lr0.2-s0"
DRAWS = 40


def entry(function: Entry) -> Entry:
    """Keep a function without arguments as an entry."""
    ENTRIES[function.__name__.replace("_", " ")] = function
    return function


def bundled(method: str = "width") -> pd.DataFrame:
    return p2law.datasets.load("mini-pruning", method=method)


@p2law.law(title="Excess falls to zero")
def to_zero(D: Tokens, rho: Rate, L0: Loss, *, A: Amplitude, beta: Exponent, gamma: Real):
    return L0 + A * rho**gamma * D**-beta


def dense_rows() -> pd.DataFrame:
    return p2law.datasets.load("mini-dense").rename(columns={"N_nonemb": "N"})


def control_rows() -> pd.DataFrame:
    rows = p2law.datasets.load("mini-pruning", rows="all", method="control", phase="const")
    return rows[rows["size"] == "27M"]


def short_curve(*loss: float) -> dict[str, list[float]]:
    return {"D": [10e9, 30e9, 50e9, 250e9, 500e9], "loss": list(loss)}


def shared(name: str) -> Callable[[], pd.DataFrame | None]:
    """A public table, None where it is absent."""
    path = SHARED / f"{name}.csv"
    return lambda: pd.read_csv(path) if path.is_file() else None


def epoch(*, kept: bool = True) -> pd.DataFrame | None:
    table = shared("epoch_chinchilla")()
    return table if table is None or not kept else table[table["epoch_kept"]]


def with_sigma() -> pd.DataFrame:
    rows = dense_rows()
    return rows.assign(sigma=np.linspace(0.01, 0.03, len(rows)), run=rows["size"])


def with_weights() -> pd.DataFrame:
    rows = bundled()
    return rows.assign(trust=1 + rows["seed"] + np.arange(len(rows)) % 3)


def with_control_rows() -> pd.DataFrame:
    rows = p2law.datasets.load("mini-pruning", rows="all", phase="const")
    return rows[rows["method"].isin(["width", "control"])].drop(columns="L_control")


def one_size() -> pd.DataFrame:
    rows = bundled()
    return rows[rows["size"] == "27M"]


def llama() -> pd.DataFrame | None:
    return shared("pruned_llama2_public")()


def average_rows() -> pd.DataFrame:
    return p2law.datasets.load("mini-sparse-pretraining")


def olmo() -> pd.DataFrame | None:
    table = shared("olmo_ladder_small")()
    return None if table is None else table[table["split"] == "ladder"]


STARTS = {"E": 2.0, "A": 300.0, "B": 800.0, "alpha": 0.3, "beta": 0.3}
TIED = {"tied": [("alpha", "beta")], "bounds": {"alpha": (0.1, 1.0), "E": (1.0, None)}}
FITS: dict[str, tuple[Any, Callable[[], Any], dict[str, Any]]] = {
    "p2": ("p2", bundled, {}),
    "p2 control": ("p2", bundled, {"baseline": "control"}),
    "p2 control rows": ("p2", with_control_rows, {"baseline": "control", "min_tokens": 3e5}),
    "p2 squared log": ("p2", bundled, {"objective": Squared(space="log"), "rng": 3}),
    "p2 of one rate": ("p2", lambda: bundled("2:4"), {"min_tokens": 1e6}),
    "p2 excess": ("p2", lambda: bundled("depth"), {"objective": Huber(0.05, space="excess")}),
    "p2 weights": ("p2", with_weights, {"weights": "trust", "fixed": {"alpha": 0.3}}),
    "without size term": ("p2_without_size_term", bundled, {}),
    "without size term, LAD excess": ("p2_without_size_term", bundled, {"objective": LeastAbsolute(space="excess")}),
    "log rate": ("p2_log_rate", lambda: bundled("unstructured"), {"baseline": "control"}),
    "log rate squared log": ("p2_log_rate", bundled, {"objective": Squared(space="log")}),
    "with floor": ("p2_with_floor", bundled, {"objective": Squared()}),
    "additive": ("p2_additive", bundled, {"bounds": {"beta": (0.1, 0.9)}}),
    "dense": ("chinchilla", lambda: p2law.datasets.load("mini-dense"), {"columns": {"N": "N_nonemb"}}),
    "dense sigma": ("chinchilla", with_sigma, {"fixed": {"E": 2.0}, "objective": Squared()}),
    "epoch": ("chinchilla", epoch, {}),
    "epoch linear": ("chinchilla", epoch, {"objective": Huber(1e-3, space="linear")}),
    "epoch LAD": ("chinchilla", epoch, {"objective": LeastAbsolute()}),
    "epoch tied": ("chinchilla", lambda: epoch(kept=False), TIED),
    "epoch starts": ("chinchilla", epoch, {"starts": [STARTS, {**STARTS, "alpha": 0.5}]}),
    "gemstones": ("chinchilla", shared("gemstones_hot"), {"run": "run_name", "starts": 12, "rng": 5}),
    "olmo": ("chinchilla", olmo, {"columns": {"loss": "loss_c4"}}),
    "llama2": ("p2_without_size_term", llama, {"objective": Squared(), "min_tokens": 1e9}),
    "average params": ("average_params", average_rows, {}),
    "power": ("power", control_rows, {}),
    "power pruned": ("power", lambda: short_curve(2.70, 2.59, 2.54, 2.46, 2.43), {"objective": Squared()}),
    "power scratch": ("power", lambda: short_curve(3.09, 2.81, 2.64, 2.49, 2.47), {"objective": Squared()}),
    "own law": (to_zero, one_size, {"baseline": "control"}),
}


@cache
def fitted(name: str) -> p2law.Fit | None:
    law, table, options = FITS[name]
    rows = table()
    return None if rows is None else p2law.fit(law, rows, **options)


def one_fit(name: str) -> Entry:
    def run() -> Mapping[str, Any] | None:
        fit = fitted(name)
        if fit is None:
            return None
        own = ("params", "objective_value", "converged", "starts_agreed", "standard_errors", "status", "metrics")
        found = answer(fit, *own, "n", "run_count", "baseline", "table", "residuals", "fitted")
        loaded = p2law.Fit.from_json(fit.to_json(), law=fit.law)
        again = {"params": loaded.params, "metrics": loaded.metrics, "intervals": loaded.intervals()}
        more = {"by_run": fit.by_run(), "intervals": fit.intervals(), "again": again, "saved": saved(fit.to_json())}
        return {**found, **more, "said": list(fit.warnings)}

    return run


ENTRIES |= {f"fit {name}": one_fit(name) for name in FITS}


LEFT_OUT = ("p2law", "python", "jax", "numpy", "scipy", "pandas", "versions", "gradient")
"""Of saved records: who wrote them, and the gradient at the optimum, which is rounding."""


def saved(text: str) -> dict[str, Any]:
    """A saved record, hashes as numbers."""
    return plain(json.loads(text))


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if name not in LEFT_OUT}
        return {n: fingerprint(part) if n.endswith("sha256") else plain(part) for n, part in kept.items()}
    return value


def fingerprint(value: Any) -> int:
    """The first 48 bits of a SHA-256."""
    text = value if isinstance(value, str) and len(value) == 64 else hashlib.sha256(str(value).encode()).hexdigest()
    return int(text[:12], 16)


@entry
def intervals_by_method():
    out = {}
    for name in ("p2 control", "p2 squared log", "power pruned", "dense"):
        out[name] = {m: fitted(name).intervals(0.9, method=m) for m in ("wald", "profile")}
    return out


@entry
def bootstrap():
    out = {}
    for name, scheme in (("p2 squared log", None), ("without size term", "residual"), ("dense", "runs")):
        some = fitted(name).bootstrap(DRAWS, rng=1, scheme=scheme)
        told = {"draws": some.draws, "describe": some.resampled.describe(), "failed": some.resampled.failed}
        told |= {m: some.intervals(method=m) for m in ("bootstrap", "bca")}
        out[name] = told | {"saved": saved(some.to_json()), "text": str(some)}
    return out


@cache
def with_draws() -> p2law.Fit:
    return fitted("p2 squared log").bootstrap(DRAWS, rng=1)


@entry
def predictions():
    fit, control = fitted("p2"), fitted("p2 control")
    table = bundled().iloc[::40][["N0", "D", "rho", "L0"]]
    out = {"one": fit.predict(**AT), "far": control.predict(**FAR), "table": fit.predict(table)}
    out["columns"] = fit.predict(table.rename(columns={"D": "tokens"}), columns={"D": "tokens"})
    out["moving"] = control.predict(**{k: v for k, v in FAR.items() if k != "L_control"}, control=fitted("power"))
    asked = {"N0": 27.1e6, "D": [1e6, 5e6, 4e7], "rho": 0.3, "L0": 3.279}
    for kind in ("mean", "new"):
        out[f"{kind} wald"] = fit.predict_interval(**asked, kind=kind)
        out[f"{kind} profile"] = fit.predict_interval(**AT, kind=kind, method="profile")
        out[f"{kind} draws"] = with_draws().predict_interval(**asked, kind=kind, level=0.8)
        out[f"{kind} control"] = control.predict_interval(**FAR, kind=kind)
        out[f"{kind} one run"] = fitted("power pruned").predict_interval(D=[1e9, 1e12], kind=kind)
    return out


@entry
def published_constants():
    return {c.name: {"params": c.params, "loss": c.predict(N=[1e9, 70e9], D=[2e10, 1.4e12])} for c in PUBLISHED}


@entry
def laws():
    def told(law: p2law.Law) -> dict[str, Any]:
        columns = {v.name: v.kind.role for v in law.variables}
        return {"title": law.title, "doc": law.doc, "columns": columns, "constants": [p.name for p in law.parameters]}

    return {name: told(p2law.laws.get(name)) for name in p2law.laws.names()} | {"own": told(to_zero)}


@entry
def forecasts():
    runs = bundled()
    one, rest = runs[runs["run"] == BEGUN], runs[runs["run"] != BEGUN]
    late, out = one[one["D"] > 5e6], {}
    for baseline in ("fixed", "control"):
        fit = p2law.fit("p2", rest, baseline=baseline)
        ahead = {"control": late["L_control"]} if baseline == "control" else {}
        found = fit.forecast(one[one["D"] < 5e6], late["D"], **ahead)
        out[baseline] = {"interval": found.interval(), "within": found.probability(0.01)}
    return out


@entry
def identifiability():
    names = ("parameters", "combinations", "predictions", "next_runs", "sentences")
    fits = {"p2": "profile", "p2 squared log": "wald", "dense": "profile", "p2 of one rate": "wald"}
    return {name: answer(fitted(name).identifiability(method=method), *names) for name, method in fits.items()}


@entry
def influence():
    fit = fitted("without size term")
    return {"constants": fit.influence(), "loss": fitted("p2 control").influence(**FAR)}


@entry
def run_effect():
    names = ("offset", "tilt", "noise", "persistence", "spacing", "centre", "typical", "runs", "dof", "spread")
    fits = ("p2 control", "without size term", "gemstones")
    found = {name: fitted(name).run_effect for name in fits if fitted(name) is not None}
    return {k: {"text": e.describe(), **{n: getattr(e, n) for n in names}} for k, e in found.items()}


@entry
def profiles():
    names = ("estimate", "lower", "upper", "level", "threshold", "flat")
    fit = fitted("without size term")
    asked = {"beta": fit.profile("beta"), "loss": fit.profile(**AT), "alpha": fitted("p2").profile("alpha", level=0.8)}
    return {name: answer(found, *names) for name, found in asked.items()}


@entry
def estimates():
    names = ("value", "lower", "upper", "level", "method", "defined")
    half = lambda p: 2 ** -p["beta"]  # noqa: E731
    one, other = fitted("p2 squared log"), fitted("log rate squared log")
    apart = lambda a, b: one.law(**AT, **a) - other.law(**AT, **b)  # noqa: E731
    asked = {
        "wald": p2law.estimate(half, one),
        "log": p2law.estimate(half, fitted("dense"), log=True, level=0.8),
        "draws": p2law.estimate(half, with_draws()),
        "array": p2law.estimate(lambda p: np.array([p["beta"], p["gamma"], np.nan]), one),
        **{f"paired {p}": p2law.estimate(apart, one, other, paired=p) for p in (False, True)},
    }
    return {name: answer(found, *names) for name, found in asked.items()}


@cache
def joined() -> p2law.Joint:
    curves = p2law.datasets.load("mini-pruning")
    two = curves[curves["method"].isin(["width", "unstructured"])]
    return p2law.joint("p2_without_size_term", two, by="method", shared=["beta"], baseline="control")


@entry
def joint():
    both = joined()
    loaded = p2law.Joint.from_json(both.to_json())
    some = both.bootstrap(20)
    out = answer(both, "params", "groups", "shared") | {"sharing": both.sharing(), "intervals": both.intervals()}
    out |= {"objective": both.fit.objective_value, "all": both.fit.params, "again": loaded.intervals(0.8)}
    out |= {"predict": both.predict(method="width", **FAR), "saved": saved(both.to_json())}
    out |= {"interval": both.predict_interval(method=["width", "unstructured"], **FAR, kind="new")}
    out |= {"draws": some.fit.draws, "draws intervals": some.intervals(method="bootstrap")}
    for group in both.groups:
        one = both.of(group)
        out[group] = answer(one, "params", "standard_errors", "metrics") | {"intervals": one.intervals()}
        out[group]["mean"] = one.predict_interval(**FAR)
        out[group]["tokens"] = answer(
            p2law.optimal_tokens(one, criterion=CRITERIA["slope doubling"], N0=27.1e6, rho=0.25)
        )
    return out | {"difference": vars(p2law.estimate(lambda a, b: a["gamma"] - b["gamma"], *map(both.of, both.groups)))}


@entry
def joint_with_size_term():
    curves = p2law.datasets.load("mini-pruning")
    found = p2law.joint("p2", curves, by="method", shared=["beta", "delta"], min_tokens=1e6, fixed={"alpha": 0.3})
    return answer(found) | {"sharing": found.sharing(), "objective": found.fit.objective_value}


CRITERIA = {
    "slope doubling": Slope(0.02, per="doubling"),
    "slope token": Slope(1e-9, per="token"),
    "slope 1e9": Slope(2.0, per="1e9 tokens"),
    "remaining": Remaining(0.05),
    "recovered": Recovered(0.5, start=1e6),
    "price flop": Price(per_nat=1e18, per_flop=1.0, currency="FLOPs"),
    "price token": Price(per_nat=1e3, per_token=1e-6),
    "price gpu": Price(per_nat=1e3, per_gpu_hour=2.0, mfu=0.4, peak=1e15),
}


@entry
def optimal_tokens():
    names = ("level", "method")
    fit, asked = fitted("p2 control"), {"N0": 27.1e6, "rho": [0.15, 0.5]}
    out = {k: answer(p2law.optimal_tokens(fit, criterion=c, **asked), *names) for k, c in CRITERIA.items()}
    out["target"] = answer(p2law.optimal_tokens(fit, criterion=Target(3.32), **asked, L_control=3.26), *names)
    moving = {"criterion": Target(3.3), "control": fitted("power"), **asked}
    out["moving"] = answer(p2law.optimal_tokens(fit, **moving, level=0.8), *names)
    single = p2law.optimal_tokens(fitted("p2"), criterion=Slope(0.02, per="doubling"), N0=27.1e6, rho=0.3, L0=3.2)
    out["single"] = answer(single, "value", "lower", "upper", "loss", "status")
    out["draws"] = answer(p2law.optimal_tokens(with_draws(), criterion=Remaining(0.05), **asked), *names)
    out["published"] = answer(p2law.optimal_tokens(BESIROGLU_2024, criterion=Remaining(0.05), N=[7e9, 70e9]), *names)
    return out
