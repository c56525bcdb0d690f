"""Chains small enough to follow every journey of theirs, and path tables to fit them on."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pandas as pd

from journeykit.attribution.touch_paths import TouchPaths, touch_paths
from journeykit.counts import PathCounts, path_counts_from_frame

END = ("yes", "no")


def table(seed: int, *, channels: str = "abc", rows: int = 12, longest: int = 5) -> PathCounts:
    """Draw a table of paths with conversions, journeys without one, and value."""
    random = np.random.default_rng(seed)
    paths = {
        " > ".join(random.choice(list(channels), size=random.integers(1, longest + 1)))
        for _ in range(rows)
    }
    frame = pd.DataFrame({"path": sorted(paths)})
    frame["yes"] = random.integers(0, 4, size=len(frame))
    frame["no"] = random.integers(0, 6, size=len(frame))
    frame.loc[0, "yes"] += 1
    frame["value"] = frame["yes"] * random.integers(1, 90, size=len(frame))
    return path_counts_from_frame(frame, conversions="yes", nulls="no", value="value")


def journeys_of(paths: TouchPaths) -> list[tuple[tuple[int, ...], str, int]]:
    """List every path with its end and number of journeys."""
    return [
        (
            tuple(paths.touch[begin:stop].tolist()),
            END[0] if converted else END[1],
            int(n),
        )
        for begin, stop, converted, n in zip(
            paths.start[:-1], paths.start[1:], paths.converted, paths.n, strict=True
        )
    ]


def steps(counts: PathCounts, order: int) -> dict[tuple[int, ...], Counter[object]]:
    """Count what follows the last `order` touches, the empty history at the entry."""
    counted: dict[tuple[int, ...], Counter[object]] = defaultdict(Counter)
    for path, end, n in journeys_of(touch_paths(counts)):
        for at, following in enumerate((*path, end)):
            counted[path[max(0, at - order) : at]][following] += n
    return counted


def met_by_converting(counts: PathCounts, order: int) -> dict[frozenset[int], float]:
    """Follow every journey of the chain: the chance of each set of channels met, if it converts."""
    after = steps(counts, order)
    walking: dict[tuple[tuple[int, ...], frozenset[int]], float] = {((), frozenset()): 1.0}
    won: dict[frozenset[int], float] = defaultdict(float)
    while sum(walking.values()) > 1e-15:
        on: dict[tuple[tuple[int, ...], frozenset[int]], float] = defaultdict(float)
        for (history, met), chance in walking.items():
            total = sum(after[history].values())
            for following, n in after[history].items():
                if following == END[0]:
                    won[met] += chance * n / total
                elif following != END[1]:
                    assert isinstance(following, int)
                    last = (*history, following)[-order:]
                    on[last, met | {following}] += chance * n / total
        walking = on
    rate = sum(won.values())
    return {met: chance / rate for met, chance in won.items()}
