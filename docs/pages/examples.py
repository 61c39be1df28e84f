"""The examples, which Sphinx takes only from its own folder. Scripts named reproduce_* take hours and stay out."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def pages() -> dict[str, str]:
    """File name to text; MyST-NB reads them as notebooks and runs them."""
    return {f"examples/{path.name}": path.read_text(encoding="utf-8") for path in FOLDER.glob("0*.py")}
