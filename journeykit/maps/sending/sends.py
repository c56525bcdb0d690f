"""Every send with what came before it and what the customer did after it, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.journeys.durations import DAY
from journeykit.maps.kernels import first_from
from journeykit.maps.rates import watched
from journeykit.survival.clocks import mask_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


class Sends(NamedTuple):
    """What the firm sent, in order of customers and times; arrays of shape (n_sends,).

    Attributes
    ----------
    customer, touchpoint, time : arrays of int64
    position : array of int64
        Sends to the customer before it, since the watching began.
    gap : array of int64
        Microseconds since the send before; -1 for the first.
    recent : array of int64
        Sends within the recent time before it.
    responded : array of bool
        Whether the customer acted after it and within the response time.
    overtaken : array of bool
        Whether another send lies within the response time before it or after it.
    followed, remembered : arrays of bool
        Whether the customer was watched for the whole response time after it, recent time before.
    """

    customer: NDArray[np.int64]
    touchpoint: NDArray[np.int64]
    time: NDArray[np.int64]
    position: NDArray[np.int64]
    gap: NDArray[np.int64]
    recent: NDArray[np.int64]
    responded: NDArray[np.bool_]
    overtaken: NDArray[np.bool_]
    followed: NDArray[np.bool_]
    remembered: NDArray[np.bool_]


def sends(
    journeys: Journeys,
    sent: tuple[str, ...],
    answers: tuple[str, ...],
    /,
    *,
    response_days: float,
    recent_days: float,
) -> Sends:
    """Look back and ahead from every send."""
    time = journeys.need_time("`cadence`")
    owner, before, after = watched(journeys, "`cadence`")
    at = np.flatnonzero(mask_of(journeys, "sent", sent))
    acts = np.append(np.flatnonzero(mask_of(journeys, "answers", answers)), len(time))
    response, recent = round(response_days * DAY), round(recent_days * DAY)
    customer, when = owner[at], time[at]
    start = np.searchsorted(customer, np.arange(len(journeys) + 1))
    index = np.arange(len(at))
    gap = np.full(len(at), -1)
    same = np.diff(customer) == 0
    gap[1:][same] = np.diff(when)[same]
    following = np.zeros(len(at), dtype=bool)
    close = same & (np.diff(when) <= response)
    following[:-1] = close
    following[1:] |= close
    # The next act after the send, at the same instant only where it stands after it.
    act = acts[np.searchsorted(acts, at, side="right")]
    inside = np.minimum(act, max(len(time) - 1, 0))
    acted = (act < len(time)) & (owner[inside] == customer) & (time[inside] - when <= response)
    return Sends(
        customer=customer,
        touchpoint=journeys.touchpoint[at].astype(np.int64),
        time=when,
        position=index - start[customer],
        gap=gap,
        recent=index - first_from(when, start, -recent),
        responded=acted,
        overtaken=following,
        followed=after[at] > response,
        remembered=before[at] >= recent,
    )
