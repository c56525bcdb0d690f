"""Shares of cases with a deviation, with intervals by customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.plan.marks import DEVIATIONS, EXTRA, FAILED, IRREGULAR
from journeykit.stats import ClusterSums, clustered_wilson_interval
from journeykit.stats.disclosure import emptied, small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.plan.marks import Marked

_COUNTED = ["n_event", "n_customers", "n", "share", "conf_low", "conf_high"]
#: Ways in the table; all others are one row.
_WAYS = 500
_SIGNS = {0: "", EXTRA: "+", IRREGULAR: "~", FAILED: "!"}


def step_rates(
    marked: Marked, group: NDArray[np.object_], *, small_cell: int, confidence: float
) -> pd.DataFrame:
    """Count cases by type and step; see `departing.Deviations`."""
    names = marked.names()
    key = marked.type * len(names) + marked.label
    labels = [(DEVIATIONS[at // len(names) - 1], names[at % len(names)]) for at in np.unique(key)]
    counted = _counted(
        marked, key, group, labels=labels, names=["type", "step"], confidence=confidence
    )
    order = {name: at for at, name in enumerate(DEVIATIONS)}
    counted["_type"] = counted["type"].map(order)
    sums = counted.groupby(["type", "step"])["n_event"].transform("sum")
    counted = counted.assign(_sum=-sums).sort_values(
        ["_type", "_sum", "step", "group"], ignore_index=True
    )
    return _shown(counted.drop(columns=["_type", "_sum"]), small_cell)


def kind_rates(
    marked: Marked, group: NDArray[np.object_], *, small_cell: int, confidence: float
) -> pd.DataFrame:
    """Count cases by type of deviation."""
    labels = [(DEVIATIONS[at - 1],) for at in np.unique(marked.type)]
    counted = _counted(
        marked, marked.type, group, labels=labels, names=["type"], confidence=confidence
    )
    return _shown(counted, small_cell)


def conforming_rates(
    marked: Marked, group: NDArray[np.object_], *, small_cell: int, confidence: float
) -> pd.DataFrame:
    """Count cases without any deviation."""
    has = marked.found.moves[marked.ways.way] == 0
    rows = [
        (name, *_share(marked, has & (group == name), group == name, confidence))
        for name in sorted(set(group.tolist()))
    ]
    return _shown(pd.DataFrame(rows, columns=["group", *_COUNTED]), small_cell)


def way_rates(
    marked: Marked, minutes: NDArray[np.float64], *, small_cell: int, confidence: float
) -> pd.DataFrame:
    """Count cases by distinct way."""
    n = marked.ways.n
    place = np.lexsort((np.arange(len(n)), -n))
    shown = place[:_WAYS].tolist()
    # All others together are one way, the last.
    number = np.full(len(n), len(shown))
    number[shown] = np.arange(len(shown))
    row = number[marked.ways.way]
    n_rows = len(shown) + (len(n) > len(shown))
    texts = [" ".join(f"{sign}{name}" for sign, name in moves) for moves in moves_of(marked, shown)]
    cost: list[int | None] = marked.found.moves[shown].tolist()
    sums = _sums_by_row(row, marked.cases.journeys.customer_index, n_rows)
    interval = clustered_wilson_interval(sums, confidence=confidence)
    counted = np.bincount(row, minlength=n_rows)
    if n_rows > len(shown):
        texts.append(f"({len(n) - len(shown):,} other ways)")
        cost.append(None)
    total = np.bincount(row, weights=minutes, minlength=n_rows)
    frame = pd.DataFrame(
        {
            "way": texts,
            "cost": pd.array(cost, dtype="Int64"),
            "n_event": counted,
            "n_customers": _customers(row, marked.cases.journeys.customer_index, n_rows),
            "n": len(minutes),
            "share": counted / len(minutes),
            "conf_low": interval.low,
            "conf_high": interval.high,
            "minutes": total / counted,
        }
    )
    return _shown(frame, small_cell, more=["minutes"])


def _customers(
    row: NDArray[np.int64], customer: NDArray[np.int64], n_rows: int
) -> NDArray[np.int64]:
    pairs = np.unique(row * (int(customer.max()) + 1) + customer)
    return np.bincount(pairs // (int(customer.max()) + 1), minlength=n_rows)


def _sums_by_row(row: NDArray[np.int64], customer: NDArray[np.int64], n_rows: int) -> ClusterSums:
    """Add up, for every row, what its share of all cases is known by."""
    per = np.bincount(customer)
    width = len(per)
    pairs, events = np.unique(row * width + customer, return_counts=True)
    at, all_of = pairs // width, per[pairs % width]
    add = [
        np.bincount(at, weights=weights, minlength=n_rows)
        for weights in (events, events**2, events * all_of, np.ones(len(at)), events == all_of)
    ]
    n_customers = int((per > 0).sum())
    constant = np.ones(n_rows)
    return ClusterSums(
        n_event=add[0],
        n=constant * per.sum(),
        event_squares=add[1],
        event_cross=add[2],
        squares=constant * (per.astype(np.float64) ** 2).sum(),
        n_customers=constant * n_customers,
        n_rarer=np.minimum(add[3], n_customers - add[4]),
    )


def moves_of(marked: Marked, ways: list[int] | None = None) -> list[list[tuple[str, str]]]:
    """Return the moves of distinct ways in order: sign of the deviation, and the step's name."""
    found, names = marked.found, marked.made.steps
    shown = range(len(marked.ways.n)) if ways is None else ways
    owner = marked.cases.journeys
    bounds = np.searchsorted(found.skipped_way, np.arange(len(found.begin)))
    told = []
    for way in shown:
        a, b = found.begin[way], found.begin[way + 1]
        event = owner.start[marked.ways.first[way]]
        moves = []
        for at in range(a, b):
            kind, step = int(marked.kind[at]), int(marked.step[at])
            foreign = not (marked.coding.match[found.symbol[at]].any())
            name = names[step] if step >= 0 else owner.names[owner.touchpoint[event + at - a]]
            if kind == EXTRA and foreign:
                name = "(other)"
            moves.append((at - a, 1, _SIGNS[kind], name))
        moves += [
            (int(found.skipped_before[at]), 0, "-", names[int(found.skipped_step[at])])
            for at in range(bounds[way], bounds[way + 1])
            if marked.missing[at]
        ]
        moves.sort(key=lambda move: move[:2])
        told.append([(sign, name) for _, _, sign, name in moves])
    return told


def _counted(
    marked: Marked,
    key: NDArray[np.int64],
    group: NDArray[np.object_],
    *,
    labels: Sequence[tuple[str, ...]],
    names: list[str],
    confidence: float,
) -> pd.DataFrame:
    """Count cases with each key in each group."""
    keys = np.unique(key)
    rows = []
    customer = marked.cases.journeys.customer_index
    for name in sorted(set(group.tolist())):
        per = _per_customer(customer, group == name)
        for at, label in zip(keys, labels, strict=True):
            those = np.unique(marked.case[key == at])
            those = those[group[those] == name]
            rows.append((*label, name, *_sums(customer[those], per, confidence)))
    return pd.DataFrame(rows, columns=[*names, "group", *_COUNTED])


def _per_customer(customer: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.bincount(customer[inside], minlength=int(customer.max(initial=0)) + 1)


def _share(
    marked: Marked, has: NDArray[np.bool_], inside: NDArray[np.bool_], confidence: float
) -> tuple[float, ...]:
    customer = marked.cases.journeys.customer_index
    return _sums(customer[has], _per_customer(customer, inside), confidence)


def _sums(
    customer: NDArray[np.int64], per: NDArray[np.int64], confidence: float
) -> tuple[float, ...]:
    """Return n_event, n_customers, n, share and interval; `customer` of each case that has it."""
    has = np.bincount(customer, minlength=len(per))
    there = per > 0
    sums = ClusterSums.of_clusters(has[there], per[there])
    interval = clustered_wilson_interval(sums, confidence=confidence)
    n = int(per.sum())
    return (
        int(has.sum()), int((has > 0).sum()), n, has.sum() / n,
        float(interval.low), float(interval.high),
    )  # fmt: skip


def _shown(frame: pd.DataFrame, small_cell: int, more: list[str] | None = None) -> pd.DataFrame:
    """Empty what is known of fewer customers than `small_cell`."""
    hidden = small(frame["n_customers"].to_numpy(dtype=float), small_cell)
    columns = ["n_event", "n_customers", "share", "conf_low", "conf_high", *(more or [])]
    return emptied(frame, dict.fromkeys(columns, hidden))
