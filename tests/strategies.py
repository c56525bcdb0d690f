"""Random journeys for laws: small, with repeats, empty columns and ties."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY

NAMES = ("call", "mail", "shop", "web")


@st.composite
def journeys(draw: st.DrawFn, *, timed: bool = True, min_customers: int = 1) -> Journeys:
    """Draw journeys of up to 12 customers with up to 8 events within 100 days."""
    sizes = draw(st.lists(st.integers(1, 8), min_size=min_customers, max_size=12))
    n = sum(sizes)
    codes = draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=n, max_size=n))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    days = draw(st.lists(st.integers(0, 99), min_size=n, max_size=n))
    time = np.array(days, dtype=np.int64) * DAY
    for a, b in pairwise(start):
        time[a:b].sort()
    ids = draw(st.permutations(range(100, 100 + len(sizes))))
    return Journeys(
        names=NAMES,
        touchpoint=np.array(codes, dtype=np.uint8),
        start=start,
        time=time if timed else None,
        customer_id=pa.array(sorted(ids)),
        observed_from=np.broadcast_to(np.int64(0), len(sizes)) if timed else None,
        observed_to=np.broadcast_to(np.int64(100 * DAY), len(sizes)) if timed else None,
        columns={"value": np.arange(n, dtype=np.int64)},
        window=(0, 100 * DAY) if timed else None,
    )
