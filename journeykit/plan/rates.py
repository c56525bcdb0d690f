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
    every = np.ones(len(minutes), dtype=bool)
    n = marked.ways.n
    texts = [" ".join(f"{sign}{name}" for sign, name in moves) for moves in moves_of(marked)]
    order = sorted(range(len(n)), key=lambda way: (-n[way], texts[way]))
    total = np.bincount(marked.ways.way, weights=minutes, minlength=len(n))
    rows = []
    place = np.argsort(marked.ways.way, kind="stable")
    bounds = np.searchsorted(marked.ways.way[place], np.arange(len(n) + 1))
    customer = marked.cases.journeys.customer_index
    per = _per_customer(customer, every)
    for way in order:
        those = place[bounds[way] : bounds[way + 1]]
        rows.append(
            (texts[way], int(marked.found.moves[way]), *_sums(customer[those], per, confidence),
             total[way] / n[way])
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=["way", "cost", *_COUNTED, "minutes"])
    return _shown(frame, small_cell, more=["minutes"])


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
