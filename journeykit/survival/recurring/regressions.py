"""What raises the rate of happening again: regressions through Cox's engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from journeykit.checks import check_choice, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.survival.lives import Lifetimes
from journeykit.survival.regression import cox_time_varying
from journeykit.survival.rows import spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.regression import CoxModel

#: Column of the number of the event that a row waits for.
EVENT_NUMBER = "event_number"
_UNKNOWN_NUMBER = "entered late: how often it happened before is not known"


def andersen_gill(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    cause: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    confidence: float = 0.95,
    small_cell: int = 10,
) -> CoxModel:
    """Estimate how much covariates multiply the rate of a recurring event.

    The rate at t of customers with covariates x is r(t) exp(x' b), however often it has happened
    to them: Cox's partial likelihood over all intervals, one event after another. Errors are by
    customer (Lin and Wei's sandwich), so b is the log ratio of mean rates whatever holds a
    customer's events together.

    Parameters
    ----------
    lifetimes : Lifetimes
        One row from event to event, of `recurrences` or `lifetimes_from_frame`; covariates may
        change within.
    covariates, strata : sequence of str
    cause : str, optional
        Which event recurs; must be said where lifetimes have several: ``again`` of `recurrences`.
    ties : {"efron", "breslow"}
    confidence : float in (0, 1)
    small_cell : int

    Returns
    -------
    CoxModel

    Raises
    ------
    ArgumentError, DataError, MappingError
        As `cox`.

    References
    ----------
    Andersen, Gill (1982), Annals of Statistics 10; Lin, Wei, Yang, Ying (2000), JRSS B 62.
    """
    _check_cause(lifetimes, cause)
    return cox_time_varying(
        lifetimes,
        covariates=covariates,
        strata=strata,
        cause=cause,
        ties=ties,
        confidence=confidence,
        small_cell=small_cell,
    )


def prentice_williams_peterson(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    clock: Literal["total", "gap"] = "total",
    pooled_from: int = 5,
    cause: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    confidence: float = 0.95,
    small_cell: int = 10,
) -> CoxModel:
    """Estimate how much covariates multiply the hazard of the next event, by its number.

    A customer waits for event k only after event k - 1, and each k has a hazard of its own: Cox's
    model with the number of the event as stratum. On the *total* clock time runs since the start,
    on the *gap* clock since the previous event. Errors are by customer. The customers who wait for
    event k are those to whom it happened k - 1 times, so b compares customers alike in that, and
    says nothing of how a covariate brought them there.

    Parameters
    ----------
    lifetimes : Lifetimes
        One row from event to event; customers who entered late are left out, because nobody knows
        how often it happened to them before.
    covariates : sequence of str
    clock : {"total", "gap"}
    pooled_from : int
        From this event on all share one hazard: few get so far.
    cause : str, optional
        Which event recurs; must be said where lifetimes have several: ``again`` of `recurrences`.
    ties : {"efron", "breslow"}
    confidence : float in (0, 1)
    small_cell : int

    Returns
    -------
    CoxModel
        Stratified by `event_number`.

    Raises
    ------
    ArgumentError, DataError, MappingError
        As `cox`.

    References
    ----------
    Prentice, Williams, Peterson (1981), Biometrika 68.
    """
    _check_cause(lifetimes, cause)
    return cox_time_varying(
        numbered(lifetimes, clock=clock, pooled_from=pooled_from),
        covariates=covariates,
        strata=[EVENT_NUMBER],
        cause=cause,
        ties=ties,
        confidence=confidence,
        small_cell=small_cell,
    )


def _check_cause(lifetimes: Lifetimes, cause: str | None) -> None:
    """Refuse several kinds of events as one that recurs: leaving would be one of them."""
    if cause is not None or "cause" not in lifetimes.frame:
        return
    names = lifetimes.frame["cause"].dropna().unique().tolist()
    if len(names) > 1:
        raise ArgumentError(
            f"`cause` must say which event recurs; there are {', '.join(map(repr, names))}."
        )


def numbered(
    lifetimes: Lifetimes,
    /,
    *,
    clock: Literal["total", "gap"] = "total",
    pooled_from: int | None = None,
) -> Lifetimes:
    """Say of every row which event of its customer it waits for, 1 for the first.

    Parameters
    ----------
    lifetimes : Lifetimes
        One row from event to event, or several where covariates change within.
    clock : {"total", "gap"}
        Whether `entry_days` and `exit_days` count from the start or from the previous event.
    pooled_from : int, optional
        Numbers above are this number.

    Returns
    -------
    Lifetimes
        With a column `event_number`, rows by customer and time; without those who entered late,
        who are in `left_out`.

    Raises
    ------
    DataError
        When everybody entered late, or `event_number` is a column already.
    """
    check_choice("clock", clock, ("total", "gap"))
    if pooled_from is not None:
        check_whole("pooled_from", pooled_from, least=1)
    if EVENT_NUMBER in lifetimes.frame:
        raise DataError(f"The lifetimes have a column {EVENT_NUMBER!r} already; rename it.")
    rows = spans(lifetimes)
    order = np.lexsort([rows.entry, rows.customer])
    customer, event = rows.customer[order], rows.event[order]
    first = np.diff(customer, prepend=-1) != 0
    begin = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    happened: NDArray[np.int64] = np.cumsum(event) - event
    number = happened - happened[begin] + 1
    frame = lifetimes.frame.iloc[order].reset_index(drop=True)
    entered_late = (first & frame["late"].to_numpy())[begin]
    if entered_late.all():
        raise DataError(
            "Everybody entered late, so nobody knows how often it happened before; use "
            "`andersen_gill`, which does not ask."
        )
    if clock == "gap":
        entry, exit_ = frame["entry_days"].to_numpy(), frame["exit_days"].to_numpy()
        starts = first | np.roll(event, 1)
        # Who was out of sight after an event has been waiting since the event.
        zero = np.where(first, entry, np.roll(exit_, 1))
        since = zero[np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))]
        # A new wait is under risk from its very beginning.
        seen_from_it = np.rint((entry - since) * DAY) <= 0
        frame["entry_days"] = np.where(starts & seen_from_it, 0.0, entry - since)
        frame["exit_days"] = exit_ - since
        frame["late"] = ~(starts & seen_from_it)
    frame[EVENT_NUMBER] = number if pooled_from is None else np.minimum(number, pooled_from)
    left_out = dict(lifetimes.left_out)
    if entered_late.any():
        left_out[_UNKNOWN_NUMBER] = int((entered_late & first).sum())
    kept = frame[~entered_late].reset_index(drop=True)
    return replace(lifetimes, frame=kept, left_out=left_out)
