"""The journeys that are compared: who, what, and what is known of their two ends."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.checks import check_positive
from journeykit.counts.kernels import path_hashes
from journeykit.counts.naming import SEPARATOR, path_names
from journeykit.counts.paths import path_stops
from journeykit.errors import DataError, JourneyKitWarning
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen, is_cut, is_open
from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats import hash_strings, mix, salted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Touchpoints of journeys, one after the other.

    Attributes
    ----------
    names : tuple of str
    touchpoint : array of unsigned integers, shape (n_steps,)
    start : array of int64, shape (n + 1,)
    """

    names: tuple[str, ...]
    touchpoint: NDArray[np.unsignedinteger]
    start: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.start) - 1

    @property
    def length(self) -> NDArray[np.int64]:
        """Steps of each, shape (n,)."""
        return np.diff(self.start)

    def take(self, index: NDArray[np.integer]) -> Sequences:
        """Return some of them, in that order."""
        length = self.length[index]
        start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        at = np.repeat(self.start[index] - start[:-1], length) + np.arange(start[-1])
        return Sequences(self.names, self.touchpoint[at], start)

    def text(self, number: int) -> str:
        """Write one out."""
        codes = self.touchpoint[self.start[number] : self.start[number + 1]]
        return SEPARATOR.join(path_names([self.names[code] for code in codes]))

    def key(self) -> NDArray[np.uint64]:
        """Hash each by its names, shape (n, 2)."""
        hashed = hash_strings(pa.array(self.names, type=pa.string()))
        keys: NDArray[np.uint64] = path_hashes(
            self.touchpoint, self.start[:-1], self.start[1:], hashed
        )
        return keys


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Distinct sequences in the order of their hashes, which no order of customers can change.

    Attributes
    ----------
    sequences : Sequences
    number : array of int64, shape (n,)
        Which distinct one each of the n given is.
    weight : array of float64
        How many were the same.
    """

    sequences: Sequences
    number: NDArray[np.int64]
    weight: NDArray[np.float64]


def distinct(sequences: Sequences) -> Distinct:
    """Merge equal sequences."""
    if len(sequences) == 0:
        return Distinct(sequences, np.zeros(0, np.int64), np.zeros(0))
    key = sequences.key()
    order = np.lexsort((key[:, 1], key[:, 0]))
    new = np.ones(len(key), dtype=bool)
    new[1:] = (key[order][1:] != key[order][:-1]).any(axis=1)
    number = np.empty(len(key), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return Distinct(sequences.take(order[new]), number, np.bincount(number).astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was seen of the customers, in the order of their hashes.

    Attributes
    ----------
    sequences : Sequences
        Of journeys with a step; those of a customer are neighbours, the earliest first.
    customer : array of int64, shape (n_journeys,)
        Index into `hash` and `row`.
    unseen, still_open : arrays of bool, shape (n_journeys,)
        Whether the journey may have begun, or gone on, while nobody watched.
    comparable : array of bool, shape (n_journeys,)
        Whether the journey can be laid beside others as a whole.
    hash : array of uint64, shape (n_customers,)
        Rising.
    row : array of int64, shape (n_customers,)
        The customer's place in the journeys.
    uneven : bool
        Whether sequences are whole journeys that were watched for different spans.
    """

    sequences: Sequences
    customer: NDArray[np.int64]
    unseen: NDArray[np.bool_]
    still_open: NDArray[np.bool_]
    comparable: NDArray[np.bool_]
    hash: NDArray[np.uint64]
    row: NDArray[np.int64]
    uneven: bool

    def sample(self, customers: int, *, seed: int) -> NDArray[np.int64]:
        """Draw customers by a hash of their ids and the seed; rising indices."""
        if customers >= len(self.hash):
            return np.arange(len(self.hash))
        drawn = np.argsort(mix(salted(self.hash, "typology"), seed=seed), kind="stable")[:customers]
        return np.sort(drawn)

    def take(self, journeys: NDArray[np.bool_]) -> Observed:
        """Keep some journeys, and their customers."""
        kept = np.flatnonzero(journeys)
        who, customer = np.unique(self.customer[kept], return_inverse=True)
        return Observed(
            sequences=self.sequences.take(kept),
            customer=customer.astype(np.int64),
            unseen=self.unseen[kept],
            still_open=self.still_open[kept],
            comparable=self.comparable[kept],
            hash=self.hash[who],
            row=self.row[who],
            uneven=self.uneven,
        )

    def of_customers(self, chosen: NDArray[np.int64]) -> Observed:
        """Keep the journeys of some customers."""
        mask = np.zeros(len(self.hash), dtype=bool)
        mask[chosen] = True
        return self.take(mask[self.customer])

    def one_each(self) -> Observed:
        """Keep each customer's first comparable journey."""
        index = np.flatnonzero(self.comparable)
        _, first = np.unique(self.customer[index], return_index=True)
        mask = np.zeros(len(self.customer), dtype=bool)
        mask[index[first]] = True
        return self.take(mask)


def observe(journeys: Journeys, *, within_days: float | None) -> Observed:
    """Read what is to be compared.

    The path of an outcome journey ends before its conversion.

    Raises
    ------
    DataError
        When nothing is left.
    """
    begin, stop = journeys.start[:-1], path_stops(journeys)
    unseen, still_open = begins_unseen(journeys), is_open(journeys).copy()
    watched_long = np.ones(len(journeys), dtype=bool)
    if within_days is not None:
        watched_long, cut_at = _within(journeys, within_days)
        # Whatever comes after the horizon, were it the conversion: at the horizon it is open.
        still_open |= cut_at < journeys.start[1:]
        stop = np.minimum(stop, cut_at)
    filled = stop > begin
    kept = np.flatnonzero(filled & watched_long)
    if len(kept) == 0:
        raise DataError(
            f"No journey can be compared: of {len(journeys):,}, {int((~filled).sum()):,} have no "
            f"step and {int((~watched_long).sum()):,} were not watched for `within_days`."
        )
    hashed = hash_customers(journeys.customer_id)
    kept = kept[np.argsort(hashed[journeys.customer_index[kept]], kind="stable")]
    length = (stop - begin)[kept]
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    at = np.repeat(begin[kept] - start[:-1], length) + np.arange(start[-1])
    index = journeys.customer_index[kept].astype(np.int64)
    new = np.ones(len(index), dtype=bool)
    new[1:] = index[1:] != index[:-1]
    cut = is_cut(journeys)
    comparable = np.ones(len(kept), dtype=bool)
    if cut:
        comparable = ~unseen[kept]
        if within_days is None:
            comparable &= ~still_open[kept]
    return Observed(
        sequences=Sequences(journeys.names, journeys.touchpoint[at], start),
        customer=np.cumsum(new) - 1,
        unseen=unseen[kept],
        still_open=still_open[kept],
        comparable=comparable,
        hash=hashed[index[new]],
        row=index[new],
        uneven=within_days is None and not cut and _watched_unevenly(journeys),
    )


def first_comparable(observed: Observed) -> Observed:
    """Keep each customer's first comparable journey, and warn where spans differ.

    Raises
    ------
    DataError
        When no journey is comparable.
    """
    if not observed.comparable.any():
        raise DataError(
            f"None of {len(observed.customer):,} journeys was seen from its beginning to its end; "
            "`within_days` compares those still open over a common span."
        )
    if observed.uneven:
        warnings.warn(
            "Whole journeys end where the watching does, so customers who were watched for less "
            "look like a kind of their own; `within_days` compares all over the same span.",
            JourneyKitWarning,
            stacklevel=3,
        )
    return observed.one_each()


def _watched_unevenly(journeys: Journeys) -> bool:
    if journeys.observed_to is None:
        return False
    if journeys.observed_from is None:
        return True
    span = journeys.observed_to - journeys.observed_from
    return bool((span != span[0]).any())


def _within(journeys: Journeys, within_days: float) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Say which journeys were watched that long from their beginning, and where each then ends.

    Cut journeys begin with their first event, whole ones when the watching does.
    """
    check_positive("within_days", within_days)
    time = journeys.need_time("`within_days`")
    begin, end = journeys.start[:-1], journeys.start[1:]
    filled = end > begin
    origin = np.zeros(len(journeys), dtype=np.int64)
    origin[filled] = time[begin[filled]]
    if journeys.observed_from is not None and not is_cut(journeys):
        origin = journeys.observed_from
    limit = origin + round(within_days * DAY)
    inside = np.concatenate([[0], np.cumsum(time < np.repeat(limit, journeys.length))])
    cut_at = begin + inside[end] - inside[begin]
    if journeys.observed_to is None:
        return np.ones(len(journeys), dtype=bool), cut_at
    return limit <= journeys.observed_to, cut_at
