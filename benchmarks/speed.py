"""How long a fit takes: warm, cold, importing, and beside other ways to the same optimum.

    python benchmarks/speed.py

Whatever is compared is timed in turn within one run: read medians and ratios, and processor time where the machine is
busy with other work. lmfit and optimistix are left out where they are not installed.
"""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import alternatives
import numpy as np
import pandas as pd
from common import fresh, heading, interleaved, machine, rows, shared_table, times

import p2law

HERE = Path(__file__).resolve().parent
IMPORT = """
wall, work = clock()
import {}
print(perf_counter() - wall, process_time() - work)
"""
SHELL = """
import contextlib, io, sys
wall, work = clock()
from p2law.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(perf_counter() - wall, process_time() - work)
"""
COMMANDS = ("--help", "--version", "fit --help", "laws", "plan compute besiroglu-2024 --flops 1e21")
"""What the command line answers without a fit."""
COLD = """
import sys
sys.path.insert(0, sys.argv[1])
import pandas as pd, alternatives
call = getattr(alternatives, sys.argv[2])(pd.read_csv(sys.argv[3]))
wall, work = clock()
call(0)
print(perf_counter() - wall, process_time() - work)
"""
SECOND = """
import sys
import pandas as pd, p2law
first, second = (pd.read_csv(path) for path in sys.argv[1:])
p2law.fit("chinchilla", first)
wall, work = clock()
p2law.fit("chinchilla", second)
print(perf_counter() - wall, process_time() - work)
"""
POWERS = """
import sys
import numpy as np, pandas as pd, p2law
import p2law.fitting.solver.descent as program
if sys.argv[3] == "off":
    program.PositiveColumn = lambda values, log: values
seconds, table = [], pd.read_csv(sys.argv[2])
for seed in range(31):
    begin = process_time()
    fit = p2law.fit(sys.argv[1], table, rng=seed)
    seconds.append(process_time() - begin)
print(seconds[0], np.median(seconds[1:]), fit.objective_value)
"""


def chinchilla_table() -> pd.DataFrame:
    """Epoch's 240 rows, or as many synthetic ones where the file is absent."""
    table = shared_table("epoch_chinchilla")
    if table is not None:
        return table[table.epoch_kept].drop(columns="epoch_kept")
    print("240 synthetic rows of similar constants with 0.6 % noise are used instead.")
    rng = np.random.default_rng(0)
    size, tokens = 10 ** rng.uniform(7.7, 10.2, 240), 10 ** rng.uniform(9, 11.5, 240)
    loss = p2law.laws.get("chinchilla")(size, tokens, E=1.8172, A=477.8, B=2143.4, alpha=0.3473, beta=0.3672)
    return pd.DataFrame({"N": size, "D": tokens, "loss": loss * np.exp(rng.normal(0, 0.006, 240))})


def imports() -> None:
    heading("Imports and the start of the command line, each in a fresh process")
    names = {"import jax, pandas": "jax, pandas", "import p2law": "p2law"}
    calls = {label: lambda _, m=m: fresh(IMPORT.format(m)) for label, m in names.items()}
    calls |= {f"p2law {line}": lambda _, line=line: fresh(SHELL, *line.split()) for line in COMMANDS}
    taken = interleaved(calls, 15, own=True)
    times(taken)
    base = np.median(taken.pop("import jax, pandas"), 0)
    for label, seconds in taken.items():
        wall, work = np.median(seconds, 0) / base
        print(f"{label} / (jax, pandas): {wall:.2f} of the wall medians, {work:.2f} of the processor medians")


def cold(path: str) -> None:
    heading("First fit of a process, compilation included (imports and reading excluded)")
    kept = {"JAX_COMPILATION_CACHE_DIR": str(Path(path).with_name("compiled"))}
    kept["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    fresh(COLD, str(HERE), "ours", path, **kept)
    ways = {"p2law.fit": ("ours", {}), "p2law.fit, compiled by an earlier process": ("ours", kept)}
    if find_spec("optimistix"):
        ways["optimistix LM, 16 starts"] = ("optimistix_from_16_starts", {})
    calls = {k: lambda _, f=f, kept=kept: fresh(COLD, str(HERE), f, path, **kept) for k, (f, kept) in ways.items()}
    times(interleaved(calls, 7, own=True))


def second(path: str, table: pd.DataFrame) -> None:
    heading(f"Second fit of a process, after one of {len(table)} rows")
    calls = {}
    for i, other in enumerate((table, table.iloc[::2], pd.concat([table, table]))):
        there = str(Path(path).with_name(f"{i}.csv"))
        other.assign(loss=other.loss * 1.001).to_csv(there, index=False)
        calls[f"{len(other)} rows"] = lambda _, there=there: fresh(SECOND, path, there)
    times(interleaved(calls, 5, own=True))
    print("Tables are padded to 256, 512, 1024, ... rows; each of these sizes compiles once per law and objective.")


def warm(table: pd.DataFrame) -> None:
    heading(f"Warm Chinchilla fit of {len(table)} rows, in turn in one process")
    makers = {
        "p2law.fit, no start given": alternatives.ours,
        "scipy least_squares(huber), one start, at the answer": alternatives.scipy_from_the_answer,
    }
    if find_spec("lmfit"):
        makers["lmfit least_squares(huber), one start, at the answer"] = alternatives.lmfit_from_the_answer
    if find_spec("optimistix"):
        makers["optimistix LM, 16 random starts by lax.map"] = alternatives.optimistix_from_16_starts
    solvers = {label: make(table) for label, make in makers.items()}
    reached: dict[str, list[float]] = {label: [] for label in solvers}
    calls = {label: lambda i, k=label: reached[k].append(solvers[k](i)) for label in solvers}
    times(interleaved(calls, 100), ["worst objective", *(f"{max(reached[k]):.10e}" for k in calls)])
    print("p2law's time includes the checks of the table, the search for starts and the warnings.")


def powers(tables: dict[str, str]) -> None:
    heading("Powers through the logarithms of the columns (solver/descent.py) on and off, in fresh processes")
    body = []
    for law, path in tables.items():
        taken = [[fresh(POWERS, law, path, state) for state in ("on", "off")] for _ in range(5)]
        on, off = np.median(taken, axis=0)
        for state, (first, later, objective) in (("on", on), ("off", off)):
            body.append([f"{law}, {state}", f"{1e3 * first:.0f}", f"{1e3 * later:.1f}", f"{objective:.9e}"])
        body.append([f"{law}, on / off", f"{on[0] / off[0]:.2f}", f"{on[1] / off[1]:.2f}", ""])
    rows(["processor milliseconds", "first fit", "warm fit", "objective"], body)
    print("Medians over 5 processes of each, in turn; a process's warm figure is its median over 30 fits.")


def main() -> None:
    print(machine("optimistix", "lmfit"))
    table = chinchilla_table()
    with tempfile.TemporaryDirectory() as name:
        paths = {law: str(Path(name) / f"{law}.csv") for law in ("chinchilla", "p2")}
        table.to_csv(paths["chinchilla"], index=False)
        p2law.datasets.load("mini-pruning", method="width").to_csv(paths["p2"], index=False)
        imports()
        cold(paths["chinchilla"])
        second(paths["chinchilla"], table)
        warm(table)
        powers(paths)


if __name__ == "__main__":
    main()
