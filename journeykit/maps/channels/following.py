"""Which channel follows which: every touch with what came before and after it, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.maps.rates import watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue


class Touches(NamedTuple):
    """Touches by channel, and what came next and before within a time; arrays (n_events,).

    Attributes
    ----------
    channels : tuple of str
    channel : array of int64
    customer : array of int64
    next_channel, previous_channel : arrays of int64
        Number of channels where nothing came within the time.
    gap : array of int64
        Microseconds to the next touch of the customer, the largest number where there is none.
    ahead, behind : arrays of bool
        Whether the customer was watched for the whole time after, before.
    """

    channels: tuple[str, ...]
    channel: NDArray[np.int64]
    customer: NDArray[np.int64]
    next_channel: NDArray[np.int64]
    previous_channel: NDArray[np.int64]
    gap: NDArray[np.int64]
    ahead: NDArray[np.bool_]
    behind: NDArray[np.bool_]


def channel_codes(
    journeys: Journeys, catalogue: Catalogue, /
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the channels that occur, sorted, and the channel of each event."""
    by_name = [catalogue.channel_of(name) for name in journeys.names]
    met = np.bincount(journeys.touchpoint, minlength=len(by_name)) > 0
    channels = tuple(sorted({by_name[at] for at in np.flatnonzero(met)}))
    place = {name: code for code, name in enumerate(channels)}
    code = np.array([place.get(name, -1) for name in by_name], dtype=np.int64)
    return channels, code[journeys.touchpoint]


def touches(journeys: Journeys, catalogue: Catalogue, /, *, within_days: float) -> Touches:
    """Code every event by channel and look one step ahead and one step back."""
    channels, channel = channel_codes(journeys, catalogue)
    time = journeys.need_time("`channel_integration`")
    customer, before, after = watched(journeys, "`channel_integration`")
    span = round(within_days * DAY)
    n = len(time)
    steps = np.full(n + 1, np.iinfo(np.int64).max)
    steps[1:-1] = np.where(np.diff(customer) == 0, np.diff(time), steps[0])
    none = len(channels)
    following, preceding = np.full(n, none), np.full(n, none)
    following[:-1] = np.where(steps[1:-1] <= span, channel[1:], none)
    preceding[1:] = np.where(steps[1:-1] <= span, channel[:-1], none)
    return Touches(
        channels=channels,
        channel=channel,
        customer=customer,
        next_channel=following,
        previous_channel=preceding,
        gap=steps[1:],
        ahead=after > span,
        behind=before >= span,
    )
