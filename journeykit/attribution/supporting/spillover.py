"""How much more of one thing customers do after a touch of another than at other times."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.supporting.stretches import (
    AFTER,
    AWAY,
    WEEK_DAYS,
    compared,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.supporting.stretches import Compared
    from journeykit.attribution.supporting.watching import Watched

    Floats = NDArray[np.float64]

#: Least time away from touches in a stratum, as a part of the window: the noise of what is expected
#: grows as its inverse.
LEAST_AWAY = 0.5


class Spillover(NamedTuple):
    """What comes after a channel's touches in each stratum, shape (s,), for one pair.

    Attributes
    ----------
    seen : array of float64
        Events after touches.
    expected : array of float64
        What the customer's rate away from touches leads to expect in the same time.
    touches : array of float64
    who, stretch : arrays of int64
        Customer and stretch of the calendar.
    """

    seen: Floats
    expected: Floats
    touches: Floats
    who: NDArray[np.int64]
    stretch: NDArray[np.int64]


class Ratio(NamedTuple):
    """A number with its interval, its p-value and its standard error."""

    estimate: float
    low: float
    high: float


class Answer(NamedTuple):
    """What one pair comes to at the level of customers.

    Attributes
    ----------
    n_touches, n_seen : int
        Touches compared, and events after them.
    expected : float
    ratio, further : Ratio
        Events seen by events expected; events beyond those, a touch.
    p_value : float
        Of no difference.
    std_error : float
        Of `further` where there is no difference.
    units : float
        How many customers, or stretches of the calendar if these are fewer, with an equal number of
        touches each would be worth as much: (sum n)^2 / sum n^2 over their numbers n of touches.
    """

    n_touches: int
    n_seen: int
    expected: float
    ratio: Ratio
    further: Ratio
    p_value: float
    std_error: float
    units: float


def spillovers(
    data: Watched, channel: int, /, *, window: int, stretch_days: int
) -> list[Spillover | None]:
    """Compare all names after the touches of a channel with what is expected; None for itself."""
    found = compared(data, channel, window=window, stretch_days=stretch_days)
    return [
        None if name == channel else _one(found, name, window=window)
        for name in range(len(data.names))
    ]


def _one(found: Compared, name: int, *, window: int) -> Spillover:
    level = weekday_level(found.weekday_events[:, name], found.weekday_time)
    away, after = (found.time[:, part] @ level for part in (AWAY, AFTER))
    use = (found.time[:, AWAY].sum(axis=1) >= LEAST_AWAY * window) & (away > 0)
    seen = found.events[use, AFTER, name].astype(np.float64)
    expected = found.events[use, AWAY, name] * after[use] / away[use]
    touches = found.touches[use].astype(np.float64)
    return Spillover(seen, expected, touches, found.who[use], found.stretch[use])


def weekday_level(events: NDArray[np.int64], time: Floats, /) -> Floats:
    """Return the rate of each weekday by the mean rate, 1 where a weekday has no time.

    Parameters
    ----------
    events, time : arrays of shape (7,)
    """
    total, watched = events.sum(), time.sum()
    level = np.ones(WEEK_DAYS)
    if total and watched > 0:
        level = np.divide(events * watched, time * total, out=level, where=time > 0)
    return level


def answer(sums: Spillover, /, *, confidence: float) -> Answer:
    """Turn sums by stratum into estimates.

    Variances are sums of squares by customer, or by stretch of the calendar where those are larger:
    what is sent to all on a few days shares what else happened on these days. The ratio's interval
    holds all ratios r that the test of ``sum(seen - r expected) = 0`` by its own sum of squares
    does not reject (Fieller); it may have no upper bound. Such a test never exceeds the root of the
    number of customers, or of stretches, so that a few of them find nothing.
    """
    from scipy import stats

    seen, expected, touches = (float(values.sum()) for values in sums[:3])
    informative = (sums.seen > 0) | (sums.expected > 0)
    nothing = Ratio(np.nan, np.nan, np.nan)
    units = touches**2 / max(_squares(sums, sums.touches)) if touches else 0.0
    if len(np.unique(sums.who[informative])) < 2 or touches == 0:
        return Answer(int(touches), int(seen), expected, nothing, nothing, np.nan, np.nan, units)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    variance = max(_squares(sums, sums.seen - sums.expected))
    score = (seen - expected) / np.sqrt(variance) if variance > 0 else 0.0
    further = (seen - expected) / touches
    error = np.sqrt(max(_squares(sums, sums.seen - sums.expected - further * sums.touches)))
    error = error / touches
    return Answer(
        n_touches=int(touches),
        n_seen=int(seen),
        expected=expected,
        ratio=_ratio(sums, z**2),
        further=Ratio(further, further - z * error, further + z * error),
        p_value=float(2 * stats.norm.sf(abs(score))),
        std_error=float(np.sqrt(variance)) / touches,
        units=units,
    )


def _squares(sums: Spillover, values: Floats) -> tuple[float, float]:
    """Add values up by customer and by stretch, and add up the squares of these sums."""
    by_customer, by_stretch = (np.bincount(of, values) for of in (sums.who, sums.stretch))
    return float((by_customer**2).sum()), float((by_stretch**2).sum())


def _ratio(sums: Spillover, z_squared: float) -> Ratio:
    """Return seen by expected, with what neither customers nor stretches reject."""
    parts = [_fieller(sums, of, z_squared) for of in (sums.who, sums.stretch)]
    return Ratio(
        parts[0].estimate, min(part.low for part in parts), max(part.high for part in parts)
    )


def _fieller(sums: Spillover, cluster: NDArray[np.int64], z_squared: float) -> Ratio:
    """Return seen by expected with the bounds of Fieller's interval over clusters."""
    each_seen, each_expected = (np.bincount(cluster, x) for x in (sums.seen, sums.expected))
    seen, expected = float(each_seen.sum()), float(each_expected.sum())
    ss, se, ee = (
        z_squared * float((x * y).sum())
        for x, y in (
            (each_seen, each_seen),
            (each_seen, each_expected),
            (each_expected, each_expected),
        )
    )
    estimate = seen / expected if expected > 0 else np.inf
    # (seen - r expected)^2 <= z^2 sum (seen_c - r expected_c)^2
    a, b, c = expected**2 - ee, seen * expected - se, seen**2 - ss
    root = b**2 - a * c
    if a <= 0:
        # What is expected is not told from 0: there is no upper bound.
        low = 0.0
        if c > 0 and a < 0:
            low = (b - np.sqrt(root)) / a
        elif c > 0 and b > 0:
            low = c / (2 * b)
        return Ratio(estimate, low, np.inf)
    half = np.sqrt(max(root, 0.0))
    return Ratio(estimate, max(0.0, (b - half) / a), (b + half) / a)
