"""Credits that can be worked by hand: journeys of one touch, so that every rule agrees."""

from __future__ import annotations

import numpy as np
import pandas as pd

from journeykit.attribution import Credits, rules
from journeykit.counts import path_counts_from_frame
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY

BUYS = {"mail": 100, "ads": 200, "web": 50, "shop": 400, "sms": 150, "fair": 100, "free": 0}


def credits_of(*models: str, buys: dict[str, int] = BUYS) -> Credits:
    """Credit journeys of one touch, 1,000 more of each channel not converting."""
    table = pd.DataFrame({"path": list(buys), "buys": list(buys.values()), "none": 1000})
    counts = path_counts_from_frame(table, conversions="buys", nulls="none")
    return rules(counts, models=models or ("last",), seed=1)  # type: ignore[arg-type]


def experiments(**increments: tuple[float, float]) -> pd.DataFrame:
    """Write channels with their increment and standard error as a frame of experiments."""
    rows = [(name, *pair) for name, pair in increments.items()]
    return pd.DataFrame(rows, columns=["channel", "increment", "std_error"])


def _watched_journeys() -> Journeys:
    """Watch 300 customers for 60 days: a mail, an ad and a purchase each, at any time."""
    random = np.random.default_rng(2)
    n = 300
    time = random.integers(0, 60 * DAY, (n, 3))
    order = np.argsort(time, axis=1)
    return Journeys(
        names=("ads", "buy", "mail"),
        touchpoint=order.ravel().astype(np.uint8),
        start=np.arange(0, 3 * n + 1, 3),
        time=np.take_along_axis(time, order, axis=1).ravel(),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, 60 * DAY),
    )


JOURNEYS = _watched_journeys()
