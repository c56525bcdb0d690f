"""What logs look like when one person is taken for two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from journeykit.attribution.redrawing import renamed
from journeykit.errors import ArgumentError
from journeykit.events.ledger import Ledger
from journeykit.journeys.ending import refuse_cut
from journeykit.journeys.fingerprint import hash_customers
from journeykit.journeys.shape import codes_of, pick, rows
from journeykit.stats.hashing import mix, salted, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Who = Literal["all", "without_conversion", "with_conversion"]
Kind = Literal["device", "instant"]
KINDS: tuple[Kind, ...] = ("device", "instant")


class Split(NamedTuple):
    """Which customers are taken for two, and how their events fall to the two.

    Attributes
    ----------
    part : float
        Chance of a customer to be split, in [0, 1].
    who : {"all", "without_conversion", "with_conversion"}
        Whom it may befall.
    kind : {"device", "instant"}
        ``device``: every event falls to either identity with chance 1/2, as with two devices in
        turn. ``instant``: events after an instant, uniform between the first and the last event,
        fall to the second, as with a cookie deleted.
    seed : int
    """

    part: float
    who: Who = "all"
    kind: Kind = "device"
    seed: int = 0


def split_identities(journeys: Journeys, split: Split, *, conversion: Sequence[str]) -> Journeys:
    """Split customers in two; every event stays, and both are watched as long as the one was.

    The draw is a function of the seed and the customer's id: who is split in a smaller part is in
    a larger one, too, and alike. The identity of the first event keeps the id. Who has one event,
    or none of whose events fall to the second, stays whole. If nobody is split the journeys
    themselves are returned.
    """
    refuse_cut(journeys, "Splitting identities")
    if (journeys.customer_index[1:] == journeys.customer_index[:-1]).any():
        raise ArgumentError(
            "Splitting identities needs one journey a customer; some have several. Do it before "
            "`cluster` or any cut."
        )
    second = _is_second(journeys, split, conversion)
    n = len(journeys)
    journey = np.repeat(np.arange(n), journeys.length)
    n_second = np.bincount(journey[second], minlength=n)
    split_in_two = n_second > 0
    if not split_in_two.any():
        return journeys
    parent = np.repeat(np.arange(n), 1 + split_in_two)
    copy = np.zeros(len(parent), dtype=np.int64)
    copy[1:] = parent[1:] == parent[:-1]
    length = np.where(copy == 1, n_second[parent], (journeys.length - n_second)[parent])
    event = np.argsort(2 * journey + second, kind="stable")
    customer_index, customer_id = _customers(journeys, split_in_two, parent, copy)
    return journeys.replace(
        touchpoint=journeys.touchpoint[event],
        start=np.concatenate([[0], np.cumsum(length)]),
        time=None if journeys.time is None else journeys.time[event],
        customer_index=customer_index,
        customer_id=customer_id,
        observed_from=pick(journeys.observed_from, parent),
        observed_to=pick(journeys.observed_to, parent),
        attributes=rows(journeys.attributes, parent),
        columns={name: column[event] for name, column in journeys.columns.items()},
        ledger=Ledger((), len(customer_id), len(event)),
    )


def _customers(
    journeys: Journeys,
    split_in_two: NDArray[np.bool_],
    parent: NDArray[np.int64],
    copy: NDArray[np.int64],
) -> tuple[NDArray[np.signedinteger], pa.Array]:
    """Give identities numbers and ids; the second follows the first."""
    twice = np.zeros(journeys.n_customers, dtype=np.int64)
    twice[journeys.customer_index[split_in_two]] = 1
    first = np.arange(len(twice)) + np.cumsum(twice) - twice
    who = np.repeat(np.arange(len(twice)), 1 + twice)
    number = np.arange(len(who)) - first[who]
    index = first[journeys.customer_index[parent]] + copy
    ids = renamed(journeys.customer_id.take(pa.array(who)), number)
    return index.astype(journeys.customer_index.dtype), ids


def _is_second(journeys: Journeys, split: Split, conversion: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the events that fall to the second identity, shape (n_events,)."""
    hashed = hash_customers(journeys.customer_id)[journeys.customer_index]
    chosen = uniform(mix(salted(hashed, "split identity"), seed=split.seed)) < split.part
    if split.who != "all":
        goal = codes_of(journeys, "conversion", conversion)[journeys.touchpoint]
        journey = np.repeat(np.arange(len(journeys)), journeys.length)
        converts = np.bincount(journey[goal], minlength=len(journeys)) > 0
        chosen &= converts == (split.who == "with_conversion")
    filled = journeys.length > 0
    first = np.repeat(journeys.start[:-1][filled], journeys.length[filled])
    key = mix(salted(hashed, f"identity by {split.kind}"), seed=split.seed)
    if split.kind == "device":
        position = np.arange(journeys.n_events) - first
        coin = uniform(mix(np.repeat(key, journeys.length) ^ mix(position))) < 0.5
        second = coin != coin[first]
    else:
        time = journeys.need_time("Splitting identities at an instant")
        begin = np.zeros(len(journeys), dtype=np.int64)
        span = np.zeros(len(journeys))
        begin[filled] = time[journeys.start[:-1][filled]]
        span[filled] = time[journeys.start[1:][filled] - 1] - begin[filled]
        instant = begin + np.floor(uniform(key) * span).astype(np.int64)
        second = time > np.repeat(instant, journeys.length)
    marked: NDArray[np.bool_] = second & np.repeat(chosen, journeys.length)
    return marked
