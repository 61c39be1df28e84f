"""What the reproduce_*.py scripts share: text, models by scale, sweeps in pieces, findings in words."""

import json
import sys
import sysconfig
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl

if not (find_spec("torch") and find_spec("transformers")):
    print('skipped: pip install "p2law[experiments]"')
    sys.exit(0)

import numpy as np
import pandas as pd
import torch
from scipy import stats

mpl.use("Agg")  # pictures are saved, not shown

from p2law.data.quantities import format_quantity
from p2law.experiments import batches as arrays
from p2law.experiments import documents, plan, study, sweep, text, tokenize

NOTHING = "This scale tests the code. It is no evidence on the paper's findings."


@dataclass(frozen=True)
class Scale:
    """Models and tokens of a study."""

    widths: tuple[int, ...]
    layers: int
    head: int
    pretrain: int
    """Tokens of parents."""
    dense: int
    """Tokens of the longest dense and of the sparse runs: on the GPU less than one pass over 48M."""
    posttrain: int
    equal: int
    """Tokens of parent, child and twin alike, where pruning is compared with training from scratch."""
    batch: int
    sequence: int
    lr: float
    """Peak rate at the smallest width."""
    power: float
    """Of the width, by which the rate falls."""
    points: int
    rates: tuple[float, ...]
    """Of pruning; whole blocks."""
    every: int
    """Steps between the prunings of sparse pre-training."""
    validation: int
    """Sequences, as of the next."""
    calibration: int

    def parents(self, vocabulary: int) -> list[dict]:
        """All of one shape: feed-forward 2.75 times the width, two query heads per key/value group."""
        return [
            {
                "name": f"w{width}",
                "lr": round(self.rate(width), 6),
                "architecture": {
                    "family": "mistral",  # a Llama whose heads need not divide its width
                    "layers": self.layers,
                    "hidden": width,
                    "ffn": width * 11 // 4,
                    "heads": width // self.head,
                    "kv_heads": width // self.head // 2,
                    "vocabulary": vocabulary,
                },
            }
            for width in self.widths
        ]

    def rate(self, width: int) -> float:
        """Peak learning rate."""
        return self.lr * (self.widths[0] / width) ** self.power

    def training(self, tokens: int, **more) -> dict:
        """Settings of [pretrain] or [posttrain]."""
        size = {"batch": self.batch, "sequence": self.sequence, "points": self.points}
        return {"tokens": tokens, **size, "warmup": 10, **more}


SCALES = {
    "gpu": Scale(  # 2.2M, 5.0M, 13.8M, 27.1M and 55.3M non-embedding parameters
        widths=(128, 192, 320, 448, 640),
        layers=12,
        head=32,
        pretrain=160_000_000,
        dense=40_000_000,
        posttrain=10_000_000,
        equal=8_000_000,
        batch=64,
        sequence=512,
        lr=4e-3,
        power=0.5,
        points=22,
        rates=(0.17, 0.25, 0.33, 0.5),
        every=100,
        validation=512,
        calibration=128,
    ),
    "small": Scale(  # 92k, 208k, 370k and 831k
        widths=(32, 48, 64, 96),
        layers=8,
        head=8,
        pretrain=640_000,
        dense=640_000,
        posttrain=128_000,
        equal=128_000,
        batch=8,
        sequence=128,
        lr=7e-3,
        power=1.0,
        points=16,
        rates=(0.125, 0.25, 0.375, 0.5),
        every=5,
        validation=128,
        calibration=32,
    ),
    "tiny": Scale(
        widths=(32, 48, 64),
        layers=4,
        head=8,
        pretrain=20_000,
        dense=20_000,
        posttrain=8_000,
        equal=8_000,
        batch=8,
        sequence=32,
        lr=1e-2,
        power=0.5,
        points=12,
        rates=(0.25, 0.5),
        every=5,
        validation=64,
        calibration=32,
    ),
}


def arguments(about: str) -> Namespace:
    """The command line."""
    parser = ArgumentParser(description=about)
    parser.add_argument(
        "--scale", choices=SCALES, default="gpu", help="gpu (default), small (CPU, an hour or two), tiny (a test)"
    )
    parser.add_argument("--text", type=Path, help="folder of a prepared text, or of token files with tokenizer.json")
    parser.add_argument("--out", type=Path, help="default: reproduce-NAME-SCALE")
    parser.add_argument("--minutes", type=float, help="stop the sweep then; the same command goes on")
    parser.add_argument("--jobs", type=int, default=1, help="runs carried out at once")
    parser.add_argument("--dry-run", action="store_true", help="show every run and what it takes")
    options = parser.parse_args()
    if options.text is None and options.scale != "tiny":
        parser.error("say where the text is: --text FOLDER (or try --scale tiny, which needs none).")
    name = Path(sys.argv[0]).stem.removeprefix("reproduce_")
    options.out = options.out or Path(f"reproduce-{name}-{options.scale}")
    return options


def prepared(options: Namespace) -> text.Text:
    """The text to train on: as it is, packed from token files, or for tests Python's own standard library."""
    if options.text and (options.text / "manifest.json").is_file():
        return text.load(options.text)
    folder = options.out / "text"
    if folder.exists():
        return text.load(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if options.text:
        return _packed(options.text, folder)
    library = Path(sysconfig.get_paths()["stdlib"])
    found = (each for source in sorted(library.glob("*.py")) for each in documents.documents(source))
    splits = {"pretrain": 0.5, "posttrain": 0.4, "validation": 0.1}
    return text.prepare(found, folder, tokenize.BYTES, splits=splits, max_tokens=3_000_000)


def _packed(source: Path, folder: Path) -> text.Text:
    """Token files pre*, post*, val* (.u16.xz, .npy) and a tokenizer.json; meta.json may say how ids were renumbered."""
    path = source / "meta.json"
    rank = json.loads(path.read_text()).get("rank") if path.is_file() else None
    names = {"pretrain": "pre", "posttrain": "post", "validation": "val"}
    files = {
        split: sorted(source.glob(f"{start}*.u16*")) + sorted(source.glob(f"{start}*.npy"))
        for split, start in names.items()
    }
    back = None if rank is None else np.argsort(rank)
    found = {
        split: ((ids if back is None else back[ids]) for ids in map(arrays.read, each)) for split, each in files.items()
    }
    return text.pack(found, folder, tokenize.tokenizer(source / "tokenizer.json", end="<|endoftext|>"))


def swept(options: Namespace, **table) -> sweep.Outcome:
    """Carry out a plan as far as the time allows; ends the script if runs are left."""
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # several threads are slower for models this small
    scale = SCALES[options.scale]
    sequences = {"validation_sequences": scale.validation, "calibration_sequences": scale.calibration}
    where = {"text": str(prepared(options).folder.absolute()), "out": str(options.out.absolute())}
    wanted = plan.from_mapping({"family": "reproduced", **where, **sequences, **table})
    if options.dry_run:
        made = study.make_study(wanted, room=False)
        print(f"{made.table().to_string(index=False)}\n\n{len(made.runs)} runs on {made.device}.")
        print(study.shortage(made, options.jobs))
        sys.exit(0)
    how = {"minutes": options.minutes, "jobs": options.jobs}
    outcome = sweep.sweep(wanted, **how, say=lambda line: print(line, flush=True))
    if outcome.left or outcome.failed:
        print(f"{len(outcome.done)} runs done, {len(outcome.failed)} failed, {len(outcome.left)} left: run this again.")
        sys.exit(1 if outcome.failed else 0)
    return outcome


def vocabulary(options: Namespace) -> int:
    return prepared(options).vocabulary


def finding(claim: str, verdict: str, why: str) -> None:
    """Print a finding of a paper and whether these curves reproduce it."""
    print(f"* {claim}\n  {verdict.upper()}: {why}")


def judged(lower: float, upper: float) -> str:
    """Whether an interval supports the claim that a number is above zero."""
    return "reproduced" if lower > 0 else "not reproduced" if upper < 0 else "undetermined"


def mean(gaps: pd.Series) -> tuple[float, float, float]:
    """Mean of gaps and its 95 % interval from the variation between cells; two orders of the text are one cell."""
    cells = gaps.groupby(level=list(gaps.index.names)).mean()
    if len(cells) < 2:
        return float(cells.mean()), float("-inf"), float("inf")
    half = stats.t.ppf(0.975, len(cells) - 1) * cells.sem()
    return float(cells.mean()), float(cells.mean() - half), float(cells.mean() + half)


def found_that(claim: str, gaps: pd.Series, what: str, sign: int = 1) -> None:
    """Print whether gaps, times the sign, are above zero on average."""
    middle, lower, upper = mean(gaps)
    verdict = judged(*sorted((sign * lower, sign * upper)))
    agree = int((sign * gaps > 0).sum())
    interval = f"{middle:+.3f} nats on average [{lower:+.3f}, {upper:+.3f}]"
    why = f"{what} {interval}, {gaps.min():+.3f} to {gaps.max():+.3f}; {agree} of {len(gaps)} pairs are as claimed"
    finding(claim, verdict, why)


def opening(options: Namespace, outcome: sweep.Outcome, paper: str) -> None:
    """What was run, before the findings."""
    rows = outcome.rows
    sizes = ", ".join(format_quantity(size) for size in sorted(rows["N0"].unique()))
    print(f"\n{paper}: results of {len(outcome.done)} runs on parents of {sizes} non-embedding parameters")
    if options.scale == "tiny":
        print(NOTHING)
    print()


def saved(figure, options: Namespace, name: str) -> None:
    """Save a picture beside the tables."""
    path = options.out / f"{name}.png"
    figure.savefig(path, dpi=150, bbox_inches="tight")
    print(f"\ntables and {path.name} in {options.out}")
