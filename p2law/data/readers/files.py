"""``read``: which reader takes which file, and what the file itself does not say."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import DataError
from ..arguments import mapping, number
from ..columns import rename
from . import log, mlflow, tabular, tensorboard, text, trainer, wandb

METRICS = "metrics.csv"
"""What Lightning writes into the folder of a run."""


def read(
    path: str | PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    metric: str | None = None,
    tokens_per_step: float | None = None,
    given: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Read a table of logged losses, or the log of a training run.

    Parameters
    ----------
    path : path
        A table: ``.csv``, ``.tsv``, ``.jsonl``, ``.json`` (a list of records) or ``.parquet`` (also with ``.gz`` for
        text; Parquet needs pyarrow).
        Or a log: Hugging Face's ``trainer_state.json`` or the folder of its run; a chart exported from W&B as CSV;
        MLflow's database (``mlflow.db``) or older folder (``mlruns``, or an experiment or run in it); TensorBoard event
        files or a folder of them, whose subfolders are runs (needs ``p2law[tensorboard]``); the text that Megatron-LM,
        nanotron, nanoGPT, modded-nanogpt, nanochat, llm.c or torchtitan print (``.log``, ``.txt``, ``.out``). A table
        with a column of steps, such as the ``metrics.csv`` of Lightning (or the folder it is in), is taken for a log
        where ``metric`` or ``tokens_per_step`` is given.
    columns : mapping, optional
        The law's names to those of a table: ``{"N0": "params", "D": "tokens"}``.
    metric : str, optional
        The logged quantity that is the loss; by default the validation loss, where there is only one. Training losses
        are often means since the last log, so they are taken only if named.
    tokens_per_step : float, optional
        Tokens of one step, as the log counts steps (Lightning from 0; the Step of W&B may count calls of ``log``): D is
        step times this. Needed unless the log counts tokens.
    given : mapping, optional
        Columns that the log lacks, one value for all rows: ``{"N0": "7B", "rho": 0.25, "L0": 2.1, "run": "a"}``. For
        what differs between the runs of one log: ``runs.assign(rho=runs["run"].map({"a": 0.25, "b": 0.5}))``.

    Returns
    -------
    DataFrame
        Of a table the file's rows with the law's names; text such as "7B" or "1.4T" in a column of parameters or tokens
        is read as a number. Of a log ``run`` (by the log, else the name of the file or folder), ``step``, ``D`` and
        ``loss``. Rows at step 0 are kept (``p2law.fit(..., min_tokens=1)`` leaves them out). Several files go together
        by ``pd.concat([p2law.read(path, ...) for path in paths], ignore_index=True)``.

    Raises
    ------
    DataError
        If the file cannot be read, has another format, lacks what ``columns`` or ``metric`` name, has several losses to
        choose from or counts no tokens, or if ``given`` names a column that is there.
    MissingDependencyError
        If the format needs a package that is not installed.

    Warns
    -----
    DataWarning
        If a step was logged more than once with different losses (a restarted run): the last is kept; if the steps of
        a log begin again: what follows is another run; or if the loss is a perplexity or in bits by its name.
    """
    if not isinstance(path, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DataError(f"read({path!r}): give the path of a file.")
    path, given = Path(path), mapping("given", given or {}, "{'N0': '7B', 'rho': 0.25}", error=DataError)
    if not path.exists():
        raise DataError(f"there is no file {str(path)!r}.")
    path = path / METRICS if (path / METRICS).is_file() else path
    source, asked = path.name or path.resolve().name, metric is not None or tokens_per_step is not None
    logged = _log(path)
    table = tabular.table(path) if logged is None else pd.DataFrame()
    if wandb.is_chart(table) and (asked or not columns):  # columns= alone takes a file as the table it is
        logged = wandb.chart(table, source)
    if logged is not None:
        frame = _with(log.select(logged, _metric(columns, metric, source), source), given)
    else:
        frame = _with(rename(table, columns), given)
        if not asked:
            return frame
        frame = log.of_table(frame, "loss" if metric is None and "loss" in (columns or {}) else metric, source)
    in_order = logged is not None and "run" not in given
    return log.finish(frame, tokens_per_step, run=_run(path), source=source, in_order=in_order)


def _log(path: Path) -> pd.DataFrame | None:
    """What a log holds, one row per logged number; None for a table."""
    state = trainer.find(path) if path.is_dir() else path
    if state is not None and state.suffix == ".json" and not tabular.is_records(state):
        return trainer.state(state)
    if path.suffix in mlflow.SUFFIXES:
        return mlflow.database(path)
    if path.is_dir() and mlflow.is_folder(path):
        return mlflow.folder(path)
    if path.is_dir() or tensorboard.FILE in path.name:
        return tensorboard.events(path)
    return text.lines(path) if path.suffix in text.SUFFIXES else None


def _metric(columns: Mapping[str, str] | None, metric: str | None, source: str) -> str | None:
    """The name of the loss; a log has no other columns to be named."""
    if not columns:
        return metric
    columns = dict(mapping("columns", columns, "{'loss': 'eval_loss'}", error=DataError))
    named = columns.pop("loss", metric)
    if columns or metric not in (None, named):
        raise DataError(
            f"columns= names columns of a table; {source!r} is a log: name the loss with metric=, its tokens with "
            "tokens_per_step=, and what it lacks with given=.",
            remedies=("metric", "tokens_per_step"),
        )
    return named


def _with(frame: pd.DataFrame, given: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with the columns that they lack, and with counts as numbers."""
    for name, value in given.items():
        if name in frame.columns:
            raise DataError(f"given= sets {name!r}, which the file has already: leave it out.")
        if not isinstance(value, str):
            number(f"given[{name!r}]", value, must="give one number or text, for all rows", error=DataError)
    return tabular.with_counts(frame.assign(**given))


def _run(path: Path) -> str:
    """What a run is called whose log does not say: as its folder where all logs have one name, else as the file."""
    named_by_format = path.name in (trainer.STATE, METRICS) or tensorboard.FILE in path.name
    if not (path.is_dir() or named_by_format):
        return Path(path.name.removesuffix(".gz")).stem
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    return folder.parent.name if trainer.CHECKPOINT.fullmatch(folder.name) else folder.name
