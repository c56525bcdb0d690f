"""Lifetimes as times on the scale of logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.survival.models.alike import alike
from journeykit.survival.models.columns import check_rank, with_intercept
from journeykit.survival.models.likelihood import LogTimes
from journeykit.survival.rows import Encoding, Spans, encoding, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes


class LogDesign(NamedTuple):
    """Grouped rows, the group of each row, and each row's customer, shape (n_rows,)."""

    data: LogTimes
    encoding: Encoding
    group: NDArray[np.int64]
    customer: NDArray[np.int64]

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.customer.max()) + 1


def log_design(lifetimes: Lifetimes, covariates: Sequence[str], shift_days: float, /) -> LogDesign:
    """Read lifetimes as times on the scale of logarithms.

    Raises
    ------
    ArgumentError, DataError
        As `accelerated_failure_time`.
    """
    known = isinstance(shift_days, int | float) and not isinstance(shift_days, bool)
    if not known or not 0 <= shift_days < np.inf:
        raise ArgumentError(f"`shift_days` must be a number of at least 0; got {shift_days!r}.")
    lives = spans(lifetimes)
    frame = lifetimes.frame
    if not lives.event.any():
        raise ArgumentError(
            f"None of the {len(frame):,} rows ends with the event, so no time until it can be "
            "learned."
        )
    _check_times(lives, shift_days)
    coded = encoding(frame, covariates)
    matrix = with_intercept(coded.matrix(frame))
    met = alike([lives.entry, lives.exit, lives.event, *matrix.T[1:]])
    entry, exits = lives.entry[met.first], lives.exit[met.first]
    matrix = matrix[met.first]
    check_rank(matrix, coded)
    # Under risk from the beginning is no late entry, whatever the times are shifted by.
    late = entry > 0
    log_entry = np.full(len(entry), -np.inf)
    log_entry[late] = np.log(entry[late] / DAY + shift_days)
    data = LogTimes(
        log_entry,
        np.log(exits / DAY + shift_days),
        lives.event[met.first],
        matrix,
        met.n.astype(np.float64),
    )
    return LogDesign(data, coded, met.group, lives.customer)


def _check_times(lives: Spans, shift_days: float) -> None:
    zero = int((lives.exit <= 0).sum())
    if zero and shift_days == 0:
        raise DataError(
            f"Times must be above 0 for a model of log time; {zero:,} of {len(lives.exit):,} rows "
            "exit at day 0. Give `shift_days`, such as half of the unit in which times were "
            "noted, or leave these customers out and say so."
        )


def sandwich(
    design: LogDesign, by_group: NDArray[np.float64], bread: NDArray[np.float64], /
) -> NDArray[np.float64]:
    """Return the covariance that lets a customer's intervals, and errors, be of any law."""
    n, q = design.n_customers, by_group.shape[1]
    one_each = len(design.customer) == n
    if one_each:
        meat = by_group.T @ (design.data.n[:, None] * by_group)
    else:
        total = np.empty((n, q))
        for column in range(q):
            total[:, column] = np.bincount(design.customer, by_group[design.group, column], n)
        meat = total.T @ total
    return np.asarray(bread @ meat @ bread)
