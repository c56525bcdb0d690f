"""What follows what, period by period: tables that breaks are looked for in."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.counts import periods
from journeykit.errors import DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.stats import mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.counts import Periods
    from journeykit.counts.calendar import Unit
    from journeykit.journeys import Journeys
    from journeykit.study.models import Ladder

#: Customers are put into so many groups by chance; groups are the units of chance.
GROUPS = 100
#: Journeys that are counted at a time, and ways on that are tested at most: the most frequent.
BLOCK, _MOST = 20_000, 1000
#: Bands of the time since a stage was entered, in microseconds.
_BANDS = (0, *(days * DAY for days in (1, 7, 30, 90, 180, 365)), 2**61)
NOTHING, OTHER = "(nothing)", "(other)"


class Cells(NamedTuple):
    """Counts of G groups of customers in W periods: R sources, and C ways on from them.

    Attributes
    ----------
    kind : {"step", "stage"}
        Steps from touchpoint to touchpoint, whose `n` are steps; or moves between stages, whose
        `n` are customer-days.
    source, target : tuple of str, length C
    row : array of int64, shape (C,)
        Source of each cell, as index into `n`.
    x : array of float64, shape (G, W, C)
    n : array of float64, shape (G, W, R)
        Steps from the source; or customer-days, weighed by `_days_like`, each move its own source.
    """

    kind: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    row: NDArray[np.int64]
    x: NDArray[np.float64]
    n: NDArray[np.float64]


class Rare(NamedTuple):
    """Ways on that are met less often, or by fewer groups of customers, are put together."""

    least_a_period: float
    small_cell: int


def whole_periods(
    journeys: Journeys, /, *, unit: Unit, time_zone: str, within_days: float = 0.0
) -> Periods:
    """Return the periods in a row that the data cover, and so many days after each of them."""
    found = periods(journeys, unit=unit, time_zone=time_zone)
    watched_to = np.iinfo(np.int64).max
    if journeys.observed_to is not None:
        watched_to = int(journeys.observed_to.max())
    usable = found.complete & (found.edge[1:] + round(within_days * DAY) <= watched_to)
    if not usable.any():
        raise DataError(f"The data cover no whole {unit}, so nothing can be compared.")
    first, last = np.flatnonzero(usable)[[0, -1]]
    span = slice(first, last + 2)
    return type(found)(found.first[span], found.edge[span], usable[first : last + 1])


def groups_of(journeys: Journeys, seed: int, /) -> NDArray[np.int64]:
    """Return the group of each journey's customer: the same for all journeys of a customer."""
    n_groups = max(1, min(GROUPS, journeys.n_customers))
    hashed = mix(np.arange(journeys.n_customers), seed=seed)
    # Ranks of hashes: groups of equal size, each at least one customer.
    rank = np.empty(len(hashed), dtype=np.int64)
    rank[np.argsort(hashed, kind="stable")] = np.arange(len(hashed))
    group: NDArray[np.int64] = (rank % n_groups)[journeys.customer_index]
    return group


def step_cells(
    journeys: Journeys,
    periods: Periods,
    /,
    *,
    within_days: float,
    rare: Rare,
    seed: int,
) -> Cells:
    """Count what comes next within so many days after each event, by group and period.

    An event counts in its own period, where its customer is watched for the whole time after it.
    The next event, at most `within_days` later, is its target, `NOTHING` where there is none. Ways
    on that are `rare`, or not among the 1,000 most frequent, are `OTHER`.
    """
    if journeys.observed_to is None:
        raise NotObservedError("`drift` needs journeys that say until when customers are watched.")
    time = journeys.need_time("`drift`")
    k, w = len(journeys.names), len(periods)
    within = round(within_days * DAY)
    group = groups_of(journeys, seed)
    watched_to = np.asarray(journeys.observed_to)
    codes, places = [], []
    for begin in range(0, len(journeys), BLOCK):
        # Blocks stay in the caches; each ends with a journey's end.
        first, last = journeys.start[begin], journeys.start[min(begin + BLOCK, len(journeys))]
        own = slice(begin, begin + BLOCK)
        length = np.diff(journeys.start[begin : begin + BLOCK + 1])
        moment, source = time[first:last], journeys.touchpoint[first:last].astype(np.int32)
        follows = np.zeros(len(moment), dtype=bool)
        follows[:-1] = np.diff(moment) <= within
        ends = np.cumsum(length) - 1
        follows[ends[length > 0]] = False
        target = np.full(len(moment), k, dtype=np.int32)
        target[:-1][follows[:-1]] = source[1:][follows[:-1]]
        at = np.searchsorted(periods.edge, moment, side="right") - 1
        seen = moment + within < np.repeat(watched_to[own], length)
        kept = (at >= 0) & (at < w) & seen
        codes.append((source * (k + 2) + target)[kept])
        places.append((np.repeat(group[own], length) * w + at)[kept].astype(np.int32))
    labels = (*journeys.names, NOTHING, OTHER)
    shape = (int(group.max()) + 1, w)
    return _cells("step", labels, np.concatenate(codes), np.concatenate(places), shape, rare)


def _cells(
    kind: str,
    labels: Sequence[str],
    code: NDArray[np.integer],
    where: NDArray[np.integer],
    shape: tuple[int, int],
    rare: Rare,
) -> Cells:
    """Count by group, period and cell; cells that are too rare are put together by source.

    `code` is source times the number of labels, plus target; `shape` is (G, W), and `where` a place
    in it. Of steps, the rest of a source must be often too.
    """
    k, (n_groups, w) = len(labels), shape
    least = rare.least_a_period * w
    count = np.bincount(code, minlength=k * k)
    often = np.flatnonzero(count >= least)
    often = np.sort(often[np.argsort(-count[often], kind="stable")[:_MOST]])
    # Columns are the cells met often, and what is left of each source.
    column = np.repeat(len(often) + np.arange(k), k)
    column[often] = np.arange(len(often))
    m = len(often) + k
    table = np.bincount(
        where.astype(np.int64) * m + column[code], minlength=n_groups * w * m
    ).reshape(n_groups, w, m)
    source = np.concatenate([often // k, np.arange(k)])
    target = np.concatenate([often % k, np.full(k, k - 1)])
    least_groups = min(rare.small_cell, GROUPS)
    enough = (table.sum(axis=1) > 0).sum(axis=0) >= least_groups
    for cell in np.flatnonzero(~enough[: len(often)]):
        table[:, :, len(often) + source[cell]] += table[:, :, cell]
    total = table.sum(axis=(0, 1))
    total[: len(often)] *= enough[: len(often)]
    all_of = np.bincount(source, weights=total, minlength=k)[source]
    kept = ((table.sum(axis=1) > 0).sum(axis=0) >= least_groups) & (total >= least)
    if kind == "step":
        kept &= all_of - total >= least
    cells = np.flatnonzero(kept)
    cells = cells[np.lexsort((target[cells], source[cells]))]
    rows, row = np.unique(source[cells], return_inverse=True)
    own = np.concatenate([enough[: len(often)], np.ones(k, dtype=bool)])
    n = np.stack(
        [table[:, :, own & (source == row)].sum(axis=2) for row in rows]
        or [np.empty((n_groups, w))],
        axis=2,
    )[:, :, : len(rows)]
    return Cells(
        kind,
        tuple(labels[one] for one in source[cells].tolist()),
        tuple(labels[one] for one in target[cells].tolist()),
        row,
        table[:, :, cells].astype(np.float64),
        n.astype(np.float64),
    )


def stage_cells(
    journeys: Journeys,
    periods: Periods,
    /,
    *,
    ladder: Ladder,
    rare: Rare,
    seed: int,
) -> Cells:
    """Count moves between stages, and customer-days before them, by group and period."""
    import pandas as pd

    from journeykit.stages import follow

    followed = follow(journeys, ladder).frame
    origin = followed["origin_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    begin = origin + np.rint(followed["start_days"].to_numpy() * DAY).astype(np.int64)
    end = origin + np.rint(followed["stop_days"].to_numpy() * DAY).astype(np.int64)
    stages = [str(name) for name in followed["source"].cat.categories]
    ids = pd.Index(journeys.customer_id.to_pandas())
    groups = groups_of(journeys, seed)
    group = groups[ids.get_indexer(followed["customer_id"])]
    source = followed["source"].cat.codes.to_numpy().astype(np.int64)
    moved = followed["target"].notna().to_numpy()
    labels = (*stages, OTHER)
    target = followed["target"].astype(object).map({s: i for i, s in enumerate(stages)})
    to = target.fillna(-1).to_numpy().astype(np.int64)
    w = len(periods)
    at = np.searchsorted(periods.edge, end, side="right") - 1
    counted = moved & (to >= 0) & (at >= 0) & (at < w)
    n_groups = int(groups.max()) + 1
    where = group[counted] * w + at[counted]
    code = source * len(labels) + to
    cells = _cells("stage", labels, code[counted], where, (n_groups, w), rare)
    came = origin + np.rint(followed["entered_days"].to_numpy() * DAY).astype(np.int64)
    stays = _Stays(group, source, came, begin, end)
    pairs = [(stages.index(a), b) for a, b in zip(cells.source, cells.target, strict=True)]
    moves = [counted & (source == a) & ((to == labels.index(b)) | (b == OTHER)) for a, b in pairs]
    n = _days_like(
        stays, moves, [a for a, _ in pairs], spans=periods, shape=(n_groups, len(stages))
    )
    return Cells("stage", cells.source, cells.target, np.arange(len(pairs)), cells.x, n)


class _Stays(NamedTuple):
    """Stays in stages; arrays of one length, times in microseconds.

    `came` is when the customer came into the stage, `begin` and `end` when the stay is watched.
    """

    group: NDArray[np.int64]
    stage: NDArray[np.int64]
    came: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]


def _days_like(
    stays: _Stays,
    moves: list[NDArray[np.bool_]],
    source: list[int],
    /,
    *,
    spans: Periods,
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Count customer-days in a stage, each for as much as its time in the stage moves customers on.

    Indirect standardisation: customer-days of a band of time since the entry weigh the rate of the
    move in that band, relative to its rate in all. So a stage that fills with customers who have
    been there for long does not drift by that alone.
    """
    n_groups, n_stages = shape
    code = stays.group * n_stages + stays.stage
    stayed = stays.end - stays.came
    bands = []
    for low, high in itertools.pairwise(_BANDS):
        begin = np.maximum(stays.begin, stays.came + low)
        end = np.maximum(np.minimum(stays.end, stays.came + high), begin)
        days = exposed_days(code, begin, end, n_groups * n_stages, spans)
        bands.append(days.reshape(n_groups, n_stages, len(spans)))
    n = np.empty((n_groups, len(spans), len(moves)))
    for cell, (moved, stage) in enumerate(zip(moves, source, strict=True)):
        own = np.array([band[:, stage].sum() for band in bands])
        count = np.histogram(stayed[moved], bins=_BANDS)[0]
        rate = np.divide(count, own, out=np.zeros(len(own)), where=own > 0)
        overall = count.sum() / own.sum()
        n[:, :, cell] = (
            sum(band[:, stage] * r for band, r in zip(bands, rate, strict=True)) / overall
        )
    return n


def exposed_days(
    code: NDArray[np.int64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    n_codes: int,
    periods: Periods,
    /,
) -> NDArray[np.float64]:
    """Add up the days of spells [begin, end) that lie in each period; shape (n_codes, W)."""
    edge, w = periods.edge, len(periods)
    begin, end = (np.clip(times, edge[0], edge[-1]) for times in (begin, end))
    first = np.searchsorted(edge, begin, side="right") - 1
    last = np.searchsorted(edge, end, side="right") - 1
    # One column more, in which a spell ends that goes on to the very end.
    total = np.zeros((n_codes, w + 1))
    padded = np.append(edge, edge[-1])
    same = first == last
    parts = (
        (same, first, end - begin),
        (~same, first, padded[first + 1] - begin),
        (~same, last, end - padded[last]),
    )
    for chosen, column, span in parts:
        total += np.bincount(
            code[chosen] * (w + 1) + column[chosen],
            weights=span[chosen],
            minlength=n_codes * (w + 1),
        ).reshape(n_codes, w + 1)
    inner = last - first > 1
    whole = np.zeros((n_codes, w + 1))
    for column, sign in ((first + 1, 1), (last, -1)):
        whole += sign * np.bincount(
            code[inner] * (w + 1) + column[inner], minlength=n_codes * (w + 1)
        ).reshape(n_codes, w + 1)
    lengths = np.append(np.diff(edge), 0)
    days: NDArray[np.float64] = (total + np.cumsum(whole, axis=1) * lengths)[:, :w] / DAY
    return days
