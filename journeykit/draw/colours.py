"""One colour a touchpoint throughout a picture; what is no touchpoint has none of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeykit.draw.basics import PALETTE, QUIET

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle

#: The palette's colours and Okabe and Ito's yellow, which is light for lines but not for areas.
_FILLS = (*PALETTE[:6], "#f0e442")


@dataclass(frozen=True, slots=True)
class Fill:
    """How an area is filled."""

    face: str
    edge: str = "none"
    hatch: str = ""

    def bar(self, x: float, y: float, width: float, height: float) -> Rectangle:
        """Return a rectangle in data coordinates."""
        from matplotlib.patches import Rectangle

        return Rectangle(
            (x, y), width, height, facecolor=self.face, edgecolor=self.edge,
            hatch=self.hatch, linewidth=0.5,
        )  # fmt: skip

    def key(self) -> Rectangle:
        """Return a sample for the legend."""
        return self.bar(0, 0, 1, 1)


def place_colours(places: Sequence[str], edges: tuple[str, str, str]) -> dict[str, Fill]:
    """Give each place its fill; `edges` are other, left or entry, and what is not known."""
    other, gone, unknown = edges
    fills = {name: Fill(_FILLS[at % len(_FILLS)]) for at, name in enumerate(places)}
    fills[other] = Fill("#b8c2cc")
    fills[gone] = Fill("#616e7c")
    fills[unknown] = Fill("#f5f7fa", edge=QUIET, hatch="/////")
    return fills
