"""``p2law experiments``: prepare a text, carry out a plan."""

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.quantities import parse_quantity
from ..errors import DataError
from .arguments import add_all, argument, number, quantities

if TYPE_CHECKING:
    from ..experiments.sweep import Outcome

ABOUT = "Run pruning experiments: prune and post-train models as a plan file says (needs p2law[experiments])."
EXAMPLES = """examples:
  p2law experiments text books/*.txt --tokenizer HuggingFaceTB/SmolLM2-135M --out text
  p2law experiments run plan.toml --dry-run
  p2law experiments lr plan.toml --peaks 1e-3,3e-3,1e-2 --fractions 0.05,0.1,0.2,0.4
  p2law experiments run plan.toml --progress
  p2law fit out/pruned.csv --law p2"""


def add(subparsers: Any) -> None:
    """Add the command to the subparsers of ``p2law``; ``options.run_command(options)`` then gives the exit code."""
    parser = subparsers.add_parser(
        "experiments", help=ABOUT, description=ABOUT, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (about, run, arguments) in _ACTIONS.items():
        action = actions.add_parser(name, help=about)
        action.set_defaults(run_command=run)
        add_all(action, arguments)


def _run(options: Namespace) -> int:
    """Run a plan, or print what it would run; returns the exit code."""
    from ..experiments.plan import read
    from ..experiments.runtime.machine import device_of
    from ..experiments.runtime.parallel import is_rank0, processes
    from ..experiments.study import make_study, shortage
    from ..experiments.sweep import sweep

    plan = read(options.plan)
    if options.dry_run:
        study = make_study(plan, room=False)
        print(study.table().to_string(index=False))
        print(f"\n{len(study.runs)} runs on {study.device}; times are estimates.")
        if lacking := shortage(study, options.jobs):
            print(f"p2law: not on this machine: {lacking}", file=sys.stderr)
        return 0
    with processes(device_of(plan.device)):
        how = {"minutes": options.minutes, "jobs": options.jobs, "progress": options.progress}
        outcome = sweep(plan, only=options.only, **how, say=_say)
        if is_rank0():
            _report(outcome, plan.out)
    if options.only:  # a job of a cluster answers for its own runs, and must not pass for done
        return 1 if set(options.only) - set(outcome.done) else 0
    return 1 if outcome.failed else 0


def _report(outcome: "Outcome", out: Path) -> None:
    """Print what a sweep has done, where its tables are, and how far the controls drifted."""
    from ..experiments.runs import done_runs
    from ..experiments.table import controls, level

    rows, names = outcome.rows, {*outcome.done, *outcome.failed, *outcome.left}
    where = f"tables in {out}" if len(rows) else "no tables yet"
    print(f"{len(outcome.done)} runs done, {len(outcome.failed)} failed, {len(outcome.left)} left; {where}")
    if others := done_runs(out) - names:
        print(f"{len(others)} more in {out / 'runs'} are not of this plan, and not in its tables")
    for size, drift in controls(rows).items():
        print(f"control {size}: the unpruned parent moved by {drift:+.4f} nats per token over the same training")
    if len(rows) and "pruned" in set(rows["kind"]) and not len(level(rows, "pruned")):
        print("pruned.csv is empty: no row is at the full rate; children end in the decayed rows of curves.csv")
    for name, reason in outcome.failed.items():
        print(f"p2law: {name} failed: {reason}", file=sys.stderr)


def _lr(options: Namespace) -> int:
    """Try learning rates and print their losses; returns the exit code."""
    from ..experiments.plan import read
    from ..experiments.rates import fractions, peaks

    if not (options.peaks or options.fractions):
        raise DataError("say what to try: --peaks 1e-3,2e-3,4e-3 or --fractions 0.05,0.1,0.2,0.4.")
    plan = read(options.plan)
    if options.peaks:
        print(peaks(plan, options.peaks, parent=options.parent, tokens=int(options.tokens), say=_say))
    if options.fractions:
        print(fractions(plan, options.fractions, parent=options.parent, say=_say))
    return 0


def _text(options: Namespace) -> int:
    """Prepare token files from texts or arrays; returns the exit code."""
    from ..experiments.batches import by_split
    from ..experiments.documents import documents
    from ..experiments.text import SPLITS, pack, prepare
    from ..experiments.tokenize import tokenizer

    splits = _shares(options.splits) if options.splits else SPLITS
    how = tokenizer(options.tokenizer, end=options.end)
    if options.arrays:
        made = pack(by_split(options.sources), options.out, how)
    else:
        found = (each for source in options.sources for each in documents(source, field=options.field))
        most = int(options.max_tokens) if options.max_tokens is not None else None
        made = prepare(found, options.out, how, splits=splits, max_tokens=most)
    for split, facts in made.splits.items():
        print(f"{split}: {facts['tokens']:,} tokens, {facts['documents']:,} documents")
    return 0


def _shares(text: str) -> dict[str, float]:
    """Shares of the splits by name, from ``NAME=SHARE,...``."""
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        if not all(name.strip() for name, _, _ in pairs):
            raise ValueError("a share has no name")
        return {name.strip(): parse_quantity(share) for name, _, share in pairs}
    except ValueError as error:
        raise DataError(f"--splits {text}: write NAME=SHARE, such as train=0.9,validation=0.1 ({error}).") from error


def _say(line: str) -> None:
    print(line, flush=True)


def _resumable(act: Callable[[Namespace], int]) -> Callable[[Namespace], int]:
    """An action that says, where it is interrupted, that the same command goes on."""

    def acting(options: Namespace) -> int:
        try:
            return act(options)
        except KeyboardInterrupt:
            print("p2law: interrupted; the same command goes on from the newest checkpoints", file=sys.stderr)
            return 130

    return acting


_PLAN = argument("plan", "plan.toml", None)
_ACTIONS = {
    "run": (
        "carry out a plan; run again to go on or to retry what failed",
        _resumable(_run),
        (
            _PLAN,
            argument("--dry-run", None, "show every run and what it takes; train nothing", action="store_true"),
            argument("--only", "RUN", "these runs only: one job of a cluster", nargs="+", default=[]),
            argument("--minutes", "M", "stop then, with a checkpoint; run again to go on", type=float),
            argument("--jobs", "N", "runs carried out at once, for small models", type=int, default=1),
            argument("--progress", None, "show a bar with loss, tokens/s and MFU", action="store_true"),
        ),
    ),
    "lr": (
        "try learning rates on one parent of a plan, to choose its lr and lr_fraction",
        _resumable(_lr),
        (
            _PLAN,
            argument("--peaks", "1e-3,2e-3,...", "for training it", type=quantities, default=[]),
            number("--tokens", "5M", "of those runs (default: the plan's)", default=0),
            argument("--fractions", "0.1,0.2,...", "for its children", type=quantities, default=[]),
            argument("--parent", "NAME", "default: the smallest"),
        ),
    ),
    "text": (
        "turn documents into token files",
        _text,
        (
            argument("sources", None, ".txt, .md, .py, .jsonl or .parquet, folders of them, or hub:name", nargs="+"),
            argument("--out", "FOLDER", None, required=True),
            argument("--tokenizer", "NAME", "'bytes', tokenizer.json, model folder or id", required=True),
            argument("--end", "TOKEN", "token put after every document (default: the tokenizer's own)"),
            argument(
                "--arrays", None, "sources are token ids, as SPLIT=FILE: .npy, .u16 or .u16.xz", action="store_true"
            ),
            argument("--field", "COLUMN", "that holds the text (default: text)", default="text"),
            number("--max-tokens", "100M", "stop after so many"),
            argument("--splits", "NAME=SHARE,...", "default: pretrain=0.6,posttrain=0.38,validation=0.02"),
        ),
    ),
}
"""By name: what it does, how, and its arguments."""
