"""Where customers are by time, where those in a state will be, and how long they are where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from journeykit.checks import check_choice, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.stats.aalen_johansen import effective_interval, seen_without
from journeykit.survival.states.engine import Shares, Spells, shares
from journeykit.survival.states.grouping import emptied, few, grouped, report_times
from journeykit.survival.states.results import Occupancy, Probabilities, TimeInStates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.stats.intervals import Interval
    from journeykit.survival.states.spells import Multistate

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
    jackknifes over customers, so several spells of one customer are one customer; the interval
    is Wilson's at the number of customers whose binomial error would be that large.

    Parameters
    ----------
    data : Multistate
    by : str or None
        Column of the spells.
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
        rows = emptied(rows, np.tile(hidden, len(wanted)), _NUMBERS)
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


def _rows(data: Multistate, part: Shares, spells: Spells, confidence: float) -> pd.DataFrame:
    """Lay shares out, one row a time and state; nothing is told beyond what was watched."""
    n_states = len(data.states)
    interval = _interval(data, part, confidence)
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


def _interval(data: Multistate, part: Shares, confidence: float) -> Interval:
    for_good = np.array([state in set(data.absorbing) for state in data.states])
    waiting = part.there[:, ~for_good].sum(axis=1)
    settled = part.there[:, for_good].sum(axis=1)
    moving = part.estimate[:, ~for_good].sum(axis=1)
    never = seen_without(waiting, settled, moving, confidence=confidence)
    return effective_interval(
        part.estimate,
        part.std_error,
        never=np.repeat(never[:, None], len(data.states), axis=1),
        always=np.maximum(part.there, 1),
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
    tell, the two drift apart: trust the landmark. From s = 0 on there is the plain one only.

    Standard errors and intervals as in `occupancy_of`, given that the customer is in `source`.

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
    begin, state = round(since_days * DAY), data.states.index(source)
    frames, small = [], list(found.suppressed)
    for group in found:
        everyone = group.spells
        there = (everyone.start <= begin) & (everyone.stop > begin) & (everyone.source == state)
        mine = everyone.take(np.isin(everyone.customer, everyone.customer[there])).since(begin)
        if there.sum() < small_cell:
            small.append(group.name)
            continue
        wanted = report_times(mine, times_days, begin=begin)
        plain = everyone.since(begin)
        used = {"landmark": mine, "aalen_johansen": plain} if begin else {"aalen_johansen": plain}
        for method, spells in used.items():
            part = shares(spells, len(data.states), wanted, begin=begin, from_state=state)
            rows = _rows(data, part, spells, confidence).drop(columns="n_at_risk")
            hidden = few(mine, len(data.states), small_cell)
            rows = emptied(rows, np.tile(hidden, len(wanted)), _NUMBERS[1:])
            rows = rows.rename(columns={"state": "target"})
            rows.insert(0, "group", group.name)
            rows.insert(1, "source", source)
            rows.insert(3, "since_days", since_days)
            rows.insert(5, "method", method)
            rows.insert(6, "n", int(there.sum()))
            frames.append(rows)
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
        suppressed=tuple(small),
        states=data.states,
    )


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
    quantile = float(ndtri((1 + confidence) / 2))
    frames = []
    for group in found:
        _check_beginning(group.spells, group.name)
        last = int(group.spells.stop.max())
        if wanted[0] > last:
            raise ArgumentError(
                f"`until_days` must not lie after day {last / DAY:.6g}, when the last of "
                f"{group.name!r} is watched; got {until_days:g}."
            )
        part = shares(group.spells, len(data.states), wanted)
        days, error = part.days[0], part.days_error[0]
        low, high = _days_between(days, error, until_days, quantile)
        rows = pd.DataFrame(
            {
                "group": group.name,
                "state": np.array(data.states, dtype=object),
                "time_days": until_days,
                "estimate": days,
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
            }
        )
        hidden: NDArray[np.bool_] = few(group.spells, len(data.states), small_cell)
        frames.append(emptied(rows, hidden, _NUMBERS[1:]))
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


def _days_between(
    days: NDArray[np.float64], error: NDArray[np.float64], until_days: float, quantile: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound days on the scale of the logit of their share: means of few days are skewed."""
    share = days / until_days
    inside = (share > 0) & (share < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = quantile * error / until_days / (share * (1 - share))
        stretch = np.exp(half)
        odds = share / (1 - share)
        low, high = odds / stretch, odds * stretch
        bounds = [until_days * bound / (1 + bound) for bound in (low, high)]
    return np.where(inside, bounds[0], np.nan), np.where(inside, bounds[1], np.nan)
