"""What every kind of curve has: a table of counts for each group, and a way to be read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError, JourneyKitWarning
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.curves.tables import LifeTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.curves.estimates import Curve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GroupedCurves(Result):
    """A step function for each group, a row a time of leaving.

    Attributes
    ----------
    confidence : float
    small_cell : int
        Curves are drawn while at least as many are under risk.
    suppressed : tuple of str
        Groups of fewer customers, which are not shown.
    tables : mapping of group to LifeTable
        The counts behind the curves.
    """

    confidence: float
    small_cell: int
    suppressed: tuple[str, ...] = ()
    tables: Mapping[str, LifeTable] = field(default_factory=dict)
    rows: ClassVar[str] = "times"

    def __post_init__(self) -> None:
        """Freeze the tables."""
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that are shown."""
        return tuple(self.tables)

    def of(self, group: str) -> pd.DataFrame:
        """Return the rows of one group."""
        return self.frame[self.frame["group"] == group]

    def _read(self, days: float | Sequence[float], *, begin: float) -> pd.DataFrame:
        """Read the curves, which `begin` somewhere by definition, at days.

        Until the first one leaves there is no interval, whoever was lost from sight by then; day 0
        itself is known.
        """
        wanted = checked_days("days", days)
        at = np.rint(wanted * DAY).astype(np.int64)
        parts = []
        for group, table in self.tables.items():
            curve = self.of(group)
            row = np.searchsorted(table.time, at, side="right")
            seen = at <= table.time[-1]
            bound = np.where((row == 0) & (at == 0), begin, np.nan)
            first: dict[str, float | NDArray[np.float64]] = {
                "estimate": begin, "std_error": 0.0, "conf_low": bound, "conf_high": bound,
            }  # fmt: skip
            read = {
                name: np.where(
                    seen,
                    np.where(row == 0, value, np.append(0.0, curve[name].to_numpy())[row]),
                    np.nan,
                )
                for name, value in first.items()
            }
            risk = np.where(seen, table.at_risk_just_before(at), 0)
            parts.append(
                pd.DataFrame({"group": group, "time_days": wanted, "n_at_risk": risk, **read})
            )
        return pd.concat(parts, ignore_index=True)

    def _small_text(self) -> list[str]:
        """Say which groups are not shown."""
        if not self.suppressed:
            return []
        return [f"not shown, fewer than {self.small_cell} customers: {', '.join(self.suppressed)}"]


def checked_days(name: str, days: float | Sequence[float], /) -> NDArray[np.float64]:
    """Return days as an array; none may be negative or unknown."""
    wanted = np.atleast_1d(np.asarray(days, dtype=np.float64))
    if not len(wanted) or not (np.isfinite(wanted) & (wanted >= 0)).all():
        raise ArgumentError(f"`{name}` must be numbers of at least 0; got {days!r}.")
    return wanted


def rows_of(group: str, table: LifeTable, curve: Curve) -> pd.DataFrame:
    """Return the counts and the curve of a group, a row a time."""
    return pd.DataFrame(
        {
            "group": group,
            "time_days": table.time / DAY,
            "n_at_risk": table.n_at_risk,
            "n_entered": table.n_entered,
            "n_event": table.n_event,
            "n_censored": table.n_censored,
            **curve._asdict(),
        }
    )


def warn_of_early_zero(group: str, table: LifeTable) -> None:
    """Warn where all who are under risk leave although others enter later."""
    emptied = np.flatnonzero(table.n_event == table.n_at_risk)
    if len(emptied) and emptied[0] < len(table.time) - 1:
        day = table.time[emptied[0]] / DAY
        warnings.warn(
            f"The curve of {group!r} drops to 0 at day {day:.4g}, where all "
            f"{table.n_at_risk[emptied[0]]} under risk left; it says nothing about those who "
            "entered later.",
            JourneyKitWarning,
            stacklevel=4,
        )
