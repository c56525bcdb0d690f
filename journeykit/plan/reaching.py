"""Whether customers who depart from the plan reach its goal less often, at equal moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from journeykit.checks import check_fraction, check_known, check_names, check_positive, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY, SECOND
from journeykit.plan.aligning import aligned, code, distinct, rises
from journeykit.plan.automaton import automaton
from journeykit.plan.cases import cases_of
from journeykit.plan.marks import DEVIATIONS, EXTRA, FAILED, IRREGULAR
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg
from journeykit.stats.risk_sets import compare_in_risk_sets, geometric_bins, joint_strata

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.cases import Cases
    from journeykit.plan.model import Plan

_WEEK, _MONDAY = 7 * DAY, 4 * DAY
_ELAPSED_RATIO = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DeviationOutcomes(Result):
    """How much likelier, or less likely, the goal is after a deviation than at equal moments.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a type and step: `type`: ``extra``, ``irregular`` or ``failed``; `step`;
        `n_customers`; `n_exposed` moments that have someone to compare with, `n_event` of them with
        the goal within the horizon, `n_compared` moments compared with, `n_alone` without any;
        `risk`, `risk_compared`; `risk_difference difference_low difference_high`; `risk_ratio
        ratio_low ratio_high`; `p_value q_value`; `verdict`: ``fewer`` or ``more`` come to the goal
        after it than at equal moments, ``cannot tell``, ``too few``.
    horizon_days : float
    n_cases : int
    n_unwatched : int
        Moments left out, since their horizon ends after the watching.
    """

    horizon_days: float
    n_cases: int
    n_unwatched: int
    rows: ClassVar[str] = "deviations"

    def summary(self) -> str:
        """Say after which deviations the goal is reached less often."""
        found = self.frame[self.frame["verdict"] == "fewer"].sort_values("risk_difference")
        n_more = int((self.frame["verdict"] == "more").sum())
        said = [
            f"{len(self.frame):,} deviations in {self.n_cases:,} cases tried: {len(found):,} "
            f"with less of the goal within {self.horizon_days:g} days, {n_more:,} with more"
        ]
        said += [
            f"after {row.type} {row.step} {row.risk:.1%} reach it, {row.risk_compared:.1%} at "
            "equal moments"
            for row in found.head(3).itertuples()
        ]
        return "; ".join(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences with their intervals."""
        from journeykit.draw import percent_axis
        from journeykit.draw.lanes import effect_dots

        told = self.frame[self.frame["risk_difference"].notna()]
        labels = [f"{row.step} ({int(row.n_exposed):,})" for row in told.itertuples()]
        ax = effect_dots(
            labels, told["type"].tolist(), told["risk_difference"], told["difference_low"],
            told["difference_high"], ax=ax,
            label=f"reach the goal within {self.horizon_days:g} days:\npoints more than at equal "
            "moments",
        )  # fmt: skip
        percent_axis(ax, "x")
        return ax


class _Moments(NamedTuple):
    """Events of cases before the goal whose horizon was watched to its end; arrays of one length.

    `case`, `customer`, `place` (event of the cases), `stratum` and `event`, whether the goal
    follows.
    """

    case: NDArray[np.int64]
    customer: NDArray[np.int64]
    place: NDArray[np.int64]
    stratum: NDArray[np.int64]
    event: NDArray[np.bool_]


def deviation_outcomes(
    journeys: Journeys,
    plan: Plan,
    /,
    *,
    outcome: Sequence[str],
    horizon_days: float,
    begins_with: Sequence[str] = (),
    held_equal: Sequence[str] = (),
    case: str | None = None,
    q: float = 0.05,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> DeviationOutcomes:
    """Compare, at the moment a deviation shows, the chance of reaching the goal soon.

    All cases that touch the plan are looked at, whether they end well or not, and open ones up to
    where they were watched. A deviation is what can be seen at the moment, without knowing what
    comes later: an event that is no step of the plan (extra); a failed try, or where the plan does
    not say what fails, the same step once more in a row (failed); a step whose turn it is not, the
    least cost of the case so far rising with it (irregular). What comes in its turn after a step
    that came early shows it too: the early one has not counted. That a step is missing shows only
    when a case is over, so it is not here; see `deviation_costs`.

    The first moment at which a case shows it is compared with moments of other cases, and of the
    same before, that have not shown it: events after which equally many steps of the plan are done,
    at an equal time since the case began, in the same calendar week (risk sets, Mantel and
    Haenszel; see `stats.risk_sets`). What counts is whether the customer reaches the `outcome`
    within `horizon_days` after the moment, watched to its end; a moment at or after the goal of its
    case is none.

    An association, of design grade B, and often one of who departs: who merely looks around touches
    the steps of a purchase too, in any order, and does not buy. In the simulated company, where no
    deviation costs an order, nearly all of them come out as fewer or more. `begins_with` and
    `held_equal` narrow it; trying is the way to know.

    Parameters
    ----------
    journeys, plan, case
        As in `deviations`; with times.
    outcome : sequence of str
        Touchpoints of the goal.
    horizon_days : float
        Elapsed days.
    begins_with : sequence of str
        Only cases whose first event is at one of these touchpoints: where others touch the plan
        without setting out on it. By default all cases.
    held_equal : sequence of str
        Attributes in which those compared are equal.
    q : float in (0, 1)
        Level of Benjamini and Hochberg's procedure for the verdicts.
    small_cell : int
        Fewest customers with a deviation, and fewest moments on either side.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When an outcome is beside the plan.
    MappingError
        When a touchpoint, an attribute or a column does not exist.
    NotObservedError
        When the journeys have no times.
    DataError
        When no moment was watched to the end of its horizon.
    """
    check_positive("horizon_days", horizon_days)
    check_fraction("q", q)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    check_names("outcome", outcome)
    check_known("outcome", outcome, journeys.names, what="touchpoints")
    beside = sorted(set(outcome) & set(plan.beside))
    if beside:
        raise ArgumentError(
            f"`outcome` must not be beside the plan; {', '.join(map(repr, beside))} is. Take it "
            "out of `beside`."
        )
    journeys.need_time("`deviation_outcomes`")
    every = cases_of(journeys, plan, case=case)
    check_names("begins_with", begins_with)
    check_known("begins_with", begins_with, journeys.names, what="touchpoints")
    meant = every.touches & ~every.unseen
    if begins_with:
        opens = np.isin(np.array(every.journeys.names, dtype=object), list(begins_with))
        meant &= opens[every.journeys.touchpoint[every.journeys.start[:-1]]]
    cases = every.kept(meant)
    shown = _shown(cases, plan)
    goal = np.isin(np.array(cases.journeys.names, dtype=object), list(outcome))
    moments, n_unwatched = _moments(cases, shown[2], goal, round(horizon_days * DAY), held_equal)
    if not len(moments.case):
        raise DataError(
            f"No moment before the goal was watched for {horizon_days:g} days after it; take a "
            "shorter horizon."
        )
    frame = _compared(cases, plan, shown, moments, small_cell, confidence, q)
    given = {
        "plan": plan.name, "outcome": tuple(outcome), "horizon_days": horizon_days,
        "begins_with": tuple(begins_with), "held_equal": tuple(held_equal),
        "case": case, "q": q, "small_cell": small_cell, "confidence": confidence,
    }  # fmt: skip
    return DeviationOutcomes(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        horizon_days=horizon_days,
        n_cases=len(cases.journeys),
        n_unwatched=n_unwatched,
    )


def _shown(
    cases: Cases, plan: Plan
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return for each event the type it shows (0 none), its label, and the steps done with it."""
    made, coding = automaton(plan), code(cases.journeys, plan)
    start, owner = cases.journeys.start, cases.owner
    ways = distinct(coding.symbol, start)
    begin = aligned(made, coding, ways, start).begin
    risen = rises(made, coding, ways, start)
    place = begin[ways.way][owner] + np.arange(len(owner)) - start[owner]
    step = np.argmax(coding.match, axis=1)[coding.symbol]
    planned = _any_step(coding.match)[coding.symbol]
    fails = _any_step(coding.fails)[coding.symbol]
    again = np.zeros(len(owner), dtype=bool)
    again[1:] = (owner[1:] == owner[:-1]) & (coding.symbol[1:] == coding.symbol[:-1])
    single = ~np.array([one.repeat for one in plan.all_steps]) & ~coding.declared
    kind = np.zeros(len(owner), dtype=np.int64)
    kind[~planned & ~fails] = EXTRA
    kind[planned & risen[place]] = IRREGULAR
    kind[planned & risen[place] & again & single[step]] = FAILED
    kind[fails] = FAILED
    label = step.copy()
    label[kind == EXTRA] = len(made.steps) + cases.journeys.touchpoint[kind == EXTRA]
    tried = np.argmax(coding.fails, axis=1)[coding.symbol]
    label[fails] = tried[fails]
    done = np.cumsum(planned & (kind != FAILED))
    base = np.concatenate([[0], done])[start[:-1]]
    return kind, label, done - base[owner]


def _any_step(table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(table.any(axis=1))


def _moments(
    cases: Cases,
    done: NDArray[np.int64],
    goal: NDArray[np.bool_],
    horizon: int,
    held_equal: Sequence[str],
) -> tuple[_Moments, int]:
    """Lay out the events before the goal, and what is held equal at them."""
    journeys, owner = cases.journeys, cases.owner
    assert journeys.time is not None
    time, reached = journeys.time, goal[journeys.touchpoint]
    first = np.full(len(journeys), np.iinfo(np.int64).max)
    np.minimum.at(first, owner[reached], time[reached])
    to = journeys.observed_to
    watched_to = np.full(len(journeys), time.max() + 1) if to is None else np.asarray(to)
    before = time < first[owner]
    watched = time + horizon <= watched_to[owner]
    place = np.flatnonzero(before & watched)
    customer = journeys.customer_index[owner]
    follows = _next_goal(customer, time, reached, place) <= time[place] + horizon
    elapsed = time[place] - time[journeys.start[:-1]][owner[place]]
    order = np.argsort(customer[place], kind="stable")
    stratum, _ = joint_strata(
        geometric_bins(elapsed, first=60 * SECOND, ratio=_ELAPSED_RATIO),
        (time[place] - _MONDAY) // _WEEK,
        done[place],
        *(_codes(journeys, name)[owner[place]] for name in held_equal),
    )
    place, stratum, follows = place[order], stratum[order], follows[order]
    made = _Moments(owner[place], customer[place], place, stratum, follows)
    return made, int((before & ~watched).sum())


def _next_goal(
    customer: NDArray[np.int64],
    time: NDArray[np.int64],
    reached: NDArray[np.bool_],
    place: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return when each event's customer next reaches the goal, after it; the end for never."""
    at = np.flatnonzero(reached)
    at = at[np.lexsort((time[at], customer[at]))]
    who = np.concatenate([customer[at], customer[place]])
    when = np.concatenate([time[at], time[place]])
    is_moment = np.arange(len(who)) >= len(at)
    order = np.lexsort((is_moment, when, who))
    passed = np.empty(len(who), dtype=np.int64)
    passed[order] = np.cumsum(~is_moment[order])
    later = passed[len(at) :]
    never = np.iinfo(np.int64).max
    whose = np.append(customer[at], -1)[later]
    found: NDArray[np.int64] = np.where(
        whose == customer[place], np.append(time[at], never)[later], never
    )
    return found


def _codes(journeys: Journeys, name: str) -> NDArray[np.int64]:
    check_known("held_equal", [name], journeys.attributes.column_names, what="attributes")
    values = pa.array(journeys.attributes[name].combine_chunks().to_pylist())
    codes = values.dictionary_encode(null_encoding="encode").indices
    return np.asarray(codes.to_numpy(zero_copy_only=False).astype(np.int64))


def _compared(
    cases: Cases,
    plan: Plan,
    shown: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    moments: _Moments,
    small_cell: int,
    confidence: float,
    q: float,
) -> pd.DataFrame:
    """Compare every type and step."""
    import pandas as pd

    kind, label, _ = shown
    names = [*(step.step for step in plan.all_steps), *cases.journeys.names]
    key = np.where(kind > 0, kind * len(names) + label, -1)
    rows = []
    for one in np.unique(key[moments.place][key[moments.place] >= 0]).tolist():
        first = np.full(len(cases.journeys), cases.journeys.n_events)
        has = np.flatnonzero(key == one)
        np.minimum.at(first, cases.owner[has], has)
        when = first[moments.case]
        role = np.where(moments.place == when, 1, np.where(moments.place < when, 0, -1))
        found = compare_in_risk_sets(
            moments.customer, moments.stratum, role.astype(np.int8), moments.event,
            n_strata=int(moments.stratum.max()) + 1, confidence=confidence,
        )  # fmt: skip
        whose = len(np.unique(moments.customer[role == 1]))
        enough = whose >= small_cell and min(found.n_exposed, found.n_compared) >= small_cell
        rows.append(_row(one, names, whose, found, enough))
    frame = pd.DataFrame(rows)
    if not len(frame):
        raise DataError(f"No case of plan {plan.name!r} departs from it before the goal.")
    tested = frame["p_value"].notna().to_numpy()
    adjusted = np.full(len(frame), np.nan)
    adjusted[tested] = benjamini_hochberg(frame["p_value"].to_numpy(dtype=float)[tested])
    frame["q_value"] = adjusted
    told = frame["q_value"] <= q
    frame["verdict"] = np.select(
        [~tested, told & (frame["risk_difference"] < 0), told & (frame["risk_difference"] > 0)],
        ["too few", "fewer", "more"],
        "cannot tell",
    )
    return frame


def _row(key: int, names: list[str], whose: int, found: object, enough: bool) -> dict[str, object]:
    from journeykit.stats.risk_sets import RiskSetEffect

    assert isinstance(found, RiskSetEffect)
    row: dict[str, object] = {
        "type": DEVIATIONS[key // len(names) - 1],
        "step": names[key % len(names)],
    }
    numbers = {
        "n_customers": whose,
        "n_exposed": found.n_exposed,
        "n_event": found.n_event,
        "n_compared": found.n_compared,
        "n_alone": found.n_alone,
        "risk": found.risk,
        "risk_compared": found.risk_compared,
        "risk_difference": found.difference.estimate,
        "difference_low": found.difference.low,
        "difference_high": found.difference.high,
        "risk_ratio": found.ratio.estimate,
        "ratio_low": found.ratio.low,
        "ratio_high": found.ratio.high,
        "p_value": found.p_value,
    }
    return row | (numbers if enough else dict.fromkeys(numbers, np.nan))
