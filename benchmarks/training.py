"""Training and pruning speed of p2law.experiments, beside transformers' Trainer in the same run.

    python benchmarks/training.py           # on a GPU, about ten minutes
    python benchmarks/training.py --tiny    # small shapes, anywhere: a test of this script, its figures mean nothing

Trainer is left out where accelerate, which it needs, is not installed.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import transformers
from common import heading, machine, rows

from p2law.experiments import architecture, parents, prune
from p2law.experiments.architecture import ModelShape
from p2law.experiments.batches import fixed_windows, make_batches
from p2law.experiments.plan import from_mapping
from p2law.experiments.recipe import Recipe
from p2law.experiments.runtime import machine as memory
from p2law.experiments.runtime.machine import decoder_flops, device_of, peak, precision_on, release, synchronise
from p2law.experiments.sweep import sweep
from p2law.experiments.text import pack
from p2law.experiments.tokenize import BYTES
from p2law.experiments.train import train

TINY = "--tiny" in sys.argv
DEVICE = device_of()


@dataclass(frozen=True)
class Case:
    """A model and how it is trained."""

    shape: ModelShape
    batch: int
    micro: int
    sequence: int
    steps: int

    def recipe(self, *, compiled: bool) -> Recipe:
        tokens = self.steps * self.batch * self.sequence
        how = {"batch": self.batch, "micro_batch": self.micro, "sequence": self.sequence, "compile": compiled}
        return Recipe(tokens, 1e-4, schedule="constant", warmup=1, points=3, **how)


def llama(layers: int, hidden: int, ffn: int, heads: tuple[int, int], vocabulary: int, *, tied: bool) -> ModelShape:
    return ModelShape("llama", layers, hidden, ffn, *heads, hidden // heads[0], vocabulary, tied)


CASES = {
    "2.2M": Case(llama(12, 128, 352, (4, 2), 4096, tied=True), 64, 64, 512, 200),
    "55M": Case(llama(12, 640, 1760, (20, 10), 4096, tied=True), 64, 64, 512, 60),
    "Llama-3.2-1B": Case(llama(16, 2048, 8192, (32, 8), 128_256, tied=True), 32, 4, 2048, 12),
}
LARGE = llama(32, 4096, 14336, (32, 8), 128_256, tied=False)
CALIBRATION = (128, 2048)
if TINY:
    CASES = {"tiny": Case(llama(2, 32, 64, (4, 2), 256, tied=True), 4, 2, 16, 12)}
    LARGE, CALIBRATION = llama(4, 64, 128, (8, 4), 256, tied=False), (4, 32)


def tokens(case: Case) -> np.ndarray:
    """As many as are trained on, at random: speed does not depend on them."""
    count = case.steps * case.batch * case.sequence + 1
    return np.random.default_rng(0).integers(0, case.shape.vocabulary, count).astype(np.uint32)


def ours(case: Case, *, compiled: bool) -> float:
    """Tokens per second, from some steps after the first to the last."""
    recipe, text = case.recipe(compiled=compiled), tokens(case)
    model = parents.build(case.shape, seed=0, sequence=case.sequence, device=DEVICE)
    batches = make_batches(text, sequence=case.sequence, batch=case.batch, steps=case.steps, seed=0)
    found = train(model, batches, fixed_windows(text, sequence=case.sequence, count=2, what="validation"), recipe)
    begin, end = found[-2], found[-1]
    return (end["D"] - begin["D"]) / (end["seconds"] - begin["seconds"])


class Clock(transformers.TrainerCallback):
    """When a step ended, as the device has it."""

    def __init__(self, steps: tuple[int, int]) -> None:
        self.steps, self.times = steps, []

    def on_step_end(self, args, state, control, **_) -> None:
        if state.global_step in self.steps:
            synchronise(torch.device(DEVICE))
            self.times.append(perf_counter())


def trainer(case: Case) -> float:
    """The same of transformers' Trainer: compiled, bf16, the same batches and clipping."""
    recipe, text = case.recipe(compiled=True), tokens(case)
    batches = make_batches(text, sequence=case.sequence, batch=case.batch, steps=case.steps, seed=0)
    windows = torch.cat([batches.at(step) for step in range(case.steps)])
    data = [{"input_ids": each[:-1], "labels": each[:-1]} for each in windows]  # Trainer's model shifts the labels
    clock = Clock((sorted(recipe.measured())[-2], case.steps))
    with tempfile.TemporaryDirectory() as folder:
        how = transformers.TrainingArguments(
            folder,
            max_steps=case.steps,
            per_device_train_batch_size=case.micro,
            gradient_accumulation_steps=case.batch // case.micro,
            bf16=DEVICE == "cuda",
            torch_compile=True,
            optim="adamw_torch_fused",
            learning_rate=recipe.lr,
            max_grad_norm=recipe.clip,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=DEVICE != "cuda",
        )
        model = parents.build(case.shape, seed=0, sequence=case.sequence, device=DEVICE)
        transformers.Trainer(model, how, train_dataset=data, callbacks=[clock]).train()
    begin, end = clock.steps
    return (end - begin) * recipe.step_tokens / (clock.times[1] - clock.times[0])


def throughput() -> None:
    heading("training, bf16 over float32 weights on a GPU")
    ways = {"ours": lambda case: ours(case, compiled=False), "ours, compiled": lambda case: ours(case, compiled=True)}
    if find_spec("accelerate"):
        ways["Trainer, compiled"] = trainer
    best, body = peak(DEVICE), []
    for name, case in CASES.items():
        per_token = decoder_flops(case.shape, 1, case.sequence)
        for way, measure in ways.items():
            free()
            speed = measure(case)
            used = f"{100 * speed * per_token / best:.0f} %" if best else "-"
            held = f"{most_held():.1f}, {reckoned(case, compiled='compiled' in way):.1f}"
            body.append([f"{name}, {way}", f"{speed:,.0f}", f"{speed * per_token / 1e12:.3g}", used, held])
    rows(["model, way", "tokens/s", "TFLOP/s", "MFU", "GiB at most, as reckoned for ours"], body)


def reckoned(case: Case, *, compiled: bool) -> float:
    """GiB that a dry run reckons with."""
    recipe = case.recipe(compiled=compiled)
    precision = precision_on(DEVICE, recipe.precision)
    return memory.training(case.shape, recipe, precision, sequences=case.micro) / 2**30


def most_held() -> float:
    """GiB of the GPU's memory that were held at once since it was last freed."""
    return torch.cuda.max_memory_allocated() / 2**30 if DEVICE == "cuda" else float("nan")


def free() -> None:
    torch._dynamo.reset()
    release()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()


def pruning() -> None:
    heading(f"pruning {LARGE.total / 1e9:.2g}B parameters in bf16, calibration of {CALIBRATION[0]} x {CALIBRATION[1]}")
    with torch.device(DEVICE):
        model = transformers.AutoModelForCausalLM.from_config(architecture.to_config(LARGE), dtype=torch.bfloat16)
    text, body = torch.randint(LARGE.vocabulary, CALIBRATION), []
    for method, rate, pattern in (("influence", 0.25, None), ("width", 0.25, None), ("wanda", 0.5, "2:4")):
        free()
        begin = perf_counter()
        child = prune.prune(model, method, rate, calibration=text, pattern=pattern)
        synchronise(torch.device(DEVICE))
        seconds = perf_counter() - begin
        body.append([method, f"{child.rate:.3f}", f"{seconds:.1f}", f"{most_held():.1f}"])
        del child
    rows(["method", "rate", "seconds", "GiB at most"], body)


def together() -> None:
    heading(f"eight runs of the {next(iter(CASES))} model, several at once on one device")
    case = next(iter(CASES.values()))
    shape = {key: value for key, value in vars(case.shape).items() if key != "vocabulary"}
    recipe = {"tokens": case.steps * case.batch * case.sequence, "batch": case.batch, "sequence": case.sequence}
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        text = {split: [rng.integers(0, 256, recipe["tokens"] + 1)] for split in ("pretrain", "validation")}
        pack(text, Path(folder) / "text", BYTES)
        body = []
        for jobs in (1, 2, 4, 8) if not TINY else (1, 2):
            plan = {"text": "text", "out": f"out{jobs}", "validation_sequences": 2, "keep_models": False}
            plan["parents"] = [{"name": "m", "lr": 1e-3, "architecture": {**shape, "vocabulary": 4096}}]
            plan |= {"parent_seeds": list(range(8)), "pretrain": {**recipe, "points": 2, "warmup": 1}}
            begin = perf_counter()
            sweep(from_mapping(plan, Path(folder)), jobs=jobs)
            seconds = perf_counter() - begin
            body.append([str(jobs), f"{seconds:.1f}", f"{8 * recipe['tokens'] / seconds:,.0f}"])
    rows(["at once", "seconds, all eight, with start", "tokens/s"], body)


def main() -> None:
    print(machine("torch", "transformers", "accelerate"))
    print(f"device: {torch.cuda.get_device_name() if DEVICE == 'cuda' else f'CPU, {os.cpu_count()} cores'}")
    throughput()
    pruning()
    together()


if __name__ == "__main__":
    main()
