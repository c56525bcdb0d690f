"""What a funnel tells of time: when customers come, and who has not come in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.draw import PALETTE, axes, interval_bars, percent_axis, step_curve
from journeykit.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE_POINTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConversionTimes(Result):
    """How many have come to a step, by the days they have waited; a row a group and time.

    ``group time_days n_at_risk n_event n_left n_dropped n_censored estimate std_error conf_low
    conf_high share_left share_dropped share_waiting``. `estimate` is Aalen and Johansen's
    incidence of coming; it, `share_left` (they left), `share_dropped` (their window is over) and
    `share_waiting` sum to 1. Where customers have several attempts, some 60 times are shown.
    """

    what: str
    rows: ClassVar[str] = "times"

    def summary(self) -> str:
        """Say how many have come by the end of the curve."""
        last = self.frame.groupby("group", sort=False).tail(1)
        told = [
            f"{row.group}: {row.estimate:.1%} ({row.conf_low:.1%} to {row.conf_high:.1%}) "
            f"within {row.time_days:,.3g} days"
            for row in last.head(4).itertuples()
        ]
        return f"{self.what}: {'; '.join(told)}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves of coming with their bands."""
        ax = axes(ax)
        for number, (group, rows) in enumerate(self.frame.groupby("group", sort=False)):
            shown = rows.iloc[:: -(-len(rows) // _CURVE_POINTS) or 1]
            step_curve(
                np.concatenate([[0.0], shown["time_days"]]),
                np.concatenate([[0.0], shown["estimate"]]),
                np.concatenate([[np.nan], shown["conf_low"]]),
                np.concatenate([[np.nan], shown["conf_high"]]),
                ax=ax,
                label=str(group),
                color=PALETTE[number % len(PALETTE)],
            )
        ax.set_ylim(bottom=0)
        ax.set_xlim(left=0)
        percent_axis(ax, "y")
        ax.set_xlabel("days waited")
        ax.set_ylabel("have come")
        if self.frame["group"].nunique() > 1:
            ax.legend(frameon=False)
        return ax


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Abandonment(Result):
    """``group step touchpoint n n_event n_censored estimate conf_low conf_high undecided``.

    `n` reached the step; `n_event` are known not to have gone on in time; the time of `n_censored`
    is not over. `undecided` is as in `Funnel`.
    """

    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Say how many did not go on."""
        told = [
            f"{row.group}: {row.estimate:.1%} ({row.conf_low:.1%} to {row.conf_high:.1%}) of "
            f"{row.n:,} did not go on from {row.touchpoint} in time"
            for row in self.frame.head(4).itertuples()
        ]
        return "; ".join(told)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share that did not go on, a bar a group."""
        shown = self.frame
        labels = [f"{row.group} (of {row.n:,})" for row in shown.itertuples()]
        ax = interval_bars(labels, shown["estimate"], shown["conf_low"], shown["conf_high"], ax=ax)
        percent_axis(ax, "x")
        ax.set_xlabel("did not go on in time")
        return ax
