"""Hazard ratios of one driver in one stage, by segment, with errors clustered by customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special, stats

from journeykit.errors import DataError
from journeykit.survival.models.binomial import fit, hazard, weight_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.survival.models.binomial import BinomialFit, Link


class Table(NamedTuple):
    """Periods counted by cell.

    Attributes
    ----------
    levels : array of int64, shape (n_cells, n_factors)
        Level of each factor adjusted for.
    group : array of int64, shape (n_cells,)
    exposed : array of bool, shape (n_cells,)
    n, n_event : arrays of float64, shape (n_cells,)
    cell : array of int64, shape (n_rows,)
        Cell of each period.
    """

    levels: NDArray[np.int64]
    group: NDArray[np.int64]
    exposed: NDArray[np.bool_]
    n: NDArray[np.float64]
    n_event: NDArray[np.float64]
    cell: NDArray[np.int64]


class Effects(NamedTuple):
    """Log ratios by group, those not to be estimated NaN.

    Attributes
    ----------
    estimate : array, shape (n_groups,)
        Minus infinity where nobody moves on though somebody should.
    low, high, p_value, expected : arrays, shape (n_groups,)
        `expected` moves in exposed periods, were they as the others.
    covariance : array, shape (n_groups, n_groups)
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    expected: NDArray[np.float64]
    covariance: NDArray[np.float64]


def tabled(
    factors: Sequence[NDArray[np.integer]],
    group: NDArray[np.integer],
    exposed: NDArray[np.bool_],
    event: NDArray[np.bool_],
    /,
) -> Table:
    """Count periods and moves by cell of all factors, group and exposure."""
    shape = [*(int(part.max()) + 1 for part in factors), int(group.max()) + 1, 2]
    flat = np.ravel_multi_index((*factors, group, exposed.astype(np.int64)), shape)
    size = int(np.prod(shape))
    n = np.bincount(flat, minlength=size)
    n_event = np.bincount(flat[event], minlength=size)
    there = np.flatnonzero(n)
    place = np.full(size, -1)
    place[there] = np.arange(len(there))
    *levels, of_group, met = np.unravel_index(there, shape)
    return Table(
        np.column_stack(levels) if levels else np.zeros((len(there), 0), dtype=np.int64),
        of_group,
        met.astype(bool),
        n[there].astype(np.float64),
        n_event[there].astype(np.float64),
        place[flat],
    )


def effects(
    table: Table,
    tested: NDArray[np.bool_],
    customer: NDArray[np.int64],
    event: NDArray[np.bool_],
    /,
    *,
    link: Link,
    confidence: float,
) -> Effects:
    """Fit baseline, factors, groups and a ratio of the exposed in each group that is `tested`.

    Exposed periods of groups that are not tested tell nothing and are left out. Where nobody in
    exposed periods of a group moves on the ratio is 0: its upper bound is that of no event of a
    Poisson count whose mean is the moves that the others let expect.
    """
    size = len(tested)
    moved = np.bincount(table.group[table.exposed], table.n_event[table.exposed], minlength=size)
    fitted = tested & (moved > 0)
    used = _informative(table, ~table.exposed | fitted[table.group])
    place = np.flatnonzero(fitted)
    design = _design(table, used, place)
    found = fit(
        lambda rows: design[used][rows], table.n[used], table.n_event[used], design.shape[1], link
    )
    start = design.shape[1] - len(place)
    estimate, low, high, p_value = (np.full(size, np.nan) for _ in range(4))
    covariance = np.full((size, size), np.nan)
    if len(place):
        inner = _clustered(table, used, design, found, start, customer, event, link)
        covariance[np.ix_(place, place)] = inner
        error = np.sqrt(np.diag(inner))
        estimate[place] = found.coefficients[start:]
        half = stats.norm.isf((1 - confidence) / 2) * error
        low[place], high[place] = estimate[place] - half, estimate[place] + half
        p_value[place] = 2 * stats.norm.sf(np.abs(estimate[place]) / error)
    base = hazard(design[:, :start] @ found.coefficients[:start], link).leave
    met = table.exposed & _known(table, used)
    expected = np.bincount(table.group[met], (table.n * base)[met], minlength=size)
    none = tested & (moved == 0)
    with np.errstate(divide="ignore"):
        bound = np.log(special.gammaincinv(1.0, (1 + confidence) / 2) / expected[none])
    estimate[none] = low[none] = -np.inf
    high[none] = bound
    p_value[none] = np.minimum(1.0, 2 * np.exp(-expected[none]))
    return Effects(estimate, low, high, p_value, expected.astype(np.float64), covariance)


def _clustered(
    table: Table,
    used: NDArray[np.bool_],
    design: NDArray[np.float64],
    found: BinomialFit,
    start: int,
    customer: NDArray[np.int64],
    event: NDArray[np.bool_],
    link: Link,
) -> NDArray[np.float64]:
    """Return the sandwich of the coefficients from `start` on, scores summed by customer."""
    at = hazard(design @ found.coefficients, link)
    lever = design @ found.covariance[:, start:]
    score = (lever * weight_of(at)[:, None])[table.cell]
    kept = used[table.cell]
    left = (event - at.leave[table.cell]) * kept
    size = int(customer.max()) + 1
    each = [np.bincount(customer, left * part, minlength=size) for part in score.T]
    people = len(np.unique(customer[kept]))
    total = np.column_stack(each)
    return np.asarray(total.T @ total * (people / (people - 1)))


def differ(found: Effects, /) -> float:
    """Test that the ratio is the same in all groups: Wald's chi-square, NaN of fewer than two."""
    place = np.flatnonzero(np.isfinite(found.estimate))
    if len(place) < 2:
        return np.nan
    contrast = np.eye(len(place))[1:] - np.eye(len(place))[0]
    gap = contrast @ found.estimate[place]
    spread = contrast @ found.covariance[np.ix_(place, place)] @ contrast.T
    try:
        value = float(gap @ np.linalg.solve(spread, gap))
    except np.linalg.LinAlgError:
        return np.nan
    return float(stats.chi2.sf(value, len(place) - 1))


def _informative(table: Table, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out levels in which nobody moves on: the likelihood puts their hazard at 0."""
    used = used.copy()
    parts = [*table.levels.T, table.group]
    while True:
        before = int(used.sum())
        for part in parts:
            moved = np.bincount(part[used], table.n_event[used], minlength=int(part.max()) + 1)
            used &= moved[part] > 0
        if int(used.sum()) == before:
            break
    if not used.any():
        raise DataError("Nobody moves on where the others are compared.")
    return used


def _known(table: Table, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the cells whose levels all have a coefficient."""
    known = np.ones(len(table.n), dtype=bool)
    for part in [*table.levels.T, table.group]:
        known &= np.isin(part, part[used])
    return known


def _design(
    table: Table, used: NDArray[np.bool_], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Lay out an intercept, all levels but the first of each factor, and exposure by group."""
    columns = [np.ones(len(table.n))]
    for part in [*table.levels.T, table.group]:
        columns += [(part == level).astype(float) for level in np.unique(part[used])[1:]]
    columns += [(table.exposed & (table.group == group)).astype(float) for group in groups]
    return np.column_stack(columns)
