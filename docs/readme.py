"""Run the README's Python blocks in order and hold their output against the text blocks that follow them.

    python docs/readme.py           fail where the output differs
    python docs/readme.py --write   put the real output into README.md and the picture into docs/images

Run from the repository root. All blocks share one namespace; what they save lands in a temporary folder.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import warnings
from difflib import unified_diff
from pathlib import Path

import matplotlib as mpl

ROOT = Path(__file__).resolve().parents[1]
PAIR = re.compile(r"(```python\n)(.*?)(```\n)(?:\n(```text\n)(.*?)(```\n))?", re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def output(code: str, namespace: dict[str, object]) -> str:
    """What a block prints, warnings included as one line each."""
    with contextlib.redirect_stdout(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, category, *_: print(f"{category.__name__}: {message}")
        exec(compile(code, "README.md", "exec"), namespace)
    return out.getvalue()


def rerun(text: str) -> str:
    """The README with every text block after a Python block replaced by what that block prints."""
    namespace: dict[str, object] = {"__name__": "readme"}

    def replace(found: re.Match[str]) -> str:
        begin, code, end, shown = found.group(1, 2, 3, 4)
        printed = output(code, namespace)
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


def main() -> int:
    """Exit code 1 if the README shows something else than what its code does."""
    mpl.use("Agg")
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        after = rerun(before)
        if "--write" in sys.argv[1:]:
            readme.write_text(after, encoding="utf-8")
            for picture in Path(folder).glob("*.png"):
                (ROOT / "docs" / "images" / picture.name).write_bytes(picture.read_bytes())
        os.chdir(ROOT)
    if alike(before, after):
        print("README.md: every block prints what it shows.")
    elif "--write" in sys.argv[1:]:
        print("README.md: outputs written.")
    else:
        difference = unified_diff(before.splitlines(True), after.splitlines(True), "README.md", "what its code prints")
        print("".join(difference))
    return int(not alike(before, after) and "--write" not in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
