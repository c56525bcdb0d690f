"""Whether a channel leads to others, or comes from them, more than chance would have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.maps.kernels import any_within, first_from
from journeykit.maps.rates import watched, without_small
from journeykit.stats import benjamini_hochberg, wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.maps.channels.following import Touches

    Times = NDArray[np.int64]

_LEVEL = 0.05


class Beyond(NamedTuple):
    """A share of touches beyond chance, its standard error and bounds, and what it rests on."""

    estimate: float
    std_error: float
    low: float
    high: float
    near: float
    chance: float
    n_customers: int


def isolation(
    journeys: Journeys,
    touches: Touches,
    /,
    *,
    span: int,
    negligible: float,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Test channel by channel whether touches in others follow or precede it beyond chance.

    Every touch is its own control: whether the customer touched another channel in the time W after
    it (or before it) is compared with the same customer at two other moments of the same length,
    which end 2 W before it and begin 2 W after it. So volumes, tempo, season and trends of each
    customer are held equal, and only what lies close to the touch remains. With the share f of
    touches with another channel nearby and the share r at the other moments,

        (f - r) / (1 - r)

    is the share of touches that lead to another channel and would not have by chance (Abbott). Its
    variance adds up what a customer contributes. Touches are looked at when watched from 3 W before
    to 3 W after them.

    A channel with most of the touches can lead to another with few of its own, and yet be where all
    customers of the other come from. So the same is asked of the touches of all other channels: how
    many of them this channel follows beyond chance (`others_lead`), and how many it precedes
    (`others_come`).

    *Isolated*: below `negligible` in all four (the largest of the p-values). *Woven in*: else, if
    above 0 in one of them (one-sided, Bonferroni for the four). q-values are those of Benjamini and
    Hochberg over the channels, each question being a family.

    References
    ----------
    Abbott (1925), Journal of Economic Entomology 18; Maclure (1991), The case-crossover design,
    American Journal of Epidemiology 133; Berger (1982), Technometrics 24: intersection-union tests.
    """
    seen = _windows(journeys, touches, span)
    rows = []
    for code, channel in enumerate(touches.channels):
        here = np.flatnonzero((touches.channel == code) & seen.usable)
        sides = [
            beyond_chance(near[here], seen.chance[here], touches.customer[here], confidence)
            for near in (seen.after, seen.before)
        ]
        sides += _others(journeys, touches, seen.usable, code, span, confidence)
        told = sides[0].n_customers >= max(small_cell, 2)
        rows.append((channel, len(here), sides[0].n_customers, *_row(sides, negligible, told)))
    frame = pd.DataFrame(rows, columns=["channel", "n", "n_customers", *_COLUMNS])
    frame["q_value"] = benjamini_hochberg(frame["p_value"])
    frame["q_isolated"] = benjamini_hochberg(frame["p_isolated"])
    isolated = frame["q_isolated"] < _LEVEL
    woven = frame["q_value"] < _LEVEL
    frame["verdict"] = np.select([isolated, woven], ["isolated", "woven in"], "cannot tell")
    return without_small(frame, hide=["n"], small_cell=small_cell)


_COLUMNS = [
    *(
        f"{side}{part}"
        for side in ("leads", "comes", "others_lead", "others_come")
        for part in ("", "_low", "_high", "_share", "_chance")
    ),
    "p_value",
    "p_isolated",
]


def _row(sides: list[Beyond], negligible: float, told: bool) -> list[float]:
    if not told:
        return [np.nan] * len(_COLUMNS)
    from scipy.special import stdtr

    above, below = [], []
    for side in sides:
        freedom = side.n_customers - 1
        if side.std_error > 0:
            above.append(float(stdtr(freedom, -side.estimate / side.std_error)))
            below.append(float(stdtr(freedom, (side.estimate - negligible) / side.std_error)))
        else:
            # No customer differs: nothing is beyond chance, unless by the bound of nobody.
            above.append(0.0 if side.estimate > 0 else 1.0)
            below.append(float((1 - negligible) ** side.n_customers) if side.estimate <= 0 else 1.0)
    numbers = [
        number
        for side in sides
        for number in (side.estimate, side.low, side.high, side.near, side.chance)
    ]
    return [*numbers, min(1.0, len(sides) * min(above)), max(below)]


def _others(
    journeys: Journeys,
    touches: Touches,
    usable: NDArray[np.bool_],
    code: int,
    span: int,
    confidence: float,
) -> list[Beyond]:
    """Estimate how many touches of other channels this one follows, and precedes, beyond chance."""
    time = journeys.need_time("`channel_integration`")
    marked = touches.channel == code
    after, before, later, earlier = (
        any_within(time, journeys.start, marked, low, low + span)
        for low in (0, -span, 2 * span, -3 * span)
    )
    kept = np.flatnonzero(usable & ~marked)
    chance = (later[kept] / 2.0) + earlier[kept] / 2.0
    customer = touches.customer[kept]
    return [beyond_chance(near[kept], chance, customer, confidence) for near in (after, before)]


def beyond_chance(
    near: NDArray[np.bool_],
    chance: NDArray[np.float64],
    customer: NDArray[np.int64],
    confidence: float,
    /,
) -> Beyond:
    """Estimate (f - r) / (1 - r), the mean over touches of near and chance, by customer."""
    from scipy.special import stdtrit

    if not len(near):
        nothing = np.nan
        return Beyond(nothing, nothing, nothing, nothing, nothing, nothing, 0)
    there = np.bincount(customer) > 0
    excess = np.bincount(customer, weights=near - chance)[there]
    room = np.bincount(customer, weights=1 - chance)[there]
    n, total = len(excess), room.sum()
    shares = float(near.mean()), float(chance.mean())
    if total <= 0 or n < 2:  # by chance alone another channel is always near
        return Beyond(np.nan, np.nan, np.nan, np.nan, *shares, n)
    estimate = float(excess.sum() / total)
    error = float(np.sqrt(n / (n - 1) * ((excess - estimate * room) ** 2).sum()) / total)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    low, high = estimate - half, estimate + half
    if not excess.any():
        high = float(wilson_interval(0, n, confidence=confidence).high)
    return Beyond(estimate, error, low, high, *shares, n)


class _Windows(NamedTuple):
    """Whether another channel was touched after, before, and at the two other moments (mean)."""

    after: NDArray[np.bool_]
    before: NDArray[np.bool_]
    chance: NDArray[np.float64]
    usable: NDArray[np.bool_]


def _windows(journeys: Journeys, touches: Touches, span: int) -> _Windows:
    time = journeys.need_time("`channel_integration`")
    n = len(time)
    _, before, after = watched(journeys, "`channel_integration`")
    change = np.ones(n + 1, dtype=bool)
    change[1:-1] = (np.diff(touches.channel) != 0) | (np.diff(touches.customer) != 0)
    edges = np.flatnonzero(change)
    run = np.cumsum(change[:-1]) - 1
    # The first event of the next run of another channel, and the last of the run before.
    onward, back = edges[run + 1], edges[run] - 1
    near_after = _within(time, touches.customer, np.arange(n), onward, 0, span)
    near_before = _within(time, touches.customer, np.arange(n), back, -span, 0)
    chance = np.zeros(n)
    for shift in (-3 * span, 2 * span):
        # From the first event at or after the shift on, the first in another channel.
        first = first_from(time, journeys.start, shift)
        inside = np.minimum(first, n - 1)
        other = touches.channel[inside] != touches.channel
        place = np.where(other, inside, onward[inside])
        place = np.where(first < n, place, n)
        chance += 0.5 * _within(time, touches.customer, np.arange(n), place, shift, shift + span)
    usable = (before >= 3 * span) & (after > 3 * span)
    return _Windows(near_after, near_before, chance, usable)


def _within(
    time: Times, customer: Times, event: Times, other: Times, low: int, high: int
) -> NDArray[np.bool_]:
    """Tell whether another event is the same customer's and lies so far from the event."""
    there = (other >= 0) & (other < len(time))
    place = np.where(there, other, 0)
    lag = time[place] - time[event]
    return np.asarray(
        there & (customer[place] == customer[event]) & (lag >= low) & (lag <= high), dtype=bool
    )
