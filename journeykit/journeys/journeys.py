"""The heart: events of all customers, sorted once, coded once, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.errors import DataError, NotObservedError
from journeykit.events.ledger import Ledger
from journeykit.journeys import cutting, shape
from journeykit.journeys.fingerprint import fingerprint
from journeykit.journeys.pattern import Pattern, parse

#: What results call the ends of journeys and what they pool; no touchpoint may be called so.
RESERVED = frozenset(
    {"(any)", "(baseline)", "(entry)", "(exit)", "(left)", "(open)", "(other)", "(unseen)"}
)

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys.shape import TimeLike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Journeys:
    """Journeys of customers in compressed-sparse-row layout.

    Journey *i* is the events ``start[i]:start[i + 1]``, in order. Arrays are read-only; every
    verb returns a new object and writes what it took out into `ledger`.

    Attributes
    ----------
    names : tuple of str
        Touchpoint names, sorted.
    touchpoint : array of unsigned integers, shape (n_events,)
        Index into `names`.
    start : array of int64, shape (n_journeys + 1,)
    time : array of int64, shape (n_events,), or None
        Microseconds since 1970-01-01 UTC; None for path tables that never had clocks. On a day
        clock they are midnights of a calendar without zones.
    customer_index : array of integers, shape (n_journeys,)
        Index into `customer_id`; never decreasing. `sessions` and `cases` keep it.
    customer_id : pyarrow.Array, length n_customers
    observed_from, observed_to : arrays of int64, shape (n_journeys,), or None
        The customer is watched in [from, to): truncation and censoring begin there.
    attributes : pyarrow.Table, n_journeys rows
        What is constant within a journey.
    columns : Mapping of str to array, shape (n_events,)
        What an event carries besides its touchpoint: `value`, `cost` in minor units, ...
    window : (int, int) or None
        Span of the data, [from, to), in microseconds; a customer watched from the window's own
        beginning may have a history before it.
    clock : {"instant", "day"}
    collapsed : bool
        Whether runs of one touchpoint were merged, so that their ends are forgotten.
    ledger : Ledger
    """

    names: tuple[str, ...]
    touchpoint: NDArray[np.unsignedinteger]
    start: NDArray[np.int64]
    time: NDArray[np.int64] | None = None
    customer_index: NDArray[np.signedinteger] = None  # type: ignore[assignment]
    customer_id: pa.Array = None
    observed_from: NDArray[np.int64] | None = None
    observed_to: NDArray[np.int64] | None = None
    attributes: pa.Table = None
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    window: tuple[int, int] | None = None
    clock: str = "instant"
    collapsed: bool = False
    ledger: Ledger = None  # type: ignore[assignment]
    _fingerprint: int | None = None

    def __post_init__(self) -> None:
        """Fill what follows from the rest, freeze the arrays and check the layout."""
        put = object.__setattr__.__get__(self)
        n = len(self.start) - 1
        if self.customer_index is None:
            put("customer_index", np.arange(n, dtype=np.int32))
        if self.customer_id is None:
            put("customer_id", pa.array(np.arange(n)))
        elif not isinstance(self.customer_id, pa.Array):
            put("customer_id", pa.array(self.customer_id))
        if self.attributes is None:
            put("attributes", pa.table({}))
        if self.ledger is None:
            put("ledger", Ledger((), len(self.customer_id), len(self.touchpoint)))
        put("columns", MappingProxyType(dict(self.columns)))
        _check_layout(self)
        for array in (*self._arrays(), *self.columns.values()):
            array.flags.writeable = False

    def _arrays(self) -> list[NDArray[np.generic]]:
        maybe = (
            self.touchpoint,
            self.start,
            self.time,
            self.customer_index,
            self.observed_from,
            self.observed_to,
        )
        return [array for array in maybe if array is not None]

    # ------------------------------------------------------------------ what it is

    def __len__(self) -> int:
        """Return the number of journeys."""
        return len(self.start) - 1

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.touchpoint)

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return len(self.customer_id)

    @property
    def length(self) -> NDArray[np.int64]:
        """Events of each journey, shape (n_journeys,)."""
        return np.diff(self.start)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the content, 32 hexadecimal digits; see `journeys.fingerprint`."""
        return f"{self.fingerprint_number:032x}"

    @property
    def fingerprint_number(self) -> int:
        """The fingerprint as a number; over parts of the customers it adds up modulo 2^128."""
        if self._fingerprint is None:
            object.__setattr__(self, "_fingerprint", fingerprint(self))
        assert self._fingerprint is not None
        return self._fingerprint

    @property
    def nbytes(self) -> int:
        """Memory of the arrays in bytes; spans that all customers share are stored once."""
        arrays = [array for array in self._arrays() if 0 not in array.strides]
        columns = sum(column.nbytes for column in self.columns.values())
        tables = self.customer_id.nbytes + self.attributes.nbytes
        return sum(array.nbytes for array in arrays) + columns + int(tables)

    def __repr__(self) -> str:
        """Return one line: how much of what."""
        return (
            f"<Journeys: {len(self):,} journeys of {self.n_customers:,} customers, "
            f"{self.n_events:,} events at {len(self.names):,} touchpoints{shape.span_text(self)}>"
        )

    def need_time(self, what: str) -> NDArray[np.int64]:
        """Return `time`, or say that `what` needs clocks that these journeys never had."""
        if self.time is None:
            raise NotObservedError(
                f"{what} needs the time of each event; these journeys come from a path table "
                "without times."
            )
        return self.time

    # ------------------------------------------------------------------ verbs

    def take(self, journeys: NDArray[np.bool_] | NDArray[np.integer]) -> Journeys:
        """Return some journeys, by mask or increasing index, with their customers.

        For splitting: the ledger starts anew with what is taken.
        """
        return shape.take(self, journeys)

    def sessions(self, gap: str | timedelta = "30min") -> Journeys:
        """Cut where a customer pauses for more than `gap`; a pause of exactly `gap` does not cut.

        Attribute `ended` says why a session ended: ``timeout``, or ``open`` when the customer was
        not watched for a whole gap afterwards; `edge` marks those that may have begun before the
        window.
        """
        return cutting.sessions(self, gap=gap)

    def cases(
        self,
        *,
        goal: Sequence[str] | str = (),
        start: Sequence[str] | str = (),
        timeout: str | timedelta | None = None,
    ) -> Journeys:
        """Cut into goal-directed cases.

        A case ends with a `goal` touchpoint (kept, as its last event), or when nothing happens
        for more than `timeout`. It begins at the first `start` touchpoint after the previous end
        (at the first event of any kind when `start` is empty); events outside any case are taken
        out and counted in the ledger. A list names touchpoints; a text is one pattern
        (`journeykit.journeys.pattern`): a case ends where a match of `goal` ends, and begins where
        a match of `start` begins. Matches are those in the journeys as they are before the cut,
        leftmost-shortest and not overlapping, so one may lie across a pause. Attribute `ended` is
        ``goal``, ``timeout`` or ``open`` (still running when the customer's watching ends:
        censored, not failed); `edge` marks those that may have begun before the window.
        """
        return cutting.cases(self, goal=goal, start=start, timeout=timeout)

    def outcomes(
        self, *, conversion: Sequence[str], lookback_days: float, value: str | None = None
    ) -> Journeys:
        """Cut into outcome journeys, from entry or the previous conversion to what became of it.

        Returns
        -------
        Journeys
            With attributes `outcome` (``converted``: the last event is the conversion;
            ``abandoned``: more than `lookback_days` without a touch; ``open``: the watching ends
            first, so it is censored and never a failure), `outcome_value` (the conversion's
            `value` column, 0 otherwise) and `edge`: true where the journey may have begun before
            the window did, because it is the customer's first and starts within `lookback_days`
            of a window that the customer did not enter later. Such journeys are left out of
            first-touch, entry and duration figures.
        """
        return cutting.outcomes(
            self, conversion=conversion, lookback_days=lookback_days, value=value
        )

    def collapse_repeats(self) -> Journeys:
        """Merge runs of one touchpoint into their first event; numeric columns are added up.

        Cut into pieces first: when a run ended is forgotten.
        """
        return shape.collapse_repeats(self)

    def until(self, *touchpoints: str) -> Journeys:
        """Keep each journey up to and including its first event at one of `touchpoints`.

        The customer's watching ends there, so that what is cut off is not taken for silence.
        """
        return shape.until(self, touchpoints)

    def only(self, *touchpoints: str) -> Journeys:
        """Keep the events at `touchpoints`: what the others leave open or interrupt is gone."""
        return shape.only(self, touchpoints)

    def between(self, begin: TimeLike, end: TimeLike) -> Journeys:
        """Keep the events in [`begin`, `end`) and shorten the watching accordingly."""
        return shape.between(self, begin, end)

    def where(
        self, condition: Mapping[str, object] | NDArray[np.bool_], *, reason: str = ""
    ) -> Journeys:
        """Keep the journeys whose attributes equal the values named, or a mask of journeys.

        A list of values keeps any of them: ``where({"income": ["50-74K", "75-99K"]})``.
        """
        return shape.where(self, condition, reason=reason)

    def where_path(self, pattern: str | Pattern, *, reason: str = "") -> Journeys:
        """Keep the journeys in which a pattern matches, whole.

        For example ``where_path("cart >> [7d] buy")``; the grammar is that of
        `journeykit.journeys.pattern`.

        Parameters
        ----------
        pattern : str or Pattern
        reason : str
            For the ledger; by default it shows the pattern.
        """
        read = parse(pattern)
        found = np.zeros(len(self), dtype=bool)
        found[read.find(self).journey] = True
        return shape.where(self, found, reason=reason or f"no match of {read.text}")

    def relabel(
        self,
        names: Mapping[str, str] | None = None,
        *,
        patterns: Mapping[str, str] | None = None,
    ) -> Journeys:
        """Rename touchpoints; names that become equal become one touchpoint.

        Parameters
        ----------
        names : mapping of old to new name
        patterns : mapping of regular expression to replacement
            For names not in `names`; the first expression that matches the whole name wins.
        """
        return shape.relabel(self, names or {}, patterns or {})

    def sample(self, customers: int, *, seed: int) -> Journeys:
        """Keep the journeys of `customers` customers, drawn by a hash of `seed` and their id.

        The same customers are drawn whatever the order or the partition of the data.
        """
        return shape.sample(self, customers, seed=seed)

    def cluster(self, attribute: str) -> Journeys:
        """Make an attribute, such as `account`, the customer: the unit of counts and resampling.

        Journeys stay as they are, ordered by the new unit; their former customer ids are
        forgotten, and the ledger starts anew in the new unit. Cut before: the pieces of a person
        are told by the person.
        """
        return shape.cluster(self, attribute)

    # ------------------------------------------------------------------ giving everything back

    def to_frame(self) -> pd.DataFrame:
        """Return ``customer_id journey event_time touchpoint``, columns and attributes by event."""
        return shape.to_arrow(self).to_pandas()

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write the events of `to_frame` to a Parquet file, beside it first and then renamed."""
        shape.to_parquet(self, path)

    def customer(self, customer_id: object) -> pd.DataFrame:
        """Return the rows of `to_frame` of one customer."""
        return shape.to_arrow(shape.of_customer(self, customer_id)).to_pandas()

    def with_fingerprint(self, number: int) -> Journeys:
        """Return a copy whose fingerprint is known beforehand."""
        return replace(self, _fingerprint=number)

    def replace(self, **changes: object) -> Journeys:
        """Return a copy with some fields changed and the fingerprint forgotten."""
        return replace(self, **changes, _fingerprint=None)  # type: ignore[arg-type]


def _check_layout(journeys: Journeys) -> None:
    start, n_events = journeys.start, len(journeys.touchpoint)
    if len(start) == 0 or start[0] != 0 or start[-1] != n_events or (np.diff(start) < 0).any():
        raise DataError(
            f"`start` must rise from 0 to the number of events, {n_events}; "
            f"got {start[:3].tolist()} ... {start[-1:].tolist()}."
        )
    n = len(start) - 1
    for name, array, wanted in (
        ("time", journeys.time, n_events),
        ("customer_index", journeys.customer_index, n),
        ("observed_from", journeys.observed_from, n),
        ("observed_to", journeys.observed_to, n),
        *((name, column, n_events) for name, column in journeys.columns.items()),
    ):
        if array is not None and len(array) != wanted:
            raise DataError(f"`{name}` must have {wanted} entries; got {len(array)}.")
    if journeys.attributes.num_columns and journeys.attributes.num_rows != n:
        raise DataError(f"`attributes` must have {n} rows; got {journeys.attributes.num_rows}.")
    if taken := sorted(RESERVED & set(journeys.names)):
        raise DataError(
            f"`names` has {', '.join(map(repr, taken))}, which mean something else in results; "
            "rename these touchpoints in the data."
        )
    if n_events and int(journeys.touchpoint.max()) >= len(journeys.names):
        raise DataError(
            f"`touchpoint` must be below the number of names, {len(journeys.names)}; "
            f"got {int(journeys.touchpoint.max())}."
        )
