"""Intervals in worlds whose truth is known: exponential lives, half of them entering late."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from journeykit.counts import LifeCounts, life_counts
from journeykit.journeys.durations import DAY
from journeykit.survival import kaplan_meier
from journeykit.survival.curves import rmst
from journeykit.survival.curves.estimates import SURVIVAL_INTERVALS

RATES = (1 / 100, 1 / 150)
WORLDS, CUSTOMERS, HORIZON = 300, 200, 120


def world(rng: np.random.Generator, *, late: bool) -> LifeCounts:
    """Return two groups of 200, about a quarter of them lost from sight at random."""
    parts = []
    for number, rate in enumerate(RATES):
        entry = rng.uniform(0, 80, 4 * CUSTOMERS) * (rng.random(4 * CUSTOMERS) < 0.5) * late
        life = rng.exponential(1 / rate, 4 * CUSTOMERS)
        there = np.flatnonzero(life > entry)[:CUSTOMERS]
        entry, life = entry[there], life[there]
        lost = entry + rng.exponential(400, CUSTOMERS)
        parts.append((entry, np.minimum(life, lost), life <= lost, np.full(CUSTOMERS, number)))
    entry, out, event, group = (np.concatenate(values) for values in zip(*parts, strict=True))
    begin = np.rint(entry * DAY).astype(np.int64) - (entry == 0)
    end = np.rint(out * DAY).astype(np.int64)
    return life_counts(begin, end, event.astype(bool), group=group, groups=("a", "b"))


def mean(rate: float) -> float:
    return float((1 - np.exp(-rate * HORIZON)) / rate)


@pytest.mark.parametrize("late", [False, True])
def test_intervals_cover(late: bool) -> None:
    rng = np.random.default_rng(21)
    hits: Counter[str] = Counter()
    for _ in range(WORLDS):
        counts = world(rng, late=late)
        for scale in SURVIVAL_INTERVALS:
            row = kaplan_meier(counts, interval=scale).survival_at(70).frame.iloc[0]
            hits[scale] += row["conf_low"] <= np.exp(-0.7) <= row["conf_high"]
        means = rmst(counts, horizon_days=HORIZON)
        hits["mean"] += means.frame["conf_low"][0] <= mean(RATES[0]) <= means.frame["conf_high"][0]
        pair = means.differences().frame.iloc[0]
        longer = mean(RATES[1]) - mean(RATES[0])
        hits["difference"] += pair["conf_low"] <= longer <= pair["conf_high"]
        ratio = mean(RATES[1]) / mean(RATES[0])
        hits["ratio"] += pair["ratio_low"] <= ratio <= pair["ratio_high"]
    share = {name: n / WORLDS for name, n in hits.items()}
    assert len(share) == 6
    assert all(0.91 <= covered <= 0.985 for covered in share.values()), share
