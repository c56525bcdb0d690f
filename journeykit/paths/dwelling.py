"""How long customers stay at a touchpoint before they go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.counts.kernels import gram_codes
from journeykit.counts.naming import path_names
from journeykit.counts.transitions import ENTRY, UNSEEN
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import SECOND
from journeykit.journeys.ending import begins_unseen, is_open
from journeykit.results import Provenance, Result
from journeykit.stats.waiting import (
    WaitQuantiles,
    Waits,
    censoring_weights,
    numbered,
    sorted_by_code,
    wait_quantiles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

ANY = "(any)"
#: Time of a step that never comes: the journey has ended.
_NEVER = np.iinfo(np.int64).max
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
        told = f"Half have gone on from {shortest['source']} within " + _spoken(
            shortest["median_seconds"]
        )
        if longest["source"] == shortest["source"]:
            return told
        return f"{told}, from {longest['source']} within {_spoken(longest['median_seconds'])}"

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
        ax.set_xlabel("time until the next step\n(median, middle half)")
        return ax


def dwell_times(journeys: Journeys, /, *, order: int = 1, confidence: float = 0.95) -> DwellTimes:
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

    Unweighted quantiles of the steps seen would be too short. Steps count, not customers: those
    who are quick make more steps in the same time, and theirs weigh more. Ties: an event at the
    very end of the watching cannot be seen, so a stay censored at c is under risk before c only.

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
    codes, stays = _sorted(stays, m)
    made = stays.target < m
    weight = censoring_weights(stays.source, stays.stay, made, stays.target == m + 1)
    parts = (
        _whatever_next(stays, weight, m, confidence),
        _each_next(stays, weight, m, confidence),
    )
    frame = pd.concat(parts, ignore_index=True)
    source, target = frame["source"].to_numpy(), frame["target"].to_numpy()
    frame["source"] = _source_texts(journeys.names, codes, order)[source]
    frame["target"] = np.array([*journeys.names, ANY], dtype=object)[target]
    frame["n_censored"] = frame["n_censored"].astype("Float64").astype("Int64")
    return frame.iloc[np.lexsort((target, target != m, source))].reset_index(drop=True)


def _sorted(stays: _Stays, m: int) -> tuple[NDArray[np.int64], _Stays]:
    """Sort stays by source and length; return the codes of the sources, numbered from 0.

    Sources that no step leaves have nothing to show, and stays of which nothing was watched.
    """
    _, number = numbered(stays.source)
    goes_on = (np.bincount(number, stays.target < m) > 0)[number]
    by = sorted_by_code(number, np.argsort(stays.stay))
    by = by[(goes_on & (stays.stay >= 0))[by]]
    codes, source = numbered(stays.source[by])
    return codes, _Stays(source, stays.target[by], stays.stay[by], stays.customer[by])


def _whatever_next(
    stays: _Stays, weight: NDArray[np.float64], m: int, confidence: float
) -> pd.DataFrame:
    """Return one row per source."""
    made, still = stays.target < m, stays.target == m + 1
    known = made | still
    # Where no journey has ended, all go on some day, those not seen to included.
    all_end = np.bincount(stays.source, known) == np.bincount(stays.source)
    waits = Waits(stays.source[known], stays.stay[known], weight[known], stays.customer[known])
    found = wait_quantiles(waits, all_end[waits.group], QUANTILES, confidence=confidence)
    n, n_censored = np.bincount(stays.source, made), np.bincount(stays.source, still)
    return _rows(np.arange(len(n)), np.full(len(n), m), n, n_censored, found)


def _each_next(
    stays: _Stays, weight: NDArray[np.float64], m: int, confidence: float
) -> pd.DataFrame:
    """Return one row per source and target."""
    made = np.flatnonzero(stays.target < m)
    cells, cell = numbered(stays.source[made] * m + stays.target[made])
    by = sorted_by_code(cell, np.arange(len(cell)))
    at = made[by]
    waits = Waits(cell[by], stays.stay[at], weight[at], stays.customer[at])
    given_the_step = np.zeros(len(at), dtype=bool)
    found = wait_quantiles(waits, given_the_step, QUANTILES, confidence=confidence)
    return _rows(cells // m, cells % m, np.bincount(cell), np.full(len(cells), np.nan), found)


def _rows(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    n: NDArray[np.floating | np.integer],
    n_censored: NDArray[np.floating | np.integer],
    found: WaitQuantiles,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": source,
            "target": target,
            "n": n.astype(np.int64),
            "n_customers": found.n_customers,
            "n_censored": n_censored,
            **dict(zip(TIME_COLUMNS, found.times / SECOND, strict=True)),
            "conf_low": found.low / SECOND,
            "conf_high": found.high / SECOND,
        }
    )


def _source_texts(
    names: tuple[str, ...], code: NDArray[np.int64], order: int
) -> NDArray[np.object_]:
    base = len(names) + 2
    told = names if order == 1 else path_names(names)
    before = np.array([*told, ENTRY, UNSEEN], dtype=object)
    digits = code[:, None] // base ** np.arange(order - 1, -1, -1) % base
    return np.array([" > ".join(row) for row in before[digits]], dtype=object)


def _spoken(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
