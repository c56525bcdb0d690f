"""The least-cost alignment of each lived journey with a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from journeykit.checks import check_known
from journeykit.plan.automaton import automaton
from journeykit.plan.cases import cases_of
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.automaton import Automaton
    from journeykit.plan.model import Plan


class Coding(NamedTuple):
    """Events as the plan sees them: those that may be the same steps have one symbol.

    `symbol` of each event; `match` and `fails`, shape (n_symbols, n_steps): which steps it may be,
    and of which it is a failed try; `declared`, shape (n_steps,): whether the plan says what a
    failure is.
    """

    symbol: NDArray[np.int64]
    match: NDArray[np.bool_]
    fails: NDArray[np.bool_]
    declared: NDArray[np.bool_]


class Ways(NamedTuple):
    """Distinct paths: the way of each journey, the first journey of each, and how many have it."""

    way: NDArray[np.int64]
    first: NDArray[np.int64]
    n: NDArray[np.int64]


class Aligned(NamedTuple):
    """Alignments of distinct ways.

    `moves` of each way; `begin`, where its events begin in `symbol` and `step`, which is the step
    of an event or -1; `skipped_way skipped_step skipped_before`: the steps that did not come, and
    the number of events before them.
    """

    moves: NDArray[np.int64]
    begin: NDArray[np.int64]
    symbol: NDArray[np.int64]
    step: NDArray[np.int32]
    skipped_way: NDArray[np.int64]
    skipped_step: NDArray[np.int32]
    skipped_before: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Alignments(Result):
    """How far each distinct way is from the plan.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a distinct way of the closed cases, the most frequent first: `path`, touchpoints
        joined by `` > ``, other than the plan's as ``(other)``; `n` cases; `n_customers`; `cost`,
        the least number of moves; `alignment`: every event and every step that did not come, in
        order: the step itself where they agree, ``+`` an event alone, ``-`` a step alone.
    """

    rows: ClassVar[str] = "distinct ways"

    def summary(self) -> str:
        """Say how many ways there are and how many cases follow the plan."""
        n = int(self.frame["n"].sum())
        conform = int(self.frame.loc[self.frame["cost"] == 0, "n"].sum())
        return f"{len(self.frame):,} distinct ways of {n:,} cases; {conform:,} as planned"


def align(journeys: Journeys, plan: Plan, /, *, case: str | None = None) -> Alignments:
    """Align every distinct way of the closed cases with the plan, at least cost.

    An alignment reads the case and one way through the plan side by side. A move is an event that
    is the step whose turn it is, at cost 0; an event alone, at cost 1; or a step alone, at cost 1.
    The cost of a case is the least over all ways through the plan and all alignments: exact, by
    dynamic programming over events and states of the plan. Ties: fewest steps alone that have no
    event in the case; then, from the beginning, the event as a step before the event alone before
    the step alone; of several steps the one that the plan names first.

    Parameters
    ----------
    journeys : Journeys
    plan : Plan
    case : str, optional
        Event column that numbers cases; by default they are cut as the plan says.

    References
    ----------
    Adriansyah (2014), Aligning observed and modeled behavior, TU Eindhoven.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.plan import Plan
    >>> two = Journeys(
    ...     names=("ask", "buy", "look"),
    ...     touchpoint=np.array([2, 0, 1, 0, 2], dtype=np.uint8),
    ...     start=np.array([0, 3, 5]),
    ... )
    >>> align(two, Plan(name="visit", steps=["look", "buy"])).frame[["path", "cost", "alignment"]]
                       path  cost           alignment
    0        (other) > look     2  +(other) look -buy
    1  look > (other) > buy     1   look +(other) buy
    """
    import pandas as pd

    cases = cases_of(journeys, plan, case=case)
    closed = cases.kept(cases.reaches & cases.closed & ~cases.unseen)
    made, coding = automaton(plan), code(closed.journeys, plan)
    ways = distinct(coding.symbol, closed.journeys.start)
    found = aligned(made, coding, ways, closed.journeys.start)
    customers = np.unique(np.stack([ways.way, closed.journeys.customer_index]), axis=1)[0]
    named = _names(closed.journeys, coding)
    frame = pd.DataFrame(
        {
            "path": [
                " > ".join(named[found.symbol[a:b]])
                for a, b in zip(found.begin, found.begin[1:], strict=False)
            ],
            "n": ways.n,
            "n_customers": np.bincount(customers, minlength=len(ways.n)),
            "cost": found.moves,
            "alignment": _texts(found, made.steps, named),
        }
    )
    frame = frame.sort_values(["n", "path"], ascending=[False, True], ignore_index=True)
    return Alignments(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, {"plan": plan.name, "case": case}),
    )


def code(journeys: Journeys, plan: Plan, /) -> Coding:
    """Give one symbol to all events that the plan cannot tell apart."""
    steps, names = plan.all_steps, journeys.names
    seen = np.array([[name in step.seen_as for step in steps] for name in names], dtype=bool)
    by_touch = np.array([[name in step.failed_by for step in steps] for name in names], dtype=bool)
    if plan.failed is None:
        failed = np.zeros(journeys.n_events, dtype=bool)
    else:
        check_known("failed", [plan.failed.column], list(journeys.columns), what="event columns")
        failed = _says(np.asarray(journeys.columns[plan.failed.column]), plan.failed.values)
    # Rows for touchpoints, then for touchpoints whose events have failed.
    match = np.concatenate([seen, np.zeros_like(seen)])
    fails = np.concatenate([by_touch, by_touch | seen])
    rows, symbol = np.unique(np.concatenate([match, fails], axis=1), axis=0, return_inverse=True)
    at = journeys.touchpoint.astype(np.int64) + len(names) * failed
    declared = np.array([bool(step.failed_by) for step in steps]) | (plan.failed is not None)
    n = len(steps)
    return Coding(symbol.reshape(-1)[at].astype(np.int64), rows[:, :n], rows[:, n:], declared)


def _says(column: NDArray[np.generic], values: tuple[str, ...]) -> NDArray[np.bool_]:
    """Mark the entries that read as one of the values."""
    if column.dtype.kind in "iufb":
        held, place = np.unique(column, return_inverse=True)
        texts = [f"{v:g}" if column.dtype.kind == "f" else str(v) for v in held.tolist()]
        return np.isin(texts, list(values))[place]
    return np.isin(column.astype(str), list(values))


def distinct(symbol: NDArray[np.int64], start: NDArray[np.int64], /) -> Ways:
    """Find the journeys whose symbols are the same; by length, so that rows can be compared."""
    length = np.diff(start)
    way = np.zeros(len(length), dtype=np.int64)
    firsts, counts, n = [], [], 0
    for long in np.unique(length):
        those = np.flatnonzero(length == long)
        table = symbol[start[those][:, None] + np.arange(long)]
        packed = _packed(table)
        _, first, place, count = np.unique(
            packed, return_index=True, return_inverse=True, return_counts=True
        )
        way[those] = place.reshape(-1) + n
        firsts.append(those[first])
        counts.append(count)
        n += len(count)
    if not firsts:
        empty = np.zeros(0, dtype=np.int64)
        return Ways(way, empty, empty)
    return Ways(way, np.concatenate(firsts), np.concatenate(counts))


def _packed(table: NDArray[np.int64]) -> NDArray[np.generic]:
    """Make one sortable value of each row: a number where it fits, else its bytes."""
    size = int(table.max(initial=0)) + 1
    if table.shape[1] * np.log2(size + 1) < 62:
        return table @ (size ** np.arange(table.shape[1], dtype=np.int64))
    small = np.ascontiguousarray(table.astype(np.min_scalar_type(size)))
    return (
        small.view([("", small.dtype, (small.shape[1],))])
        .reshape(-1)
        .view(np.dtype((np.void, small.dtype.itemsize * small.shape[1])))
    )


def gathered(
    symbol: NDArray[np.int64], start: NDArray[np.int64], ways: Ways
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the symbols of each way one after the other, and where each begins."""
    length = np.diff(start)[ways.first]
    begin = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    place = np.repeat(start[ways.first] - begin[:-1], length) + np.arange(begin[-1])
    return symbol[place], begin


def aligned(made: Automaton, coding: Coding, ways: Ways, start: NDArray[np.int64], /) -> Aligned:
    """Align distinct ways; see `align`."""
    from journeykit.plan.kernels import align_paths

    symbol, begin = gathered(coding.symbol, start, ways)
    first = np.searchsorted(made.source, np.arange(len(made.final) + 1))
    moves, step, skipped, before = align_paths(
        symbol, begin, coding.match, made.source, made.step, made.target, made.final, first,
        int(np.diff(begin).max(initial=0)), made.shortest,
    )  # fmt: skip
    bounds = begin + np.arange(len(begin)) * made.shortest
    there = np.flatnonzero(skipped >= 0)
    return Aligned(
        moves=moves,
        begin=begin,
        symbol=symbol,
        step=step,
        skipped_way=np.searchsorted(bounds, there, side="right") - 1,
        skipped_step=skipped[there],
        skipped_before=before[there],
    )


def rises(
    made: Automaton, coding: Coding, ways: Ways, start: NDArray[np.int64], /
) -> NDArray[np.bool_]:
    """Mark the events of distinct ways at which the least cost so far rises."""
    from journeykit.plan.kernels import rising_paths

    symbol, begin = gathered(coding.symbol, start, ways)
    risen: NDArray[np.bool_] = rising_paths(
        symbol, begin, coding.match, made.source, made.step, made.target
    )
    return risen


def _names(journeys: Journeys, coding: Coding) -> NDArray[np.object_]:
    """Name symbols by the touchpoints of their events; those outside the plan are others."""
    pairs = np.unique(coding.symbol * len(journeys.names) + journeys.touchpoint)
    named = [""] * len(coding.match)
    for at in pairs.tolist():
        symbol, touchpoint = divmod(at, len(journeys.names))
        parts = [part for part in (named[symbol], journeys.names[touchpoint]) if part]
        named[symbol] = "/".join(parts)
    foreign = ~(coding.match.any(axis=1) | coding.fails.any(axis=1))
    for symbol in np.flatnonzero(foreign):
        named[symbol] = "(other)"
    only_failed = ~coding.match.any(axis=1) & coding.fails.any(axis=1)
    for symbol in np.flatnonzero(only_failed):
        named[symbol] += " (failed)"
    return np.array(named, dtype=object)


def _texts(found: Aligned, steps: tuple[str, ...], named: NDArray[np.object_]) -> list[str]:
    texts = []
    edges = np.searchsorted(found.skipped_way, np.arange(len(found.begin)))
    for way, (a, b) in enumerate(zip(found.begin, found.begin[1:], strict=False)):
        moves = [
            (at, 1, steps[step] if step >= 0 else f"+{named[symbol]}")
            for at, (step, symbol) in enumerate(
                zip(found.step[a:b], found.symbol[a:b], strict=True)
            )
        ]
        skipped = range(edges[way], edges[way + 1])
        moves += [
            (int(found.skipped_before[at]), 0, f"-{steps[found.skipped_step[at]]}")
            for at in skipped
        ]
        texts.append(" ".join(text for *_, text in sorted(moves, key=lambda move: move[:2])))
    return texts
