"""Who is under risk when someone leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from journeykit.survival.regression.kernels import sums_under_risk, sums_while_under_risk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.rows import Spans

#: Numbers a table of patterns by cells may hold.
_LARGEST_TABLE = 1 << 23


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """Cells, which are the times with an event in one stratum, and the rows under risk in them.

    Cells are in order of stratum, then time; those in which a row is under risk stand together.

    Attributes
    ----------
    time : array of int64, shape (n_cells,)
        Microseconds.
    stratum : array of int64, shape (n_cells,)
    n_event : array of int64, shape (n_cells,)
    event_weight : array of float, shape (n_cells,)
    first, last : arrays of int32, shape (n_rows,)
        A row is under risk in cells first, ..., last - 1. An event happens in cell last - 1.
    event : array of bool, shape (n_rows,)
    weight : array of float, shape (n_rows,)
    """

    time: NDArray[np.int64]
    stratum: NDArray[np.int64]
    n_event: NDArray[np.int64]
    event_weight: NDArray[np.float64]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def n_at_risk(self) -> NDArray[np.int64]:
        """Count the rows under risk in each cell."""
        n = np.bincount(self.first, minlength=len(self.time) + 1)
        n -= np.bincount(self.last, minlength=len(self.time) + 1)
        # Rows that are never under risk stand at one cell and add nothing there.
        return np.cumsum(n)[:-1]


def risk_sets(
    spans: Spans, stratum: NDArray[np.integer] | None, weight: NDArray[np.float64] | None
) -> RiskSets:
    """Place rows in the cells in which they are under risk: (entry, exit] of their stratum."""
    time = np.unique(spans.exit[spans.event])
    first = np.searchsorted(time, spans.entry, side="right")
    last = np.searchsorted(time, spans.exit, side="right")
    weight = np.ones(len(first)) if weight is None else weight
    if stratum is None:
        cell = np.arange(len(time))
    else:
        base = stratum.astype(np.int64) * len(time)
        cell = np.unique(base[spans.event] + last[spans.event] - 1)
        first = np.searchsorted(cell, base + first)
        last = np.searchsorted(cell, base + last)
    own = last[spans.event] - 1
    return RiskSets(
        time=time[cell % max(len(time), 1)],
        stratum=cell // max(len(time), 1),
        n_event=np.bincount(own, minlength=len(cell)),
        event_weight=_summed(own, weight[spans.event], len(cell)),
        first=first.astype(np.int32),
        last=last.astype(np.int32),
        event=spans.event,
        weight=weight,
    )


def _summed(place: NDArray[np.integer], value: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.bincount(place, value, n).astype(np.float64)


class CellSums(NamedTuple):
    """Sums over units, each unit weighted with its hazard ratio.

    Attributes
    ----------
    s0, d0 : arrays of shape (n_cells,)
        Over those under risk, over those with the event.
    s1, d1 : arrays of shape (n_cells, p)
        The same of the covariates.
    """

    s0: NDArray[np.float64]
    s1: NDArray[np.float64]
    d0: NDArray[np.float64]
    d1: NDArray[np.float64]


class Units(Protocol):
    """Rows, or patterns of covariates that many rows share: what a likelihood is made of."""

    @property
    def x(self) -> NDArray[np.float64]:
        """Covariates, shape (n_units, p)."""

    @property
    def unit(self) -> NDArray[np.int32]:
        """Unit of each row, shape (n_rows,)."""

    def sums(self, ratio: NDArray[np.float64], /) -> CellSums:
        """Sum over those under risk in each cell, given the hazard ratio of each unit."""

    def exposure(
        self, per_cell: NDArray[np.float64], per_event: NDArray[np.float64], /
    ) -> NDArray[np.float64]:
        """Sum over the cells of each unit, less those of its events; weighted, (n_units,)."""

    def events(self) -> NDArray[np.float64]:
        """Sum the weights of each unit's events, shape (n_units,)."""

    def event_sums(self, ratio: NDArray[np.float64], /) -> CellSums:
        """Sum as `sums` does, over those with the event only (`s0`, `s1` are left 0)."""


@dataclass(frozen=True, slots=True, eq=False)
class Singles:
    """Every row for itself: covariates of any kind. One pass over the rows for each covariate."""

    sets: RiskSets
    x: NDArray[np.float64]
    unit: NDArray[np.int32]

    def sums(self, ratio: NDArray[np.float64], /) -> CellSums:
        """Sum over those under risk in each cell."""
        sets, among = self.sets, self.event_sums(ratio)
        each = sets.weight * ratio
        s0 = sums_under_risk(sets.first, sets.last, each, len(sets.time))
        for column in range(self.x.shape[1]):
            value = each * self.x[:, column]
            among.s1[:, column] = sums_under_risk(sets.first, sets.last, value, len(sets.time))
        return among._replace(s0=s0)

    def event_sums(self, ratio: NDArray[np.float64], /) -> CellSums:
        """Sum over those with the event in each cell."""
        sets, n, p = self.sets, len(self.sets.time), self.x.shape[1]
        rows = np.flatnonzero(sets.event)
        cell, each = sets.last[rows] - 1, sets.weight[rows] * ratio[rows]
        d1 = np.empty((n, p), order="F")
        for column in range(p):
            d1[:, column] = _summed(cell, each * self.x[rows, column], n)
        return CellSums(np.zeros(n), np.zeros((n, p), order="F"), _summed(cell, each, n), d1)

    def exposure(
        self, per_cell: NDArray[np.float64], per_event: NDArray[np.float64], /
    ) -> NDArray[np.float64]:
        """Sum over the cells of each row."""
        sets = self.sets
        total: NDArray[np.float64] = sums_while_under_risk(
            sets.first, sets.last, sets.event, sets.weight, per_cell, per_event
        )
        return total

    def events(self) -> NDArray[np.float64]:
        """Return the weight of each row's event."""
        return self.sets.weight * self.sets.event


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """Rows of the same covariates counted together: few patterns, however many rows.

    Attributes
    ----------
    at_risk, with_event : arrays of float, shape (n_patterns, n_cells)
        Summed weights of a pattern's rows, whole numbers and so exact.
    """

    x: NDArray[np.float64]
    unit: NDArray[np.int32]
    at_risk: NDArray[np.float64]
    with_event: NDArray[np.float64]

    def sums(self, ratio: NDArray[np.float64], /) -> CellSums:
        """Sum over those under risk in each cell."""
        each = np.column_stack([ratio, ratio[:, None] * self.x])
        under_risk, among = self.at_risk.T @ each, self.with_event.T @ each
        return CellSums(under_risk[:, 0], under_risk[:, 1:], among[:, 0], among[:, 1:])

    def event_sums(self, ratio: NDArray[np.float64], /) -> CellSums:
        """Sum over those with the event in each cell."""
        among = self.with_event.T @ np.column_stack([ratio, ratio[:, None] * self.x])
        nothing = np.zeros_like(among)
        return CellSums(nothing[:, 0], nothing[:, 1:], among[:, 0], among[:, 1:])

    def exposure(
        self, per_cell: NDArray[np.float64], per_event: NDArray[np.float64], /
    ) -> NDArray[np.float64]:
        """Sum over the cells of each pattern's rows."""
        total: NDArray[np.float64] = self.at_risk @ per_cell - self.with_event @ per_event
        return total

    def events(self) -> NDArray[np.float64]:
        """Sum the weights of each pattern's events."""
        total: NDArray[np.float64] = self.with_event.sum(axis=1)
        return total


def worth_counting(sets: RiskSets, n_patterns: int) -> bool:
    """Tell whether patterns are few enough, and weights whole, so that counting is exact."""
    size = n_patterns * len(sets.time)
    few = size <= min(_LARGEST_TABLE, 2 * len(sets.first))
    return few and bool((sets.weight == np.rint(sets.weight)).all())


def counted(sets: RiskSets, x: NDArray[np.float64], unit: NDArray[np.int32]) -> Patterns:
    """Count, for each pattern, who is under risk and who leaves in each cell.

    `x` holds the covariates of the patterns, `unit` the pattern of each row.
    """
    n, wide = len(x), len(sets.time) + 1
    code = unit.astype(np.int64) * wide
    table = np.bincount(code + sets.first, sets.weight, n * wide)
    table -= np.bincount(code + sets.last, sets.weight, n * wide)
    at_risk = np.cumsum(table.reshape(n, wide), axis=1)[:, :-1]
    code = code[sets.event] + sets.last[sets.event] - 1
    left = np.bincount(code, sets.weight[sets.event], n * wide).reshape(n, wide)[:, :-1]
    return Patterns(x, unit, np.ascontiguousarray(at_risk), np.ascontiguousarray(left))
