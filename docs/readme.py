"""Run the Python blocks of the README and of the pages in docs, and hold their output against the text blocks shown.

    python docs/readme.py                            fail where an output differs
    python docs/readme.py --write                    put the real outputs into the pages, the pictures into docs/images
    python docs/readme.py --write docs/planning.md   only of these pages

Blocks of one page share one namespace; what they save lands in a temporary folder. Of the FitWarnings of a
page only the first is shown.
"""

import contextlib
import io
import re
import sys
import tempfile
import warnings
from difflib import unified_diff
from pathlib import Path

import matplotlib as mpl

from p2law import FitWarning

ROOT = Path(__file__).resolve().parents[1]
PAIR = re.compile(r"(```python\n)(.*?)(```\n)(?:\n(```text\n)(.*?)(```\n))?", re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def output(code: str, namespace: dict[str, object], *, warned: bool) -> str:
    """What a block prints, warnings included as one line each; after a FitWarning further ones are left out."""
    with contextlib.redirect_stdout(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("always")
        if warned:
            warnings.simplefilter("ignore", FitWarning)
        warnings.showwarning = lambda message, category, *_: print(f"{category.__name__}: {message}")
        exec(compile(code, str(namespace["__name__"]), "exec"), namespace)
    return out.getvalue()


def rerun(text: str, name: str) -> str:
    """A page with every text block after a Python block replaced by what that block prints."""
    namespace: dict[str, object] = {"__name__": name}
    printed_before = ""

    def replace(found: re.Match[str]) -> str:
        nonlocal printed_before
        begin, code, end, shown = found.group(1, 2, 3, 4)
        printed = output(code, namespace, warned="FitWarning: " in printed_before)
        printed_before += printed
        if shown is None:
            return found.group() + (f"\n```text\n{printed}```\n" if printed else "")
        return f"{begin}{code}{end}\n```text\n{printed}```\n"

    return PAIR.sub(replace, text)


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same up to the last digits of their numbers, which differ between machines."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (one, other)]
    return all(abs(a - b) <= 0.02 * max(abs(a), abs(b)) for a, b in zip(*numbers, strict=True))


def check(page: Path, *, write: bool) -> bool:
    """Whether a page shows what its code does; differences are printed, or written into it."""
    name, before = page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        after = rerun(before, name)
        if write:
            page.write_text(after, encoding="utf-8")
            for picture in Path(folder).glob("*.png"):
                (ROOT / "docs" / "images" / picture.name).write_bytes(picture.read_bytes())
    if alike(before, after):
        print(f"{name}: every block prints what it shows.")
    elif write:
        print(f"{name}: outputs written.")
    else:
        print("".join(unified_diff(before.splitlines(True), after.splitlines(True), name, "what its code prints")))
    return write or alike(before, after)


def main(arguments: list[str]) -> int:
    """Exit code 1 if a page shows something else than what its code does."""
    mpl.use("Agg")
    named = [Path(a).resolve() for a in arguments if a != "--write"]
    pages = named or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    good = [check(page, write="--write" in arguments) for page in pages]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
