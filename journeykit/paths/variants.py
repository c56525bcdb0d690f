"""How many different journeys there are, and how much of the behaviour has been seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.counts import PathCounts, path_counts, run
from journeykit.counts.transitions import OPEN
from journeykit.draw import interval_bars, percent_axis
from journeykit.errors import DataError
from journeykit.journeys.ending import begins_unseen, is_cut
from journeykit.results import Provenance, Result
from journeykit.stats import esty_interval, wilson_interval
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_DRAWN = 10
OTHER = "(other)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Variants(Result):
    """``path n_steps n n_event share conf_low conf_high cumulative_share``.

    One row per distinct path of a finished journey, the most frequent first (ties by path text);
    the last row, ``(open)``, holds the journeys still running, whose path is not known yet. `n`
    sums to `n_customers` and `share` to 1.

    Attributes
    ----------
    n_customers : int
        Customers with a journey whose beginning was seen; each counts once.
    n_open : int
        Those of them whose journey is still running.
    n_left_out : int
        Customers without a journey whose beginning was seen.
    new_kind : Estimate
        Probability that the next finished journey is of a kind not seen yet (Good-Turing, with
        Esty's interval).
    """

    n_customers: int
    n_open: int
    n_left_out: int
    new_kind: Estimate
    rows: ClassVar[str] = "paths"

    def summary(self) -> str:
        """Say how many kinds there are and how likely the next one is new."""
        estimate, low, high = self.new_kind
        kinds = int((self.frame["path"] != OPEN).sum())
        still = f", {self.n_open:,} of them still under way" if self.n_open else ""
        finished = "finished journey" if self.n_open else "journey"
        return (
            f"{kinds:,} different journeys among {self.n_customers:,} customers{still}; the next "
            f"{finished} is of a new kind with probability {estimate:.0%} "
            f"({low:.0%} to {high:.0%})"
        )

    def pooled(self, small_cell: int) -> pd.DataFrame:
        """Return the frame for publishing: paths of fewer than `small_cell` customers as one row.

        The row ``(other)`` stands behind the paths, so `n` still sums to `n_customers`; where it
        would itself be of fewer, the rarest paths shown join it. Its interval is Wilson's.
        """
        check_whole("small_cell", small_cell, least=1)
        frame = self.frame
        still = frame["path"] == OPEN
        rare = ~still & (frame["n"] < small_cell)
        if rare.any():
            reach = frame["n"].where(~still, 0)[::-1].cumsum()[::-1]
            rare |= ~still & (reach.shift(-1, fill_value=0) < small_cell)
        if not rare.any():
            return frame
        n, n_event = (int(frame.loc[rare, name].sum()) for name in ("n", "n_event"))
        low, high = wilson_interval(n, self.n_customers)
        other = pd.DataFrame(
            {
                "path": [OTHER],
                "n_steps": [pd.NA],
                "n": [n],
                "n_event": [n_event],
                "share": [n / self.n_customers],
                "conf_low": [float(low)],
                "conf_high": [float(high)],
                "cumulative_share": [0.0],
            }
        ).astype(frame.dtypes)
        pooled = pd.concat([frame[~rare & ~still], other, frame[still]], ignore_index=True)
        return pooled.assign(cumulative_share=pooled["n"].cumsum() / self.n_customers)

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the ten most frequent journeys, all others together, and those still open.

        Journeys of fewer than `small_cell` customers are among the others.
        """
        check_whole("small_cell", small_cell, least=1)
        finished = self.frame[self.frame["path"] != OPEN]
        top = finished[finished["n"] >= small_cell].head(_DRAWN)
        paths, n = top["path"].replace("", "(no touch)"), top["n"].tolist()
        labels = [f"{rank}. {path}" for rank, path in enumerate(paths, start=1)]
        if others := int(finished["n"].sum()) - sum(n):
            labels.append(f"{len(finished) - len(top):,} other journeys")
            n.append(others)
        if self.n_open:
            labels.append("still under way")
            n.append(self.n_open)
        low, high = wilson_interval(n, self.n_customers)
        ax = interval_bars(labels, np.array(n) / self.n_customers, low, high, ax=ax)
        percent_axis(ax, "x")
        ax.set_xlabel(f"share of {self.n_customers:,} customers")
        return ax


def variants(data: Journeys | PathCounts, /, *, confidence: float = 0.95) -> Variants:
    """Count the distinct journeys of customers, each customer once.

    Of journeys that were cut (`sessions`, `cases`, `outcomes`) the first of each customer counts
    whose beginning was seen (not `edge`), whether it has ended or not: choosing those that have
    ended would favour the fast ones. Those still open are a row of their own, so the share of a
    finished path is what is known so far, and it may grow by at most the share of ``(open)``.
    Uncut journeys count as they are: what the customer did in the window. The path of an outcome
    journey ends before its conversion; `n_event` counts those that converted.

    Parameters
    ----------
    data : Journeys or PathCounts
        In path counts every journey stands for a customer of its own.
    confidence : float in (0, 1)
        Of Wilson's interval of each share and of Esty's.

    Raises
    ------
    DataError
        When no journey whose beginning was seen has ended.
    """
    check_fraction("confidence", confidence)
    if isinstance(data, PathCounts):
        counts, n_open, left_out = data, int(data.n[:, 2].sum()), 0
    else:
        chosen = first_seen(data)
        counts = run(path_counts, data.take(chosen))
        n_open = int(counts.n[:, 2].sum()) if is_cut(data) else 0
        left_out = data.n_customers - int(chosen.sum())
    finished = counts.n[:, 0] - (counts.n[:, 2] if n_open else 0)
    n_finished = int(finished.sum())
    if n_finished == 0:
        raise DataError(
            f"No journey whose beginning was seen has ended: {n_open:,} are still open, and "
            f"{left_out:,} customers have none. A longer window or a shorter lookback would help."
        )
    once, twice = (int((finished == times).sum()) for times in (1, 2))
    return Variants(
        frame=_frame(counts, finished, n_open, confidence),
        provenance=Provenance(
            fingerprint=f"{counts.fingerprint:032x}", parameters={"confidence": confidence}
        ),
        n_customers=n_finished + n_open,
        n_open=n_open,
        n_left_out=left_out,
        new_kind=esty_interval(n_finished, once, twice, confidence=confidence),
    )


def first_seen(journeys: Journeys) -> NDArray[np.bool_]:
    """Mark the first journey of each customer whose beginning was seen."""
    candidates = journeys.length > 0
    if is_cut(journeys):
        candidates &= ~begins_unseen(journeys)
    index = np.flatnonzero(candidates)
    _, at = np.unique(journeys.customer_index[index], return_index=True)
    first = np.zeros(len(journeys), dtype=bool)
    first[index[at]] = True
    return first


def _frame(
    counts: PathCounts, finished: NDArray[np.int64], n_open: int, confidence: float
) -> pd.DataFrame:
    seen = finished > 0
    frame = pd.DataFrame(
        {
            "path": np.array(counts.text(), dtype=object)[seen],
            "n_steps": np.diff(counts.start)[seen],
            "n": finished[seen],
            "n_event": counts.conversions[seen],
        }
    ).sort_values(["n", "path"], ascending=[False, True], ignore_index=True)
    frame["n_steps"] = frame["n_steps"].astype("Int64")
    if n_open:
        still = pd.DataFrame({"path": [OPEN], "n_steps": [pd.NA], "n": [n_open], "n_event": [0]})
        frame = pd.concat([frame, still.astype(frame.dtypes)], ignore_index=True)
    n, total = frame["n"].to_numpy(), int(frame["n"].sum())
    low, high = wilson_interval(n, total, confidence=confidence)
    return frame.assign(
        share=n / total, conf_low=low, conf_high=high, cumulative_share=np.cumsum(n) / total
    )
