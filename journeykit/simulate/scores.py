"""The results of scoring: coverage of intervals, and how often a method flags something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Names told one by one in a summary.
_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Coverage(Result):
    """How often a method's intervals hold the truth.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a name, in the order in which the worlds gave them:

        - `name`
        - `n_worlds`: worlds with an interval; the world is the unit of all that follows
        - `n_missing`: worlds without one. The two sum to all worlds
        - `n`: intervals, several in a world where it had several rows of the name
        - `n_empty`: rows left out because estimate, bound or truth was empty
        - `truth`, `estimate`: means
        - `bias`, `bias_conf_low`, `bias_conf_high`: mean of estimate - truth
        - `coverage`, `conf_low`, `conf_high`: share of intervals that hold the truth, bounds
          included
        - `share_flagged`: share of intervals that do not hold `null`; empty where the method names
          none
        - `mean_width`: of the intervals
    nominal : float
        Share of intervals that are meant to hold the truth.
    worlds : int
    reasons : mapping of str to int
        Why the method could say nothing of a world, and of how many.
    """

    nominal: float
    worlds: int
    reasons: Mapping[str, int]
    rows: ClassVar[str] = "estimates"

    def off(self) -> pd.DataFrame:
        """Return the rows whose coverage is not compatible with the nominal one."""
        frame = self.frame
        return frame[(frame["conf_low"] > self.nominal) | (frame["conf_high"] < self.nominal)]

    def summary(self) -> str:
        """Return how often the intervals covered, which differ, and how many were missing."""
        frame, off = self.frame, self.off()
        kind = f"{self.nominal:.0%} intervals"
        if len(frame) == 1:
            row = frame.iloc[0]
            said = (
                f"{kind} of {row['name']} held the truth in {row['coverage']:.1%} "
                f"({row['conf_low']:.1%} to {row['conf_high']:.1%}) of {self.worlds:,} worlds"
            )
        else:
            said = (
                f"{kind} of {len(frame):,} estimates held the truth in "
                f"{frame['coverage'].min():.1%} to {frame['coverage'].max():.1%} of "
                f"{self.worlds:,} worlds"
            )
            told = [f"{row.name} {row.coverage:.1%}" for row in off.itertuples()]
            said += f"; {_listed(told)} differ{'s' if len(told) == 1 else ''}" if told else ""
        return said + _missing(frame)

    def as_table(self) -> pd.DataFrame:
        """Return the figures as texts for readers."""
        frame = self.frame
        return pd.DataFrame(
            {
                "name": frame["name"],
                "worlds": frame["n_worlds"].map("{:,}".format),
                "missing": frame["n_missing"].map("{:,}".format),
                "empty rows": frame["n_empty"].map("{:,}".format),
                "truth": frame["truth"].map(_short),
                "bias": _ranges(frame, "bias", "bias_conf_low", "bias_conf_high", _short),
                "coverage": _ranges(frame, "coverage", "conf_low", "conf_high", "{:.1%}".format),
                "flagged": frame["share_flagged"].map(_percent),
                "mean width": frame["mean_width"].map(_short),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coverages with their intervals beside the nominal one."""
        label = f"intervals that held the truth, of {self.worlds:,} worlds"
        return _points(self.frame, "coverage", self.nominal, label, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FalseFindings(Result):
    """How often a method flags something.

    Where what it looks for is not there, these are false findings; where it is, the power.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``name n_worlds n_missing n n_empty n_flagged share conf_low conf_high``, one row a name;
        counts as in `Coverage`, and the share of flagged ones with its interval.
    alpha : float
        Share that the method is meant to flag where nothing is there.
    worlds : int
    null : tuple of str
        Parameters that were zero.
    reasons : mapping of str to int
        Why the method could say nothing of a world, and of how many.
    """

    alpha: float
    worlds: int
    null: tuple[str, ...]
    reasons: Mapping[str, int]
    rows: ClassVar[str] = "findings"

    def summary(self) -> str:
        """Return how often something was flagged, and what was zero."""
        frame = self.frame
        told = [
            f"{row.name} in {row.share:.1%} ({row.conf_low:.1%} to {row.conf_high:.1%})"
            for row in frame.itertuples()
        ]
        where = f" where {_listed(list(self.null))} is zero" if self.null else ""
        return f"flagged {_listed(told)} of {self.worlds:,} worlds{where}{_missing(frame)}"

    def as_table(self) -> pd.DataFrame:
        """Return the figures as texts for readers."""
        frame = self.frame
        return pd.DataFrame(
            {
                "name": frame["name"],
                "worlds": frame["n_worlds"].map("{:,}".format),
                "missing": frame["n_missing"].map("{:,}".format),
                "empty rows": frame["n_empty"].map("{:,}".format),
                "flagged": _ranges(frame, "share", "conf_low", "conf_high", "{:.1%}".format),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares with their intervals beside the level that is meant."""
        return _points(self.frame, "share", self.alpha, f"flagged, of {self.worlds:,} worlds", ax)


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _TOLD
    return ", ".join(texts[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _missing(frame: pd.DataFrame) -> str:
    most = int(frame["n_missing"].max())
    if not most:
        return ""
    who = "" if len(frame) == 1 else f" for {frame.loc[frame['n_missing'].idxmax(), 'name']}"
    return f"; {most:,} world{'s' if most > 1 else ''} told nothing{who}"


def _short(value: float) -> str:
    return "" if np.isnan(value) else f"{value:,.4g}"


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"


def _ranges(
    frame: pd.DataFrame, middle: str, low: str, high: str, text: Callable[[float], str]
) -> list[str]:
    return [
        f"{text(row[0])} ({text(row[1])} to {text(row[2])})"
        for row in frame[[middle, low, high]].itertuples(index=False)
    ]


def _points(frame: pd.DataFrame, column: str, meant: float, label: str, ax: Axes | None) -> Axes:
    from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
    from journeykit.draw.charts import wrapped

    ax = axes(ax, height=max(1.6, 0.34 * len(frame) + 0.9))
    at = np.arange(len(frame))
    ax.axvline(meant, color=QUIET, linewidth=1.2, linestyle="--")
    ax.hlines(at, frame["conf_low"], frame["conf_high"], color=INK, linewidth=1.6)
    ax.plot(frame[column], at, "o", color=PALETTE[0])
    ax.set_yticks(at, [wrapped(str(name)) for name in frame["name"]])
    ax.invert_yaxis()
    ax.set_xlabel(label)
    percent_axis(ax, "x")
    return tidy(ax, grid="x")
