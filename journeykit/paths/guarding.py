"""Guards of path reports: do the views agree, does everything add up, what was not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_whole
from journeykit.counts.naming import SEPARATOR, path_names
from journeykit.counts.transitions import EXIT, OPEN
from journeykit.errors import ArgumentError
from journeykit.journeys.ending import begins_unseen, is_cut, is_open
from journeykit.journeys.pattern import parse
from journeykit.paths.funnels import Funnel
from journeykit.paths.sequences import Precursors
from journeykit.paths.stepping import StepTable
from journeykit.paths.transitions import Transitions
from journeykit.paths.variants import Variants
from journeykit.results import Checked, Result

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Differences named in a message.
_NAMED = 3
#: Above this share of rows that are too small to tell, or of journeys cut at an end, a guard warns.
_MUCH = 0.5


def guards(
    journeys: Journeys,
    /,
    *views: Result,
    pieces: Sequence[Journeys] = (),
    outcome: Sequence[str] = (),
    small_cell: int = 10,
) -> tuple[Checked, ...]:
    """Check what a path report shows, before anybody believes it.

    - *Views agree*: every view adds up, and agrees with a second count where there is one. Steps
      into and out of a touchpoint are its events; every step of a step table holds all that are
      anchored; variants hold every customer once; who reached a step of a funnel is who came on,
      dropped out or is still open, the lists of customers are as long as the counts, and funnels
      without windows are those that the search language finds. Fails.
    - *Ledger adds up*: what was read is what was taken out and what is kept, and what is kept is
      what the journeys hold. Fails.
    - *Window*: events lie where customers were watched (fails); how many journeys may have begun
      before (warns when it is more than half), and how many are still open (told: whole journeys
      of watched customers always are).
    - *Outcome is no predictor*: no pattern said to come before an outcome contains it (fails), and
      which touchpoints hardly ever come without it (told).
    - *Small cells*: how many rows rest on fewer than `small_cell` customers (warns when more than
      half do).

    Parameters
    ----------
    journeys : Journeys
    *views : Transitions, StepTable, Variants, Funnel or Precursors
        Of these journeys or of `pieces`, which is told by their fingerprint.
    pieces : sequence of Journeys
        What the journeys were cut into or made of them for some views.
    outcome : sequence of str
    small_cell : int

    Returns
    -------
    tuple of Checked
        Hand each to ``report.guard``, which stops the report where one failed.

    Raises
    ------
    ArgumentError
        A view of other journeys, or of a kind that has no second way to be counted.
    """
    check_whole("small_cell", small_cell, least=1)
    known = {part.fingerprint: part for part in (journeys, *pieces)}
    patterns = [view for view in views if isinstance(view, Precursors)]
    differ: list[str] = []
    for view in views:
        if view.provenance.fingerprint not in known:
            raise ArgumentError(
                f"`views` has {view!r}, which was made of other journeys; hand those over as "
                "`pieces`."
            )
        if not isinstance(view, Precursors):
            differ += differences(view, known[view.provenance.fingerprint])
    return (
        _checked(
            "Views agree",
            differ,
            f"{len(views) - len(patterns)} views add up, and agree with a second "
            "count where there is one.",
        ),
        _ledger(journeys),
        _window(journeys),
        _leakage(patterns, outcome),
        _small_cells(views, small_cell),
    )


def _checked(name: str, problems: Sequence[str], good: str) -> Checked:
    if not problems:
        return Checked(name, "passed", good)
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return Checked(name, "failed", f"{'; '.join(problems[:_NAMED])}{more}")


# --- the same, counted another way -----------------------------------------------------------


@singledispatch
def differences(view: object, journeys: Journeys) -> Iterator[str]:  # noqa: ARG001 (dispatched)
    """Say where a view and another way to count the same differ; nothing where they agree."""
    raise ArgumentError(f"`views` has {view!r}, which no guard knows how to count again.")


@differences.register(Transitions)
def _(view: Transitions, journeys: Journeys) -> Iterator[str]:
    frame = view.frame
    if view.counts.order != 1:
        n_steps = journeys.n_events + int((journeys.length > 0).sum())
        yield from _unequal("steps", int(frame["n"].sum()), n_steps)
        return
    events = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
    for column, what in (("target", "into"), ("source", "out of")):
        n = frame.groupby(column)["n"].sum()
        for name, there in zip(journeys.names, events.tolist(), strict=True):
            yield from _unequal(f"steps {what} {name!r}", int(n.get(name, 0)), there)
    filled = journeys.length > 0
    still = is_open(journeys)
    for name, journey in ((OPEN, filled & still), (EXIT, filled & ~still)):
        n_ends = int(frame.loc[frame["target"] == name, "n"].sum())
        yield from _unequal(f"journeys at {name}", n_ends, int(journey.sum()))


@differences.register(StepTable)
def _(view: StepTable, journeys: Journeys) -> Iterator[str]:
    question = view.counts.question
    if question.anchor is None and question.direction == "forwards":
        yield from _first_events(view, journeys)
    for step, n in view.frame.groupby("step")["n"].sum().items():
        yield from _unequal(f"journeys at step {step}", int(n), view.n_anchors)
    for step, n in view.links.groupby("step")["n"].sum().items():
        yield from _unequal(f"links from step {step}", int(n), view.n_anchors)


def _first_events(view: StepTable, journeys: Journeys) -> Iterator[str]:
    seen = ~begins_unseen(journeys) if is_cut(journeys) else np.ones(len(journeys), dtype=bool)
    first = journeys.start[:-1][seen & (journeys.length > 0)]
    n = np.bincount(journeys.touchpoint[first], minlength=len(journeys.names))
    rows = view.frame[view.frame["step"] == view.frame["step"].min()].set_index("touchpoint")["n"]
    for name, there in zip(journeys.names, n.tolist(), strict=True):
        if name in rows.index:
            yield from _unequal(f"journeys that begin at {name!r}", int(rows[name]), there)


@differences.register(Variants)
def _(view: Variants, journeys: Journeys) -> Iterator[str]:
    n = int(view.frame["n"].sum())
    yield from _unequal("customers of variants", n, view.n_customers)
    yield from _unequal(
        "customers of variants and left out", n + view.n_left_out, journeys.n_customers
    )


@differences.register(Funnel)
def _(view: Funnel, journeys: Journeys) -> Iterator[str]:
    for group, rows in view.frame.groupby("group", sort=False):
        for row in rows.itertuples():
            at = f"step {row.step} of {group}"
            if row.step > 1:
                on = row.n_event + row.n_dropped + row.n_censored
                yield from _unequal(f"came on, dropped or open at {at}", int(on), row.n_previous)
            for what, listed, n in _lists(view, row, rows):
                listed_here = int((listed["group"] == group).sum())
                yield from _unequal(f"list of those {what} {at}", listed_here, int(n))
    plain = view.provenance.parameters
    if (
        view.groups == ("all",)
        and view.n_customers == journeys.n_customers
        and _searchable(plain)
        and _same_starts(plain["start"], journeys)
    ):
        yield from _searched(view, journeys)


def _lists(
    view: Funnel, row: pd.Series, rows: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame, int]]:
    yield "at", view.reached(row.step), row.n
    after = rows[rows["step"] == row.step + 1]
    if len(after):
        yield "dropped after", view.dropped(row.step), after["n_dropped"].iloc[0]
        yield "open after", view.still_open(row.step), after["n_censored"].iloc[0]


def _searchable(given: Mapping[str, object]) -> bool:
    wanted = {
        "order": "ordered", "entry": "closed", "within": None, "at_least": None,
        "step_within": None, "step_at_least": None, "exclude": (), "leaving": None,
        "reentry": False, "shared_events": False,
    }  # fmt: skip
    return all(given.get(key) == value for key, value in wanted.items())


def _same_starts(start: object, journeys: Journeys) -> bool:
    """Say whether the search, which tries every start of every journey, has no start of its own."""
    whole = len(journeys) == journeys.n_customers
    return start == "any" or (start == "first" and whole)


def _searched(view: Funnel, journeys: Journeys) -> Iterator[str]:
    """Compare with how far the matcher of the search language comes."""
    came = parse(" >> ".join(f"({step})" for step in view.steps)).progress(journeys)
    for step, n in enumerate(view.frame["n"].tolist(), start=1):
        customers = np.unique(journeys.customer_index[came.completed >= step])
        yield from _unequal(f"customers at step {step}, searched for", len(customers), int(n))


def _unequal(what: str, one: int, other: int) -> Iterator[str]:
    if one != other:
        yield f"{what}: {one:,} and {other:,}"


# --- what else is to be known ------------------------------------------------------------------


def _ledger(journeys: Journeys) -> Checked:
    kept = journeys.ledger
    problems = [
        f"the ledger keeps {told:,} {what}, the journeys hold {held:,}"
        for what, told, held in (
            ("events", kept.events, journeys.n_events),
            ("customers", kept.customers, journeys.n_customers),
        )
        if told != held
    ]
    return _checked(
        "Ledger adds up",
        problems,
        f"{kept.input_events:,} events were read, {kept.input_events - kept.events:,} taken out, "
        f"{kept.events:,} kept.",
    )


def _window(journeys: Journeys) -> Checked:
    name = "Window"
    unseen, still = int(begins_unseen(journeys).sum()), int(is_open(journeys).sum())
    outside = _outside(journeys)
    if outside:
        return Checked(name, "failed", f"{outside:,} events lie where nobody watched")
    n = len(journeys)
    found = (
        f"Of {n:,} journeys {unseen:,} may have begun before they were watched, and {still:,} are "
        "still open: what comes next is not known of them."
    )
    return Checked(name, "warned" if unseen > _MUCH * n else "passed", found)


def _outside(journeys: Journeys) -> int:
    if journeys.time is None:
        return 0
    outside: NDArray[np.bool_] = np.zeros(journeys.n_events, dtype=bool)
    length = journeys.length
    if journeys.observed_from is not None:
        outside |= journeys.time < np.repeat(journeys.observed_from, length)
    if journeys.observed_to is not None:
        outside |= journeys.time >= np.repeat(journeys.observed_to, length)
    return int(outside.sum())


def _leakage(views: Sequence[Precursors], outcome: Sequence[str]) -> Checked:
    problems = [
        f"pattern {pattern!r} contains the outcome"
        for view in views
        for pattern in view.frame["pattern"]
        if any(
            f"{SEPARATOR}{name}{SEPARATOR}" in f"{SEPARATOR}{pattern}{SEPARATOR}"
            for name in path_names([*view.outcome, *outcome])
        )
    ]
    part = sorted({name for view in views for name in view.leaking})
    told = f" Left out as part of it: {', '.join(part)}." if part else ""
    return _checked(
        "Outcome is no predictor",
        problems,
        f"{sum(len(view.frame) for view in views):,} patterns end before the first outcome." + told,
    )


def _small_cells(views: Sequence[Result], small_cell: int) -> Checked:
    sizes = np.concatenate([np.zeros(0), *(_customers(view) for view in views)])
    small = int(((sizes > 0) & (sizes < small_cell)).sum())
    share = small / len(sizes) if len(sizes) else 0.0
    return Checked(
        "Small cells",
        "warned" if share > _MUCH else "passed",
        f"{small:,} of {len(sizes):,} rows rest on fewer than {small_cell} customers ({share:.0%}) "
        "and are not shown.",
    )


def _customers(view: Result) -> NDArray[np.float64]:
    columns = ("n_customers", "n_exposed", "n")
    column = next(name for name in columns if name in view.frame.columns)
    return np.asarray(view.frame[column].to_numpy(dtype=float, na_value=np.nan))
