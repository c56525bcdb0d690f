"""Retention: how many come back, period by period after their start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.draw import PALETTE, axes, percent_axis, tidy
from journeykit.draw.funnels import cohort_triangle
from journeykit.errors import DataError
from journeykit.journeys.pattern import touchpoints
from journeykit.paths.cohorts.ages import (
    NEVER,
    Ages,
    Calendar,
    Unit,
    calendar,
    returns,
    starts_of,
    whole_periods,
    zone_of,
)
from journeykit.results import Provenance, Result
from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

Kind = Literal["classic", "rolling", "unbounded"]
Unseen = Literal["leave_out", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Retention(Result):
    """The curve over all cohorts: ``age n n_event n_censored estimate conf_low conf_high``.

    At each age, in periods since the start, `n` customers were watched long enough to tell,
    `n_event` of them came back, and `n_censored` were not watched long enough: they are in no
    denominator. Each customer counts once an age; intervals are Wilson's.

    Attributes
    ----------
    cells : pandas.DataFrame
        The same by cohort, ``cohort n_customers age n n_event n_censored complete estimate
        conf_low conf_high``; `cohort` is the first day of the period of the start. A cell is
        `complete` when all of the cohort were watched long enough.
    unit, kind : str
    n_customers : int
        With a known start.
    n_left_out : int
        Customers who were there before they were watched: their start is not known.
    n_never : int
        Customers without a start event.
    """

    cells: pd.DataFrame
    unit: Unit
    kind: Kind
    n_customers: int
    n_left_out: int
    n_never: int
    rows: ClassVar[str] = "periods"

    def triangle(self, *, small_cell: int = 1) -> pd.DataFrame:
        """Return shares with a row for each cohort and a column for each age.

        Empty where nobody of the cohort was watched long enough, or fewer than `small_cell` were.
        """
        check_whole("small_cell", small_cell, least=1)
        kept = self.cells["n"] >= small_cell
        shown = self.cells.assign(estimate=self.cells["estimate"].where(kept))
        cohorts = shown[shown["age"] == 0].set_index("cohort")[["n_customers"]]
        shares = shown["estimate"].to_numpy().reshape(len(cohorts), -1)
        return cohorts.join(pd.DataFrame(shares, index=cohorts.index))

    def summary(self) -> str:
        """Say how many come back one period on, and at the last age that is known."""
        known = self.frame[(self.frame["n"] > 0) & (self.frame["age"] > 0)]
        out = (
            f"; {self.n_left_out:,} were there before they were watched and are left out"
            if self.n_left_out
            else ""
        )
        if known.empty:
            return f"no {self.unit} after the start was watched whole{out}"
        told = " and ".join(
            f"{row.estimate:.1%} of {row.n:,} ({row.conf_low:.1%} to {row.conf_high:.1%}) "
            f"{self._meaning(int(row.age))}"
            for row in known.iloc[[0, -1] if len(known) > 1 else [0]].itertuples()
        )
        return f"{told}{out}"

    def _meaning(self, age: int) -> str:
        later = {"classic": "", "rolling": " or soon after", "unbounded": " or later, at least"}
        return f"came back in {self.unit} {age}{later[self.kind]}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve over all cohorts with its intervals."""
        ax = axes(ax)
        known = self.frame[self.frame["n"] > 0]
        ax.plot(known["age"], known["estimate"], color=PALETTE[0], marker="o", markersize=3.5)
        ax.fill_between(
            known["age"], known["conf_low"], known["conf_high"], color=PALETTE[0], alpha=0.18,
            linewidth=0,
        )  # fmt: skip
        ax.set_ylim(bottom=0)
        percent_axis(ax, "y")
        ax.set_xlabel(f"{self.unit}s since the start")
        ax.set_ylabel("came back")
        return tidy(ax, grid="y")

    def plot_triangle(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the triangle of cohorts; ages that not all of a cohort have reached are hatched."""
        table = self.triangle(small_cell=small_cell)
        whole = self.cells["complete"].to_numpy().reshape(len(table), -1)
        rows = [
            f"{cohort:%Y-%m-%d}  ({n:,})"
            for cohort, n in zip(table.index, table["n_customers"], strict=True)
        ]
        ages = table.columns[1:]
        ax = cohort_triangle(
            table[ages].to_numpy(dtype=float),
            whole,
            rows=rows,
            columns=[str(age) for age in ages],
            ax=ax,
        )
        ax.set_xlabel(f"{self.unit}s since the start")
        return ax


def retention(
    journeys: Journeys,
    /,
    *,
    start: str = "*",
    returning: str = "*",
    kind: Kind = "classic",
    unit: Unit = "week",
    ages: Ages = "elapsed",
    periods: int = 12,
    look_ahead: int = 4,
    time_zone: str = "UTC",
    unseen: Unseen = "leave_out",
    confidence: float = 0.95,
) -> Retention:
    """Estimate the share of customers who come back, by periods since their start.

    The start is the customer's first event of `start`; coming back is an event of `returning` from
    then on (at age 0 the start itself, if it is one). With ``ages="elapsed"`` period k of a
    customer is [start + k units, start + (k + 1) units), a month being 30 days; with "calendar" it
    is the k-th calendar period after the one of the start, so that those who start late in it have
    a short period 0.

    - ``classic``: came back in period k. Told of customers watched through the whole of k.
    - ``rolling``: came back in one of the periods k to k + `look_ahead`. Told of customers watched
      through the last of them, so that all have had the same time to come back.
    - ``unbounded``: came back in period k or ever later, as far as was seen. Who returns after the
      data's end is not seen to return, so it is a lower bound, the lower the less time is left.
      It is told of the same customers as ``rolling``, who had `look_ahead` more periods at least.

    Customers not watched that long are censored at that age: in no denominator, never lost. So
    each age has customers of its own, and where later cohorts are better the curve may rise.

    Parameters
    ----------
    journeys : Journeys
        With times. Pieces of a customer's journey are taken together.
    start, returning : str
        Classes of the search language (`journeys.pattern`); ``*`` is any event.
    kind : {"classic", "rolling", "unbounded"}
    unit : {"day", "week", "month"}
        Of ages and of cohorts; cohorts are calendar periods (weeks from Monday) in `time_zone`.
    ages : {"elapsed", "calendar"}
    periods : int
        Highest age.
    look_ahead : int
        Periods after k; for "rolling" and "unbounded".
    time_zone : str
        Cuts calendar periods of journeys with clocks.
    unseen : {"leave_out", "keep"}
        Customers who were there before they were watched may have started earlier: their cohort
        is not known. Leave them out and count them, or keep them with the first start seen.
    confidence : float in (0, 1)

    Returns
    -------
    Retention

    Raises
    ------
    NotObservedError
        Journeys without times.
    PatternError, ArgumentError
        Classes or options that cannot be read.
    DataError
        When no customer has a known start.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.journeys.durations import DAY
    >>> drawn = Journeys(
    ...     names=("visit",),
    ...     touchpoint=np.zeros(4, dtype=np.uint8),
    ...     start=np.array([0, 3, 4]),
    ...     time=np.array([3, 12, 20, 5]) * DAY,
    ...     observed_from=np.array([3, 5]) * DAY,
    ...     observed_to=np.array([28, 28]) * DAY,
    ...     window=(0, 28 * DAY),
    ... )
    >>> retention(drawn, periods=2).frame[["age", "n", "n_event", "n_censored"]]
       age  n  n_event  n_censored
    0    0  2        2           0
    1    1  2        1           0
    2    2  2        1           0

    Notes
    -----
    Vendors call ``classic`` "N-day" or "return on", and ``unbounded`` "return on or after" or
    "rolling"; counted to the day of the report it differs between cohorts only because some had
    more time. A limited rolling share can be compared between cohorts.
    """
    check_choice("kind", kind, ("classic", "rolling", "unbounded"))
    check_choice("unit", unit, ("day", "week", "month"))
    check_choice("ages", ages, ("elapsed", "calendar"))
    check_choice("unseen", unseen, ("leave_out", "keep"))
    check_whole("periods", periods, least=1)
    check_whole("look_ahead", look_ahead, least=0)
    check_fraction("confidence", confidence)
    time = journeys.need_time("Retention")
    zone = zone_of(journeys, time_zone)
    begins, wanted = (touchpoints(text, journeys.names) for text in (start, returning))
    first, watched_to, known = starts_of(journeys, time, begins, leave_out=unseen == "leave_out")
    n_left_out = int((~known).sum())
    chosen = np.flatnonzero(known & (first < NEVER))
    if not len(chosen):
        raise DataError(
            f"No customer has a known start at {start!r}: {n_left_out:,} of "
            f"{journeys.n_customers:,} were there before they were watched, the others never came. "
            "`unseen='keep'` takes the first start that was seen."
        )
    ahead = 0 if kind == "classic" else look_ahead
    clock = calendar(int(first[chosen].min()), int(watched_to[chosen].max()), unit, zone)
    cohort = np.searchsorted(clock.edge, first[chosen], side="right") - 1
    came, later = returns(
        journeys, time, wanted, first, chosen, cohort, clock, ages, unit, periods, ahead
    )
    whole = whole_periods(first[chosen], watched_to[chosen], cohort, clock, ages, unit)
    need = np.arange(periods + 1) + ahead
    told = whole[:, None] > need
    done = (later if kind == "unbounded" else came) & told
    cells = _cells(cohort, told, done, clock, confidence)
    given = {
        "start": start,
        "returning": returning,
        "kind": kind,
        "unit": unit,
        "ages": ages,
        "periods": periods,
        "look_ahead": look_ahead,
        "time_zone": time_zone,
        "unseen": unseen,
        "confidence": confidence,
    }
    return Retention(
        frame=_shares(
            pd.DataFrame(
                {
                    "age": np.arange(periods + 1),
                    "n": told.sum(axis=0),
                    "n_event": done.sum(axis=0),
                    "n_censored": (~told).sum(axis=0),
                }
            ),
            confidence,
        ),
        provenance=Provenance(journeys.fingerprint, given),
        cells=cells,
        unit=unit,
        kind=kind,
        n_customers=len(chosen),
        n_left_out=n_left_out,
        n_never=int((known & (first == NEVER)).sum()),
    )


def _shares(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    n, n_event = table["n"].to_numpy(), table["n_event"].to_numpy()
    low, high = wilson_interval(n_event, n, confidence=confidence)
    with np.errstate(invalid="ignore"):
        estimate = np.where(n > 0, n_event / np.maximum(n, 1), np.nan)
    return table.assign(estimate=estimate, conf_low=low, conf_high=high)


def _cells(
    cohort: NDArray[np.int64],
    told: NDArray[np.bool_],
    done: NDArray[np.bool_],
    clock: Calendar,
    confidence: float,
) -> pd.DataFrame:
    rows, place = np.unique(cohort, return_inverse=True)
    n_ages = told.shape[1]
    sums = [
        np.stack([np.bincount(place, table[:, age], len(rows)) for age in range(n_ages)], axis=1)
        for table in (told, done)
    ]
    n, n_event = (table.astype(np.int64).ravel() for table in sums)
    size = np.repeat(np.bincount(place), n_ages)
    cells = pd.DataFrame(
        {
            "cohort": pd.DatetimeIndex([clock.first[row] for row in rows]).repeat(n_ages),
            "n_customers": size,
            "age": np.tile(np.arange(n_ages), len(rows)),
            "n": n,
            "n_event": n_event,
            "n_censored": size - n,
            "complete": n == size,
        }
    )
    return _shares(cells, confidence)
