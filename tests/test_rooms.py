"""Who may import whom, and how long files and functions may be: read from the source, nothing of p2law is imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "p2law"
ROOMS = (
    ("errors",),
    ("laws",),
    ("data",),
    ("schedules",),
    ("fitting",),
    ("plan", "validate", "experiments"),
    ("plot",),
    ("cli",),
    ("__init__",),
    ("__main__",),
)
"""From the bottom up. A room imports from itself and from those below it, not from one in the same row."""
TOP = {"errors.py", "schedules.py", "__init__.py", "__main__.py", "py.typed"}
FILE_LINES, BODY_LINES, FILES_IN_FOLDER = 400, 40, 16

KNOWN: dict[str, set[str]] = {
    "arrows": set(),
    "circles": set(),
    "top": set(),
    "folders": set(),
    "files": set(),
    "functions": set(),
}
"""Exceptions that are about to be removed, by the check they are exceptions of; take out what no longer breaks."""

FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
FILES = {path.relative_to(HOUSE).as_posix(): path for path in sorted(HOUSE.rglob("*.py"))}


@cache
def tree(file: str) -> ast.Module:
    return ast.parse(FILES[file].read_text(encoding="utf-8"))


def room(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


def file_of(module: str) -> str | None:
    """The file of a module below ``p2law`` such as ``laws.law``; none where there is no such module."""
    path = module.replace(".", "/")
    return next((file for file in (f"{path}.py", f"{path}/__init__.py".lstrip("/")) if file in FILES), None)


def imported(file: str) -> Iterator[str]:
    """Files that a file imports anywhere in its text: under TYPE_CHECKING and inside functions as well.

    A name is taken from the module that it is imported from: ``from .laws import Law`` is an arrow to
    ``laws/__init__.py``, ``from .laws import law`` one to ``laws/law.py`` if that file exists.
    """
    package = ["p2law", *Path(file).parent.parts]
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            modules = [".".join(filter(None, [*above, node.module, alias.name])) for alias in node.names]
        else:
            continue
        for module in modules:
            first, _, inside = module.partition(".")
            if first == "p2law":
                found = file_of(inside) or file_of(inside.rpartition(".")[0])
                assert found, f"{file}: {module} was not found"
                yield found


@cache
def graph() -> dict[str, set[str]]:
    return {file: set(imported(file)) for file in FILES}


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Groups of more than one file that import each other (strongly connected components, after Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(file: str) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in arrows[file]:
            if other not in index:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == index[file]:
            members = stack[stack.index(file) :]
            del stack[-len(members) :]
            if len(members) > 1:
                found.append(set(members))

    for file in arrows:
        if file not in index:
            visit(file)
    return found


def functions() -> Iterator[tuple[str, int]]:
    """Every function as ``file: name``, and the lines of its body without the docstring."""
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                yield f"{file}: {node.name}", lines


def check(name: str, found: set[str]) -> None:
    assert not found - KNOWN[name], "\n".join(sorted(found - KNOWN[name]))


def test_a_room_imports_only_from_rooms_below():
    unknown = {room(file) for file in FILES} - set(FLOOR)
    assert not unknown, f"rooms without a floor: {unknown}"
    arrows = [(file, other) for file, others in graph().items() for other in others if room(file) != room(other)]
    check("arrows", {f"{a} -> {b}" for a, b in arrows if FLOOR[room(b)] >= FLOOR[room(a)]})


def test_no_files_import_each_other():
    check("circles", {file for circle in circles(graph()) for file in circle})


def test_the_top_holds_eight_folders_and_two_files():
    names = {path.name for path in HOUSE.iterdir() if path.name != "__pycache__"}
    folders = {room for rooms in ROOMS for room in rooms if f"{room}.py" not in TOP}
    assert len(folders) == 8
    check("top", names ^ (TOP | folders))


def test_folders_are_small():
    counts: dict[str, int] = {}
    for file in FILES:
        counts[Path(file).parent.as_posix()] = counts.get(Path(file).parent.as_posix(), 0) + 1
    check("folders", {folder for folder, count in counts.items() if count > FILES_IN_FOLDER})


def test_files_are_short():
    lines = {file: path.read_text(encoding="utf-8").count("\n") for file, path in FILES.items()}
    check("files", {file for file, count in lines.items() if count > FILE_LINES})


def test_functions_are_short():
    check("functions", {name for name, lines in functions() if lines > BODY_LINES})


@pytest.mark.parametrize(
    ("arrows", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [{"a", "b", "c"}]),
        ({"a": {"b", "c"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, [{"c", "d"}, {"a", "b"}]),
    ],
)
def test_circles_are_found(arrows, expected):
    assert circles(arrows) == expected
