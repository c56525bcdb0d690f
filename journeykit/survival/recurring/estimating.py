"""The mean cumulative function of one group, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.survival.recurring.products import Followed, Process, running_product

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.rows import Spans

    Array = NDArray[np.float64]


class MeanCurve(NamedTuple):
    """Arrays of shape (n_times,)."""

    time: NDArray[np.int64]
    n_at_risk: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_terminal: NDArray[np.int64]
    estimate: Array
    std_error: Array


def mean_curve(
    rows: Spans, terminal: NDArray[np.bool_], /, *, horizon: int | None = None
) -> MeanCurve:
    """Estimate the mean cumulative function of one group.

    Parameters
    ----------
    rows : Spans
    terminal : array of bool, shape (n_rows,)
        Rows whose event ends it.
    horizon : int, optional
        Microseconds.
    """
    order = np.lexsort([rows.entry, rows.customer])
    event: NDArray[np.bool_] = rows.event[order]
    exit_: NDArray[np.int64] = rows.exit[order]
    times: NDArray[np.int64] = np.unique(exit_[event])
    if horizon is not None:
        times = times[times <= horizon]
        event = event & (exit_ <= horizon)
    ended = terminal[order] & event
    size = len(times)
    followed = Followed(
        before=np.searchsorted(times, rows.entry[order], side="right"),
        upto=np.searchsorted(times, exit_, side="right"),
        customer=rows.customer[order],
        jumps=event,
        n_times=size,
    )
    last = np.where(event, followed.upto - 1, 0)
    entered, gone = (np.bincount(at, minlength=size + 1) for at in (followed.before, followed.upto))
    n_at_risk = np.cumsum(entered - gone)[:size]
    n_event = np.bincount(last[event & ~ended], minlength=size)
    n_terminal = np.bincount(last[ended], minlength=size)
    there = np.concatenate([[1.0], np.cumprod(1 - n_terminal / n_at_risk)])[:size]
    estimate = np.cumsum(there * n_event / n_at_risk)
    steps = _Steps(n_at_risk, n_event, n_terminal, there, estimate)
    std_error = np.sqrt(np.maximum(_variance(followed, ended, steps), 0))
    return MeanCurve(times, n_at_risk, n_event, n_terminal, estimate, std_error)


class _Steps(NamedTuple):
    """What happens at each time; `there` is the share for whom it has not ended before."""

    n_at_risk: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_terminal: NDArray[np.int64]
    there: Array
    estimate: Array


def _variance(followed: Followed, ended: NDArray[np.bool_], steps: _Steps) -> Array:
    """Add up the squares of what each customer contributes to the estimate at each time.

    A recurrence at v adds S(v-) / n(v) to what is expected of everybody under risk, and an end at
    v takes away what would have come after it, M(t) - M(v), in proportion 1 / (n(v) - d(v)).
    """
    if not len(steps.estimate):
        return steps.estimate
    n, estimate = steps.n_at_risk, steps.estimate
    stays = n - steps.n_terminal
    weight = steps.there / n
    share = np.where(stays > 0, 1 / np.maximum(stays, 1), 0.0)
    leaves = share * steps.n_terminal / n
    last = np.where(followed.jumps, followed.upto - 1, 0)
    jump = np.where(ended, (estimate * share)[last], weight[last])
    own = Process(
        drift=weight * steps.n_event / n + estimate * leaves,
        jump=np.where(followed.jumps, jump, 0.0),
    )
    variance = running_product(followed, own, own)
    if not ended.any():
        return variance
    gone = Process(drift=leaves, jump=np.where(ended, share[last], 0.0))
    both, alone = (running_product(followed, process, gone) for process in (own, gone))
    return variance - 2 * estimate * both + estimate**2 * alone
