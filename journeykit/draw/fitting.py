"""How much room text takes, before and after it is drawn."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Return the width of one line of text in inches, at a font size in points."""
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    # A dollar sign is text here, never a formula; an S is as wide.
    path = TextPath((0, 0), text.replace("\\$", "S").replace("$", "S"), size=size)
    return float(path.get_extents().width) / 72


def fitted(label: str, inches: float, *, size: float) -> str:
    """Cut a label in its middle until it is at most so wide; at least three characters stay."""
    whole = text_width(shortened(label, len(label)), size)
    if whole <= inches:
        return shortened(label, len(label))
    # Letters are of different widths: begin a little above what the mean width allows.
    most = min(len(label), int(1.3 * len(label) * inches / whole) + 2)
    while most > 3 and text_width(shortened(label, most), size) > inches:
        most -= 1
    return shortened(label, max(most, 3))


def settled(ax: Axes) -> Bbox:
    """Lay the figure out and return the extent of `ax` in pixels."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return ax.get_window_extent()


def inches_of(ax: Axes) -> tuple[float, float]:
    """Return width and height of `ax` in inches, once the figure is laid out."""
    box = settled(ax)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return box.width / figure.dpi, box.height / figure.dpi
