"""Who is under risk from when to when on the calendar, and which touchpoints can be judged."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.journeys.durations import DAY
from journeykit.survival.churn import EndTouchpoint, FirstOf, Inactivity
from journeykit.survival.clocks import mask_of
from journeykit.survival.following import lifetimes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.churn import ChurnRule, Start


class People(NamedTuple):
    """Customers under risk in (begin, end]; arrays of shape (n,), times in microseconds.

    Attributes
    ----------
    journey : array of int64
        Place of the customer among the journeys, rising.
    origin, begin, end : arrays of int64
        When the clock starts, risk begins and ends, since 1970.
    event : array of bool
        Whether the customer leaves at `end`.
    watched_from : array of int64
    unseen : array of bool
        Whether the customer may have met touches before the watching that are in no data.
    """

    journey: NDArray[np.int64]
    origin: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    event: NDArray[np.bool_]
    watched_from: NDArray[np.int64]
    unseen: NDArray[np.bool_]

    def keep(self, mask: NDArray[np.bool_]) -> People:
        """Return some of them."""
        return People(
            self.journey[mask],
            self.origin[mask],
            self.begin[mask],
            self.end[mask],
            self.event[mask],
            self.watched_from[mask],
            self.unseen[mask],
        )


class Touches(NamedTuple):
    """Touches of one kind, sorted by customer and time; shape (n_touches,)."""

    owner: NDArray[np.int64]
    time: NDArray[np.int64]


def followed(
    journeys: Journeys,
    /,
    *,
    churn: ChurnRule,
    start: Start | None,
    activity: Sequence[str] | None,
) -> People:
    """Follow customers as `lifetimes` does, on the calendar."""
    frame = lifetimes(journeys, churn=churn, start=start, activity=activity).frame
    # One journey a customer: the place of the id is the place of the journey.
    place = pd.Index(journeys.customer_id.to_pandas()).get_indexer(frame["customer_id"])
    journey = np.searchsorted(journeys.customer_index, place)
    origin = frame["origin_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    entry, leave = (
        origin + np.rint(frame[name].to_numpy() * DAY).astype(np.int64)
        for name in ("entry_days", "exit_days")
    )
    since = journeys.observed_from
    people = People(
        journey.astype(np.int64),
        origin,
        entry,
        leave,
        frame["event"].to_numpy().copy(),
        entry.copy() if since is None else since[journey],
        frame["late"].to_numpy() | frame["edge"].to_numpy(),
    )
    return people.keep(people.end > people.begin)


def with_known_past(people: People, days: float) -> People:
    """Let risk begin only where the last `days` are known.

    Whoever was a customer before the watching began may have met a touch just before.
    """
    known = people.watched_from + round(days * DAY)
    begin = np.where(people.unseen, np.maximum(people.begin, known), people.begin)
    kept = people._replace(begin=begin)
    kept = kept.keep(kept.end > kept.begin)
    if len(kept.begin) == 0:
        raise DataError(
            f"Nobody is watched for longer than {days:g} days, so whether somebody met a touch "
            "within them is not known. Shorten the windows."
        )
    return kept


def newly_come(people: People) -> People:
    """Keep those who cannot have met a touch before the watching."""
    kept = people.keep(~people.unseen)
    if len(kept.begin) == 0:
        raise DataError(
            "Nobody is watched from their start, so whether a touch was their first is not known. "
            "Declare another `start`, or look at the last touch."
        )
    return kept


def touches_of(journeys: Journeys, people: People, name: str) -> Touches:
    """Return the touches at one touchpoint of the people followed, owners by their place there."""
    mask = mask_of(journeys, "touchpoints", (name,))
    event = np.flatnonzero(mask)
    journey = np.searchsorted(journeys.start, event, side="right") - 1
    owner = np.searchsorted(people.journey, journey)
    known = owner < len(people.journey)
    known[known] = people.journey[owner[known]] == journey[known]
    return Touches(owner[known], journeys.need_time("the risk of leaving")[event[known]])


def judged(
    journeys: Journeys,
    touchpoints: Sequence[str] | None,
    /,
    *,
    churn: ChurnRule,
    activity: Sequence[str] | None,
    exclude: Sequence[str] = (),
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the touchpoints that can be judged, and why the others cannot.

    Raises
    ------
    ArgumentError
        When one that is named cannot be judged, or none can.
    MappingError
        When a touchpoint does not exist.
    """
    check_known("exclude", exclude, journeys.names, what="touchpoints")
    if touchpoints is not None:
        check_known("touchpoints", touchpoints, journeys.names, what="touchpoints")
    bound = _bound(journeys, churn, activity)
    wanted = journeys.names if touchpoints is None else tuple(dict.fromkeys(touchpoints))
    if touchpoints is not None and (wrong := [name for name in wanted if name in bound]):
        raise ArgumentError(
            f"{wrong[0]!r} cannot be judged: it is {bound[wrong[0]]}. {_mend(churn)}"
        )
    out = bound | dict.fromkeys(exclude, "declared a part of leaving")
    names = tuple(name for name in wanted if name not in out)
    if not names:
        raise ArgumentError(
            f"No touchpoint is left to judge; {len(out):,} are left out, such as "
            f"{next(iter(out), '')!r}: {next(iter(out.values()), 'none was named')}. {_mend(churn)}"
        )
    return names, {name: why for name, why in out.items() if name in wanted}


def _bound(journeys: Journeys, churn: ChurnRule, activity: Sequence[str] | None) -> dict[str, str]:
    """Return the touchpoints that are tied to leaving by its definition."""
    if isinstance(churn, Inactivity):
        signs = journeys.names if activity is None else activity
        return dict.fromkeys(
            signs,
            "a sign of life, and leaving is defined by the silence after one, so how soon "
            "somebody leaves after it is set by the definition",
        )
    ends = churn.ends.values() if isinstance(churn, FirstOf) else (churn,)
    return {end.touchpoint: "what leaving is" for end in ends if isinstance(end, EndTouchpoint)}


def _mend(churn: ChurnRule) -> str:
    if isinstance(churn, Inactivity):
        return "Name in `activity` only what customers do, not what is to be judged."
    return "Name others in `touchpoints`."


def warn_of_dating(churn: ChurnRule) -> None:
    """Say that a touch which makes customers act puts their last activity behind itself."""
    if isinstance(churn, Inactivity) and churn.dated_at == "last_activity":
        warnings.warn(
            "Leaving is dated at the last activity: a touch that makes customers act once more "
            "puts that activity just behind itself and so seems to raise the risk. Date it at "
            "'declaration' to compare touchpoints.",
            JourneyKitWarning,
            stacklevel=3,
        )
