"""Every deviation of every case: of which type, at which step, at which event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from journeykit.errors import DataError
from journeykit.plan.aligning import aligned, code, distinct
from journeykit.plan.automaton import automaton
from journeykit.plan.cases import cases_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.aligning import Aligned, Coding, Ways
    from journeykit.plan.automaton import Automaton
    from journeykit.plan.cases import Cases
    from journeykit.plan.model import Plan

Deviation = Literal["extra", "irregular", "failed", "missing"]
DEVIATIONS: tuple[Deviation, ...] = get_args(Deviation)
EXTRA, IRREGULAR, FAILED, MISSING = range(1, 5)
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """Cases with their deviations.

    Attributes
    ----------
    cases : Cases
        Those looked at: closed, seen from their beginning, and such as the plan means.
    n_open, n_unseen, n_outside : int
        Cases that touch the plan and are left out: still open; closed, and perhaps begun before
        anybody watched; closed without reaching what the plan's cases reach.
    made, coding, ways, found : as in `aligning`
    kind, step : arrays over the events of the distinct ways: type (0 as planned), step or -1
    missing : array of bool, shape (n_skipped,)
    case, type, label, event : arrays, one entry a deviation
        Case; type from 1; step, or the number of steps plus the touchpoint for extra events; event
        of `cases.journeys`, or -1 for missing.
    """

    cases: Cases
    n_open: int
    n_unseen: int
    n_outside: int
    made: Automaton
    coding: Coding
    ways: Ways
    found: Aligned
    kind: NDArray[np.int8]
    step: NDArray[np.int32]
    missing: NDArray[np.bool_]
    case: NDArray[np.int64]
    type: NDArray[np.int64]
    label: NDArray[np.int64]
    event: NDArray[np.int64]

    def names(self) -> list[str]:
        """Return what the labels stand for."""
        return [*self.made.steps, *self.cases.journeys.names]


def mark(journeys: Journeys, plan: Plan, /, *, case: str | None) -> Marked:
    """Align the closed cases of a plan and name every move; see `departing.deviations`."""
    from journeykit.plan.kernels import name_moves

    every = cases_of(journeys, plan, case=case)
    meant = every.closed & ~every.unseen & every.reaches
    cases = every.kept(meant)
    n_open = int((every.touches & ~every.closed).sum())
    n_unseen = int((every.touches & every.closed & every.unseen).sum())
    if not meant.any():
        raise DataError(
            f"No case of plan {plan.name!r} is closed: {n_open:,} are still open, "
            f"{n_unseen:,} may have begun before the window, and "
            f"{int((every.touches & every.closed & ~every.reaches).sum()):,} do not reach it. "
            "Cases end at a pause of more than `pause_days`; give the plan one."
        )
    made, coding = automaton(plan), code(cases.journeys, plan)
    ways = distinct(coding.symbol, cases.journeys.start)
    found = aligned(made, coding, ways, cases.journeys.start)
    single = ~np.array([step.repeat for step in plan.all_steps]) & ~coding.declared
    bounds = np.searchsorted(found.skipped_way, np.arange(len(found.begin)))
    kind, step, missing = name_moves(
        found.symbol, found.begin, found.step, coding.match, coding.fails, single, bounds,
        found.skipped_step,
    )  # fmt: skip
    marks = _marks(cases, ways, found, kind, step, missing, len(made.steps))
    return Marked(
        cases, n_open, n_unseen,
        int((every.touches & every.closed & ~every.unseen & ~every.reaches).sum()),
        made, coding, ways, found, kind, step, missing, *marks,
    )  # fmt: skip


def _marks(
    cases: Cases,
    ways: Ways,
    found: Aligned,
    kind: NDArray[np.int8],
    step: NDArray[np.int32],
    missing: NDArray[np.bool_],
    n_steps: int,
) -> tuple[NDArray[np.int64], ...]:
    """List the deviations of all cases, by case, missing ones after those with an event."""
    journeys, owner = cases.journeys, cases.owner
    place = found.begin[ways.way][owner] + np.arange(journeys.n_events) - journeys.start[owner]
    event = np.flatnonzero(kind[place] > 0)
    type_of = kind[place[event]].astype(np.int64)
    touchpoint = journeys.touchpoint[event].astype(np.int64)
    label = np.where(type_of == EXTRA, n_steps + touchpoint, step[place[event]])
    way = found.skipped_way[missing]
    first = np.searchsorted(way, np.arange(len(ways.n) + 1))
    number = np.diff(first)[ways.way]
    late = np.repeat(np.arange(len(journeys)), number)
    inside = np.arange(len(late)) - np.repeat(np.cumsum(number) - number, number)
    skipped = found.skipped_step[missing][first[ways.way][late] + inside].astype(np.int64)
    case = np.concatenate([owner[event], late])
    both = (
        np.concatenate([type_of, np.full(len(late), MISSING)]),
        np.concatenate([label, skipped]),
        np.concatenate([event, np.full(len(late), -1)]),
    )
    order = np.argsort(case, kind="stable")
    return (case[order], *(part[order] for part in both))


def minutes(cases: Cases, plan: Plan, /) -> NDArray[np.float64]:
    """Return the elapsed minutes of each case: from its first event to the last.

    Where the plan says what its cases reach: to the first event there. Missing without times.
    """
    journeys = cases.journeys
    if journeys.time is None:
        return np.full(len(journeys), np.nan)
    end = journeys.start[1:] - 1
    if plan.reaches:
        goal = np.isin(np.array(journeys.names, dtype=object), list(plan.reaches))
        place = np.where(goal[journeys.touchpoint], np.arange(journeys.n_events), journeys.n_events)
        first = np.minimum.reduceat(place, journeys.start[:-1]) if len(journeys) else end
        end = np.where(first < journeys.start[1:], first, end)
    elapsed = journeys.time[end] - journeys.time[journeys.start[:-1]]
    return np.asarray(elapsed / _MINUTE, dtype=np.float64)
