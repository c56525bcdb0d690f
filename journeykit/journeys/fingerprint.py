"""The fingerprint of journeys: order-sensitive within a journey, additive over journeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.stats.hashing import hash_strings, mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys.journeys import Journeys

#: Events hashed at a time: small enough that every temporary stays in the processor's cache.
_BLOCK = 1 << 15
MODULUS = 1 << 128


def hash_customers(customer_id: pa.Array) -> NDArray[np.uint64]:
    """Hash customer ids, whole numbers and texts alike, one number each."""
    if pa.types.is_integer(customer_id.type):
        return mix(customer_id.to_numpy(zero_copy_only=False))
    return hash_strings(customer_id.cast(pa.string()))


def _hash_column(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    if values.dtype.kind == "O":
        return hash_strings(pa.array(values, type=pa.string()))
    return mix(values)


def _hash_texts(column: pa.Array) -> NDArray[np.uint64]:
    """Hash values by their text, each distinct one once: few attributes have many."""
    kind = column.type
    if pa.types.is_float64(kind):
        # By their bits: 0 and -0 are texts of their own.
        column = column.view(pa.int64())
    coded = column.dictionary_encode()
    distinct = coded.dictionary.view(kind) if pa.types.is_float64(kind) else coded.dictionary
    hashed = hash_strings(distinct.cast(pa.string()))
    lacking = hash_strings(pa.array([""]))
    at = coded.indices.cast(pa.int32()).fill_null(len(hashed))
    value: NDArray[np.uint64] = np.append(hashed, lacking)[at.to_numpy(zero_copy_only=False)]
    return value


def _event_parts(journeys: Journeys) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hash every event with its position in the journey, twice; sum them up per journey."""
    name_hash = hash_strings(pa.array(journeys.names, type=pa.string()))
    columns = [
        (hash_strings(pa.array([name]))[0], journeys.columns[name])
        for name in sorted(journeys.columns)
    ]
    n_event, start = len(journeys.touchpoint), journeys.start
    position_from = np.repeat(start[:-1], np.diff(start))
    low, high = (np.zeros(n_event + 1, dtype=np.uint64) for _ in range(2))
    for begin in range(0, n_event, _BLOCK):
        block = slice(begin, min(begin + _BLOCK, n_event))
        state = name_hash[journeys.touchpoint[block]]
        if journeys.time is not None:
            state ^= mix(journeys.time[block])
        for name, values in columns:
            state = mix(state) ^ mix(_hash_column(values[block]) ^ name)
        position = np.arange(block.start, block.stop) - position_from[block]
        state = mix(state ^ mix(position, seed=1))
        low[block.start + 1 : block.stop + 1] = state
        high[block.start + 1 : block.stop + 1] = mix(state, seed=2)
    with np.errstate(over="ignore"):
        for part in (low, high):
            np.cumsum(part, out=part)
        return np.diff(low[start]), np.diff(high[start])


def _journey_state(journeys: Journeys) -> NDArray[np.uint64]:
    """Hash what belongs to a journey as a whole: who, watched from when to when, attributes."""
    state: NDArray[np.uint64] = hash_customers(journeys.customer_id)[journeys.customer_index]
    for seed, watched in ((3, journeys.observed_from), (4, journeys.observed_to)):
        if watched is not None:
            state ^= mix(watched, seed=seed)
    context = pa.array([f"{journeys.clock} {journeys.window}"])
    state ^= mix(hash_strings(context), seed=6)
    for name in sorted(journeys.attributes.column_names):
        column = journeys.attributes[name].combine_chunks()
        missing = mix(column.is_null().to_numpy(zero_copy_only=False), seed=7)
        value = _hash_texts(column) ^ hash_strings(pa.array([name]))[0]
        state = mix(state) ^ mix(value ^ missing)
    return state


def fingerprint(journeys: Journeys) -> int:
    """Sum the hashes of all journeys modulo 2^128.

    A journey's hash covers its touchpoint names in order, their times and columns, the customer,
    the span in which it was watched and its attributes. Shuffled input rows give the same sum,
    one swapped pair of events another; the sums of two parts of the customers add up to the sum
    of all.
    """
    low, high = _event_parts(journeys)
    state = _journey_state(journeys)
    return (_exact_sum(mix(high ^ state, seed=5)) << 64) + _exact_sum(mix(low ^ state)) & (
        MODULUS - 1
    )


def _exact_sum(values: NDArray[np.uint64]) -> int:
    """Add 64-bit numbers without wrapping: halves of 32 bits cannot overflow below 2^32 of them."""
    lower = int((values & np.uint64(0xFFFFFFFF)).sum(dtype=np.uint64))
    upper = int((values >> np.uint64(32)).sum(dtype=np.uint64))
    return (upper << 32) + lower
