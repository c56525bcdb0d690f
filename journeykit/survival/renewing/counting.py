"""Renewals counted: how many could renew for the first, second, ... time, and did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.survival.lives import ALL, MISSING_GROUP
from journeykit.survival.rows import Spans, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

    Whole = NDArray[np.int64]

#: Share of a period by which a renewal may seem early or late: months are not equally long.
_SLACK = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class RenewalCounts:
    """Decisions about renewing, by group and by the number of the renewal.

    Attributes
    ----------
    groups : tuple of str
    customers : array of int64, shape (n_groups,)
    n_at_risk, n_event : arrays of int64, shape (n_groups, n_periods)
        Column k - 1: how many could renew for the k-th time, and how many of them did not.
    fingerprint : str
    """

    groups: tuple[str, ...]
    customers: Whole
    n_at_risk: Whole
    n_event: Whole
    fingerprint: str = ""


def renewal_counts(
    frame: pd.DataFrame, /, *, stayed: Sequence[str], period: str = "period"
) -> RenewalCounts:
    """Take renewals from a table of how many customers were left after each period.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a period, in any order: periods 0, 1, 2, ... with the starting numbers at 0.
    stayed : sequence of str
        Columns of customers still there after that many renewals, one a group.
    period : str
        Column of the number of renewals.

    Raises
    ------
    MappingError, DataError
        A column does not exist, periods are not 0, 1, 2, ..., or numbers rise or are not whole.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"period": [0, 1, 2], "basic": [1000, 631, 468]})
    >>> renewal_counts(table, stayed=["basic"]).n_event.tolist()
    [[369, 163]]
    """
    check_known("frame", [period, *stayed], list(map(str, frame.columns)), what="columns")
    if not stayed:
        raise ArgumentError("`stayed` must name at least one column; got none.")
    table = frame.sort_values(period, kind="stable")
    if table[period].tolist() != list(range(len(table))) or len(table) < 2:
        raise DataError(
            f"Column {period!r} must hold 0, 1, 2, ... with at least one renewal; got "
            f"{table[period].tolist()[:6]} in {len(table):,} rows."
        )
    numbers = table[list(stayed)].to_numpy(dtype=np.float64, na_value=np.nan).T
    wrong = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.rint(numbers)))
    wrong[:, 1:] |= np.diff(numbers, axis=1) > 0
    if wrong.any():
        group, row = np.argwhere(wrong)[0]
        raise DataError(
            "Customers still there must be whole numbers of at least 0 that never rise; column "
            f"{stayed[group]!r} holds {numbers[group, row]:g} at period {row}."
        )
    left = numbers.astype(np.int64)
    hashed = pd.util.hash_pandas_object(table[[period, *stayed]], index=False)
    number = sum(hashed.to_numpy().astype(object).tolist()) % (1 << 128)
    return RenewalCounts(
        groups=tuple(stayed),
        customers=left[:, 0].copy(),
        n_at_risk=left[:, :-1].copy(),
        n_event=-np.diff(left, axis=1),
        fingerprint=f"{number:032x}",
    )


def counted_renewals(lifetimes: Lifetimes, *, period_days: float, by: str | None) -> RenewalCounts:
    """Count renewals of lifetimes in periods of `period_days`.

    A contract that ends within a period was not renewed at the period's end, and one that ends up
    to a tenth of a period later still belongs to that renewal. Sight lost within a period says
    nothing of the renewal at its end, unless in the last tenth: it is taken for made then. So it
    is of who is watched from there on only, and an end at that renewal counts for nothing, because
    those who made it do not count either. Who is watched from earlier within a period on faces
    that renewal first. Intervals of a customer that follow each other without a gap are one.
    """
    frame = lifetimes.frame
    if by is not None:
        check_known("by", [by], list(map(str, frame.columns)), what="columns of the lifetimes")
    labels = pd.Series(ALL, index=frame.index) if by is None else frame[by].astype("object")
    names = labels.where(labels.notna(), MISSING_GROUP).map(str)
    group, groups = pd.factorize(names, sort=True)
    ids = pd.DataFrame({"group": group, "customer": frame["customer_id"].to_numpy()})
    customers = ids.groupby("group")["customer"].nunique().to_numpy()
    (entry, exit_, event, _), group = _joined(spans(lifetimes), group.astype(np.int64))
    period = period_days * DAY
    met = np.floor(np.maximum(entry, 0) / period + _SLACK).astype(np.int64)
    ended = np.ceil(exit_ / period - _SLACK).astype(np.int64)
    # Nobody who made the renewal just before they were watched is counted at it.
    event = event & ((ended > met) | (met == 0))
    ended = np.maximum(ended, met + 1)
    lost = np.maximum(np.floor(exit_ / period + _SLACK).astype(np.int64), met)
    last = np.where(event, ended, lost)
    n_periods = int(last.max(initial=0))
    if n_periods == 0:
        raise DataError(
            f"Nobody was followed for a whole period of {period_days:g} days, so no renewal was "
            "seen. Check `period_days`."
        )
    shape = (len(groups), n_periods)
    faced = _counts(group, met, shape) - _counts(group, last, shape)
    n_event = np.zeros(shape, dtype=np.int64)
    np.add.at(n_event, (group[event], last[event] - 1), 1)
    n_at_risk = np.cumsum(faced, axis=1)
    return RenewalCounts(
        tuple(map(str, groups)), customers, n_at_risk, n_event, lifetimes.provenance.fingerprint
    )


def _joined(rows: Spans, group: Whole) -> tuple[Spans, Whole]:
    """Put intervals of one customer and group together that follow each other without a gap."""
    order = np.lexsort([rows.entry, rows.customer])
    entry, exit_ = rows.entry[order], rows.exit[order]
    event, customer, group = rows.event[order], rows.customer[order], group[order]
    goes_on = (customer[1:] == customer[:-1]) & (group[1:] == group[:-1])
    goes_on &= (entry[1:] == exit_[:-1]) & ~event[:-1]
    begins = np.flatnonzero(np.append(True, ~goes_on))
    ends = np.append(begins[1:], len(entry)) - 1
    return Spans(entry[begins], exit_[ends], event[ends], customer[begins]), group[begins]


def _counts(group: NDArray[np.integer], period: Whole, shape: tuple[int, int]) -> Whole:
    """Count rows by group and period; those at the last period or beyond change nothing."""
    counts = np.zeros(shape, dtype=np.int64)
    inside = period < shape[1]
    np.add.at(counts, (group[inside], period[inside]), 1)
    return counts
