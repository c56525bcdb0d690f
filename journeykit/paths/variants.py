"""How many different journeys there are, and how much of the behaviour has been seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_fraction, check_whole
from journeykit.counts import PathCounts, path_counts
from journeykit.counts.paths import path_keys, path_stops
from journeykit.counts.transitions import OPEN
from journeykit.draw import interval_bars, percent_axis
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen, is_cut, is_open
from journeykit.results import Provenance, Result
from journeykit.stats import esty_interval, wilson_interval
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from journeykit.journeys import Journeys

_DRAWN = 10
OTHER = "(other)"
QUANTILES = (0.25, 0.5, 0.75)
DAY_COLUMNS = ("p25_days", "median_days", "p75_days")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Variants(Result):
    """``path n_steps n n_event share conf_low conf_high cumulative_share`` and what follows.

    One row per distinct path of a finished journey, the most frequent first (ties by path text);
    the last row, ``(open)``, holds the journeys still running, whose path is not known yet. `n`
    sums to `n_customers` and `share` to 1.

    ``event_rate event_low event_high``: `n_event` of `n` with Wilson's interval, empty where the
    journeys have no outcome. ``p25_days median_days p75_days``: time from the first event to the
    last, the conversion included, of the finished journeys (of a last run of repeats that were
    merged, its first); empty without times. Neither
    predicts: which path a journey takes is known only when it is over, and long ones that are
    still open are missing from both.

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
        low, high = wilson_interval([n], self.n_customers)
        other = pd.DataFrame(
            {
                "path": [OTHER],
                "n": [n],
                "n_event": [n_event],
                "share": [n / self.n_customers],
                "conf_low": low,
                "conf_high": high,
            }
        )
        if frame["event_rate"].notna().any():
            other = other.assign(**_rates(other["n_event"], other["n"], 0.95))
        other = other.reindex(columns=frame.columns).astype(frame.dtypes)
        pooled = pd.concat([frame[~rare & ~still], other, frame[still]], ignore_index=True)
        return pooled.assign(cumulative_share=pooled["n"].cumsum() / self.n_customers)

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the ten most frequent journeys, all others together, and those still open.

        Journeys of fewer than `small_cell` customers are among the others, as in `pooled`.
        """
        shown = self.pooled(small_cell)
        finished = self.frame[self.frame["path"] != OPEN]
        top = shown[~shown["path"].isin([OPEN, OTHER])].head(_DRAWN)
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

    O(events) time, and that of sorting the distinct paths by their frequency and text.

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
        chosen = None
    else:
        mask = first_seen(data)
        chosen = data if mask.all() else data.take(mask)
        counts = path_counts(chosen)
        n_open = int(counts.n[:, 2].sum()) if is_cut(data) else 0
        left_out = data.n_customers - int(mask.sum())
    finished = counts.n[:, 0] - (counts.n[:, 2] if n_open else 0)
    n_finished = int(finished.sum())
    if n_finished == 0:
        raise DataError(
            f"No journey whose beginning was seen has ended: {n_open:,} are still open, and "
            f"{left_out:,} customers have none. A longer window or a shorter lookback would help."
        )
    once, twice = (int((finished == times).sum()) for times in (1, 2))
    return Variants(
        frame=_frame(counts, chosen, finished, n_open, confidence),
        provenance=Provenance(
            fingerprint=f"{counts.fingerprint:032x}"
            if isinstance(data, PathCounts)
            else data.fingerprint,
            parameters={"confidence": confidence},
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
    counts: PathCounts,
    journeys: Journeys | None,
    finished: NDArray[np.int64],
    n_open: int,
    confidence: float,
) -> pd.DataFrame:
    text, length = counts.text(), np.diff(counts.start)
    keys = pa.table({"n": finished, "path": pa.array(text, type=pa.string())})
    by = pc.sort_indices(keys, sort_keys=[("n", "descending"), ("path", "ascending")]).to_numpy()
    by = by[: np.count_nonzero(finished)]
    n = finished[by]
    has_outcome = journeys is None or "outcome" in journeys.attributes.column_names
    frame = pd.DataFrame(
        {"path": text[by], "n_steps": length[by], "n": n, "n_event": counts.conversions[by]}
    )
    frame["n_steps"] = frame["n_steps"].astype("Int64")
    rates = _rates(frame["n_event"], n, confidence)
    # A conversion without any touch is a success by construction: nobody could have failed so.
    rates = {name: np.where(frame["n_steps"] > 0, rate, np.nan) for name, rate in rates.items()}
    if not has_outcome:
        rates = {name: np.full(len(n), np.nan) for name in rates}
    days = _days(counts, journeys, still=n_open > 0)[:, by]
    more = pd.DataFrame({**rates, **dict(zip(DAY_COLUMNS, days, strict=True))})
    if n_open:
        still = pd.DataFrame({"path": [OPEN], "n_steps": [pd.NA], "n": [n_open], "n_event": [0]})
        frame = pd.concat([frame, still.astype(frame.dtypes)], ignore_index=True)
        more = more.reindex(range(len(frame)))
    n, total = frame["n"].to_numpy(), int(frame["n"].sum())
    low, high = wilson_interval(n, total, confidence=confidence)
    frame = frame.assign(
        share=n / total, conf_low=low, conf_high=high, cumulative_share=np.cumsum(n) / total
    )
    return pd.concat([frame, more], axis=1)


def _rates(n_event: ArrayLike, n: ArrayLike, confidence: float) -> dict[str, NDArray[np.float64]]:
    low, high = wilson_interval(n_event, n, confidence=confidence)
    rate = np.asarray(n_event) / np.asarray(n)
    return {"event_rate": rate, "event_low": low, "event_high": high}


def _days(counts: PathCounts, journeys: Journeys | None, *, still: bool) -> NDArray[np.float64]:
    """Return quantiles of the duration of each path's finished journeys, shape (3, n_paths).

    The quantile q is the shortest duration that at least the share q does not exceed.
    """
    days = np.full((len(QUANTILES), len(counts)), np.nan)
    if journeys is None or journeys.time is None:
        return days
    path = counts.find(path_keys(journeys, path_stops(journeys)))
    lasted = (journeys.time[journeys.start[1:] - 1] - journeys.time[journeys.start[:-1]]) / DAY
    if still:
        ended = ~is_open(journeys)
        path, lasted = path[ended], lasted[ended]
    lasted = lasted[np.lexsort((lasted, path))]
    n = np.bincount(path, minlength=len(counts))
    begin = np.cumsum(n) - n
    there = n > 0
    for row, share in enumerate(QUANTILES):
        at = begin[there] + np.ceil(share * n[there]).astype(np.int64) - 1
        days[row, there] = lasted[at]
    return days
