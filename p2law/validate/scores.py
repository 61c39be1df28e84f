"""Numbers and sentences of a hold-out test."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..data.quantities import format_quantity
from ..fitting import metrics
from ..fitting.prediction import FAR

if TYPE_CHECKING:
    from .holdout import Holdout

FAILS = 3.0
"""Held-out rms above this multiple of the fitted rows' rms: the law does not carry."""

BEYOND_CHANCE = 2.0
"""Counting errors by which coverage may lie below its level before more than chance is blamed."""


def by_method(result: "Holdout") -> pd.DataFrame:
    """See :meth:`Holdout.to_frame`."""
    keys = ["fold", "row"]
    reference = rows_of(result).set_index(keys)["error"]
    out = {}
    for method in result.methods:
        rows = rows_of(result, method)
        same = reference.reindex(pd.MultiIndex.from_frame(rows[keys]))
        out[method] = _scores(rows, result.law.variable("tokens")) | {
            "ratio": rms(rows["error"]) / max(rms(same), 1e-300)
        }
    return pd.DataFrame.from_dict(out, orient="index").rename_axis("method").infer_objects()


def of_law(result: "Holdout") -> dict[str, Any]:
    """The line of the law itself."""
    return _scores(rows_of(result), result.law.variable("tokens"))


def rows_of(result: "Holdout", method: str | None = None) -> pd.DataFrame:
    """The predictions of one method; default: the law itself."""
    return result.rows[result.rows["method"] == (method or result.law.name)]


def inside(rows: pd.DataFrame) -> pd.Series:
    """Whether each measured loss lies in its interval."""
    return (rows["lower"] <= rows["loss"]) & (rows["loss"] <= rows["upper"])


def _scores(rows: pd.DataFrame, tokens: str | None) -> dict[str, Any]:
    relative = rows["relative"].abs()
    loss, predicted = rows["loss"].to_numpy(), rows["predicted"].to_numpy()
    label = rows["fold"].astype(str) + rows["run"].astype(str)
    out: dict[str, Any] = {
        "rows": len(rows),
        "runs": rows["run"].nunique(),
        "signed": float(rows["relative"].mean()),
        "absolute": float(relative.mean()),
        "rms": rms(rows["error"]),
        "worst": float(relative.max()),
        "worst_run": rows["run"].iloc[int(np.argmax(relative))],
        "r2": metrics.r2(loss, predicted),
        "asd": np.nan,
        "asd_relative": np.nan,
    }
    if tokens is not None:
        out["asd"] = metrics.asd(loss, predicted, rows[tokens], label)
        out["asd_relative"] = metrics.asd(loss, predicted, rows[tokens], label, relative=True)
    known = rows["lower"].notna()
    out["coverage"] = float(inside(rows)[known].mean()) if known.any() else np.nan
    out["reach"] = float((rows["upper"] - rows["lower"])[known].median() / 2) if known.any() else np.nan
    return out


def by_group(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """See :meth:`Holdout.by_run` and :meth:`Holdout.by_split`."""
    grouped = rows.assign(inside=inside(rows).where(rows["lower"].notna())).groupby(keys, sort=False)
    out = pd.DataFrame(
        {
            "rows": grouped.size(),
            "outside": grouped["outside"].max(),
            "bias": grouped["error"].mean(),
            "rms": grouped["error"].apply(rms),
            "signed": grouped["relative"].mean(),
            "coverage": grouped["inside"].mean(),
        }
    )
    return out.reset_index()


def by_run(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of each held-out run in each split, worst first."""
    return by_group(rows, ["fold", "run"]).sort_values("rms", ascending=False, ignore_index=True)


def unit(rows: pd.DataFrame) -> str:
    """What is counted: runs, or rows where each is its own run."""
    return "row" if rows["run"].nunique() == rows["row"].nunique() else "run"


def findings(result: "Holdout") -> tuple[str, ...]:
    """See :attr:`Holdout.findings`."""
    table = by_method(result)
    return (*_setting(result), _verdict(result), *_intervals(result, table), *_rivals(result, table))


def fitted_rms(result: "Holdout") -> float:
    """Rms of the rows fitted, nats, over the splits."""
    folds = result.folds
    return float(np.sqrt(np.average([f.fit.metrics["rmse"] ** 2 for f in folds], weights=[f.rows for f in folds])))


def generalises(result: "Holdout") -> bool:
    """See :attr:`Holdout.generalises`."""
    # Rows at the rounding of the fit have no scale to compare with.
    scale = max(fitted_rms(result), 1e-6 * float(np.abs(result.rows["loss"]).mean()))
    return bool(of_law(result)["rms"] <= FAILS * scale)


def _setting(result: "Holdout") -> list[str]:
    own = rows_of(result)
    count = own["run"].nunique()
    runs = "" if unit(own) == "row" else f" of {count} run{'s' * (count > 1)}"
    label = result.folds[0].label if len(result.folds) == 1 else f"{len(result.folds)} splits"
    worst = int(np.argmax(own["outside"]))
    far, name = float(own["outside"].iloc[worst]), own["outside_in"].iloc[worst]
    where = f"up to {far:.3g} times outside in {name}" if far > FAR else "none outside"
    out = [f"{len(own)} rows{runs} held out ({label}); against the fitted range: {where}."]
    if result.baseline == "control":
        out.append("The control's loss at the held-out tokens is taken as known.")
    bad = [fold.label for fold in result.folds if not fold.fit.converged]
    if bad:
        out.append(
            f"{len(bad)} of {len(result.folds)} fits have not converged ({bad[0]}): do not rely on these errors."
        )
    return out + [f"Left out: {sentence}" for sentence in result.failed]


def _verdict(result: "Holdout") -> str:
    own, before = of_law(result), fitted_rms(result)
    times = f" ({own['rms'] / before:.2g} times)" if before > 0 else ""
    size = f"rms {own['rms']:.3g} nats held out against {before:.3g} on the rows fitted{times}"
    rows = rows_of(result)
    biases = by_run(rows)["bias"]
    under, runs = int((biases < 0).sum()), len(biases)
    side = f"too low on {under}, too high on {runs - under} of {runs} held-out {unit(rows)}s"
    verdict = "carries" if generalises(result) else "does not carry here"
    return (
        f"The law {verdict}: {size}; it predicts {side}; mean error {100 * own['absolute']:.2g} %, worst "
        f"{100 * own['worst']:.2g} % ({unit(rows)} {own['worst_run']})."
    )


def _intervals(result: "Holdout", table: pd.DataFrame) -> list[str]:
    out = []
    for method in table.index[table["coverage"].notna()]:
        rows, line = rows_of(result, method), table.loc[method]
        name = "interval for a new run" if method == result.law.name else "interval of a run begun"
        endless = ~np.isfinite(rows["upper"] - rows["lower"])
        if endless.any():
            out.append(f"The {name} has no end at {int(endless.sum())} rows: the rows fitted say nothing there.")
        covered = f"The {100 * result.level:g} % {name} covers {100 * line['coverage']:.3g} % of the rows"
        judged, kind = by_run(rows)["coverage"], unit(rows)
        missed = int((judged < 0.5).sum())
        # Rows of a run are one trial: a run counts as missed when most of it is.
        chance = float(np.sqrt(result.level * (1 - result.level) / len(judged)))
        verdict = _too_many_missed(missed, len(judged), result.level, kind)
        if not verdict and line["coverage"] < result.level - BEYOND_CHANCE * chance:
            verdict = ": too narrow, by more than chance"
        elif not verdict and method == result.law.name and not generalises(result):
            verdict = ": wide enough for the law's errors there, as far as that count can say"
        wide = f"half-width {line['reach']:.2g} nats" if np.isfinite(line["reach"]) else "most without an end"
        counted = f"counting error of {len(judged)} {kind}{'s' * (len(judged) != 1)} ± {100 * chance:.2g} points"
        out.append(f"{covered} ({wide}; {counted}){verdict}.")
    return out


def _too_many_missed(missed: int, count: int, level: float, kind: str) -> str:
    from scipy.stats import binom

    if missed and binom.sf(missed - 1, count, 1 - level) < 0.05:
        return f": too narrow, it misses {missed} of {count} {kind}s"
    return ""


def _rivals(result: "Holdout", table: pd.DataFrame) -> list[str]:
    simple = table[table["coverage"].isna() & (table.index != result.law.name)]
    if simple.empty:
        return ["No baseline applies: there are no runs begun, and no other size or rate at the same tokens."]
    at = int(np.argmin(simple["ratio"]))
    best, ratio, rows = str(simple.index[at]), float(simple["ratio"].iloc[at]), int(simple["rows"].iloc[at])
    how = "beats the law" if ratio < 1 else "does worse"
    out = [f"Best without a law, {best}: {how}, {ratio:.2g} times its rms on the same {rows} rows."]
    for _, line in table[table["coverage"].notna() & (table.index != result.law.name)].iterrows():
        out.append(
            f"Runs already begun: law and own checkpoints together have rms {line['rms']:.3g} nats, "
            f"{line['ratio']:.2g} times that of the law alone."
        )
    return out


def shown(result: "Holdout") -> pd.DataFrame:
    """The table as text, percentages and nats."""
    table = by_method(result)
    percent = {"signed": "+.2f", "absolute": ".2f", "worst": ".2f", "asd_relative": ".0f", "coverage": ".0f"}
    out = pd.DataFrame(index=table.index)
    for column, title in _TITLES.items():
        values = table[column]
        if column in percent:
            out[title] = ["" if np.isnan(v) else f"{100 * v:{percent[column]}} %" for v in values]
        elif column == "rows":
            out[title] = [str(v) for v in values]
        else:
            out[title] = ["" if np.isnan(v) else format_quantity(v) for v in values]
    return out.rename_axis(None)


_TITLES = {
    "rows": "rows",
    "signed": "mean error",
    "absolute": "mean |error|",
    "rms": "rms (nats)",
    "worst": "worst |error|",
    "r2": "R²",
    "asd_relative": "slopes off by",
    "coverage": "covered",
    "ratio": "rms / law's",
}


def rms(values: pd.Series) -> float:
    return float(np.sqrt(np.mean(np.asarray(values, dtype=float) ** 2)))
