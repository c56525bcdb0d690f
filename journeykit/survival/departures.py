"""How many of those who were there when a week or month began left in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.counts.calendar import PeriodCounts, Periods, counted
from journeykit.errors import NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.fingerprint import hash_customers

if TYPE_CHECKING:
    from journeykit.survival.lives import Lifetimes


def leaving(lives: Lifetimes, /, *, periods: Periods, seed: int = 0) -> PeriodCounts:
    """Count by calendar period those under risk at its beginning, and those of them who left in it.

    A customer is under risk at a moment from `entry_days` to `exit_days` on the own clock, and left
    where the exit is the event. Who came and left within one period, and who was lost from sight in
    it, is in no denominator. A period is complete only where somebody was followed to its end:
    leaving by inactivity cannot be known of the last `threshold_days`.

    Parameters
    ----------
    lives : Lifetimes
        Of journeys: their clocks have a calendar.
    periods : Periods
    seed : int
        Of the bootstrap over customers.

    Returns
    -------
    PeriodCounts
        `n_event` left, of `n` who were there.

    Raises
    ------
    NotObservedError
        Lifetimes from a frame, which have no `origin_time`.
    """
    frame = lives.frame
    if "origin_time" not in frame:
        raise NotObservedError("Leaving by period needs `origin_time`; these lifetimes have none.")
    origin = frame["origin_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    entry, out = (
        origin + np.rint(frame[name].to_numpy() * DAY).astype(np.int64)
        for name in ("entry_days", "exit_days")
    )
    left = frame["event"].to_numpy()
    begin, end = periods.edge[:-1], periods.edge[1:]
    gone = out[:, None] < end
    there = (entry[:, None] <= begin) & (begin <= out[:, None]) & (left[:, None] | ~gone)
    followed_to = out.max(initial=0, where=~left) or out.max()
    return counted(
        there,
        there & gone,
        hash_customers(pa.array(frame["customer_id"])),
        periods=replace(periods, complete=periods.complete & (end <= followed_to)),
        seed=seed,
        fingerprint=int(lives.provenance.fingerprint or "0", 16),
    )
