"""How long customers stay at a touchpoint before they go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.counts.kernels import gram_codes
from journeykit.counts.transitions import ENTRY, UNSEEN
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import SECOND
from journeykit.journeys.ending import begins_unseen, is_open
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

ANY = "(any)"
#: Time of a step that never comes: the journey has ended.
_NEVER = np.iinfo(np.int64).max
#: A share that rounding alone keeps below another counts as having reached it.
_ROUNDING = 1e-9
#: Up to this many possible codes a table of all of them beats sorting.
_DENSE_CODES = 1 << 16
_DRAWN = 15
QUANTILES = (0.25, 0.5, 0.75)
TIME_COLUMNS = ("p25_seconds", "median_seconds", "p75_seconds")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DwellTimes(Result):
    """``source target n n_customers n_censored p25_seconds median_seconds p75_seconds`` and bounds.

    One row per observed step from source to target, and per source one with target ``(any)``:
    whatever comes next. `n` steps were seen to be made; `n_censored`, on rows ``(any)``, were not
    before the watching ended. `conf_low` and `conf_high` bound the median, in seconds; a quantile
    or bound that the data does not reach is empty.
    """

    rows: ClassVar[str] = "steps"

    def summary(self) -> str:
        """Name the touchpoints where customers stay longest and shortest, by median."""
        sources = self.frame[self.frame["target"] == ANY].dropna(subset="median_seconds")
        if sources.empty:
            return "At no touchpoint half of the next steps were seen"
        longest = sources.loc[sources["median_seconds"].idxmax()]
        shortest = sources.loc[sources["median_seconds"].idxmin()]
        return (
            f"Half have gone on from {shortest['source']} within "
            f"{_spoken(shortest['median_seconds'])}, from {longest['source']} within "
            f"{_spoken(longest['median_seconds'])}"
        )

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw per source the median with its interval, and the middle half as a band.

        The fifteen sources with the most steps, the longest stay on top; those of fewer than
        `small_cell` customers are left out.
        """
        from journeykit.draw import duration_bars

        check_whole("small_cell", small_cell, least=1)
        sources = self.frame[
            (self.frame["target"] == ANY) & (self.frame["n_customers"] >= small_cell)
        ].dropna(subset="median_seconds")
        shown = sources.nlargest(_DRAWN, "n").sort_values("median_seconds", ascending=False)
        ax = duration_bars(
            shown["source"].tolist(),
            median=shown["median_seconds"],
            band=(shown["p25_seconds"], shown["p75_seconds"]),
            interval=(shown["conf_low"], shown["conf_high"]),
            ax=ax,
        )
        ax.set_xlabel("time until the next step: median, middle half")
        return ax


def dwell_times(
    journeys: Journeys, /, *, order: int = 1, confidence: float = 0.95
) -> DwellTimes:
    """Estimate the time from a touchpoint to the next event of the same journey.

    T is the time to the next event, in the journeys' own microseconds. The last event of a
    journey that is open is censored when its customer stops being watched; one that has ended
    never goes on (T is infinite): when a session that ran into its timeout really ended is not
    known, so its last stay has no length here, and it stays under risk for ever. With G the
    Kaplan-Meier estimate, per source, of not being censored before t, each observed step weighs
    1 / G(T-), which is the Aalen-Johansen estimate of P(T <= t, target). Quantiles are the first
    time at which the weighted share reaches 1/4, 1/2, 3/4,

    - on rows ``(any)`` of the journeys that go on: the Kaplan-Meier quantile where none from that
      source has ended (empty where it is not reached), else given that there is a next step;
    - on rows of a target given that the step is made, and within the longest stay that was
      observed at the source: where many are censored late, longer stays exist than are counted.

    Unweighted quantiles of the steps seen would be too short. Ties: an event at the very end of
    the watching cannot be seen, so a stay censored at c is under risk before c only.

    The interval of the median is Woodruff's: the share at the median with its linearised
    variance over customers (of the Kaplan-Meier estimate; elsewhere of the weighted share, whose
    weights count as known), turned back into time.

    Parameters
    ----------
    journeys : Journeys
        With times. After `collapse_repeats` a stay is a whole run of one touchpoint.
    order : int
        As in `transitions`: `source` joins that many touchpoints.
    confidence : float in (0, 1)

    Raises
    ------
    NotObservedError
        When the journeys have no times.
    DataError
        When no journey has a second event.

    References
    ----------
    Robins, Rotnitzky (1992), in AIDS Epidemiology; Satten, Datta (2001), American Statistician
    55; Woodruff (1952), JASA 47.
    """
    check_whole("order", order, least=1)
    check_fraction("confidence", confidence)
    time = journeys.need_time("The time spent at a touchpoint")
    stays = _stays(journeys, time, order)
    if not (stays.target < len(journeys.names)).any():
        raise DataError(
            f"There is no stay to measure: none of {len(journeys):,} journeys has a second event."
        )
    return DwellTimes(
        frame=_frame(journeys, stays, order, confidence),
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={"order": order, "confidence": confidence},
        ),
    )


class _Stays(NamedTuple):
    """One entry per event, shape (n_events,).

    `source` codes the last touchpoints, `target` is the next (m ended, m + 1 open); `stay` in
    microseconds is how long it lasted, or was watched to last; `customer` is an index.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    stay: NDArray[np.int64]
    customer: NDArray[np.int64]


def _stays(journeys: Journeys, time: NDArray[np.int64], order: int) -> _Stays:
    m = len(journeys.names)
    base = m + 2
    if base ** (order + 1) >= 2**63:
        raise ArgumentError(
            f"`order` {order} is too high for {m:,} touchpoints; lower it, or group touchpoints "
            "into channels with `relabel`."
        )
    still = is_open(journeys)
    step, first = gram_codes(
        journeys.touchpoint,
        journeys.start,
        m + begins_unseen(journeys).astype(np.int64),
        m + still.astype(np.int64),
        order,
        base,
    )
    filled = journeys.length > 0
    entries = np.zeros(len(step), dtype=bool)
    entries[first[:-1][filled]] = True
    code = step[~entries]
    stay = np.empty(len(time), dtype=np.int64)
    stay[:-1] = np.diff(time)
    last = journeys.start[1:][filled] - 1
    # Watched in [from, to): what would have come at `to` was not seen.
    watched = -1 if journeys.observed_to is None else journeys.observed_to[filled] - time[last] - 1
    stay[last] = np.where(still[filled], watched, _NEVER)
    return _Stays(
        source=code // base,
        target=code % base,
        stay=stay,
        customer=np.repeat(journeys.customer_index.astype(np.int64), journeys.length),
    )


def _frame(journeys: Journeys, stays: _Stays, order: int, confidence: float) -> pd.DataFrame:
    m = len(journeys.names)
    # Sources that no step leaves have nothing to show, and stays that were not watched.
    codes, code = _numbered(stays.source)
    goes_on = (np.bincount(code, stays.target < m, minlength=len(codes)) > 0)[code]
    by_stay = _grouped(stays.source, np.argsort(stays.stay))
    by_stay = by_stay[(goes_on & (stays.stay >= 0))[by_stay]]
    source, target, stay, customer = (column[by_stay] for column in stays)
    begins = _begins(source)
    group = np.cumsum(begins) - 1
    made, still = target < m, target == m + 1
    weight = censoring_weights(group, stay, made, still)
    counted = made | still
    n, n_made, n_open = (np.bincount(group, mask) for mask in (counted, made, still))
    # Where none has ended, all go on some day, those not seen to included.
    all_go_on = (np.bincount(group) == n)[group[counted]]
    any_rows = _Rows(*(c[counted] for c in (group, stay, weight, customer)))
    cells, cell = _numbered(group[made] * (m + 2) + target[made])
    by_cell = _grouped(cell, np.arange(len(cell)))
    cell_rows = _Rows(cell[by_cell], *(c[made][by_cell] for c in (stay, weight, customer)))
    parts = (
        _quantile_frame(any_rows, all_go_on, confidence),
        _quantile_frame(cell_rows, np.zeros(len(cell), dtype=bool), confidence),
    )
    here = np.concatenate([np.arange(len(n)), cells // (m + 2)])
    there = np.concatenate([np.full(len(n), m), cells % (m + 2)])
    frame = pd.concat(parts, ignore_index=True)
    text = _source_texts(journeys.names, source[begins], order)
    frame.insert(0, "source", text[here])
    frame.insert(1, "target", np.array([*journeys.names, ANY], dtype=object)[there])
    frame.insert(2, "n", np.concatenate([n_made, np.bincount(cell)]).astype(np.int64))
    censored = pd.array(np.concatenate([n_open, np.full(len(cells), np.nan)]), dtype="Float64")
    frame.insert(4, "n_censored", censored.astype("Int64"))
    return frame.iloc[np.lexsort((there, there != m, here))].reset_index(drop=True)


def _grouped(code: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort `order` by the code it points to, keeping it within equal ones."""
    small = code if code.max(initial=0) < _DENSE_CODES else _numbered(code)[1]
    # Numbers of 16 bits are sorted by digits, several times faster.
    small = small.astype(np.min_scalar_type(int(small.max(initial=0))))
    return order[np.argsort(small[order], kind="stable")]


def _numbered(code: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct codes, sorted, and the number of each in them."""
    if code.max(initial=0) >= _DENSE_CODES:
        return np.unique(code, return_inverse=True)
    there = np.bincount(code) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[code]


def _begins(code: NDArray[np.int64]) -> NDArray[np.bool_]:
    begins = np.ones(len(code), dtype=bool)
    begins[1:] = code[1:] != code[:-1]
    return begins


def _source_texts(
    names: tuple[str, ...], code: NDArray[np.int64], order: int
) -> NDArray[np.object_]:
    base = len(names) + 2
    before = np.array([*names, ENTRY, UNSEEN], dtype=object)
    digits = code[:, None] // base ** np.arange(order - 1, -1, -1) % base
    return np.array([" > ".join(row) for row in before[digits]], dtype=object)


def censoring_weights(
    group: NDArray[np.int64],
    time: NDArray[np.int64],
    event: NDArray[np.bool_],
    censored: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return 1 / G(T-) of each event, 0 of the rest; rows are sorted by group and time.

    G is the Kaplan-Meier estimate, within the group, of not being censored; at equal times events
    come before censorings. Rows that are neither stay under risk to the end.
    """
    begins = _begins(group)
    tie = _begins(time) | begins
    first = np.flatnonzero(tie)
    end = np.append(np.flatnonzero(begins)[1:], len(group))
    at_risk = end[group[first]] - first
    n_event = np.add.reduceat(event.astype(np.int64), first)
    n_censored = np.add.reduceat(censored.astype(np.int64), first)
    left = at_risk - n_event
    # Where the last ones under risk are censored G falls to 0, but no event comes after.
    falls = (n_censored > 0) & (n_censored < left)
    log_factor = np.log1p(-n_censored / np.maximum(left, 1), where=falls, out=np.zeros(len(first)))
    before = np.cumsum(log_factor) - log_factor
    row = np.cumsum(tie) - 1
    group_first = np.flatnonzero(begins)[group]
    return np.where(event, np.exp(before[row[group_first]] - before[row]), 0.0)


class _Rows(NamedTuple):
    """Stays sorted by group and time, groups numbered from 0 without gaps.

    `weight` is 1 / G(T-) of those that were seen to end, 0 of the censored.
    """

    group: NDArray[np.int64]
    time: NDArray[np.int64]
    weight: NDArray[np.float64]
    customer: NDArray[np.int64]


def _quantile_frame(
    rows: _Rows, all_go_on: NDArray[np.bool_], confidence: float
) -> pd.DataFrame:
    """Return customers, quantiles and the bounds of the median in seconds, one row a group.

    Quantiles are of all rows of a group where `all_go_on`, else of the weight there is.
    """
    n_groups = int(rows.group[-1]) + 1
    whole = np.bincount(rows.group, np.where(all_go_on, 1.0, rows.weight))
    added = np.cumsum(rows.weight)
    begins = np.flatnonzero(_begins(rows.group))
    base = added[begins] - rows.weight[begins]
    # Increasing over all groups: the whole part of half the key is the group.
    reached = 2.0 * rows.group + (added - base[rows.group]) / whole[rows.group]
    end = np.append(begins[1:], len(rows.group))

    def first_at(level: NDArray[np.float64]) -> NDArray[np.int64]:
        key = 2.0 * np.arange(n_groups) + np.clip(level, _ROUNDING, 1.5) - _ROUNDING
        return np.searchsorted(reached, key)

    def seconds(level: NDArray[np.float64]) -> NDArray[np.float64]:
        at = first_at(level)
        found = rows.time[np.minimum(at, len(rows.time) - 1)] / SECOND
        return np.where(at < end, found, np.nan)

    quantiles = [seconds(np.full(n_groups, q)) for q in QUANTILES]
    middle = rows.time[np.minimum(first_at(np.full(n_groups, 0.5)), end - 1)]
    by_half = rows.time <= middle[rows.group]
    influence = np.where(
        all_go_on,
        _kaplan_meier_influence(rows, by_half),
        rows.weight * (by_half - 0.5) / whole[rows.group],
    )
    n_customers, half_width = _half_width(rows, influence, confidence)
    low = np.where(half_width < 0.5, seconds(0.5 - half_width), 0.0)
    return pd.DataFrame(
        {
            "n_customers": n_customers,
            **dict(zip(TIME_COLUMNS, quantiles, strict=True)),
            "conf_low": np.where(np.isnan(quantiles[1]), np.nan, low),
            "conf_high": seconds(0.5 + half_width),
        }
    )


def _kaplan_meier_influence(rows: _Rows, by_half: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what each stay adds to the Kaplan-Meier share gone at the median, 1/2.

    It is S(t) [event by t / Y(T) - sum of dN(s) / Y(s)^2 over s <= min(T, t)] with Y under risk.
    """
    begins = _begins(rows.group)
    tie = _begins(rows.time) | begins
    first, row = np.flatnonzero(tie), np.cumsum(tie) - 1
    end = np.append(np.flatnonzero(begins)[1:], len(rows.group))
    at_risk = end[rows.group[first]] - first
    event = rows.weight > 0
    spent = np.cumsum(np.add.reduceat(event.astype(np.int64), first) / at_risk**2)
    group_first = row[begins]
    before = np.append(0.0, spent)[group_first]
    until = np.maximum.reduceat(np.where(by_half[first], spent, 0.0), group_first)
    spent_by = np.minimum(spent[row], np.maximum(until, before)[rows.group]) - before[rows.group]
    influence: NDArray[np.float64] = 0.5 * (event * by_half / at_risk[row] - spent_by)
    return influence


def _half_width(
    rows: _Rows, influence: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return customers per group and the half-width of the interval of the share at the median."""
    from scipy.special import stdtrit

    by_customer = _grouped(rows.group, np.argsort(rows.customer))
    group, customer = rows.group[by_customer], rows.customer[by_customer]
    first = np.flatnonzero(_begins(group) | _begins(customer))
    clusters = np.add.reduceat(influence[by_customer], first)
    n_customers = np.bincount(group[first])
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n_customers / (n_customers - 1) * np.bincount(group[first], clusters**2)
        width = stdtrit(n_customers - 1, (1 + confidence) / 2) * np.sqrt(variance)
    return n_customers, np.where(n_customers > 1, width, np.inf)


def _spoken(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
