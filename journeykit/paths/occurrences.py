"""Who goes a way that is described by a pattern, how far the others come, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from journeykit.checks import check_fraction, check_known
from journeykit.draw import interval_bars, percent_axis
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import begins_unseen
from journeykit.journeys.pattern import Matches, Pattern, parse
from journeykit.results import Provenance, Result
from journeykit.stats import bounded_wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

ALL = "all"
MISSING_GROUP = "(missing)"
#: Quantiles of the time that matches take, in percent.
_QUANTILES = (25, 50, 75)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Search(Result):
    """``group n n_event n_censored share conf_low conf_high``, one row per group, and more.

    Behind these: `n_begun`, customers who completed the first element; `closure`, the share of
    those who completed all of them, with `closure_low` and `closure_high`; `n_matches`; and
    `time_days_25`, `time_days_50`, `time_days_75`, quantiles of the time from the first to the
    last element of the matches (NaN without times or matches).

    Attributes
    ----------
    steps : pandas.DataFrame
        ``group step touchpoint n n_event n_censored share conf_low conf_high estimate``: the
        funnel of the pattern's elements. `n` customers completed the steps before (at the first
        step, all customers), `n_event` of them this one too, `n_censored` not yet, but may still.
        `share` is of all customers of the group, `estimate` is n_event / n.
    matches : pandas.DataFrame
        ``customer_id group journey begin end time_days first_event last_event``, one row per
        match. `journey` is its number among the journeys, `first_event` and `last_event` are
        positions in it, from 1; `begin`, `end` and `time_days` are empty without times.
    n_left_out : int
        Customers left out because the pattern begins with ``^`` and no beginning of theirs was
        seen.
    pattern : Pattern
    """

    steps: pd.DataFrame
    matches: pd.DataFrame
    n_left_out: int
    pattern: Pattern
    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Say how many customers go this way, and how many who began it."""
        frame = self.frame
        n, n_event, n_begun, n_censored = (
            int(frame[name].sum()) for name in ("n", "n_event", "n_begun", "n_censored")
        )
        unbounded = any(
            gap.later and gap.bound.longest is None and gap.bound.most is None
            for gap in self.pattern.gaps
        )
        hint = " (a gap without a bound stays open as long as a customer is watched)"
        still = f"; {n_censored:,} still under way{hint if unbounded else ''}" if n_censored else ""
        if len(frame) > 1:
            return (
                f"{n_event:,} of {n:,} customers of {len(frame)} groups go this way "
                f"({n_event / n:.1%}){still}"
            )
        row = frame.iloc[0]
        several = n_begun and len(self.pattern.elements) > 1
        closed = f", {n_event / n_begun:.1%} of the {n_begun:,} who begin it" if several else ""
        return (
            f"{n_event:,} of {n:,} customers go this way ({row['share']:.1%}, "
            f"{row['conf_low']:.1%} to {row['conf_high']:.1%}){closed}{still}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many come how far; of several groups, how many go the whole way."""
        if len(self.frame) > 1:
            labels, drawn = list(self.frame["group"]), self.frame
            title = "share of the group's customers who go the whole way"
        else:
            drawn = self.steps
            labels = [
                f"{row.step}. {row.touchpoint} ({row.n_event:,})" for row in drawn.itertuples()
            ]
            title = f"share of {int(self.frame['n'].iloc[0]):,} customers who come this far"
        bounds = [drawn[name].to_numpy() for name in ("share", "conf_low", "conf_high")]
        ax = interval_bars(labels, *bounds, ax=ax)
        percent_axis(ax, "x")
        ax.set_xlabel(title)
        return ax


def search(
    journeys: Journeys,
    /,
    pattern: str | Pattern,
    *,
    by: str | None = None,
    confidence: float = 0.95,
) -> Search:
    """Search for a pattern: who goes this way, how far the others come, how long it takes.

    The grammar, which matches are found, and how the ends of journeys are treated are documented
    in `journeykit.journeys.pattern`: leftmost-shortest matches that do not overlap, within a
    journey. For example, a loop that is closed within a week of leaving::

        search(journeys, "email > product_page > !purchase* > exit >> [7d] return > offer")

    The customer is the unit: `n_event` counts those with at least one match in any of their
    journeys, and those who come to step k complete the first k elements, in order and in time,
    from some start.

    *Censoring.* `n_censored` counts customers without a match for whom one has begun in a journey
    that is still open, and may be completed by what happens after the watching: its order, its
    bounds and its runs allow it. They are neither counted as going this way nor as not. `share` is
    what is known so far, n_event / n, and the interval holds whatever becomes of them: from a
    lower bound with none of them to an upper bound with all (Wilson's, at Imbens and Manski's
    critical value; see `stats.bounded_wilson_interval`). It is an interval for the share of
    customers who will have completed a match that began while they were watched. The quantiles
    of time are those of the matches seen: where many are censored, long ones are missing. Who
    is watched longer has more chances: compare groups that are watched alike. A gap without a
    bound stays open as long as a customer is watched, so give gaps bounds to settle what is
    open.

    *Truncation.* Matches that began before the watching are not seen. Journeys whose beginning
    was not seen take no part when the pattern begins with ``^``.

    Parameters
    ----------
    journeys : Journeys
    pattern : str or Pattern
    by : str, optional
        Attribute of the journeys; those without a value form the group ``(missing)``. A customer
        with journeys in several groups counts once in each.
    confidence : float in (0, 1)
        Of the intervals.

    Raises
    ------
    PatternError
        When the pattern cannot be read, or names an unknown touchpoint.
    NotObservedError
        When a gap is bounded in time and the journeys have no times.
    ArgumentError
        When no customer is left to look at.
    MappingError
        When there is no attribute `by`.

    References
    ----------
    Imbens, Manski (2004), Confidence intervals for partially identified parameters,
    Econometrica 72.
    """
    check_fraction("confidence", confidence)
    read = parse(pattern)
    groups, group = _grouped(journeys, by)
    found, progress = read.find(journeys), read.progress(journeys)
    judged = np.ones(len(journeys), dtype=bool)
    if read.begin is not None:
        judged = ~begins_unseen(journeys)
    if not judged.any():
        raise ArgumentError(
            f"The pattern {read.text!r} needs a journey whose beginning was seen; got "
            f"{len(journeys):,} journeys and none of them. Leave `^` out, or cut journeys first."
        )
    customers = _Customers.of(
        unit=journeys.customer_index[judged].astype(np.int64) * len(groups) + group[judged],
        completed=progress.completed[judged],
        pending=progress.pending[judged],
        n_groups=len(groups),
    )
    matches = _matches(journeys, found, groups, group)
    n_judged = np.count_nonzero(np.bincount(journeys.customer_index[judged]))
    steps = _steps(customers, read, groups, confidence)
    return Search(
        frame=_frame(customers, steps, matches, confidence),
        provenance=Provenance(
            journeys.fingerprint, {"pattern": read.text, "by": by, "confidence": confidence}
        ),
        steps=steps,
        matches=matches,
        n_left_out=journeys.n_customers - int(n_judged),
        pattern=read,
    )


@dataclass(frozen=True, slots=True)
class _Customers:
    """Customers within groups; arrays of shape (n_customers in groups,).

    Attributes
    ----------
    group : array
    completed : array
        The most elements completed in any of their journeys.
    pending : array
        The first element that may still be completed in any of them.
    """

    group: NDArray[np.int64]
    completed: NDArray[np.int64]
    pending: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        *,
        unit: NDArray[np.int64],
        completed: NDArray[np.int64],
        pending: NDArray[np.int64],
        n_groups: int,
    ) -> _Customers:
        """Gather journeys by unit, which is customer * n_groups + group."""
        order = np.argsort(unit, kind="stable")
        units, first = np.unique(unit[order], return_index=True)
        return cls(
            units % n_groups,
            np.maximum.reduceat(completed[order], first),
            np.minimum.reduceat(pending[order], first),
        )

    def count(self, which: NDArray[np.bool_], n_groups: int) -> NDArray[np.int64]:
        """Count customers by group."""
        return np.bincount(self.group[which], minlength=n_groups).astype(np.int64)


def _grouped(journeys: Journeys, by: str | None) -> tuple[list[str], NDArray[np.int64]]:
    if by is None:
        return [ALL], np.zeros(len(journeys), dtype=np.int64)
    check_known("by", [by], journeys.attributes.column_names, what="attributes")
    column = journeys.attributes[by].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = pc.drop_null(pc.unique(column))
    values = values.take(pc.sort_indices(values))
    code = pc.fill_null(pc.index_in(column, value_set=values), len(values))
    names = [str(value) for value in values.to_pylist()]
    missing = [MISSING_GROUP] if column.null_count else []
    return [*names, *missing], code.to_numpy().astype(np.int64)


def _steps(
    customers: _Customers, pattern: Pattern, groups: list[str], confidence: float
) -> pd.DataFrame:
    everyone = customers.count(np.ones(len(customers.group), dtype=bool), len(groups))
    before, rows = everyone, []
    for step, element in enumerate(pattern.elements):
        reached = customers.completed > step
        n_event = customers.count(reached, len(groups))
        n_censored = customers.count(~reached & (customers.pending <= step), len(groups))
        low, high = bounded_wilson_interval(n_event, n_censored, everyone, confidence=confidence)
        rows.append(
            pd.DataFrame(
                {
                    "group": groups,
                    "step": step + 1,
                    "touchpoint": element.text,
                    "n": before,
                    "n_event": n_event,
                    "n_censored": n_censored,
                    "share": _ratio(n_event, everyone),
                    "conf_low": low,
                    "conf_high": high,
                    "estimate": _ratio(n_event, before),
                }
            ).iloc[everyone > 0]
        )
        before = n_event
    ordered = pd.concat(rows, ignore_index=True)
    rank = ordered["group"].map({name: at for at, name in enumerate(groups)})
    return ordered.iloc[np.lexsort((ordered["step"], rank))].reset_index(drop=True)


def _frame(
    customers: _Customers, steps: pd.DataFrame, matches: pd.DataFrame, confidence: float
) -> pd.DataFrame:
    first = steps[steps["step"] == 1].reset_index(drop=True)
    last = steps[steps["step"] == steps["step"].max()].reset_index(drop=True)
    n_begun = first["n_event"].to_numpy()
    m = int(steps["step"].max())
    begun_still = (customers.completed > 0) & (customers.completed < m) & (customers.pending < m)
    _, present = np.unique(customers.group, return_inverse=True)
    still = np.bincount(present[begun_still], minlength=len(last))
    low, high = bounded_wilson_interval(last["n_event"], still, n_begun, confidence=confidence)
    times = matches.groupby("group")["time_days"]
    return pd.DataFrame(
        {
            "group": last["group"],
            "n": first["n"],
            **{name: last[name] for name in ("n_event", "n_censored")},
            **{name: last[name] for name in ("share", "conf_low", "conf_high")},
            "n_begun": n_begun,
            "closure": _ratio(last["n_event"].to_numpy(), n_begun),
            "closure_low": low,
            "closure_high": high,
            "n_matches": last["group"].map(times.size()).fillna(0).astype(np.int64),
            **{f"time_days_{q}": last["group"].map(times.quantile(q / 100)) for q in _QUANTILES},
        }
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=np.asarray(whole) > 0)
    return ratio


def _matches(
    journeys: Journeys, found: Matches, groups: list[str], group: NDArray[np.int64]
) -> pd.DataFrame:
    who = journeys.customer_id.take(journeys.customer_index[found.journey].astype(np.int64))
    begins = journeys.start[found.journey]
    table = pd.DataFrame(
        {
            "customer_id": who.to_pandas(),
            "group": np.array(groups, dtype=object)[group[found.journey]],
            "journey": found.journey,
        }
    )
    zone = "UTC" if journeys.clock == "instant" else None
    time = journeys.time
    for name, event in (("begin", found.first), ("end", found.last)):
        stamps = np.full(len(found), "NaT", dtype="datetime64[us]")
        if time is not None:
            stamps = time[event].view("datetime64[us]")
        table[name] = pd.Series(stamps).dt.tz_localize(zone)
    elapsed = np.full(len(found), np.nan)
    if time is not None:
        elapsed = (time[found.last] - time[found.first]) / DAY
    return table.assign(
        time_days=elapsed,
        first_event=found.first - begins + 1,
        last_event=found.last - begins + 1,
    )
