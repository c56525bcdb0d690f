"""What every method returns: a frozen Result with one tidy frame, a picture and its provenance."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from journeykit import __version__
from journeykit.errors import NoPictureError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Rows of the frame shown in a notebook card; the whole frame is always in `.frame`.
CARD_ROWS = 10


#: What can come of a check; "failed" means that the numbers must not be used.
Status = Literal["passed", "warned", "failed"]
STATUSES: tuple[Status, ...] = ("passed", "warned", "failed")


class Checked(NamedTuple):
    """What came of checking data or numbers: name of the check, status, and what was found."""

    name: str
    status: Status
    found: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a number comes from.

    Attributes
    ----------
    fingerprint : str
        Fingerprint of the journeys the numbers were counted on, 32 hexadecimal digits.
    parameters : Mapping
        Arguments of the call that made the result.
    seed : int or None
        Seed, where anything was drawn at random.
    version : str
        Version of journeykit.
    """

    fingerprint: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    seed: int | None = None
    version: str = __version__

    def __post_init__(self) -> None:
        """Freeze the parameters."""
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result:
    """A method's answer.

    Attributes
    ----------
    frame : pandas.DataFrame
        Tidy, one row per thing estimated; each subclass documents its columns.
    provenance : Provenance
    """

    frame: pd.DataFrame
    provenance: Provenance = field(default_factory=Provenance)
    #: What the rows are, in the plural: "channels", "variants".
    rows: ClassVar[str] = "rows"

    def summary(self) -> str:
        """Return the finding in one plain sentence."""
        return f"{len(self.frame):,} {self.rows}"

    def plot(self, ax: Axes | None = None) -> Axes:  # noqa: ARG002 (subclasses draw on it)
        """Draw the result on `ax` (a new one by default) and return the Axes."""
        raise NoPictureError(f"{type(self).__name__} has no picture; its numbers are in `.frame`.")

    def __repr__(self) -> str:
        """Return one line: the type and the finding."""
        return f"<{type(self).__name__}: {self.summary()}>"

    def _repr_html_(self) -> str:
        head = self.frame.head(CARD_ROWS)
        table = head.to_html(index=False, border=0, escape=True, float_format=_short)
        left = len(self.frame) - len(head)
        more = (
            f"<p>{left:,} more {html.escape(self.rows)} in <code>.frame</code></p>" if left else ""
        )
        title = html.escape(self.summary())
        return f'<div class="jk-result"><p><strong>{title}</strong></p>{table}{more}</div>'


def _short(value: float) -> str:
    """Four significant digits, thousands separated, no scientific notation for usual sizes."""
    if value == 0 or 1e-4 <= abs(value) < 1e4:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.2e}"
