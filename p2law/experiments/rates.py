"""Which learning rate to take: short runs at several, for one parent and for the children pruned from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..errors import DataError
from .plan import ParentModel, Plan, Training
from .runs import of_run, runs
from .sweep import sweep

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """End losses of short runs at several learning rates."""

    what: str
    """What the rates are: the peak, or the fraction of the peak."""
    losses: pd.DataFrame
    """Nats per token after the decay, one row per rate, one column per model; nan where a run failed."""

    @property
    def mean(self) -> pd.Series:
        """Mean over the models."""
        return self.losses.mean(axis=1, skipna=False)

    @property
    def best(self) -> float:
        """The rate of the lowest mean."""
        if self.mean.isna().all():
            raise DataError(f"{self.what}: no rate left a loss for every model; lower the rates.")
        return float(self.mean.index[int(self.mean.argmin())])

    @property
    def verdict(self) -> str:
        """Which rate to take, or that the best is at the edge of those tried."""
        rates = sorted(self.losses.index)
        if len(rates) > 1 and self.best in (rates[0], rates[-1]):
            side = "lower" if self.best == rates[0] else "higher"
            return f"undetermined: {self.best:g} is the best and the edge of those tried; try {side} ones too."
        if len(rates) < 3:
            return "undetermined: try at least three rates."
        own = self.losses.idxmin().items()
        differing = ", ".join(f"{model} {rate:g}" for model, rate in own if rate != self.best)
        return f"take {self.best:g}{f', the best on average; alone: {differing}' if differing else ''}."

    def __str__(self) -> str:
        shown = self.losses if self.losses.shape[1] == 1 else self.losses.assign(mean=self.mean)
        return f"{self.what}\n{shown.rename_axis(None).round(4).to_string()}\n{self.verdict}"


def peaks(plan: Plan, rates: Sequence[float], *, parent: str | None = None, tokens: int = 0, say: Say = print) -> Trial:
    """Train a parent from random weights at several peak rates; ``say`` is told what happens to every run.

    The parent is by default the smallest that is trained here; ``tokens=0`` trains it for as long as the plan says.
    Raises DataError if the plan has no such parent, or no text for it.
    """
    chosen = _parent(plan, parent, here=True)
    name = next(run.name for run in runs(_alone(plan, chosen, tokens)) if run.kind == "parent")
    trials = {rate: _alone(plan, replace(chosen, lr=rate), tokens) for rate in rates}
    losses = _losses(plan, "peak", trials, "parent", say, only=[name]).rename(columns={name: chosen.name})
    return Trial(f"{chosen.name}: loss by peak learning rate", losses)


def fractions(plan: Plan, parts: Sequence[float], *, parent: str | None = None, say: Say = print) -> Trial:
    """Post-train the children of a parent, and its control, at several fractions of the parent's peak rate.

    The parent is taken from the plan's own sweep, which makes it first if it has not. The best rate grows with the
    damage done, so one fraction is a compromise among the plan's children; it is chosen by their mean loss.
    """
    if plan.posttrain is None:
        raise DataError("there are no children to try fractions on: the plan has no [posttrain].")
    chosen = _parent(plan, parent, here=False)
    if name := next(run.needs for run in runs(plan) if run.kind == "control" and run.parent == chosen):
        outcome = sweep(plan, only=[name], say=say)
        if name not in outcome.done:
            raise DataError(f"{name} is not done: {outcome.failed.get(name, 'another process has it')}")
        chosen = replace(chosen, model=str(of_run(plan.out, name).model))
    alone = replace(_alone(plan, chosen, 0), prune=plan.prune)
    trials = {part: replace(alone, posttrain=replace(plan.posttrain, lr=0.0, lr_fraction=part)) for part in parts}
    losses = _losses(plan, "fraction", trials, "pruned", say)
    return Trial(f"{chosen.name}: loss by fraction of the peak learning rate", losses)


def _alone(plan: Plan, parent: ParentModel, tokens: int) -> Plan:
    """The plan with one parent, one seed and nothing pruned."""
    pretrain = plan.pretrain
    if pretrain is not None:
        pretrain = Training({**pretrain.settings, **({"tokens": tokens} if tokens else {})}, pretrain.split)
    seeds = {"seeds": plan.seeds[:1], "parent_seeds": plan.parent_seeds[:1]}
    nothing = {"prune": (), "sparse": (), "horizons": (), "scratch": (), "keep_models": False}
    return replace(plan, parents=(replace(parent, seeds=()),), pretrain=pretrain, **seeds, **nothing)


def _parent(plan: Plan, name: str | None, *, here: bool) -> ParentModel:
    """The smallest parent of this name, or of any; ``here`` leaves out existing models."""
    fitting = [each for each in plan.parents if (name in (None, each.name)) and not (here and each.model)]
    if not fitting:
        kind = " that is trained here" if here else ""
        raise DataError(f"the plan has no parent {name or ''}{kind}; it has {', '.join(p.name for p in plan.parents)}.")
    return min(fitting, key=lambda each: each.shape.body)


def _losses(
    plan: Plan, what: str, trials: Mapping[float, Plan], kind: str, say: Say, *, only: Sequence[str] = ()
) -> pd.DataFrame:
    """The last loss of every run of a kind, one row per rate; each rate has a folder of its own."""
    found = {}
    for rate, trial in trials.items():
        trial = replace(trial, out=plan.out / "lr" / f"{what}-{rate:g}")
        rows = sweep(trial, only=only, say=lambda line, rate=rate: say(f"{what} {rate:g}: {line}")).rows
        found[rate] = rows[rows["kind"] == kind].groupby("run")["loss"].last() if len(rows) else pd.Series(dtype=float)
    return pd.DataFrame(found).T
