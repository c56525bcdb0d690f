"""How many different journeys there are, and how much of the behaviour has been seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction
from journeykit.counts import PathCounts, path_counts, run
from journeykit.draw import interval_bars, percent_axis
from journeykit.errors import DataError
from journeykit.journeys.ending import END_ATTRIBUTES, is_open
from journeykit.results import Provenance, Result
from journeykit.stats import esty_interval, wilson_interval
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_DRAWN = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Variants(Result):
    """``path n_steps n n_event share conf_low conf_high cumulative_share``.

    One row per distinct path, the most frequent first (ties by path text); `n` sums to
    `n_customers`, `share` to 1.

    Attributes
    ----------
    n_customers : int
        Customers with a complete journey; each counts once.
    n_left_out : int
        Customers without one.
    new_kind : Estimate
        Probability that the next journey is of a kind not seen yet (Good-Turing, Esty's interval).
    """

    n_customers: int
    n_left_out: int
    new_kind: Estimate
    rows: ClassVar[str] = "paths"

    def summary(self) -> str:
        """Say how many kinds there are and how likely the next one is new."""
        estimate, low, high = self.new_kind
        return (
            f"{len(self.frame):,} different journeys among {self.n_customers:,} customers; the "
            f"next journey is of a new kind with probability {estimate:.0%} "
            f"({low:.0%} to {high:.0%})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ten most frequent journeys and all others together."""
        top = self.frame.head(_DRAWN)
        labels, n = top["path"].replace("", "(no touch)").tolist(), top["n"].tolist()
        if others := self.n_customers - sum(n):
            labels.append(f"{len(self.frame) - len(top):,} other journeys")
            n.append(others)
        low, high = wilson_interval(n, self.n_customers)
        ax = interval_bars(labels, np.array(n) / self.n_customers, low, high, ax=ax)
        percent_axis(ax, "x")
        ax.set_xlabel(f"share of {self.n_customers:,} customers")
        return ax


def variants(data: Journeys | PathCounts, /, *, confidence: float = 0.95) -> Variants:
    """Count the distinct journeys of customers, each customer once.

    Where journeys were cut (`sessions`, `cases`, `outcomes`), the first complete one of each
    customer counts: complete means neither still open nor possibly begun before the window
    (`edge`). Uncut journeys count as they are: what the customer did in the window. The path of
    an outcome journey ends before its conversion; `n_event` counts those that converted.

    Parameters
    ----------
    data : Journeys or PathCounts
        In path counts every journey stands for a customer of its own.
    confidence : float in (0, 1)
        Of Wilson's interval of each share and of Esty's.

    Raises
    ------
    DataError
        When no journey is complete.
    """
    check_fraction("confidence", confidence)
    if isinstance(data, PathCounts):
        counts, left_out = data, 0
    else:
        complete = _first_complete(data)
        counts = run(path_counts, data.take(complete))
        left_out = data.n_customers - int(complete.sum())
    n_customers = int(counts.n_journeys.sum())
    if n_customers == 0:
        raise DataError(
            f"None of {left_out:,} customers has a complete journey: all are still open or touch "
            "the window's beginning. A longer window or a shorter lookback would complete some."
        )
    once, twice = (int((counts.n_journeys == times).sum()) for times in (1, 2))
    return Variants(
        frame=_frame(counts, confidence),
        provenance=Provenance(
            fingerprint=f"{counts.fingerprint:032x}", parameters={"confidence": confidence}
        ),
        n_customers=n_customers,
        n_left_out=left_out,
        new_kind=esty_interval(n_customers, once, twice, confidence=confidence),
    )


def _first_complete(journeys: Journeys) -> NDArray[np.bool_]:
    """Mark the first complete journey of each customer that has one."""
    columns = journeys.attributes.column_names
    complete = journeys.length > 0
    if any(name in columns for name in END_ATTRIBUTES):
        complete &= ~is_open(journeys)
    if "edge" in columns:
        complete &= ~journeys.attributes["edge"].to_numpy()
    first = np.zeros(len(journeys), dtype=bool)
    candidates = np.flatnonzero(complete)
    _, at = np.unique(journeys.customer_index[candidates], return_index=True)
    first[candidates[at]] = True
    return first


def _frame(counts: PathCounts, confidence: float) -> pd.DataFrame:
    n = counts.n_journeys
    low, high = wilson_interval(n, n.sum(), confidence=confidence)
    frame = pd.DataFrame(
        {
            "path": counts.text(),
            "n_steps": np.diff(counts.start),
            "n": n,
            "n_event": counts.conversions,
            "share": n / n.sum(),
            "conf_low": low,
            "conf_high": high,
        }
    ).sort_values(["n", "path"], ascending=[False, True], ignore_index=True)
    frame["cumulative_share"] = frame["n"].cumsum() / n.sum()
    return frame
