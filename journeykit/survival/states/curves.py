"""Where customers are by time, where those in a state will be, and how long they are where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri

from journeykit.checks import check_choice, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.stats.aalen_johansen import effective_interval, seen_without
from journeykit.stats.disclosure import emptied
from journeykit.survival.states.engine import Shares, Spells, shares, standing
from journeykit.survival.states.grouping import Group, few, grouped, report_times
from journeykit.survival.states.results import Occupancy, Probabilities, TimeInStates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.stats.intervals import Interval
    from journeykit.survival.states.spells import Multistate

_KEYS = ("group", "source", "target", "since_days", "time_days", "method", "n")
_NUMBERS = ("n_at_risk", "estimate", "std_error", "conf_low", "conf_high")


def occupancy_of(
    data: Multistate,
    /,
    *,
    by: str | None,
    times_days: Sequence[float] | None,
    confidence: float,
    small_cell: int,
) -> Occupancy:
    """Estimate the share of customers in each state, by time since their clock started.

    Aalen and Johansen's p(t) = p(0) times the product over s <= t of I + dA(s), with the hazards
    dA_hj(s) = d_hj(s) / n_h(s) of the moves seen among those in state h. p(0) is how those are
    spread who are watched from the beginning of their clock. Occupancy is right whether or not
    the future depends on more than the present state. Standard errors are infinitesimal
    jackknifes over customers, so several spells of one customer are one customer. The interval is
    Wilson's at the number of customers whose binomial error would be that large.

    Where nobody is seen in a state any more while others are elsewhere, those who were in it stay
    in it: nothing tells where they went. `n_at_risk` shows where that is so.

    Parameters
    ----------
    data : Multistate
    by : str or None
        Column of the spells. Who changes group is lost from sight to one and enters the other late.
    times_days : sequence of float or None
        Times to report; by default those of moves, at most about 100 of them spread evenly.
    confidence : float in (0, 1)
    small_cell : int
        Groups of fewer customers are not shown; numbers of states that fewer customers were ever
        in are empty, and of more states until nothing can be told by subtraction.

    Raises
    ------
    ArgumentError
        When every group is small, a group has nobody from the beginning on, or times are below 0.

    References
    ----------
    Aalen, Johansen (1978), Scand. J. Statist. 5; Datta, Satten (2001), Statistics & Probability
    Letters 55, for occupancy without the Markov assumption; R: survival::survfit.
    """
    found = grouped(data, by, confidence, small_cell)
    frames = []
    for group in found:
        _check_beginning(group.spells, group.name)
        wanted = report_times(group.spells, times_days)
        part = shares(group.spells, len(data.states), wanted)
        rows = _rows(data, part, group.spells, confidence)
        hidden = few(group.spells, len(data.states), small_cell)
        rows = emptied(rows, dict.fromkeys(_NUMBERS, np.tile(hidden, len(wanted))))
        rows.insert(0, "group", group.name)
        frames.append(rows)
    given = {
        "by": by,
        "times_days": times_days,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return Occupancy(
        frame=pd.concat(frames, ignore_index=True),
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=found.suppressed,
        states=data.states,
    )


def _check_beginning(spells: Spells, group: str) -> None:
    if not (spells.start == 0).any():
        raise ArgumentError(
            f"Nobody of {group!r} is watched from the beginning of their clock, so it is not known "
            "where customers start; ask `probabilities` of a state and a day."
        )


def _rows(
    data: Multistate,
    part: Shares,
    spells: Spells,
    confidence: float,
    *,
    error: NDArray[np.float64] | None = None,
    most: float = np.inf,
) -> pd.DataFrame:
    """Lay shares out, one row a time and state; nothing is told beyond what was watched."""
    n_states = len(data.states)
    interval = _interval(data, part, part.std_error if error is None else error, most, confidence)
    seen = np.repeat(part.time <= spells.stop.max(), n_states)
    numbers = {
        "estimate": part.estimate,
        "std_error": part.std_error,
        "conf_low": interval.low,
        "conf_high": interval.high,
    }
    return pd.DataFrame(
        {
            "state": np.tile(np.array(data.states, dtype=object), len(part.time)),
            "time_days": np.repeat(part.time / DAY, n_states),
            "n_at_risk": part.n_at_risk.ravel(),
            **{name: np.where(seen, table.ravel(), np.nan) for name, table in numbers.items()},
        }
    )


def _interval(
    data: Multistate, part: Shares, error: NDArray[np.float64], most: float, confidence: float
) -> Interval:
    for_good = np.array([state in set(data.absorbing) for state in data.states])
    waiting = part.there[:, ~for_good].sum(axis=1)
    settled = part.there[:, for_good].sum(axis=1)
    moving = part.estimate[:, ~for_good].sum(axis=1)
    never = seen_without(waiting, settled, moving, confidence=confidence)
    return effective_interval(
        part.estimate,
        error,
        never=np.repeat(never[:, None], len(data.states), axis=1),
        always=np.maximum(part.there, 1),
        most=most,
        confidence=confidence,
    )


def probabilities_of(
    data: Multistate,
    /,
    *,
    source: str,
    since_days: float,
    by: str | None,
    times_days: Sequence[float] | None,
    confidence: float,
    small_cell: int,
) -> Probabilities:
    """Estimate P(s, t): where those who are in `source` at day s are at later days.

    ``landmark``: Aalen and Johansen's estimator on the customers who are seen in `source` at s,
    from s on. It is right whatever the past has to do with the future. ``aalen_johansen``: on all
    customers, which takes the future to depend on the present state only (the Markov assumption)
    and is more precise where that holds. Where customers differ in ways that their state does not
    tell, the two drift apart: trust the landmark. From s = 0 on they differ too, by those who
    begin elsewhere or are watched from later on.

    Standard errors and intervals as in `occupancy_of`, given that the customer is in `source`.
    The plain one also goes by hazards of times with few in a state, where the jackknife misses
    part of the variance: its interval adds that, and is at most as narrow as one of as many
    customers as are watched. Who is in `source` at s but not seen then is in no landmark.

    Parameters
    ----------
    data : Multistate
    source : str
        State.
    since_days : float
        s, at least 0. Who comes into the state at s is in it.
    by, times_days, confidence, small_cell
        As in `occupancy_of`; times from s on. Groups with fewer customers in `source` at s are
        not shown.

    Raises
    ------
    ArgumentError
        When fewer than `small_cell` customers of every group are in `source` at s, or nobody can
        leave it.

    References
    ----------
    Putter, Spitoni (2018), Non-parametric estimation of transition probabilities in non-Markov
    multi-state models: the landmark Aalen-Johansen estimator, Statistical Methods in Medical
    Research 27.
    """
    check_choice("source", source, data.states)
    if since_days:
        check_positive("since_days", since_days)
    found = grouped(data, by, confidence, small_cell)
    parts = {
        group.name: _since(data, group, source, since_days, times_days, confidence, small_cell)
        for group in found
    }
    frames = [rows for rows in parts.values() if rows is not None]
    if not frames:
        raise ArgumentError(
            f"Fewer than {small_cell} customers are seen in {source!r} at day {since_days:g}, or "
            "nobody leaves that state; ask for another day or lower `small_cell`."
        )
    given = {
        "source": source,
        "since_days": since_days,
        "by": by,
        "times_days": times_days,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return Probabilities(
        frame=pd.concat(frames, ignore_index=True),
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=(*found.suppressed, *(name for name in parts if parts[name] is None)),
        states=data.states,
    )


def _since(
    data: Multistate,
    group: Group,
    source: str,
    since_days: float,
    times_days: Sequence[float] | None,
    confidence: float,
    small_cell: int,
) -> pd.DataFrame | None:
    """Return the rows of one group, or nothing where too few are in the state."""
    begin = round(since_days * DAY)
    landmark = _seen_in(group.spells, data.states.index(source), begin)
    if landmark.n_customers < small_cell:
        return None
    wanted = report_times(landmark, times_days, begin=begin)
    rows = _both(data, group.spells, landmark, source, begin, wanted, confidence)
    hidden = np.tile(few(landmark, len(data.states), small_cell), 2 * len(wanted))
    rows = emptied(rows, dict.fromkeys(_NUMBERS, hidden)).assign(
        group=group.name, source=source, since_days=since_days, n=landmark.n_customers
    )
    return rows[[*_KEYS, *_NUMBERS]]


def _seen_in(spells: Spells, state: int, begin: int) -> Spells:
    """Return what is left, after `begin`, of those who are in the state then."""
    there = (spells.start <= begin) & (spells.stop > begin) & (spells.source == state)
    return spells.take(np.isin(spells.customer, spells.customer[there])).since(begin)


def _both(
    data: Multistate,
    everyone: Spells,
    landmark: Spells,
    source: str,
    begin: int,
    wanted: NDArray[np.int64],
    confidence: float,
) -> pd.DataFrame:
    """Return where those in `source` at `begin` are later, by landmark and by the plain one."""
    n_states, state = len(data.states), data.states.index(source)
    # Only they have shown that nobody, or everybody, of them is in a state.
    there = standing(landmark, wanted, n_states)
    frames = []
    for method, spells in (("landmark", landmark), ("aalen_johansen", everyone.since(begin))):
        part = shares(spells, n_states, wanted, begin=begin, from_state=state)
        part = replace(part, there=there)
        if method == "landmark":
            rows = _rows(data, part, spells, confidence)
        else:
            rows = _rows(data, part, spells, confidence, error=part.spread, most=spells.n_customers)
        frames.append(rows.rename(columns={"state": "target"}).assign(method=method))
    return pd.concat(frames, ignore_index=True)


def time_in_states_of(
    data: Multistate, /, *, until_days: float, by: str | None, confidence: float, small_cell: int
) -> TimeInStates:
    """Estimate the mean number of days in each state up to a day.

    The integral of the occupancy, with its infinitesimal jackknife over customers. The interval is
    the normal one of the logit of days / `until_days`, which stays inside [0, `until_days`]; there
    is none where the days are 0 or all. The days of all states sum to `until_days`.

    Parameters
    ----------
    data : Multistate
    until_days : float
        Not after the last time at which anyone is watched.
    by, confidence, small_cell
        As in `occupancy_of`.

    Raises
    ------
    ArgumentError
        When a group is not watched until then, or as `occupancy_of`.
    """
    check_positive("until_days", until_days)
    found = grouped(data, by, confidence, small_cell)
    wanted = np.array([round(until_days * DAY)], dtype=np.int64)
    frames = []
    for group in found:
        _check_beginning(group.spells, group.name)
        last = int(group.spells.stop.max())
        if wanted[0] > last:
            raise ArgumentError(
                f"`until_days` must not lie after day {last / DAY:.6g}, when the last of "
                f"{group.name!r} is watched; got {until_days:g}."
            )
        rows = _mean_days(data, group, wanted, confidence)
        hidden: NDArray[np.bool_] = few(group.spells, len(data.states), small_cell)
        frames.append(emptied(rows, dict.fromkeys(_NUMBERS[1:], hidden)))
    given = {
        "until_days": until_days,
        "by": by,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return TimeInStates(
        frame=pd.concat(frames, ignore_index=True),
        provenance=Provenance(data.provenance.fingerprint, given),
        confidence=confidence,
        small_cell=small_cell,
        suppressed=found.suppressed,
    )


def _mean_days(
    data: Multistate, group: Group, wanted: NDArray[np.int64], confidence: float
) -> pd.DataFrame:
    """Return the mean days of one group in each state, bounded by the logit of their share."""
    part = shares(group.spells, len(data.states), wanted)
    days, error, until = part.days[0], part.days_error[0], wanted[0] / DAY
    share = days / until
    inside = (share > 0) & (share < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = float(ndtri((1 + confidence) / 2)) * error / until / (share * (1 - share))
        bounds = [until * expit(logit(share) + side * half) for side in (-1, 1)]
    low, high = (np.where(inside, bound, np.nan) for bound in bounds)
    return pd.DataFrame(
        {
            "group": group.name,
            "state": np.array(data.states, dtype=object),
            "time_days": until,
            "estimate": days,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
        }
    )
