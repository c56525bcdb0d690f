"""Observed and expected events of groups, weighted and within strata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from scipy import special

from journeykit.checks import check_choice, check_known
from journeykit.counts import LifeCounts
from journeykit.errors import ArgumentError
from journeykit.survival.curves.tables import counted, kept_groups, life_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.curves.tables import LifeTable
    from journeykit.survival.lives import Lifetimes

LogRankWeights = Literal["log-rank", "gehan", "tarone-ware", "peto", "fleming-harrington"]
#: Share of all variance below which an eigenvalue is 0: sums over a million times are not exact.
_ROUNDING = 1e-9


class Weighting(NamedTuple):
    """What each time of leaving counts."""

    weights: LogRankWeights
    p: float | None
    q: float | None


class Stratified(NamedTuple):
    """Tables of the groups that take part, within each stratum; None where one is empty.

    Attributes
    ----------
    groups : list of str
    customers : array of int64, shape (n_groups,)
    tables : list of list of LifeTable, shape (n_strata, n_groups)
    suppressed : tuple of str
    fingerprint : str
    """

    groups: list[str]
    customers: NDArray[np.int64]
    tables: list[list[LifeTable]]
    suppressed: tuple[str, ...]
    fingerprint: str


class Comparison(NamedTuple):
    """Weighted events of groups and what was expected.

    Attributes
    ----------
    n_event : array of int64, shape (n_groups,)
    observed, expected : arrays of float64, shape (n_groups,)
    covariance : array of float64, shape (n_groups, n_groups)
        Of observed - expected.
    spread : float
        Variance that the events have within their times, all groups together.
    """

    n_event: NDArray[np.int64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    covariance: NDArray[np.float64]
    spread: float


class ChiSquared(NamedTuple):
    """A test; without degrees of freedom nothing was tested."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def checked_weighting(weights: LogRankWeights, p: float | None, q: float | None) -> Weighting:
    """Check the weights and their exponents."""
    check_choice("weights", weights, get_args(LogRankWeights))
    if weights == "fleming-harrington":
        if p is None or q is None or not (0 <= p < np.inf and 0 <= q < np.inf):
            raise ArgumentError(
                "`p` and `q` must be numbers of at least 0 with the weights 'fleming-harrington'; "
                f"got {p!r} and {q!r}."
            )
    elif p is not None or q is not None:
        raise ArgumentError(
            f"`p` and `q` belong to the weights 'fleming-harrington'; got {p!r} and {q!r} with "
            f"{weights!r}. Leave them out."
        )
    return Weighting(weights, p, q)


def stratified_tables(
    data: Lifetimes | LifeCounts, /, *, by: str | None, strata: str | None, small_cell: int
) -> Stratified:
    """Count by group within each stratum."""
    if strata is not None and isinstance(data, LifeCounts):
        raise ArgumentError(
            f"`strata` needs lifetimes; life counts know of their groups alone. Got {strata!r}."
        )
    whole = counted(data, by)
    kept, suppressed = kept_groups(whole, small_cell)
    groups = [whole.counts.groups[g] for g in kept]
    parts = [whole.counts]
    if strata is not None:
        assert not isinstance(data, LifeCounts), "refused above"
        columns = list(map(str, data.frame.columns))
        check_known("strata", [strata], columns, what="columns of the lifetimes")
        split = data.frame.groupby(strata, dropna=False, observed=True, sort=True)
        parts = [replace(data, frame=frame).counts(by=by) for _, frame in split]
    return Stratified(
        groups,
        whole.customers[kept],
        [[_table(part, group) for group in groups] for part in parts],
        suppressed,
        whole.fingerprint,
    )


def _table(counts: LifeCounts, group: str) -> LifeTable:
    """Return a group's table, an empty one where the stratum has none of the group."""
    at = counts.groups.index(group) if group in counts.groups else len(counts.groups)
    return life_table(counts, at)


def comparison(strata: list[list[LifeTable]], weighting: Weighting, /) -> Comparison:
    """Add up observed and expected events and their covariance over strata."""
    parts = [_within(tables, weighting) for tables in strata]
    return Comparison(*(np.sum(values, axis=0) for values in zip(*parts, strict=True)))


def _within(tables: list[LifeTable], weighting: Weighting) -> Comparison:
    left = [table.n_event > 0 for table in tables]
    time = np.unique(
        np.concatenate([table.time[some] for table, some in zip(tables, left, strict=True)])
    )
    at_risk = np.stack([table.at_risk_just_before(time) for table in tables]).astype(np.float64)
    events = np.zeros((len(tables), len(time)))
    for row, (table, some) in enumerate(zip(tables, left, strict=True)):
        events[row, np.searchsorted(time, table.time[some])] = table.n_event[some]
    n, d = at_risk.sum(axis=0), events.sum(axis=0)
    weight = _weight(n, d, weighting)
    share = at_risk / n
    spread = np.square(weight) * d * (n - d) / np.maximum(n - 1, 1)
    covariance = np.diag((spread * share).sum(axis=1)) - (spread * share) @ share.T
    return Comparison(
        events.sum(axis=1).astype(np.int64),
        (weight * events).sum(axis=1),
        (weight * d * share).sum(axis=1),
        covariance,
        float(spread.sum()),
    )


def _weight(
    n: NDArray[np.float64], d: NDArray[np.float64], weighting: Weighting
) -> NDArray[np.float64]:
    """Return what each time of leaving counts: it may depend on what came before, not on it."""
    name, p, q = weighting
    if name == "log-rank":
        return np.ones(len(n))
    if name == "gehan":
        return n
    if name == "tarone-ware":
        return np.sqrt(n)
    before = np.concatenate([[1.0], np.cumprod(1 - d / n)])[:-1]
    if name == "peto":
        return before
    assert p is not None, "checked before"
    assert q is not None, "checked before"
    # 0 to the power of 0 is 1: without an exponent S has no say.
    return np.asarray(before**p * (1 - before) ** q)


def chi_squared(found: Comparison, /) -> ChiSquared:
    """Test whether what was observed is as expected."""
    # Groups that never meet have a covariance of 0, up to rounding.
    values, vectors = np.linalg.eigh(found.covariance)
    told = values > _ROUNDING * found.spread
    degrees = int(told.sum())
    along = vectors[:, told].T @ (found.observed - found.expected)
    statistic = float(np.sum(np.square(along) / values[told]))
    p_value = float(special.chdtrc(degrees, statistic)) if degrees else float("nan")
    return ChiSquared(statistic, degrees, p_value)
