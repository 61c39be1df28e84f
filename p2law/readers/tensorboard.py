"""TensorBoard event files, or a folder of them: every subfolder with event files is a run."""

from pathlib import Path

import pandas as pd

from ..errors import DataError, MissingDependencyError

FILE = ".tfevents."


def events(path: Path) -> pd.DataFrame:
    """Every scalar of an event file, or of all runs in a folder."""
    folders = sorted({file.parent for file in path.rglob(f"*{FILE}*")}) if path.is_dir() else [path]
    if not folders:
        raise DataError(
            f"the folder {path.name!r} holds no log: no trainer_state.json, at its top or in checkpoint-* folders, "
            "and no TensorBoard event files."
        )
    parts = [_scalars(folder) for folder in folders]
    if folders != [path]:
        names = [folder.relative_to(path).as_posix() if folder != path else path.resolve().name for folder in folders]
        parts = [part.assign(run=name) for part, name in zip(parts, names, strict=True)]
    return pd.concat(parts, ignore_index=True)


def _scalars(path: Path) -> pd.DataFrame:
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
    return pd.DataFrame(rows, columns=["step", "metric", "value"])
