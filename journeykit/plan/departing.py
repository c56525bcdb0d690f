"""Where lived journeys depart from the plan, how often, and how many follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from journeykit.checks import check_fraction, check_whole
from journeykit.plan.cases import attribute_of
from journeykit.plan.marks import DEVIATIONS, mark, minutes
from journeykit.plan.rates import conforming_rates, kind_rates, step_rates, way_rates
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.draw.lanes import Lane
    from journeykit.journeys import Journeys
    from journeykit.plan.marks import Marked
    from journeykit.plan.model import Plan

_LANES = 6
_DRAWN = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Deviations(Result):
    """How often lived journeys depart from the plan, by type and step.

    Rates are shares of the closed cases; intervals are Wilson's, clustered by customer. Rates of
    fewer than `small_cell` customers are missing.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a type and step that occurs, the most frequent first in each type: `type`; `step`,
        for extra events the touchpoint; `group`, ``all`` or the value of `by`; `n_event` cases with
        it, `n_customers` whose they are; `n` closed cases of the group; `share conf_low conf_high`.
    kinds : pandas.DataFrame
        The same for cases with any deviation of a `type`.
    conforming : pandas.DataFrame
        The same for cases without any deviation: `group n_event n_customers n share conf_low
        conf_high`.
    ways : pandas.DataFrame
        One row a distinct way, the 500 most frequent first, all others in one last row: `way`, its
        moves in order (a step as planned, ``+`` extra, ``~`` irregular, ``!`` failed, ``-``
        missing); `cost`, its least number of moves; `n_event n_customers n share conf_low
        conf_high`; `minutes`, its mean.
    cases : pandas.DataFrame
        One row a closed case: `customer_id`, `event_time` of its first event, `minutes`, `cost`,
        and how many deviations of each type: `extra irregular failed missing`. With names of
        customers: not for publishing.
    marks : pandas.DataFrame
        One row a deviation of a case: `case`, a row of `cases`; `type step event_time`.
    lanes : tuple of Lane
        The most frequent ways, to be drawn.
    n_open, n_unseen, n_outside : int
        Cases that are in no rate: still open when the watching stopped; perhaps begun before it;
        closed without reaching what the plan's cases reach.
    plan : Plan
    """

    kinds: pd.DataFrame
    conforming: pd.DataFrame
    ways: pd.DataFrame
    cases: pd.DataFrame
    marks: pd.DataFrame
    lanes: tuple[Lane, ...]
    n_open: int
    n_unseen: int
    n_outside: int
    plan: Plan
    rows: ClassVar[str] = "deviations"

    def summary(self) -> str:
        """Say which share follows the plan, and the most frequent deviations."""
        n = int(self.conforming["n"].sum())
        told = [f"{n:,} closed cases, {self.n_open:,} still open"]
        for row in self.conforming.itertuples():
            of = "" if row.group == "all" else f" of {row.group}"
            if row.share == row.share:
                told.append(
                    f"{row.share:.1%}{of} exactly as planned "
                    f"({row.conf_low:.1%} to {row.conf_high:.1%})"
                )
        top = self.frame[self.frame["share"].notna()].sort_values("share", ascending=False)
        told += [
            f"{row.type} {row.step} {row.share:.1%}" for row in top.head(3).itertuples(index=False)
        ]
        return "; ".join(told)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rates of all types and steps with their intervals."""
        from journeykit.draw.lanes import rate_dots

        told = self.frame[self.frame["share"].notna()]
        top = told.loc[told["share"].sort_values(ascending=False).head(_DRAWN).index.sort_values()]
        more = "" if len(top) == len(told) else f"\n(the {len(top):,} largest of {len(told):,})"
        grouped = (top["group"] != "all").any()
        labels = [f"{r.step}, {r.group}" if grouped else r.step for r in top.itertuples()]
        return rate_dots(
            labels,
            top["type"].tolist(),
            top["share"],
            top["conf_low"],
            top["conf_high"],
            label=f"share of closed cases{more}",
            ax=ax,
        )

    def overlay(self, ax: Axes | None = None) -> Axes:
        """Draw the plan above, the lived ways below, and the marks where they depart.

        With rates of all cases together; by groups, the rates of each are in `frame`.
        """
        from journeykit.draw.lanes import plan_lanes
        from journeykit.plan.layout import blocks_of

        whole = self.frame[(self.frame["group"] == "all") & self.frame["share"].notna()]
        rates = {(row.type, row.step): float(row.share) for row in whole.itertuples()}
        steps = self.plan.all_steps
        return plan_lanes(
            [step.step for step in steps],
            self.lanes,
            rates,
            blocks=blocks_of(self.plan),
            optional=[step.step for step in steps if step.optional],
            lived=f"lived: {int(self.conforming['n'].sum()):,} closed cases",
            rest=max(0.0, 1 - sum(lane.share for lane in self.lanes)),
            ax=ax,
        )


def deviations(
    journeys: Journeys,
    plan: Plan,
    /,
    *,
    by: str | None = None,
    case: str | None = None,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> Deviations:
    """Find where lived journeys depart from the plan, and how often.

    Journeys are cut into cases as the plan says, without what it has `beside`. Cases still open
    when the watching stopped are counted and left out: their steps may still come. So are cases
    that may have begun before the window. Each distinct case is aligned with the plan at least cost
    (see `align`), and each move that does not agree is a deviation of one type:

    - failed: an event that the plan says is a failed try (`failed_by`, or the event column
      `failed`). For steps about which the plan says neither, and that may not repeat: further
      events of the step directly beside the one that counts, in a row.
    - irregular: an event alone and a step alone that it could have been, paired in order: the step
      came, not when it was planned.
    - extra: any other event alone; nothing planned it there.
    - missing: any other step alone; it never came in a case that is over.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, or pieces already cut, which then are the cases.
    plan : Plan
    by : str, optional
        Attribute whose values are compared.
    case : str, optional
        Event column that numbers cases; events without a number are in none. By default cases are
        cut by pauses, as the plan says.
    small_cell : int
    confidence : float in (0, 1)

    Raises
    ------
    MappingError
        When an attribute or a column does not exist.
    ArgumentError
        When the plan has too many states, or an argument is out of range.
    DataError
        When no event is at a touchpoint of the plan, or no case is closed.

    References
    ----------
    Halvorsrud, Kvale, Folstad (2016), Improving service quality through customer journey analysis,
    Journal of Service Theory and Practice 26: the four types. Adriansyah (2014), Aligning observed
    and modeled behavior, TU Eindhoven.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.plan import Plan
    >>> lived = Journeys(
    ...     names=("ask", "buy", "look"),
    ...     touchpoint=np.array([2, 1, 2, 0, 1, 1, 2], dtype=np.uint8),
    ...     start=np.array([0, 2, 5, 7]),
    ... )
    >>> found = deviations(lived, Plan(name="visit", steps=["look", "buy"]), small_cell=1)
    >>> found.frame[["type", "step", "n_event", "n"]]
            type step  n_event  n
    0      extra  ask        1  3
    1  irregular  buy        1  3
    """
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    marked = mark(journeys, plan, case=case)
    n_cases = len(marked.cases.journeys)
    group = np.full(n_cases, "all", dtype=object) if by is None else attribute_of(marked.cases, by)
    given: dict[str, Any] = {"small_cell": small_cell, "confidence": confidence}
    spent = minutes(marked.cases, plan)
    return Deviations(
        frame=step_rates(marked, group, **given),
        provenance=Provenance(
            journeys.fingerprint, {"plan": plan.name, "by": by, "case": case, **given}
        ),
        kinds=kind_rates(marked, group, **given),
        conforming=conforming_rates(marked, group, **given),
        ways=way_rates(marked, spent, **given),
        cases=_case_table(marked, spent),
        marks=_mark_table(marked),
        lanes=_lanes(marked, small_cell),
        n_open=marked.n_open,
        n_unseen=marked.n_unseen,
        n_outside=marked.n_outside,
        plan=plan,
    )


def _case_table(
    marked: Marked, spent: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> pd.DataFrame:
    """Return one row a closed case."""
    import pandas as pd

    journeys = marked.cases.journeys
    n = len(journeys)
    number: dict[str, Any] = {
        kind: np.bincount(marked.case[marked.type == at], minlength=n)
        for at, kind in enumerate(DEVIATIONS, start=1)
    }
    ids = journeys.customer_id
    named = np.arange(journeys.n_customers) if ids is None else np.array(ids.to_pylist(), object)
    first = (
        np.full(n, np.iinfo(np.int64).min)
        if journeys.time is None
        else journeys.time[journeys.start[:-1]]
    )
    return pd.DataFrame(
        {
            "customer_id": named[journeys.customer_index],
            "event_time": first.astype("datetime64[us]"),
            "minutes": spent,
            "cost": marked.found.moves[marked.ways.way],
            **number,
        }
    )


def _mark_table(marked: Marked) -> pd.DataFrame:
    """Return one row a deviation."""
    import pandas as pd

    journeys = marked.cases.journeys
    never = np.iinfo(np.int64).min
    time = np.full(len(marked.case), never)
    if journeys.time is not None:
        there = marked.event >= 0
        time[there] = journeys.time[marked.event[there]]
    names = np.array(marked.names(), dtype=object)
    return pd.DataFrame(
        {
            "case": marked.case,
            "type": np.array(("", *DEVIATIONS), dtype=object)[marked.type],
            "step": names[marked.label],
            "event_time": time.astype("datetime64[us]"),
        }
    )


def _lanes(marked: Marked, small_cell: int) -> tuple[Lane, ...]:
    """Return the most frequent ways, of enough customers each."""
    from journeykit.draw.lanes import Lane
    from journeykit.plan.rates import moves_of

    n = marked.ways.n
    total = int(n.sum())
    customer = marked.cases.journeys.customer_index
    pairs = np.unique(np.stack([marked.ways.way, customer]), axis=1)[0]
    whose = np.bincount(pairs, minlength=len(n))
    order = np.lexsort((np.arange(len(n)), -n))
    top = [way for way in order.tolist() if whose[way] >= small_cell][:_LANES]
    return tuple(
        Lane(share=float(n[way] / total), n=int(n[way]), moves=tuple(moves))
        for way, moves in zip(top, moves_of(marked, top), strict=True)
    )
