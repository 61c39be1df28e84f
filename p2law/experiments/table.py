"""From the records of a sweep to tables: every row, and those a law is fitted to."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from ..data.files import replacing
from .runs import Run
from .runtime.storage import waiting
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
    return _with_parent(rows) if len(rows) else rows


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
    if not study.plan.out.is_dir():
        return gather(study)
    with waiting(study.plan.out / "lock"):
        rows = gather(study)  # inside, or a slower process would write tables that lack a run
        if len(rows):
            _write(study.plan.out, rows)
    return rows


def _write(out: Path, rows: pd.DataFrame) -> None:
    for name, chosen in TABLES.items():
        with replacing(out / f"{name}.csv") as part:
            chosen(rows).to_csv(part, index=False)
    if find_spec("pyarrow"):
        with replacing(out / "curves.parquet") as part:
            rows.to_parquet(part, index=False)


def _rows(study: Study, run: Run) -> Iterable[dict[str, Any]]:
    record, parent = study.record(run.name), run.parent.shape
    facts = record.facts()
    about = {
        "run": run.name,
        "kind": run.kind,
        "family": study.plan.family,
        "size": run.parent.name,
        "method": _method(run),
        "rate_target": float(run.sparse.schedule.sparsity) if run.sparse else run.prune.rate if run.prune else 0.0,
        "rho": 1 - facts["N"] / parent.body,
        "rho_total": 1 - facts["N_total"] / parent.total,
        "N0": parent.body,
        "N0_total": parent.total,
        "N": facts["N"],
        "N_total": facts["N_total"],
        "D0": _tokens_before(study, run) if run.posttrained else 0,
    }
    how = {
        "seed": run.recipe.seed,
        "parent_seed": run.parent_seed,
        "lr_fraction": run.recipe.lr / run.parent.lr,
        "batch_tokens": run.recipe.step_tokens,
    }
    for row in record.rows():
        logged = {key: row[key] for key in ("D", "loss", "phase", "lr", "seconds")}
        yield {**about, **logged, "N_avg": facts["N_dense"] - row["zeros_mean"], "N_plan": _planned(run), **how}


def _method(run: Run) -> str:
    how = run.prune or run.sparse
    if how is None:
        return run.kind
    return how.label if run.kind == "pruned" else f"{run.kind}-{how.label}"


def _planned(run: Run) -> float:
    """Average parameters as the schedule has them, non-embedding; for other runs what is trained."""
    if run.sparse is None:
        return float(run.body)
    schedule, linear = run.sparse.schedule, run.shape.linear
    return float(schedule.average_params(linear, unpruned=run.shape.body - linear))


def _tokens_before(study: Study, run: Run) -> int:
    if run.needs is None:
        return run.parent.tokens
    before = next(each for each in study.runs if each.name == run.needs)
    return before.recipe.steps * before.recipe.step_tokens


def _with_parent(rows: pd.DataFrame) -> pd.DataFrame:
    """Add L0 and L_control from the control runs, where the parent has one."""
    controls = rows[rows["kind"] == "control"]
    first = controls[controls["D"] == 0].groupby(["size", "parent_seed"])["loss"].first().rename("L0")
    along = controls.groupby(["size", "parent_seed", "seed", "D"])["loss"].first().rename("L_control")
    rows = rows.join(first, on=["size", "parent_seed"]).join(along, on=["size", "parent_seed", "seed", "D"])
    rows.loc[~rows["kind"].isin(["control", "pruned"]), ["L0", "L_control"]] = float("nan")
    return rows
