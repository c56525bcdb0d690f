"""The verbs that take events or journeys out, or rename them; every one keeps the ledger."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_known, check_whole
from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.events.ledger import Ledger
from journeykit.journeys.ending import has_attribute, refuse_cut
from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats.hashing import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

TimeLike = str | date | datetime | int


def time_point(name: str, value: TimeLike, *, zone: tzinfo = UTC) -> int:
    """Turn a date, an ISO text or microseconds into microseconds UTC; naive times are in `zone`."""
    if isinstance(value, bool):
        raise ArgumentError(f"`{name}` must be a date or a time; got {value!r}.")
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ArgumentError(
                f"`{name}` must be a date or a time such as '2026-01-31' or "
                f"'2026-01-31T09:30:00+01:00'; got {value!r}."
            ) from None
    if not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    elapsed = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def span_text(journeys: Journeys) -> str:
    """Return `` from 2026-01-01 to 2026-02-01 UTC`` or nothing where there are no times."""
    if journeys.time is None or journeys.n_events == 0:
        return ""
    ends = np.array([journeys.time.min(), journeys.time.max()], dtype="datetime64[us]")
    first, last = ends.astype("datetime64[D]").astype(str)
    return f" from {first} to {last}{' UTC' if journeys.clock == 'instant' else ''}"


def codes_of(journeys: Journeys, argument: str, touchpoints: Sequence[str]) -> NDArray[np.bool_]:
    """Return a mask over `names`, after checking that every one of `touchpoints` exists."""
    if isinstance(touchpoints, str):
        raise ArgumentError(f"`{argument}` must be a list of names; got the text {touchpoints!r}.")
    check_known(argument, touchpoints, journeys.names, what="touchpoints")
    return np.isin(np.array(journeys.names, dtype=object), list(touchpoints))


def pick(span: NDArray[np.int64] | None, index: NDArray[np.integer]) -> NDArray[np.int64] | None:
    """Take entries of a span; one shared by all journeys stays stored once (stride 0)."""
    if span is None:
        return None
    if span.strides == (0,) and len(span):
        return np.broadcast_to(span[:1], len(index))
    picked: NDArray[np.int64] = span[index]
    return picked


def rows(table: pa.Table, index: NDArray[np.integer]) -> pa.Table:
    """Take rows of a table that may have no columns."""
    return table.take(pa.array(index)) if table.num_columns else table


def customer_range(journeys: Journeys, begin: int, end: int) -> Journeys:
    """Return the journeys of customers number `begin` to `end` - 1 as views, copying nothing."""
    low, high = np.searchsorted(journeys.customer_index, [begin, end])
    events = slice(journeys.start[low], journeys.start[high])
    spans = (journeys.observed_from, journeys.observed_to)
    observed_from, observed_to = (None if span is None else span[low:high] for span in spans)
    table = journeys.attributes
    return journeys.replace(
        touchpoint=journeys.touchpoint[events],
        start=journeys.start[low : high + 1] - journeys.start[low],
        time=None if journeys.time is None else journeys.time[events],
        customer_index=journeys.customer_index[low:high] - begin,
        customer_id=journeys.customer_id.slice(begin, end - begin),
        observed_from=observed_from,
        observed_to=observed_to,
        attributes=table.slice(low, high - low) if table.num_columns else table,
        columns={name: column[events] for name, column in journeys.columns.items()},
        ledger=Ledger((), end - begin, int(events.stop - events.start)),
    )


def take(
    journeys: Journeys,
    chosen: NDArray[np.integer] | NDArray[np.bool_],
    *,
    ledger: Ledger | None = None,
) -> Journeys:
    """Return the chosen journeys and only their customers."""
    index: NDArray[Any] = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
    if len(index) and (np.diff(index) <= 0).any():
        raise ArgumentError("`journeys` must be a mask or an increasing index.")
    length = journeys.length[index]
    start = np.concatenate([[0], np.cumsum(length)])
    event = np.repeat(journeys.start[:-1][index] - start[:-1], length) + np.arange(start[-1])
    who, customer_index = np.unique(journeys.customer_index[index], return_inverse=True)
    return journeys.replace(
        touchpoint=journeys.touchpoint[event],
        start=start,
        time=None if journeys.time is None else journeys.time[event],
        customer_index=customer_index.astype(journeys.customer_index.dtype),
        customer_id=journeys.customer_id.take(pa.array(who)),
        observed_from=pick(journeys.observed_from, index),
        observed_to=pick(journeys.observed_to, index),
        attributes=rows(journeys.attributes, index),
        columns={name: column[event] for name, column in journeys.columns.items()},
        ledger=ledger or Ledger((), len(who), int(start[-1])),
    )


def keep_events(
    journeys: Journeys,
    keep: NDArray[np.bool_],
    *,
    step: str,
    reason: str,
    stay: NDArray[np.bool_] | None = None,
) -> Journeys:
    """Take events out; journeys and customers left without any go with them, in the ledger.

    With `stay`, a mask of the journeys that remain, those without events may be among them; all
    events kept must be theirs.
    """
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    thinned = journeys.replace(
        touchpoint=journeys.touchpoint[keep],
        start=kept_before[journeys.start],
        time=None if journeys.time is None else journeys.time[keep],
        columns={name: column[keep] for name, column in journeys.columns.items()},
    )
    filled = thinned.length > 0 if stay is None else stay
    ledger = journeys.ledger.then(
        step,
        reason,
        customers=len(np.unique(journeys.customer_index[filled])),
        events=thinned.n_events,
    )
    return take(thinned, filled, ledger=ledger)


def where(
    journeys: Journeys, condition: Mapping[str, object] | NDArray[np.bool_], *, reason: str
) -> Journeys:
    """Keep journeys by attribute values or by mask."""
    if isinstance(condition, Mapping):
        check_known("condition", condition, journeys.attributes.column_names, what="attributes")
        keep = np.ones(len(journeys), dtype=bool)
        for name, wanted in condition.items():
            column = journeys.attributes[name]
            several = isinstance(wanted, list | tuple | set | frozenset)
            values = list(wanted) if several else [wanted]  # type: ignore[call-overload]
            try:
                options = pa.array(values).cast(column.type)
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
                raise ArgumentError(
                    f"`condition` compares attribute {name!r}, which holds {column.type}, "
                    f"with {wanted!r}."
                ) from None
            found = pc.is_in(column, value_set=options, skip_nulls=False)
            keep &= found.to_numpy().astype(bool)
        reason = reason or ", ".join(
            f"{name} is not {wanted!r}" for name, wanted in condition.items()
        )
    else:
        keep = np.asarray(condition)
        if keep.dtype != bool or keep.shape != (len(journeys),):
            raise ArgumentError(
                f"`condition` must be a mapping of attributes or a mask of {len(journeys)} "
                f"journeys; got an array of {keep.dtype} with shape {keep.shape}."
            )
    ledger = journeys.ledger.then(
        "where",
        reason or "mask",
        customers=len(np.unique(journeys.customer_index[keep])),
        events=int(journeys.length[keep].sum()),
    )
    return take(journeys, keep, ledger=ledger)


def sample(journeys: Journeys, customers: int, *, seed: int) -> Journeys:
    """Draw customers by hash."""
    check_whole("customers", customers, least=1)
    key = mix(hash_customers(journeys.customer_id), seed=seed)
    drawn = np.zeros(journeys.n_customers, dtype=bool)
    drawn[np.argsort(key, kind="stable")[:customers]] = True
    keep = drawn[journeys.customer_index]
    ledger = journeys.ledger.then(
        "sample",
        f"not among {customers:,} drawn with seed {seed}",
        customers=int(drawn.sum()),
        events=int(journeys.length[keep].sum()),
    )
    return take(journeys, keep, ledger=ledger)


def until(journeys: Journeys, touchpoints: Sequence[str]) -> Journeys:
    """Keep events up to and including the first at one of `touchpoints`; watching ends there."""
    refuse_cut(journeys, "`until`")
    hit = codes_of(journeys, "touchpoints", touchpoints)[journeys.touchpoint]
    hits_before = np.concatenate([[0], np.cumsum(hit)])
    before_journey = np.repeat(hits_before[journeys.start[:-1]], journeys.length)
    keep = hits_before[:-1] == before_journey
    named = " or ".join(touchpoints)
    if journeys.time is not None and journeys.observed_to is not None:
        reached = np.flatnonzero(np.diff(hits_before[journeys.start]))
        first_hit = np.searchsorted(hits_before, hits_before[journeys.start[reached]], side="right")
        observed_to = journeys.observed_to.copy()
        observed_to[reached] = journeys.time[first_hit - 1] + 1
        journeys = journeys.replace(observed_to=observed_to)
    return keep_events(journeys, keep, step="until", reason=f"after the first {named}")


def only(journeys: Journeys, touchpoints: Sequence[str]) -> Journeys:
    """Keep the events at some touchpoints, and only their names."""
    refuse_cut(journeys, "`only`")
    stays = codes_of(journeys, "touchpoints", touchpoints)
    kept = keep_events(
        journeys,
        stays[journeys.touchpoint],
        step="only",
        reason=f"not at {', '.join(touchpoints)}",
    )
    code = (np.cumsum(stays) - 1).astype(np.min_scalar_type(len(stays)))
    return kept.replace(
        names=tuple(name for name, stay in zip(journeys.names, stays, strict=True) if stay),
        touchpoint=code[kept.touchpoint],
    )


def between(journeys: Journeys, begin: TimeLike, end: TimeLike) -> Journeys:
    """Keep the events in [begin, end)."""
    refuse_cut(journeys, "`between`")
    time = journeys.need_time("`between`")
    low, high = time_point("begin", begin), time_point("end", end)
    if low >= high:
        raise ArgumentError(f"`begin` must be before `end`; got {begin!r} and {end!r}.")
    inside = keep_events(
        journeys,
        (time >= low) & (time < high),
        step="between",
        reason=f"outside [{begin}, {end})",
    )
    window = inside.window or (low, high)
    return inside.replace(
        observed_from=None
        if inside.observed_from is None
        else np.maximum(inside.observed_from, low),
        observed_to=None if inside.observed_to is None else np.minimum(inside.observed_to, high),
        window=(max(window[0], low), min(window[1], high)),
    )


def collapse_repeats(journeys: Journeys) -> Journeys:
    """Merge runs of one touchpoint within a journey."""
    repeat = np.zeros(journeys.n_events, dtype=bool)
    repeat[1:] = journeys.touchpoint[1:] == journeys.touchpoint[:-1]
    repeat[journeys.start[:-1][journeys.length > 0]] = False
    if "outcome" in journeys.attributes.column_names:
        # The conversion is no touch, even where it was given a touch's name.
        repeat[journeys.start[1:][has_attribute(journeys, "outcome", "converted")] - 1] = False
    first = np.flatnonzero(~repeat)
    merged = keep_events(journeys, ~repeat, step="collapse_repeats", reason="repeat, merged")
    columns = {
        name: np.add.reduceat(column, first) if column.dtype.kind in "iuf" and len(first) else kept
        for (name, column), kept in zip(
            journeys.columns.items(), merged.columns.values(), strict=True
        )
    }
    return merged.replace(columns=columns, collapsed=True)


def relabel(journeys: Journeys, names: Mapping[str, str], patterns: Mapping[str, str]) -> Journeys:
    """Rename touchpoints by name, then by pattern."""
    check_known("names", names, journeys.names, what="touchpoints")
    try:
        compiled = [(re.compile(pattern), to) for pattern, to in patterns.items()]
        renamed = [_renamed(name, names, compiled) for name in journeys.names]
    except (re.error, IndexError) as error:
        raise ArgumentError(
            f"`patterns` must map regular expressions to replacements; {error}."
        ) from None
    new_names, code = np.unique(np.array(renamed, dtype=object), return_inverse=True)
    small = np.min_scalar_type(max(len(new_names) - 1, 0))
    return journeys.replace(
        names=tuple(new_names.tolist()),
        touchpoint=code.astype(small)[journeys.touchpoint],
    )


def _renamed(
    name: str, names: Mapping[str, str], patterns: Sequence[tuple[re.Pattern[str], str]]
) -> str:
    if name in names:
        return names[name]
    for pattern, to in patterns:
        if found := pattern.fullmatch(name):
            return found.expand(to)
    return name


def of_customer(journeys: Journeys, customer_id: object) -> Journeys:
    """Return the journeys of one customer."""
    try:
        wanted = pa.scalar(customer_id).cast(journeys.customer_id.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        wanted = pa.scalar(None, journeys.customer_id.type)
    at = pc.index(journeys.customer_id, wanted).as_py() if wanted.is_valid else -1
    if at < 0:
        raise MappingError(
            f"There is no customer {customer_id!r} among {journeys.n_customers:,}; "
            f"ids are {journeys.customer_id.type}, such as {journeys.customer_id[0].as_py()!r}."
        )
    return take(journeys, journeys.customer_index == at)


def cluster(journeys: Journeys, attribute: str) -> Journeys:
    """Make an attribute, such as the account, the unit that counts and resamples."""
    check_known("attribute", [attribute], journeys.attributes.column_names, what="attributes")
    column = journeys.attributes[attribute].combine_chunks()
    if column.null_count:
        raise DataError(
            f"Attribute {attribute!r} is empty for {column.null_count:,} of {len(column):,} "
            "journeys; every journey needs one to be clustered by it."
        )
    units = pc.unique(column)
    units = units.take(pc.sort_indices(units))
    unit = pc.index_in(column, value_set=units).to_numpy(zero_copy_only=False)
    order = np.argsort(unit, kind="stable")
    length = journeys.length[order]
    start = np.concatenate([[0], np.cumsum(length)])
    event = np.repeat(journeys.start[:-1][order] - start[:-1], length) + np.arange(start[-1])
    return journeys.replace(
        touchpoint=journeys.touchpoint[event],
        start=start,
        time=None if journeys.time is None else journeys.time[event],
        customer_index=unit[order].astype(journeys.customer_index.dtype),
        customer_id=units,
        observed_from=pick(journeys.observed_from, order),
        observed_to=pick(journeys.observed_to, order),
        attributes=rows(journeys.attributes, order),
        columns={name: column[event] for name, column in journeys.columns.items()},
        ledger=Ledger((), len(units), journeys.n_events),
    )


def to_arrow(journeys: Journeys) -> pa.Table:
    """Return ``customer_id journey event_time touchpoint``, columns, attributes; a row an event."""
    journey = np.repeat(np.arange(len(journeys)), journeys.length)
    data = {
        "customer_id": journeys.customer_id.take(pa.array(journeys.customer_index[journey])),
        "journey": pa.array(journey),
    }
    if journeys.time is not None:
        zone = "UTC" if journeys.clock == "instant" else None
        stamps = pa.array(journeys.time).cast(pa.timestamp("us", zone))
        data["event_time"] = stamps
    codes = pa.array(journeys.touchpoint.astype(np.int32))
    data["touchpoint"] = pa.DictionaryArray.from_arrays(
        codes, pa.array(journeys.names, type=pa.string())
    )
    for name, column in journeys.columns.items():
        data[name] = pa.array(column)
    for name in journeys.attributes.column_names:
        if name in data:
            raise DataError(f"Attribute {name!r} has the name of a column; rename one of them.")
        data[name] = journeys.attributes[name].combine_chunks().take(pa.array(journey))
    return pa.table(data)


def to_parquet(journeys: Journeys, path: str | os.PathLike[str]) -> None:
    """Write `to_arrow` as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    target = Path(path)
    beside = target.with_name(f"{target.name}.part{os.getpid()}")
    try:
        pq.write_table(to_arrow(journeys), beside, compression="zstd")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
