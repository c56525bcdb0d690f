"""Choose after how long a silence a customer counts as gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed
from journeykit.results import Provenance
from journeykit.survival.clocks import mask_of
from journeykit.survival.curves import product_limit
from journeykit.survival.curves.survival import ROUNDING
from journeykit.survival.following import watched_customers
from journeykit.survival.thresholds.result import ChurnThreshold
from journeykit.survival.thresholds.silences import Silences, silences, table

if TYPE_CHECKING:
    from journeykit.journeys import Journeys

#: Thresholds tried when none are named.
_TRIED = 30


def churn_threshold(
    journeys: Journeys,
    /,
    *,
    activity: Sequence[str] | None = None,
    return_probability: float = 0.1,
    within_days: float | None = None,
    thresholds_days: Sequence[float] | None = None,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> ChurnThreshold:
    """Find the shortest silence after which fewer than a declared share of customers return.

    Under a threshold g a customer is declared at their first silence longer than g, as `lifetimes`
    does with ``Inactivity(g)``. R(g) is the probability that a customer so declared returns within
    `within_days` after the declaration: one minus Kaplan-Meier's curve of the time from there to
    the next activity, at `within_days`. A silence still running when the watching ends is
    censored, not a customer gone. Each customer has one first silence, so each weighs the same and
    customers are independent: the interval is the one of `kaplan_meier` (where nobody returned, the
    exact one of those followed for the whole time), and those who act every
    day do not outvote those who come twice a year. That is what a percentile of all gaps gets
    wrong: most gaps belong to the busiest, so the 95th percentile of gaps is a short pause of the
    others, of whom many return. And as most gaps that are seen are those that ended, the percentile
    says nothing about those that did not.

    `within_days` is counted from the declaration, so that it is as long for every g; R(g) can only
    be told where `small_cell` customers are watched for g and that long after. Customers who
    return still later are not counted, so R(g) is of the horizon that was seen.

    **Ties, edges.** A silence of exactly g is not longer than g. A silence before the first
    activity seen while watched is none. Customers who are declared late in the window are assumed
    to return like those declared early; if customers of one kind are declared sooner, R(g) is a
    mean in which they weigh as often as they were declared.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    activity : sequence of str, optional
        Touchpoints that are signs of life, by default all: leave out what the firm sends.
    return_probability : float in (0, 1)
        How many of those declared may return.
    within_days : float, optional
        Elapsed days, above 0; by default half of the longest time that anyone was watched after
        their first activity, in whole days.
    thresholds_days : sequence of float, optional
        Silences to try, above 0 and rising; by default up to 30 whole days, denser where short,
        that leave `within_days` to follow.
    confidence : float in (0, 1)
        Of the interval at each silence.
    small_cell : int
        Silences that fewer customers had are not shown, and not chosen.

    Returns
    -------
    ChurnThreshold
        With `sensitivity`, which shows how the share declared, of these seen again, undecidable
        customers and the median lifetime depend on the threshold.

    Raises
    ------
    ArgumentError
        When a parameter is not as said above, or journeys are cut finer than customers or
        collapsed.
    MappingError
        When a touchpoint does not exist.
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    DataError
        When nobody was active, or fewer than `small_cell` customers had any of the silences.

    References
    ----------
    Kaplan, Meier (1958), JASA 53. Clemente-Ciscar, San Matias, Giner-Bosch (2014), A methodology
    based on profitability criteria for defining the partial defection of customers in
    non-contractual settings, European Journal of Operational Research 239.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> day = 86_400_000_000
    >>> seen = Journeys(
    ...     names=("visit",),
    ...     touchpoint=np.zeros(6, dtype=np.uint8),
    ...     start=np.array([0, 2, 4, 6]),
    ...     time=np.array([0, 5, 0, 12, 0, 3]) * day,
    ...     observed_to=np.array([60, 60, 60]) * day,
    ... )
    >>> found = churn_threshold(
    ...     seen, within_days=20, thresholds_days=[2, 4, 10, 15], small_cell=1
    ... )
    >>> found.frame[["time_days", "n", "n_event", "estimate"]].round(3)
       time_days  n  n_event  estimate
    0        2.0  3        3     1.000
    1        4.0  3        2     0.667
    2       10.0  3        1     0.333
    3       15.0  3        0     0.000
    >>> found.threshold_days
    15.0
    """
    check_fraction("return_probability", return_probability)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    refuse_collapsed(journeys, "`churn_threshold`")
    since, until = watched_customers(journeys, "`churn_threshold`")
    counted = (
        np.ones(journeys.n_events, dtype=bool)
        if activity is None
        else mask_of(journeys, "activity", tuple(activity))
    )
    # What was done before the watching began is known of some acts only: pauses look longer.
    counted &= journeys.need_time("`churn_threshold`") >= np.repeat(since, journeys.length)
    every = silences(journeys, counted, until)
    if not len(every.journey):
        raise DataError("Nobody was active while watched, so there is no silence to look at.")
    first = every.firsts()
    longest = int((first.until - first.began).max())
    if within_days is None:
        within_days = max(1.0, float(longest // (2 * DAY)))
    check_positive("within_days", within_days)
    tried = _thresholds(thresholds_days, (longest / DAY) - within_days)
    frame, sensitivity = _rows(every, tried, round(within_days * DAY), confidence, small_cell)
    below = frame.loc[frame["estimate"] < return_probability, "time_days"]
    chosen = float(below.iloc[0]) if len(below) else float("nan")
    given = {
        "activity": activity,
        "return_probability": return_probability,
        "within_days": within_days,
        "thresholds_days": None if thresholds_days is None else tuple(thresholds_days),
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return ChurnThreshold(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        threshold_days=chosen,
        return_probability=return_probability,
        within_days=within_days,
        confidence=confidence,
        table=sensitivity.assign(chosen=sensitivity["time_days"] == chosen),
    )


def _thresholds(given: Sequence[float] | None, room: float) -> list[float]:
    if given is None:
        if room <= 1:
            raise ArgumentError(
                f"`within_days` must leave at least a day of silence before it; the longest "
                f"watching leaves {room:.3g}. Shorten it."
            )
        return sorted(set(np.rint(np.geomspace(1, np.floor(room), _TRIED)).tolist()))
    if not given or list(given) != sorted(set(given)):
        raise ArgumentError(
            f"`thresholds_days` must be rising numbers of days; got {list(given)!r}."
        )
    for day in given:
        check_positive("thresholds_days", day)
    return [float(day) for day in given]


def _rows(
    every: Silences, tried: Sequence[float], within: int, confidence: float, small_cell: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    first, last, longer = every.firsts(), every.lasts(), every
    returns, sensitivity = [], []
    for days in tried:
        threshold = round(days * DAY)
        longer = longer.longer_than(threshold)
        declared = longer.firsts()
        if len(declared.journey) < small_cell:
            break
        returns.append(
            {"time_days": days, **_returning(declared, threshold, within, confidence, small_cell)}
        )
        sensitivity.append({"time_days": days, **_said(first, last, declared, threshold)})
    if not returns:
        raise DataError(
            f"No silence of more than {tried[0]:g} days was seen of {small_cell} customers or "
            "more, so none may be shown; try shorter ones or lower `small_cell`."
        )
    return pd.DataFrame(returns), pd.DataFrame(sensitivity)


def _returning(
    declared: Silences, threshold: int, within: int, confidence: float, small_cell: int
) -> dict[str, float]:
    """Estimate the probability to return within some time after the declaration."""
    since = declared.began + threshold
    event = declared.ended < declared.until
    exit_ = np.where(event, declared.ended, declared.until - 1) - since
    counts = table(exit_, event & (exit_ <= within))
    found: dict[str, float] = {"n": len(exit_), "n_event": int(counts.n_event.sum())}
    stayed = int((exit_ > within).sum())
    followed = int((declared.until - 1 - since >= within).sum())
    # The curve is known to its last time, and for ever where all under risk then returned.
    known = int(exit_.max()) >= within or bool(event[exit_ == exit_.max()].all())
    if followed < small_cell or not known:
        return found | dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), np.nan)
    if not len(counts.time):
        # Of those followed for the whole time nobody returned: the exact bound of a binomial.
        high = 1 - ((1 - confidence) / 2) ** (1 / stayed) if stayed else np.nan
        return found | {"estimate": 0.0, "std_error": np.nan, "conf_low": 0.0, "conf_high": high}
    curve = product_limit(counts.n_at_risk, counts.n_event, confidence=confidence)
    return found | {
        "estimate": 1 - curve.estimate[-1],
        "std_error": curve.std_error[-1],
        "conf_low": 1 - curve.conf_high[-1],
        "conf_high": 1 - curve.conf_low[-1],
    }


def _said(first: Silences, last: Silences, declared: Silences, threshold: int) -> dict[str, float]:
    """Return what would be said of customers; `first` and `last` are of the same journeys."""
    can = first.began + threshold < first.until
    left = np.isin(first.journey, declared.journey, assume_unique=True)
    origin = first.began
    exit_ = first.until - threshold - 1 - origin
    exit_[left] = declared.began - origin[left]
    returned = int((declared.ended < declared.until).sum())
    running = last.until - 1 - last.began < threshold
    curve = table(exit_[can], left[can])
    survival = np.cumprod(1 - curve.n_event / curve.n_at_risk)
    half = np.flatnonzero(survival <= 0.5 + ROUNDING)
    return {
        "n": int(can.sum()),
        "n_event": int(left.sum()),
        "share_churned": float(left.sum() / can.sum()),
        "n_returned": returned,
        "share_returned": returned / len(declared.journey),
        "share_undecidable": float(running[can].mean()),
        "median_days": curve.time[half[0]] / DAY if len(half) else float("nan"),
    }
