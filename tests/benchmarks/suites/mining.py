"""Frequent gapped patterns: up to three touchpoints, in 5 % of the customers."""

from __future__ import annotations

from collections.abc import Callable

from suites.loading import in_journeykit
from suites.registry import task

SUPPORT = 0.05
LENGTH = 3


@task
def patterns_journeykit(path: str) -> Callable[[], object]:
    import journeykit as jk

    journeys = in_journeykit(path)
    patterns = jk.paths.patterns
    patterns(journeys.sample(10, seed=0), support=SUPPORT, length=LENGTH)
    return lambda: len(patterns(journeys, support=SUPPORT, length=LENGTH).frame)


@task
def patterns_prefixspan(path: str) -> Callable[[], object]:
    import pandas as pd
    from prefixspan import PrefixSpan

    frame = pd.read_parquet(path).sort_values(["customer", "time", "touchpoint"])
    sequences = frame.groupby("customer")["touchpoint"].agg(list).tolist()
    miner = PrefixSpan(sequences)
    miner.maxlen = LENGTH
    return lambda: len(miner.frequent(round(SUPPORT * len(sequences))))
