"""Funnels: how many go from step to step, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.errors import DataError
from journeykit.journeys.durations import microseconds
from journeykit.paths.funnels import estimates
from journeykit.paths.funnels.attempts import Attempts, follow
from journeykit.paths.funnels.result import Funnel
from journeykit.paths.funnels.rules import (
    Duration,
    Entry,
    Exclusion,
    Order,
    Start,
    funnel_rules,
)
from journeykit.results import Provenance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: The group of all, and of those whose attribute is empty.
ALL, UNKNOWN = "all", "(unknown)"


def funnel(
    journeys: Journeys,
    /,
    *,
    steps: Sequence[str],
    order: Order = "ordered",
    entry: Entry = "closed",
    start: Start = "first",
    within: Duration | None = None,
    at_least: Duration | None = None,
    step_within: Duration | Sequence[Duration | None] | None = None,
    step_at_least: Duration | Sequence[Duration | None] | None = None,
    exclude: str | Sequence[Exclusion] = (),
    leaving: str | None = None,
    reentry: bool = False,
    shared_events: bool = False,
    horizon: Duration | None = None,
    by: str | None = None,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> Funnel:
    """Count who goes from step to step, and estimate the shares with intervals.

    A customer reaches step k when there are events e1 < ... < ek of one journey, each of its step,
    that keep all windows and exclusions; *when* is the first moment at which there are. All such
    choices are looked at, not the first that offers itself. Each customer counts once.

    What an estimate rests on is its `basis`:

    - ``complete``: of all who reached the step before it is known whether they come; a plain share
      with Wilson's interval.
    - ``window``: some could still come within their window. Let F(k) be Aalen and Johansen's
      incidence of reaching step k by the end of the window, waits counted from the first step:
      those who could still come are censored when their watching ends; leaving and the window's
      end are competing ends. `share` is F(k) and `estimate` F(k) / F(k - 1). Dividing by all
      would take the open ones for lost; leaving them out would favour the fast, and so would
      counting from the step before: those seen to reach it are the fast ones.
    - ``horizon``: the same by `horizon` after the first step.
    - ``so far``: without a window nobody is ever lost for good, and with ``start="any"`` a later
      start may replace one that failed. The share is what was seen by the end of the watching,
      which grows with it; give a `horizon` for a share that does not.

    Customers who were there before they were watched may have done steps unseen: what looks like
    their first start may be a later one. They are kept, counted in `n_unseen` and named in the
    summary; `journeys.where` takes a mask that leaves them out (`journeys.ending.begins_unseen`).

    In an open funnel there is no common first step: waits for `estimate` count from the step
    before, and `share`, of all who entered, is one so far.

    Parameters
    ----------
    journeys : Journeys
        Of pieces (`sessions`, `cases`) all steps must lie in one; ends that are known end it.
    steps : sequence of at least two str
        Each a class of the search language (`journeys.pattern`): ``cart``, ``mail | sms``,
        ``!visit``.
    order : {"ordered", "strict", "unordered"}
        With other events between the steps, as the very next events, or in whatever order:
        then k events that serve k different steps reach step k.
    entry : {"closed", "open"}
        Whether customers must begin with step 1, or are counted at whatever step they do. Open
        with ``start="first"``: enter once, at the first event of any step; with ``"any"`` at
        every one.
    start : {"first", "any", "last"}
        Which event of step 1 the clock runs from. With "any" a step is reached when any start
        allows it. Which start is the last is known only at the end, and who succeeds may not
        start again: read "last" with care.
    within, at_least : duration, optional
        Most time from the first step to any, and least from the first to the last; inclusive.
    step_within, step_at_least : duration or sequence of durations, optional
        Most and least time from each step to the next: one for all, or one for each gap.
    exclude : str or sequence of Exclusion
        Touchpoints that must not come between the steps.
    leaving : str, optional
        Touchpoints by which a customer leaves: that attempt is over and lost.
    reentry : bool
        Count attempts, not customers: when one is over or complete, the next start begins
        another. With ``start="first"`` an attempt's clock runs from its start; with "any" starts
        within it renew it. Intervals know whose attempts they are.
    shared_events : bool
        Let one event serve two neighbouring steps, as some tools do.
    horizon : duration, optional
        Since the first step; in an open funnel, since the step before.
    by : str, optional
        Attribute: a funnel for each of its values.
    confidence : float in (0, 1)
    small_cell : int
        With `by`, groups of fewer customers who entered are not shown.

    Returns
    -------
    Funnel

    Raises
    ------
    PatternError, ArgumentError
        Steps or options that cannot be read, or that contradict each other.
    NotObservedError
        Windows, for journeys without times.
    DataError
        When nobody entered, or no group is large enough.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> drawn = Journeys(
    ...     names=("buy", "cart", "visit"),
    ...     touchpoint=np.array([2, 1, 0, 2, 0, 2, 1], dtype=np.uint8),
    ...     start=np.array([0, 3, 5, 7]),
    ... )
    >>> found = funnel(drawn, steps=["visit", "cart", "buy"])
    >>> found.frame[["touchpoint", "n", "n_previous", "n_dropped", "basis"]]
      touchpoint  n  n_previous  n_dropped     basis
    0      visit  3           3          0  complete
    1       cart  2           3          1  complete
    2        buy  1           2          1  complete
    >>> found.dropped(1)["customer_id"].tolist()
    [1]

    References
    ----------
    Aalen, Johansen (1978), Scand. J. Statist. 5; see `stats.aalen_johansen`.
    """
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    rules = funnel_rules(
        journeys.names,
        steps=steps,
        order=order,
        entry=entry,
        start=start,
        within=within,
        at_least=at_least,
        step_within=step_within,
        step_at_least=step_at_least,
        exclude=exclude,
        leaving=leaving,
        reentry=reentry,
        shared_events=shared_events,
    )
    if horizon is not None:
        journeys.need_time("A horizon")
    limit = None if horizon is None else microseconds("horizon", horizon)
    found = follow(journeys, rules)
    if not len(found.journey):
        raise DataError(f"Nobody of {journeys.n_customers:,} customers came to {steps[0]!r}.")
    entered = 1 + int((np.diff(found.customer) != 0).sum())
    unseen = int(found.unseen.sum())
    found, group, groups, suppressed = _grouped(journeys, found, by, small_cell)
    rows = [
        row
        for name, part in found.parts(group, groups)
        for row in estimates.step_rows(
            part,
            rules,
            group=name,
            horizon=limit,
            confidence=confidence,
            timed=journeys.time is not None,
        )
    ]
    given = {
        "steps": tuple(steps),
        "order": order,
        "entry": entry,
        "start": start,
        "within": within,
        "at_least": at_least,
        "step_within": step_within,
        "step_at_least": step_at_least,
        "exclude": exclude,
        "leaving": leaving,
        "reentry": reentry,
        "shared_events": shared_events,
        "horizon": horizon,
        "by": by,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return Funnel(
        frame=pd.DataFrame(rows),
        provenance=Provenance(journeys.fingerprint, given),
        steps=rules.steps,
        n_customers=journeys.n_customers,
        n_never=journeys.n_customers - entered,
        n_unseen=unseen,
        suppressed=suppressed,
        confidence=confidence,
        _rules=rules,
        _attempts=found,
        _group=group,
        _groups=groups,
        _journeys=journeys,
    )


def _grouped(
    journeys: Journeys, found: Attempts, by: str | None, small_cell: int
) -> tuple[Attempts, NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Return the rows of groups large enough, their groups, the names, and those left out."""
    if by is None:
        return found, np.zeros(len(found.journey), dtype=np.int64), (ALL,), ()
    check_known("by", [by], journeys.attributes.column_names, what="attributes")
    texts = pc.fill_null(journeys.attributes[by].cast(pa.string()), UNKNOWN).combine_chunks()
    here = texts.take(pa.array(found.journey)).dictionary_encode()
    order = np.argsort(here.dictionary.to_numpy(zero_copy_only=False))
    names = here.dictionary.to_numpy(zero_copy_only=False)[order]
    code = np.argsort(order)[here.indices.to_numpy()]
    # Rows of a customer lie side by side; an attribute of pieces may put them in several groups.
    by_group = np.argsort(code, kind="stable")
    changes = np.diff(code[by_group], prepend=-1) != 0
    changes |= np.diff(found.customer[by_group], prepend=-1) != 0
    customers = np.bincount(code[by_group][changes], minlength=len(names))
    kept = customers >= small_cell
    if not kept.any():
        raise DataError(
            f"No group of {by!r} has {small_cell} customers who entered; group more coarsely or "
            "lower `small_cell`."
        )
    rows = kept[code]
    place = np.cumsum(kept) - 1
    return (
        found.take(rows),
        place[code[rows]].astype(np.int64),
        tuple(names[kept].tolist()),
        tuple(names[~kept].tolist()),
    )
