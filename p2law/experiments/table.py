"""From the records of a sweep to tables: every row, and those a law is fitted to."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import pandas as pd

from ..data.files import replacing
from .runs import Run
from .runtime.storage import holding
from .study import Study

TABLES = {
    "curves": lambda rows: rows,
    "pruned": lambda rows: level(rows, "pruned"),
    "dense": lambda rows: rows[rows["kind"].isin(["parent", "scratch"]) & (rows["phase"] == "decayed")],
    "average": lambda rows: rows[rows["kind"].isin(["parent", "sparse"]) & (rows["phase"] == "decayed")],
}
"""``curves``: every row; ``pruned`` is for the P² law, ``dense`` for Chinchilla's, ``average`` for average_params."""


def gather(study: Study) -> pd.DataFrame:
    """Every logged row of the finished runs.

    N counts non-embedding parameters that are not zero, N_total all of them, N_avg their average over training. L0 is
    the loss of the unpruned parent before post-training, L_control that of the unpruned control at the same tokens.
    """
    done = [run for run in study.runs if study.record(run.name).done]
    rows = pd.DataFrame([row for run in done for row in _rows(study, run)])
    if not len(rows):
        return rows
    control = rows[rows["kind"] == "control"]
    first = control[control["D"] == 0].groupby(["size", "parent_seed"])["loss"].first().rename("L0")
    along = control.groupby(["size", "parent_seed", "seed", "D"])["loss"].first().rename("L_control")
    rows = rows.join(first, on=["size", "parent_seed"]).join(along, on=["size", "parent_seed", "seed", "D"])
    rows.loc[~rows["kind"].isin(["control", "pruned"]), ["L0", "L_control"]] = float("nan")
    return rows


def level(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of one kind of run at the full learning rate."""
    return rows[(rows["kind"] == kind) & (rows["phase"] == "const")]


def controls(rows: pd.DataFrame) -> pd.Series:
    """How far the unpruned control of each size ends from L0 at the full rate, nats per token; mean over seeds."""
    along = level(rows, "control") if len(rows) else rows
    if not len(along):
        return pd.Series(dtype=float)
    last = along.sort_values("D").groupby("run")[["size", "loss"]].last()
    first = rows[(rows["kind"] == "control") & (rows["D"] == 0)].set_index("run")["loss"]
    return (last["loss"] - first).groupby(last["size"]).mean()


def write(study: Study) -> pd.DataFrame:
    """Write all tables as CSV into the plan's folder, and ``curves`` as Parquet where pyarrow is at hand."""
    out = study.plan.out
    if not out.is_dir():
        return gather(study)
    with holding(out / "lock", wait=True):
        rows = gather(study)  # inside, or a slower process would write tables that lack a run
        for name, chosen in TABLES.items() if len(rows) else ():
            with replacing(out / f"{name}.csv") as part:
                chosen(rows).to_csv(part, index=False)
        if len(rows) and find_spec("pyarrow"):
            with replacing(out / "curves.parquet") as part:
                rows.to_parquet(part, index=False)
    return rows


def _rows(study: Study, run: Run) -> Iterable[dict[str, Any]]:
    """The rows of a run that is done; N_plan is the average of N over training as the plan has it."""
    record, parent, how, sparse = study.record(run.name), run.parent.shape, run.prune or run.sparse, run.sparse
    facts, planned = record.facts(), float(run.body)
    if sparse is not None:
        linear = run.shape.linear
        planned = float(sparse.schedule.average_params(linear, unpruned=run.shape.body - linear))
    before = next((each.recipe for each in study.runs if each.name == run.needs), None)
    about = {
        "run": run.name,
        "kind": run.kind,
        "family": study.plan.family,
        "size": run.parent.name,
        "method": run.kind if how is None else how.label if run.kind == "pruned" else f"{run.kind}-{how.label}",
        "rate_target": float(sparse.schedule.sparsity) if sparse else run.prune.rate if run.prune else 0.0,
        "rho": 1 - facts["N"] / parent.body,
        "rho_total": 1 - facts["N_total"] / parent.total,
        "N0": parent.body,
        "N0_total": parent.total,
        "N": facts["N"],
        "N_total": facts["N_total"],
        "D0": 0 if not run.posttrained else before.trained if before else run.parent.tokens,
    }
    training = {
        "seed": run.recipe.seed,
        "parent_seed": run.parent_seed,
        "lr_fraction": run.recipe.lr / run.parent.lr,
        "batch_tokens": run.recipe.step_tokens,
    }
    for row in record.rows():
        logged = {key: row[key] for key in ("D", "loss", "phase", "lr", "seconds")}
        yield {**about, **logged, "N_avg": facts["N_dense"] - row["zeros_mean"], "N_plan": planned, **training}
