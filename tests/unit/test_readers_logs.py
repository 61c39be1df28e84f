"""Logs to tables: every format gives the same curve, and what a log does not say is asked for."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

import p2law

STEPS, TRAIN, LOSSES = [50, 100, 150], [3.25, 3.0, 2.5], [3.125, 2.96875, 2.875]
CURVE = pd.DataFrame({"run": "a", "step": STEPS, "D": [50_000, 100_000, 150_000], "loss": LOSSES})
TOKENS = 1000
ROWS = list(zip(STEPS, TRAIN, LOSSES, strict=True))


def history(tokens=None):
    """The log of a Hugging Face Trainer: a row for the training loss, one for the evaluation, one at the end."""
    rows = []
    for step, train, loss in ROWS:
        rows.append({"step": step, "epoch": 0.1, "loss": train, "grad_norm": 1.0})
        rows.append({"step": step, "epoch": 0.1, "eval_loss": loss, "eval_runtime": 2.0})
    rows.append({"step": STEPS[-1], "train_loss": 3.05})
    return [row | ({} if tokens is None else {"num_input_tokens_seen": tokens * row["step"]}) for row in rows]


def trainer(folder, rows, name="trainer_state.json"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"best_model_checkpoint": "/nowhere", "log_history": rows}))
    return path


def wandb(folder, runs=("a",), axis="Step"):
    """A chart with all steps of all runs, empty where another run or metric logged."""
    metrics = ("train/loss", "eval/loss")
    names = [f"{run} - {metric}{end}" for run in runs for metric in metrics for end in ("", "__MIN", "__MAX")]
    lines = [",".join(f'"{name}"' for name in (axis, *names))]
    for step, train, loss in ROWS:
        for values in ([train] * 3 + [""] * 3, [""] * 3 + [loss] * 3):
            lines.append(",".join(map(str, [step, *(values * len(runs))])))
    return text(folder / "a.csv", lines)


def lightning(folder):
    lines = ["epoch,step,train_loss,val_loss"]
    for step, train, loss in ROWS:
        lines += [f"0,{step},{train},", f"0,{step},,{loss}"]
    return text(folder / "a" / "metrics.csv", lines)


def json_lines(folder):
    rows = [{"global_step": s, "loss/train": t} for s, t, _ in ROWS] + [
        {"global_step": s, "val_loss": v} for s, _, v in ROWS
    ]
    return text(folder / "a.jsonl", [json.dumps(row) for row in rows])


def megatron(folder):
    lines = ["> building model ..."]
    for step, train, loss in ROWS:
        lines += [
            f" [2026-11-23 10:00:00] iteration      {step}/    5000 | consumed samples:  1600 | lr: 1.5E-04 | "
            f"lm loss: {train:.6E} | loss scale: 1.0 | grad norm: 1.000 | number of nan iterations: 0 |",
            "-" * 80,
            f" validation loss at iteration {step} | lm loss value: {loss:.6E} | lm loss PPL: 2.0E+01 | ",
        ]
    return text(folder / "a.out", lines)


def nanogpt(folder):
    lines = ["tokens per iteration will be: 1,000"]
    for step, train, loss in ROWS:
        lines += [f"step {step}: train loss {train:.4f}, val loss {loss:.5f}", f"iter {step}: loss {train}, time 9.0ms"]
    return text(folder / "a.txt", lines)


def torchtitan(folder):
    """Every rank prints the same losses, in colours."""
    lines = []
    for step, train, loss in ROWS:
        for rank in range(2):
            head = f"[rank{rank}]:[titan] 2026-11-23 10:00:00,000 - root - INFO - \x1b[31m"
            lines.append(f"{head}step: {step:2}  \x1b[32mloss: {train:8.5f}  \x1b[33mgrad_norm:  1.0  tps: 5,970")
            lines.append(f"{head}validate step: {step:2}  \x1b[32mloss: {loss:8.5f}  \x1b[33mtps: 5,970")
    return text(folder / "a.log", lines)


def text(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))
    return path


def tensorboard(folder, run="a", losses=LOSSES):
    """Event files as TensorFlow 1 and PyTorch write them (train) and as TensorFlow 2 and JAX do (val)."""
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    kind = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    writer = EventFileWriter(str(folder / run))
    for step, train, loss in zip(STEPS, TRAIN, losses, strict=False):
        tensor = make_tensor_proto(np.float32(loss))
        values = [Summary.Value(tag="loss", simple_value=train)]
        values.append(Summary.Value(tag="val/loss", tensor=tensor, metadata=kind))
        writer.add_event(Event(step=step, wall_time=step, summary=Summary(value=values)))
    writer.close()
    return folder / run


FORMATS = {
    "trainer_state": (lambda folder: trainer(folder / "a", history()), "loss"),
    "run folder": (lambda folder: trainer(folder / "a", history()).parent, "loss"),
    "checkpoint": (lambda folder: trainer(folder / "a" / "checkpoint-150", history()).parent, "loss"),
    "wandb": (wandb, "train/loss"),
    "wandb over the Trainer's steps": (lambda folder: wandb(folder, axis="train/global_step"), "train/loss"),
    "lightning": (lightning, "train_loss"),
    "lightning folder": (lambda folder: lightning(folder).parent, "train_loss"),
    "json lines": (json_lines, "loss/train"),
    "megatron": (megatron, "lm loss"),
    "nanogpt": (nanogpt, "train loss"),
    "torchtitan": (torchtitan, "loss"),
    "tensorboard folder": (tensorboard, "loss"),
    "tensorboard file": (lambda folder: next(tensorboard(folder).iterdir()), "loss"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_log_gives_the_same_curve(tmp_path, name):
    write, train = FORMATS[name]
    log = write(tmp_path)
    read = p2law.read(log, tokens_per_step=TOKENS)
    pd.testing.assert_frame_equal(read[list(CURVE)], CURVE, check_dtype=False)
    assert p2law.read(log, tokens_per_step=TOKENS, metric=train)["loss"].tolist() == TRAIN


def test_curves_of_logs_fit_as_the_table_does(pruned, pruned_fit, tmp_path):
    parts = []
    for run, rows in pruned.groupby("run", sort=False):
        path = trainer(tmp_path / run, [{"step": int(row.D), "eval_loss": row.loss} for row in rows.itertuples()])
        given = {name: float(rows[name].iloc[0]) for name in ("N0", "rho", "L0")}
        parts.append(p2law.read(path, tokens_per_step=1, given=given))
    fit = p2law.fit("p2", pd.concat(parts, ignore_index=True))
    assert fit.run_count == pruned_fit.run_count
    assert fit.predict(pruned) == pytest.approx(pruned_fit.predict(pruned), rel=1e-6)


LINES = {
    "07/08 01:39:51 [INFO|DP=0|TP=0]: iteration: 1364 / 15000 | consumed_tokens: 480M | lm_loss: 2.04 | lr: 1e-4": (
        {"lm loss": [1364, 2.04]}
    ),
    "3:  validation loss at iteration 1000 on validation set | lm loss value: 4.5E+00 | lm loss PPL: 9.0E+01 |": (
        {"validation loss": [1000, 4.5]}
    ),
    "validation loss at iteration 1000 on test set | lm loss value: 4.5E+00 | lm loss PPL: 9.0E+01 |": (
        {"test loss": [1000, 4.5]}
    ),
    "[rank7]:[titan] 2026-11-23 - root - INFO - step: 1,250  loss: 12.2254  memory: 27.34GiB(28.78%)": (
        {"loss": [1250, 12.2254]}
    ),
    "step:178/20000 val_loss:5.0593 train_time:101ms step_avg:0.57ms": {"val_loss": [178, 5.0593]},
    "step 00100/00500 (20.00%) | loss: 5.215342 | lrm: 1.00 | dt: 911ms": {"loss": [100, 5.215342]},
    "s:250 tel:6.1712": {"val loss": [250, 6.1712]},
    "s:251 trl:6.2 lr:0.0006 norm:1.1": {"train loss": [251, 6.2]},
    "step 250: train loss 2.5000, val loss inf": {"train loss": [250, 2.5], "val loss": [250, np.inf]},
}


@pytest.mark.parametrize("line", LINES)
def test_lines_of_text_are_known(tmp_path, line):
    log = text(tmp_path / "a.out", ["loss of power at step 3", line])
    for metric, expected in LINES[line].items():
        assert p2law.read(log, tokens_per_step=1, metric=metric)[["step", "loss"]].to_numpy().tolist() == [expected]


def test_newest_checkpoint_of_a_run_is_read(tmp_path):
    for step in (50, 100, 1000):
        trainer(tmp_path / f"checkpoint-{step}", [{"step": step, "eval_loss": 2.0}])
    assert p2law.read(tmp_path, tokens_per_step=1)["step"].tolist() == [1000]


def test_tokens_that_the_trainer_counted_are_used(tmp_path):
    log = trainer(tmp_path / "a", history(tokens=TOKENS))
    pd.testing.assert_frame_equal(p2law.read(log), CURVE, check_dtype=False)
    with pytest.raises(
        p2law.DataError, match=r"'trainer_state.json' counts tokens itself .D.: leave tokens_per_step= out"
    ):
        p2law.read(log, tokens_per_step=TOKENS + 1)
    pd.testing.assert_frame_equal(p2law.read(log, tokens_per_step=TOKENS), CURVE, check_dtype=False)


def test_tokens_that_nanogpt_prints_are_used(tmp_path):
    pd.testing.assert_frame_equal(p2law.read(nanogpt(tmp_path)), CURVE, check_dtype=False)


def test_tokens_that_changed_are_asked_for(tmp_path):
    log = nanogpt(tmp_path)
    log.write_text(log.read_text() + "tokens per iteration will be: 2,000\n")
    with pytest.raises(p2law.DataError, match="does not count tokens"):
        p2law.read(log)


@pytest.mark.parametrize("tokens", [None, 0])
def test_counter_that_was_off_is_no_count(tmp_path, tokens):
    log = trainer(tmp_path / "a", history(tokens))
    with pytest.raises(p2law.DataError, match=r"does not count tokens: give p2law.read tokens_per_step=, batch size"):
        p2law.read(log)
    pd.testing.assert_frame_equal(p2law.read(log, tokens_per_step=TOKENS), CURVE, check_dtype=False)


def test_runs_of_a_chart_are_told_apart(tmp_path):
    read = p2law.read(wandb(tmp_path, runs=("lr 1e-3 - b", "b", "b")), tokens_per_step=TOKENS)
    assert read["run"].unique().tolist() == ["lr 1e-3 - b", "b", "b.1"]  # two runs of one name stay two
    assert read.groupby("run")["loss"].apply(list).tolist() == [LOSSES] * 3


def test_chart_over_tokens_needs_no_steps(tmp_path):
    read = p2law.read(wandb(tmp_path, axis="train/tokens_seen"), metric="eval/loss")
    assert read.to_dict("list") == {"run": ["a"] * 3, "D": STEPS, "loss": LOSSES}


def test_chart_over_something_else_is_refused(tmp_path):
    with pytest.raises(
        p2law.DataError, match=r"the x-axis of 'a.csv' is 'epoch': export the chart over steps, or over"
    ):
        p2law.read(wandb(tmp_path, axis="epoch"))


def test_columns_alone_take_a_chart_as_the_table_it_is(tmp_path):
    read = p2law.read(wandb(tmp_path), columns={"D": "Step", "loss": "a - eval/loss"})
    assert len(read) == 2 * len(STEPS)
    assert read["loss"].dropna().tolist() == LOSSES


def test_table_of_runs_is_a_table(tmp_path):
    lines = ["Name,State,params,tokens,val_loss", "a,finished,7B,1T,2.0", "b,crashed,7B,1T,"]
    path = text(tmp_path / "runs.csv", lines)
    columns = {"run": "Name", "N": "params", "D": "tokens", "loss": "val_loss"}
    read = p2law.read(path, columns=columns)
    assert read["N"].tolist() == [7e9, 7e9]
    assert read["loss"].isna().tolist() == [False, True]  # the user's to drop


def test_subfolders_with_events_are_runs(tmp_path):
    tensorboard(tmp_path, "b")
    tensorboard(tmp_path, "deep/c")
    tensorboard(tmp_path, "begun", losses=[])
    read = p2law.read(tmp_path, tokens_per_step=TOKENS)
    assert read["run"].tolist() == ["b"] * 3 + ["deep/c"] * 3
    assert read["loss"].tolist() == LOSSES * 2


def test_tensorboard_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing", None)
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    with pytest.raises(p2law.P2LawError, match=r"needs tensorboard: pip install 'p2law\[tensorboard\]'"):
        p2law.read(tmp_path)


def test_last_loss_of_a_step_stands(tmp_path):
    rows = history()
    lost = [{"step": step, "eval_loss": loss} for step, loss in ((50, LOSSES[0]), (100, 9.0), (150, 9.0))]
    log = trainer(tmp_path / "a", [*lost, *rows, *rows])
    with pytest.warns(
        p2law.DataWarning, match=r"2 rows are left out.*restarted run .first: run 'a', step 100."
    ) as said:
        read = p2law.read(log, tokens_per_step=TOKENS)
    assert said[0].filename == __file__
    pd.testing.assert_frame_equal(read, CURVE, check_dtype=False)


def test_a_loss_that_comes_back_is_the_last(tmp_path):
    losses = ((50, 3.0), (100, 2.5), (100, 2.6), (100, 2.5))
    log = trainer(tmp_path / "a", [{"step": step, "eval_loss": loss} for step, loss in losses])
    with pytest.warns(p2law.DataWarning, match="1 rows are left out"):
        assert p2law.read(log, tokens_per_step=1)["loss"].tolist() == [3.0, 2.5]


def test_steps_that_begin_again_are_another_run(tmp_path):
    """Two models in one log, the second cut off: nothing of the one is kept under the name of the other."""
    other = [{"step": step, "eval_loss": loss} for step, loss in ((50, 4.0), (100, 3.5))]
    log = trainer(tmp_path / "a", [*history(), *other])
    with pytest.warns(p2law.DataWarning, match=r"steps of run 'a' begin again at 50: .* another run, its name with -2"):
        read = p2law.read(log, tokens_per_step=TOKENS)
    pd.testing.assert_frame_equal(read[read["run"] == "a"], CURVE, check_dtype=False)
    assert read.loc[read["run"] == "a-2", "loss"].tolist() == [4.0, 3.5]
    with pytest.warns(p2law.DataWarning, match="2 rows are left out"):
        assert len(p2law.read(log, tokens_per_step=TOKENS, given={"run": "one"})) == 3


@pytest.mark.parametrize(("metric", "said"), [("val_ppl", "logarithm"), ("val/bpb", "ln 2"), ("perplexity", "log")])
def test_metrics_that_are_no_nats_by_their_name_are_pointed_out(tmp_path, metric, said):
    log = trainer(tmp_path / "a", [{"step": step, metric: value} for step, value in ((1, 9.0), (2, 8.0))])
    with pytest.warns(p2law.DataWarning, match=f"'{metric}' is taken for the loss.*{said}"):
        p2law.read(log, tokens_per_step=1, metric=metric)
    with pytest.warns(p2law.DataWarning, match=said):
        p2law.fit("power", {"D": [1e6, 2e6, 3e6], metric: [9.0, 8.0, 7.5]}, columns={"loss": metric})


def test_loss_that_is_no_number_is_kept_for_the_fit_to_refuse(tmp_path):
    log = trainer(tmp_path / "a", [*history(), {"step": 200, "eval_loss": np.nan}])
    read = p2law.read(log, tokens_per_step=TOKENS)
    with pytest.raises(p2law.DataError, match="column 'loss', row 3: nan is not a finite number"):
        p2law.fit("power", read)


def test_step_zero_is_kept_and_left_out_by_min_tokens(tmp_path):
    steps = np.arange(0, 1000, 100)
    log = text(tmp_path / "a.log", [f"step {s}: train loss 4.0, val loss {2 + (1 + s) ** -0.5:.7f}" for s in steps])
    read = p2law.read(log, tokens_per_step=TOKENS)
    assert read["D"].iloc[0] == 0
    with pytest.raises(p2law.DataError, match=r"column 'D', row 0: 0 is not positive; .*min_tokens=1 does"):
        p2law.fit("power", read)
    assert p2law.fit("power", read, min_tokens=1).n == 9


def test_choice_between_losses_is_the_users(tmp_path):
    rows = [{"step": 1, "eval_c4_loss": 2.0, "eval_wiki_loss": 3.0, "loss": 4.0}]
    log = trainer(tmp_path / "a", rows)
    with pytest.raises(
        p2law.DataError, match=r"holds 2 validation losses: name the loss with metric=, one of 'eval_c4_loss', 'eval_w"
    ):
        p2law.read(log, tokens_per_step=1)
    assert p2law.read(log, tokens_per_step=1, metric="eval_wiki_loss")["loss"].tolist() == [3.0]
    assert p2law.read(log, tokens_per_step=1, columns={"loss": "eval_wiki_loss"})["loss"].tolist() == [3.0]


def test_training_loss_is_not_taken_unasked(tmp_path):
    log = trainer(tmp_path / "a", [{"step": 1, "loss": 2.0, "grad_norm": 1.0}])
    with pytest.raises(p2law.DataError, match="holds no validation losses: name the loss with metric=, one of 'loss'"):
        p2law.read(log, tokens_per_step=1)
    with pytest.raises(p2law.DataError, match="holds no 'lm loss': name the loss with metric=, one of 'loss'"):
        p2law.read(log, tokens_per_step=1, metric="lm loss")


def test_given_columns_are_set_once(tmp_path):
    log = trainer(tmp_path / "a", history())
    given = {"N0": "7B", "rho": 0.25, "run": "mine"}
    read = p2law.read(log, tokens_per_step=TOKENS, given=given)
    pd.testing.assert_frame_equal(read, CURVE.assign(run="mine", N0=7e9, rho=0.25), check_dtype=False)
    table = text(tmp_path / "runs.csv", ["N,loss", "1e9,2.0"])
    assert p2law.read(table, given={"D": "1T"})["D"].tolist() == [1e12]


def test_curves_in_one_table_need_their_run(tmp_path):
    lines = ["rho,step,val_loss", *(f"{rho},{step},{loss + rho}" for rho in (0.1, 0.2) for step, _, loss in ROWS)]
    path = text(tmp_path / "runs.csv", lines)
    with pytest.raises(p2law.DataError, match=r"'runs.csv' has steps with several losses: name the column of the run"):
        p2law.read(path, tokens_per_step=TOKENS)
    read = p2law.read(path, tokens_per_step=TOKENS, columns={"run": "rho"})
    assert read.groupby("run").size().tolist() == [3, 3]
    with pytest.warns(p2law.DataWarning, match="3 rows are left out"):
        assert len(p2law.read(path, tokens_per_step=TOKENS, given={"run": "a"})) == 3


REFUSED = [
    ({"given": {"loss": 2.0}}, r"given= sets 'loss', which the file has already: leave it out"),
    ({"given": {"rho": [0.1, 0.2]}}, r"given\['rho'\]=\[0.1, 0.2\]: give one number or text, for all rows"),
    ({"given": {"N0": "7X"}}, r"column 'N0', row 0: cannot read '7X' as a quantity: write e.g. 7B"),
    ({"given": "N0=7B"}, r"given='N0=7B': give a mapping of names"),
    ({"tokens_per_step": "64k"}, r"tokens_per_step='64k': give a positive number"),
    ({"tokens_per_step": 0}, r"tokens_per_step=0: give a positive number"),
    ({"columns": {"D": "epoch"}}, r"'trainer_state.json' is a log: name the loss with metric="),
    (
        {"columns": {"loss": "loss"}, "metric": "eval_loss"},
        r"'trainer_state.json' is a log: name the loss with metric=",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_option_is_refused(tmp_path, options, message):
    with pytest.raises(p2law.DataError, match=message):
        p2law.read(trainer(tmp_path / "a", history()), **({"tokens_per_step": TOKENS} | options))


def test_steps_are_needed_for_tokens_by_the_step(tmp_path):
    path = text(tmp_path / "runs.csv", ["N,val_loss", "1e9,2.0"])
    with pytest.raises(p2law.DataError, match=r"tokens_per_step= needs steps, which 'runs.csv' lacks: columns="):
        p2law.read(path, tokens_per_step=TOKENS)


def test_folder_without_logs_is_refused(tmp_path):
    with pytest.raises(
        p2law.DataError, match=r"holds no log: no trainer_state.json, .* and no TensorBoard event files"
    ):
        p2law.read(tmp_path)


def test_file_too_large_for_a_log_is_refused_unread(tmp_path):
    for name in ("trainer_state.json", "train.log"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1_200_000_000)  # takes no room on the disk
        with pytest.raises(p2law.DataError, match=f"'{name}' has 1.2 GB, logs are read up to 1"):
            p2law.read(tmp_path / name)
