"""One page per registered law, from the Law object alone: a new law is documented by being there."""

import inspect
import re
from math import inf

from p2law.laws import PUBLISHED, Constants, Law, Parameter, get, names
from p2law.laws.kinds import ParameterKind, VariableKind

from .rst import contents, indent, table, title

GREEK = ("alpha", "beta", "gamma", "delta", "rho")


def pages() -> dict[str, str]:
    """File name to text: an overview and a page for each law."""
    laws = [get(name) for name in names()]
    rows = [(f":doc:`{x.title} <{x.name}>`", f"``{x.name}``", columns(x), str(len(x.parameters))) for x in laws]
    overview = table(("law", "name", "columns", "constants"), rows)
    index = "\n".join([title("Laws"), INTRODUCTION, overview, contents(x.name for x in laws)])
    return {"laws/index.rst": index} | {f"laws/{x.name}.rst": page(x) for x in laws}


INTRODUCTION = """Fit one by its name, ``p2law.fit("p2", runs)``, or call it as a plain function of its columns and
constants, ``p2law.laws.get("p2")(...)``. Which one to choose: :doc:`/which_law`. A law of your own is one function:
:doc:`/generated/examples/03_own_law`.
"""


def page(law: Law) -> str:
    """Title, formula, columns, constants, relatives and the source."""
    published = [each for each in PUBLISHED if each.law is law]
    parts = [title(law.title), f"``{law.name}``: {law.reference}.\n", law.doc + "\n"]
    parts += [title("Columns", "-"), column_table(law), title("Constants", "-"), constant_table(law)]
    if law.reduced:
        parts.append(f"Reduced law, with fewer constants: :doc:`{get(law.reduced).title} <{law.reduced}>`.\n")
    if published:
        parts += [title("Published constants", "-"), *map(published_constants, published)]
    parts += [title("Source", "-")]
    if law.closed_forms:
        parts.append(f"Closed forms, used by the plans: {', '.join(f'``{name}``' for name in law.closed_forms)}.\n")
    return "\n".join([*parts, ".. code-block:: python\n", indent(source(law)), ""])


def column_table(law: Law) -> str:
    """The columns that the law uses, and last its response."""
    rows = [
        (symbol(v.name), f"``{v.name}``", v.kind.label, v.kind.unit or "none", domain(v.kind, "()"))
        for v in (*law.variables, law.response)
    ]
    return table(("symbol", "column", "what", "unit", "domain"), rows)


def constant_table(law: Law) -> str:
    """The constants, their domains and ranges of starts."""
    rows = [(symbol(p.name), f"``{p.name}``", p.kind.label, domain(p.kind, "[]"), starts(p)) for p in law.parameters]
    return table(("symbol", "constant", "kind", "domain", "starts"), rows)


def published_constants(constants: Constants) -> str:
    """What a paper printed: values, source and objective."""
    errors = {name: f" ± {value:g}" for name, value in (constants.standard_errors or {}).items()}
    values = ", ".join(f"{symbol(k)} = {v:.6g}{errors.get(k, '')}" for k, v in constants.params.items())
    words = (constants.source, f"Minimised: {constants.objective}", constants.note.rstrip("."))
    return f"* **{constants.name}**: {values}. {'. '.join(filter(None, words))}.\n"


def columns(law: Law) -> str:
    """The columns in one cell."""
    return ", ".join(symbol(v.name) for v in law.variables)


def symbol(name: str) -> str:
    """A name as mathematics: alpha, N_C, N_avg, L0; the response is L."""
    head, _, foot = ("L" if name == "loss" else re.sub(r"(\d+)$", r"_\1", name)).partition("_")
    head = f"\\{head}" if head in GREEK else upright(head)
    return f":math:`{head}" + (f"_{{{upright(foot)}}}`" if foot else "`")


def upright(word: str) -> str:
    """Words, unlike letters, are set upright."""
    return word if len(word) == 1 else rf"\mathrm{{{word}}}"


def domain(kind: VariableKind | ParameterKind, brackets: str) -> str:
    """An interval as mathematics; it is open at infinity."""
    left = r"(-\infty" if kind.lower == -inf else f"{brackets[0]}{kind.lower:g}"
    right = r"\infty)" if kind.upper == inf else f"{kind.upper:g}{brackets[1]}"
    return f":math:`{left}, {right}`"


def starts(parameter: Parameter) -> str:
    """The range of starting values."""
    low, high = parameter.kind.start
    return "none: linear, solved for" if parameter.kind.linear else f"{low:g} to {high:g}"


def source(law: Law) -> str:
    """The function that is the law."""
    return inspect.getsource(law.function)
