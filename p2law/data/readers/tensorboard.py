"""TensorBoard event files, or a folder of them: every subfolder with event files is a run."""

# pyright: standard
# (tensorboard has no types)

from pathlib import Path

import pandas as pd

from ...errors import DataError, MissingDependencyError

FILE = ".tfevents."


def events(path: Path) -> pd.DataFrame:
    """Every scalar of an event file, or of all runs in a folder."""
    folders = sorted({file.parent for file in path.rglob(f"*{FILE}*")}) if path.is_dir() else [path]
    if not folders:
        raise DataError(
            f"the folder {path.name!r} holds no log: no trainer_state.json, at its top or in checkpoint-* folders, "
            "no store of MLflow and no TensorBoard event files."
        )
    names = [path.resolve().name if folder == path else folder.relative_to(path).as_posix() for folder in folders]
    rows = [(name, *row) for name, folder in zip(names, folders, strict=True) for row in _scalars(folder)]
    logged = pd.DataFrame(rows, columns=["run", "step", "metric", "value"])
    return logged.drop(columns="run") if folders == [path] else logged


def _scalars(path: Path) -> list[tuple[int, str, float]]:
    """Step, tag and value of every scalar in a file, or in the files of one folder."""
    try:
        from tensorboard.backend.event_processing import event_accumulator  # pyright: ignore[reportMissingImports]
        from tensorboard.util.tensor_util import make_ndarray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(
            "reading TensorBoard event files needs tensorboard: pip install 'p2law[tensorboard]'."
        ) from error
    every = {"scalars": 0, "tensors": 0}  # by default it keeps a sample of the values
    log = event_accumulator.EventAccumulator(str(path), size_guidance=every).Reload()
    tags = log.Tags()
    rows = [(event.step, tag, event.value) for tag in tags["scalars"] for event in log.Scalars(tag)]
    for tag in tags["tensors"]:  # TensorFlow 2 and JAX write scalars so
        if log.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            rows += [(event.step, tag, float(make_ndarray(event.tensor_proto))) for event in log.Tensors(tag)]
    return rows
