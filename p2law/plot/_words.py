"""Words in pictures: titles no wider than their axes, names cut in the middle."""

from textwrap import wrap

from matplotlib.axes import Axes

LONGEST = 34
"""Letters of a name in a legend; longer ones are cut in the middle, where names of runs say least."""
_LETTER = 0.5
"""Mean width of a letter in units of the font's size."""


def short(text: str, longest: int = LONGEST) -> str:
    """A name, cut in the middle where it is too long."""
    keep = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:keep]}…{text[-keep:]}"


def title(ax: Axes, text: str, *, loc: str = "center") -> None:
    """A title in lines no wider than the axes are now."""
    made = ax.set_title(text, fontsize="medium", loc=loc)  # type: ignore[arg-type]
    wide = 72 * ax.bbox.width / ax.figure.dpi
    letters = max(int(wide / (_LETTER * float(made.get_fontsize()))), 16)
    made.set_text("\n".join(part for line in text.split("\n") for part in wrap(line, letters) or [""]))
