"""Lifetimes with the end of each, by group; ends of few customers are pooled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.survival.lives import _grouped
from journeykit.survival.rows import causes, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

#: What pooled ends are called.
OTHER = "(other)"


class Ends(NamedTuple):
    """Intervals (entry, exit] under risk and how they ended, arrays of shape (n_rows,).

    Attributes
    ----------
    entry, exit : arrays of int64
        Microseconds; -1 for those under risk from the very beginning.
    kind : array of int64
        0 censored, k for the k-th of `names`.
    group : array of int64
        Index into `groups`.
    names, groups : tuples of str
    customers : array of int64, shape (n_groups,)
    """

    entry: NDArray[np.int64]
    exit: NDArray[np.int64]
    kind: NDArray[np.int64]
    group: NDArray[np.int64]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    customers: NDArray[np.int64]

    @property
    def late(self) -> bool:
        """Whether anyone is under risk from later than the beginning only."""
        return bool((self.entry >= 0).any())

    def of(self, group: int) -> Ends:
        """Return the rows of one group."""
        mine = np.flatnonzero(self.group == group)
        return self._replace(
            entry=self.entry[mine],
            exit=self.exit[mine],
            kind=self.kind[mine],
            group=self.group[mine],
        )


def ends_of(
    lifetimes: Lifetimes, *, by: str | None = None, horizon_days: float | None = None
) -> Ends:
    """Read who ended how and when; beyond the horizon everyone is censored at it.

    Raises
    ------
    ArgumentError
        When the lifetimes know of no causes, or nobody is under risk before the horizon.
    DataError
        When a customer ends more than once, or has rows after the end.
    """
    names, kind = causes(lifetimes)
    entry, exit_, event, customer = spans(lifetimes)
    several = int((np.bincount(customer[event]) > 1).sum()) if event.any() else 0
    if several:
        raise DataError(
            f"A customer comes to one end at most; {several:,} of {customer.max() + 1:,} end more "
            "than once. Keep the rows up to the first end."
        )
    end = np.full(customer.max() + 1, np.iinfo(np.int64).max)
    end[customer[event]] = exit_[event]
    if after := int((exit_ > end[customer]).sum()):
        raise DataError(
            f"Nobody is under risk after their end; {after:,} of {len(exit_):,} rows are later "
            "than the end of their customer. Keep the rows up to the end."
        )
    groups, group = _grouped(lifetimes.frame, by)
    customers = _customers(group, customer, len(groups))
    if horizon_days is not None:
        horizon = round(horizon_days * DAY)
        kept = entry < horizon
        if not kept.any():
            raise ArgumentError(
                "`horizon_days` must lie after the first entry; nobody is under risk by day "
                f"{horizon_days}."
            )
        kind = np.where(exit_ > horizon, 0, kind)[kept]
        entry, exit_, group = entry[kept], np.minimum(exit_, horizon)[kept], group[kept]
    return Ends(entry, exit_, kind, group.astype(np.int64), names, groups, customers)


def pooled(ends: Ends, shown: list[int], small_cell: int) -> tuple[Ends, tuple[str, ...]]:
    """Pool ends that few came to into one, so that no shown group tells of fewer than `small_cell`.

    Ends that 1 to `small_cell` - 1 customers of any shown group came to are pooled, at least two;
    while the pool itself is small in a group, the rarest end that is left joins it. What is shown
    then adds up to everyone who ended, and nothing can be told by subtracting. Ends that nobody
    shown came to are left out.
    """
    n_ends = len(ends.names)
    cells = np.bincount(ends.group * (n_ends + 1) + ends.kind, minlength=0)
    cells = np.pad(cells, (0, len(ends.groups) * (n_ends + 1) - len(cells)))
    table = cells.reshape(len(ends.groups), n_ends + 1)[shown, 1:]
    total = table.sum(axis=0)

    def small(n: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(((n > 0) & (n < small_cell)).any(axis=0))

    inside = small(table) & (total > 0)
    while inside.any() and (
        inside.sum() < 2 or small(table[:, inside].sum(axis=1, keepdims=True))[0]
    ):
        left = np.flatnonzero(~inside & (total > 0))
        if not len(left):
            break
        inside[left[np.argmin(total[left])]] = True
    kept = np.flatnonzero(~inside & (total > 0))
    names = [ends.names[end] for end in kept]
    code = np.zeros(n_ends + 1, dtype=np.int64)
    code[kept + 1] = np.arange(1, len(kept) + 1)
    if inside.any():
        code[np.flatnonzero(inside) + 1] = len(kept) + 1
        names.append(OTHER)
    merged = tuple(ends.names[end] for end in np.flatnonzero(inside))
    return ends._replace(kind=code[ends.kind], names=tuple(names)), merged


def _customers(
    group: NDArray[np.integer], customer: NDArray[np.int64], n_groups: int
) -> NDArray[np.int64]:
    """Count the customers of each group, whatever the number of their rows."""
    if customer.max() + 1 < len(customer):
        pairs = np.unique(group.astype(np.int64) * (customer.max() + 1) + customer)
        group = pairs // (customer.max() + 1)
    return np.bincount(group, minlength=n_groups).astype(np.int64)
