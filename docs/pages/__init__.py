"""Pages written from the code before Sphinx reads anything, into docs/generated: laws, reference, examples."""

from pathlib import Path

from sphinx.application import Sphinx

from . import examples, laws, reference


def write(app: Sphinx) -> None:
    """Write what changed, so that Sphinx reads (and runs) no more than that, and remove what is no longer there."""
    folder = Path(app.srcdir) / "generated"
    wanted = {folder / name: text for each in (laws, reference, examples) for name, text in each.pages().items()}
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.*"):
        if path not in wanted:
            path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
