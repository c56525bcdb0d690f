"""What a threshold of inactivity does, by its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ThresholdSensitivity(Result):
    """What would be said of customers under every threshold, one row each.

    Columns: `time_days`, the threshold; `n`, customers who can be declared at all, watched for
    longer than it after their first activity; `n_event`, those of them declared, at their first
    silence longer than it; `share_churned`, n_event / n; `n_returned` and `share_returned`, those
    declared who were seen to come back however much later, a lower bound for who does;
    `share_undecidable`, customers of n whose silence was not longer than the threshold when the
    watching ended; `median_days`, the median of Kaplan-Meier's curve of lifetimes dated at the
    last activity, empty where it is not reached; `chosen`, whether it is the threshold proposed.
    """

    rows: ClassVar[str] = "thresholds"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw by threshold how many are declared, come back, and cannot be told."""
        from journeykit.survival.thresholds.picture import draw_sensitivity

        return draw_sensitivity(self, ax)

    def summary(self) -> str:
        """Return how far the share declared depends on the threshold."""
        frame = self.frame
        first, last = frame.iloc[0], frame.iloc[-1]
        return (
            f"with a threshold of {first['time_days']:g} days {first['share_churned']:.0%} have "
            f"churned and {first['share_returned']:.0%} of them are seen again; with "
            f"{last['time_days']:g} days {last['share_churned']:.0%} and "
            f"{last['share_returned']:.0%}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ChurnThreshold(Result):
    """How likely customers still are to return, by how long they have been silent.

    Columns: `time_days`, the silence; `n`, customers once seen to be silent for longer; `n_event`,
    those seen to return within `within_days` after that; `estimate`, the probability to, with
    `std_error`, `conf_low` and `conf_high`; empty where nobody was followed for that long.

    Attributes
    ----------
    threshold_days : float
        The shortest silence after which the probability is below `return_probability`; NaN where
        it is not reached.
    return_probability, within_days, confidence : float
        As given.
    table : pandas.DataFrame
        What `sensitivity` shows.
    """

    rows: ClassVar[str] = "silences"

    threshold_days: float
    return_probability: float
    within_days: float
    confidence: float
    table: pd.DataFrame

    def sensitivity(self) -> ThresholdSensitivity:
        """Return what would be said of customers under every threshold."""
        return ThresholdSensitivity(frame=self.table, provenance=self.provenance)

    def summary(self) -> str:
        """Return the threshold and what is known of it, or that there is none."""
        within = f"return within {self.within_days:g} days"
        if np.isnan(self.threshold_days):
            told = self.frame.dropna(subset=["estimate"])
            if told.empty:
                return f"no silence was followed for long enough to tell who will {within}"
            last = told.iloc[-1]
            return (
                f"no silence after which fewer than {self.return_probability:.0%} {within}: after "
                f"{last['time_days']:g} days {last['estimate']:.0%} still do"
            )
        row = self.frame[self.frame["time_days"] == self.threshold_days].iloc[0]
        interval = (
            f"{self.confidence:.0%} {row['conf_low']:.1%} to {row['conf_high']:.1%}, "
            if np.isfinite(row["conf_low"])
            else ""
        )
        return (
            f"after {self.threshold_days:g} days of silence {row['estimate']:.1%} {within} "
            f"({interval}{int(row['n']):,} customers), the shortest silence with fewer than "
            f"{self.return_probability:.0%}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probability to return by silence, the level asked for and the threshold."""
        from journeykit.survival.thresholds.picture import draw_threshold

        return draw_threshold(self, ax)
