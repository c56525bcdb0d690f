"""What is returned of competing ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_known
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.stats import CumulativeIncidence

_TOLD = 4


@dataclass(frozen=True, slots=True, eq=False)
class EndTable:
    """One group's incidences, and when its customers entered, sorted; None if all at once."""

    curve: CumulativeIncidence
    entry: NDArray[np.int64] | None
    n: int

    def at_risk_just_before(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many entered before each `time` and were not gone before it."""
        went = self.curve.n_event.sum(axis=1) + self.curve.n_censored
        gone = np.concatenate([[0], np.cumsum(went)])
        entered = self.n if self.entry is None else np.searchsorted(self.entry, time)
        return np.asarray(entered - gone[np.searchsorted(self.curve.time, time)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IncidencesAt(Result):
    """``group cause time_days n_at_risk estimate std_error conf_low conf_high surviving``.

    `n_at_risk` is under risk at that time, those who end at it included. All else is empty after
    the last time at which anyone of the group was observed. Before anyone has gone `conf_high` is
    Wilson's of none among those under risk; at day 0 nobody has gone by definition.
    """

    rows: ClassVar[str] = "incidences"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CumulativeIncidences(Result):
    """Share that has come to each end: ``group cause time_days`` then counts and estimate.

    One row for every group, end and time at which anyone of the group ended or was lost from
    sight. `n_at_risk` at `time_days`; `n_event` who came to that end, and `n_censored`, at that
    time; `estimate`, `std_error`, `conf_low`, `conf_high` of the share that has come to it by
    then; `surviving`, the share that has come to none. In a group and at a time the estimates and
    `surviving` sum to 1.

    Attributes
    ----------
    confidence : float
    small_cell : int
        Curves are drawn while at least as many are under risk.
    causes : tuple of str
        Ends shown, the pooled one, ``(other)``, last.
    merged : tuple of str
        Ends that are pooled because few came to them.
    suppressed : tuple of str
        Groups of fewer customers, which are not shown.
    tables : mapping of group to EndTable
        The numbers behind the curves.
    """

    confidence: float
    small_cell: int
    causes: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()
    tables: Mapping[str, EndTable] = field(default_factory=dict)
    rows: ClassVar[str] = "incidences"

    def __post_init__(self) -> None:
        """Freeze the tables."""
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that are shown."""
        return tuple(self.tables)

    def of(self, group: str, cause: str) -> pd.DataFrame:
        """Return the rows of one group and end."""
        frame = self.frame
        return frame[(frame["group"] == group) & (frame["cause"] == cause)]

    def at(self, days: float | Sequence[float], /) -> IncidencesAt:
        """Read the curves at one or more days."""
        wanted = np.atleast_1d(np.asarray(days, dtype=np.float64))
        time = np.rint(wanted * DAY).astype(np.int64)
        parts = []
        for group, table in self.tables.items():
            row = np.searchsorted(table.curve.time, time, side="right")
            seen = time <= table.curve.time[-1]
            risk = np.where(seen, table.at_risk_just_before(time), 0)
            # Nobody of so many has gone yet: that does not say that nobody would have.
            highest = wilson_interval(
                np.zeros(len(risk)), np.maximum(risk, 1), confidence=self.confidence
            ).high
            unknown = seen & (row == 0) & (time > 0)
            for cause in self.causes:
                curve = self.of(group, cause)
                read = {
                    name: np.where(seen, np.append(before, curve[name].to_numpy())[row], np.nan)
                    for name, before in _BEFORE_ANY_END.items()
                }
                read["conf_high"] = np.where(unknown, highest, read["conf_high"])
                parts.append(
                    pd.DataFrame(
                        {
                            "group": group,
                            "cause": cause,
                            "time_days": wanted,
                            "n_at_risk": risk,
                            **read,
                        }
                    )
                )
        return IncidencesAt(frame=pd.concat(parts, ignore_index=True), provenance=self.provenance)

    def summary(self) -> str:
        """Return how many have come to each end by the last day, group by group."""
        told = []
        for group in self.groups[:_TOLD]:
            who = f"{group}: " if len(self.groups) > 1 else ""
            last = [(cause, self.of(group, cause).iloc[-1]) for cause in self.causes]
            ends = ", ".join(f"{cause} {row['estimate']:.1%}" for cause, row in last)
            left = last[0][1]["surviving"]
            day = last[0][1]["time_days"]
            told.append(f"{who}by day {day:,.4g} {ends}, still there {left:.1%}")
        if (more := len(self.groups) - len(told)) > 0:
            told.append(f"{more} more groups")
        if self.merged:
            told.append(f"{len(self.merged)} rare ends pooled")
        if self.suppressed:
            told.append(
                f"not shown, fewer than {self.small_cell} customers: {', '.join(self.suppressed)}"
            )
        return "; ".join(told)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: Literal["stacked", "curves"] | None = None,
        group: str | None = None,
    ) -> Axes:
        """Draw where customers went.

        Parameters
        ----------
        ax : Axes, optional
        kind : {"stacked", "curves"}, optional
            Incidences and survival on top of each other, of one group; or a curve with its band
            for every end and group. By default stacked where there is one group.
        group : str, optional
            The only one to draw; by default the first (stacked) or all (curves).
        """
        from journeykit.survival.competing.picture import draw_incidences, draw_stacked

        if group is not None:
            check_known("group", [group], self.groups, what="groups that are shown")
        if kind is None:
            kind = "stacked" if len(self.groups) == 1 or group is not None else "curves"
        check_choice("kind", kind, ("stacked", "curves"))
        if kind == "stacked":
            return draw_stacked(self, group or self.groups[0], ax)
        return draw_incidences(self, self.groups if group is None else (group,), ax)


#: What is read before anyone has gone.
_BEFORE_ANY_END = {
    "estimate": 0.0,
    "std_error": 0.0,
    "conf_low": 0.0,
    "conf_high": 0.0,
    "surviving": 1.0,
}
