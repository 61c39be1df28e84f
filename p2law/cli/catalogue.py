"""``p2law laws`` and ``p2law data``: what there is."""

import re
from argparse import ArgumentParser, Namespace

from .. import datasets, laws
from . import files, sources
from .command import Command


def _laws_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("law", nargs="?", help="only this one, with its documentation")


def _laws(options: Namespace) -> int:
    if options.law:
        law = sources.find_law(options.law)
        print(f"{_entry(law)}\n\n{law.doc}\n\nreference: {law.reference or 'none given'}")
        return 0
    print("\n\n".join([*(_entry(laws.get(name)) for name in laws.names()), "published constants:"]))
    for name, constants in sources.published().items():
        print(f"    {name}: {constants.law.name}, {constants.source}")
    return 0


def _entry(law: laws.Law) -> str:
    columns = ", ".join(f"{v.name} ({v.kind.unit})" if v.kind.unit else v.name for v in law.variables)
    lines = [f"{law.name}: {law.title}", f"    {formula(law)}", f"    columns:   {columns}, {law.response.name}"]
    lines.append(f"    constants: {', '.join(p.name for p in law.parameters)}")
    return "\n".join(line for line in lines if line.strip())


def formula(law: laws.Law) -> str:
    """The formula of a law's documentation in plain text; empty if it shows none."""
    found = re.search(r"\.\. math::\s*(.*?)(?:\n\s*\n|\Z)", law.doc, re.DOTALL)
    if found is None:
        return ""
    text = re.sub(r"\\left|\\right", "", found[1]).replace(r"\,", " ")
    text = re.sub(r"\\bar\s*(\w)", r"\1_avg", text)
    text = re.sub(r"\{([^{}]*)\}", r"\1", text).replace("\\", "")
    return re.sub(r"\(\s+|\s+\)", lambda bracket: bracket[0].strip(), " ".join(text.split()))


def _data_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", choices=datasets.names(), help="without it, the names")
    parser.add_argument("--out", metavar="RUNS.csv", help="write the table instead of showing its data card")
    parser.add_argument("--rows", choices=("fit", "all"), default="fit", help="rows to be fitted, or every logged one")


def _data(options: Namespace) -> int:
    if options.name is None:
        print("\n".join(datasets.names()))
    elif options.out:
        files.check_target(options.out)
        frame = datasets.load(options.name, rows=options.rows)
        frame.to_csv(options.out, index=False)
        print(f"saved {options.out}: {len(frame)} rows")
    else:
        print(datasets.describe(options.name))
    return 0


LAWS = Command(
    "List the laws (formula, columns, constants) and the published constants.", _laws_arguments, _laws, ("", "p2")
)
DATA = Command(
    "Show a bundled data set's card, or write its table.",
    _data_arguments,
    _data,
    ("mini-pruning", "mini-pruning --out runs.csv", "mini-pruning --rows all --out every-row.csv"),
)
