"""A portfolio of journeys: how often customers reach what they set out for, when, at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.journeys.durations import DAY
from journeykit.journeys.fingerprint import hash_customers
from journeykit.results import Provenance, Result
from journeykit.stages.goals.cutting import ENDS, GoalCases, goal_cases
from journeykit.stages.goals.estimating import (
    QUANTILES,
    Fates,
    begun_per_time,
    horizon_of,
    mean_per_case,
    share_ended,
    times_to_goal,
)
from journeykit.stages.goals.kernels import ABANDONED, GOAL, OPEN, OUTSIDE, TIMED_OUT, UNWATCHED
from journeykit.stages.goals.overlapping import overlaps
from journeykit.stats.disclosure import emptied, small

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.goals.model import GoalJourney, JourneyTypes
    from journeykit.stats.intervals import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Portfolio(Result):
    """The journeys that customers make, one row a kind.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a kind, in the order of the file: `journey title owner`; `n` cases, `n_customers`
        who make them, `n_edge` cases whose start may not have been seen, `n_known` the others, on
        which all below rests, `n_open` of those still open when the watching ended; `rate rate_low
        rate_high` begun per 100 customers in 30 days; `horizon_days`; `success success_low
        success_high abandoned timed_out undecided`, shares at the horizon, which leave what still
        runs then (`abandoned` is missing where nothing declares it); `time_days
        time_low time_high time_q25 time_q75 time_q90`, days to the goal of
        those who come to it by the horizon; `steps steps_low steps_high` events a case;
        `cost_per_case cost_per_case_low cost_per_case_high cost_per_success cost_per_success_low
        cost_per_success_high`, in the unit of the column, missing where none is declared.
    endings : pandas.DataFrame
        One row a kind and end: `journey ended n_event estimate std_error conf_low conf_high`.
    overlap : pandas.DataFrame
        One row a pair of kinds; see `overlaps`.
    outside : pandas.DataFrame
        Own events that are in no case: `journey touchpoint reason n`, the reason ``no case open``
        or ``not watched``.
    """

    endings: pd.DataFrame
    overlap: pd.DataFrame
    outside: pd.DataFrame
    rows: ClassVar[str] = "kinds of journeys"

    def summary(self) -> str:
        """Say how many cases of what there are, and how often each comes to its goal."""
        told = [_told(row) for _, row in self.frame.iterrows()]
        edges = int(self.frame["n_edge"].sum(skipna=True))
        kinds = "kind" if len(told) == 1 else "kinds"
        said = f"{len(told):,} {kinds} of journeys: {'; '.join(told)}"
        if edges:
            said += (
                f". {edges:,} cases may have begun before the window and count in no share or time"
            )
        return said

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a table: by kind its volume, its success with the interval, and its time."""
        from journeykit.stages.goals.picture import portfolio_table

        return portfolio_table(self.frame, ax)

    def plot_overlap(self, ax: Axes | None = None) -> Axes:
        """Draw which share of the customers of a row's journeys make those of a column too."""
        from journeykit.draw import heat_map

        names = self.frame["journey"].tolist()
        table = np.full((len(names), len(names)), np.nan)
        # Every pair of two that differ, by row.
        table[~np.eye(len(names), dtype=bool)] = self.overlap["share"]
        n = self.frame["n_customers"]
        rows = [f"{name} ({_count(who)})" for name, who in zip(names, n, strict=True)]
        ax = heat_map(table, rows=rows, columns=names, ax=ax)
        ax.set_xlabel("share of the customers of a row who make this one too")
        return ax


def _told(row: pd.Series) -> str:
    if pd.isna(row["n"]):
        return f"{row['journey']} too few to show"
    said = f"{row['journey']} {int(row['n']):,} case{'' if row['n'] == 1 else 's'}"
    if pd.isna(row["success"]):
        return f"{said}, success not observed"
    return (
        f"{said}, {row['success']:.1%} come to the goal within {row['horizon_days']:.3g} days "
        f"({row['success_low']:.1%} to {row['success_high']:.1%})"
    )


def _count(n: object) -> str:
    return "few" if pd.isna(n) else f"{int(n):,}"  # type: ignore[call-overload]


def portfolio(
    journeys: Journeys,
    /,
    registry: JourneyTypes,
    *,
    small_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> Portfolio:
    """Measure all journeys with a goal that customers make: volume, success, time, cost, overlap.

    Cases are cut as in `goal_cases`. A case ends at its goal, given up, or timed out. These
    compete, and what is open when the watching ends is censored, not failed: the share that has
    come to an end by the horizon is Aalen and Johansen's, its variance over customers, who may make
    many cases. The horizon is `horizon_days` of the file, else `within_days`, else the longest time
    that an end took, but less than the median time for which cases are watched. Where the last
    cases under risk are cut off before the horizon, `undecided` is the share of which nobody
    knows, and the upper bound allows for it.

    Shares are of the cases begun, and hold for all if cases begun late, which are watched for
    less, are like those begun early. Edge cases count in `n` alone: how long they had been running
    is not known. The rate is of the cases begun by the time watched; of customers who were there
    when the window began, both are counted from `timeout_days` or `within_days` later, whichever
    is less, so that hardly any start is one of a case that had begun before.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    registry : JourneyTypes
        See `read_portfolio`.
    small_cell : int
        Kinds made by fewer customers are emptied, and cells of the overlap.
    confidence : float in (0, 1)
    seed : int
        Of the bootstrap over customers of costs and steps.

    Raises
    ------
    MappingError
        When a touchpoint or an event column does not exist; the file and key are named.
    DataError
        When a column of costs holds no numbers.
    NotObservedError
        When the journeys have no times.
    ArgumentError
        When they are cut already, or repeats are merged.

    References
    ----------
    Aalen, Johansen (1978), Scand. J. Statist. 5; Bang, Tsiatis (2000), Estimating medical costs
    with censored data, Biometrika 87; Wang, Chang (1999), Nonparametric estimation of a recurrent
    survival function, JASA 94, for why late cases must be like early ones.

    Examples
    --------
    One looks on day 0 and buys on day 2, one looks on day 0 and is watched for 30 days:

    >>> from journeykit.journeys import Journeys
    >>> from journeykit.stages import JourneyTypes, portfolio
    >>> made = Journeys(
    ...     names=("buy", "look"),
    ...     touchpoint=np.array([1, 0, 1], dtype=np.uint8),
    ...     start=np.array([0, 2, 3]),
    ...     time=np.array([0, 2, 0]) * 86_400_000_000,
    ...     observed_from=np.zeros(2, dtype=np.int64),
    ...     observed_to=np.full(2, 30 * 86_400_000_000),
    ... )
    >>> kinds = JourneyTypes(
    ...     journeys={"buying": {"start": ["look"], "goal": ["buy"], "within_days": 14}}
    ... )
    >>> portfolio(made, kinds, small_cell=1).frame[["n", "success", "timed_out"]].values.tolist()
    [[2.0, 0.5, 0.5]]
    """
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    cases = goal_cases(journeys, registry)
    found = [
        _kind(journeys, cases, k, kind, confidence, seed)
        for k, kind in enumerate(registry.journeys.values())
    ]
    frame = pd.DataFrame([row for row, _ in found])
    few = small(frame["n_customers"].to_numpy(), small_cell)
    hidden = [name for name in frame.columns if name not in ("journey", "title", "owner")]
    endings = pd.DataFrame([row for _, rows in found for row in rows])
    few_ends = np.repeat(few, [len(rows) for _, rows in found])
    numbers = endings.columns.drop(["journey", "ended"])
    return Portfolio(
        frame=emptied(frame, dict.fromkeys(hidden, few)),
        endings=emptied(endings, dict.fromkeys(numbers, few_ends)),
        overlap=overlaps(cases, small_cell=small_cell, confidence=confidence),
        outside=_outside(journeys, cases),
        provenance=Provenance(
            journeys.fingerprint,
            {
                "journeys": registry.model_dump()["journeys"],
                "small_cell": small_cell,
                "confidence": confidence,
            },
            seed,
        ),
    )


def _kind(
    journeys: Journeys,
    cases: GoalCases,
    k: int,
    kind: GoalJourney,
    confidence: float,
    seed: int,
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return the row of a kind, and the rows of its ends."""
    of_kind = cases.kind == k
    fates, chosen = _fates(cases, of_kind, kind)
    wanted = (GOAL, ABANDONED, TIMED_OUT) if kind.abandon else (GOAL, TIMED_OUT)
    shares = {
        end: share_ended(fates, code, confidence=confidence)
        for code, end in enumerate(ENDS)
        if code in wanted
    }
    rate = _rate(journeys, cases, k, confidence)
    times = times_to_goal(fates, confidence=confidence)
    name, goal = cases.names[k], shares["goal"]
    row: dict[str, object] = {
        "journey": name,
        "title": kind.title or name,
        "owner": kind.owner,
        "n": int(of_kind.sum()),
        "n_customers": len(np.unique(cases.customer[of_kind])),
        "n_edge": int((of_kind & cases.edge).sum()),
        "n_known": len(chosen),
        "n_open": int((fates.ended == OPEN).sum()),
        **_named("rate", rate),
        "horizon_days": fates.horizon / DAY if fates.horizon >= 0 else np.nan,
        "success": goal.estimate,
        "success_low": goal.low,
        "success_high": goal.high,
        "abandoned": shares["abandoned"].estimate if kind.abandon else np.nan,
        "timed_out": shares["timed out"].estimate,
        "undecided": goal.undecided,
        "time_days": times.quantiles[QUANTILES.index(0.5)],
        "time_low": times.low,
        "time_high": times.high,
        **{
            f"time_q{level * 100:g}": time
            for level, time in zip(QUANTILES, times.quantiles, strict=True)
            if level != 0.5
        },
        **_amounts(journeys, cases, k, kind, (fates, chosen), confidence, seed),
    }
    ends = [
        {
            "journey": name,
            "ended": end,
            "n_event": int(((fates.ended == code) & (fates.took <= fates.horizon)).sum()),
            "estimate": shares[end].estimate,
            "std_error": shares[end].std_error,
            "conf_low": shares[end].low,
            "conf_high": shares[end].high,
        }
        for code, end in enumerate(ENDS)
        if code in wanted
    ]
    return row, ends


def _rate(journeys: Journeys, cases: GoalCases, k: int, confidence: float) -> Estimate:
    """Return cases begun per 100 customers in 30 days, from when starts are counted."""
    since = cases.counted_from[:, k]
    counted = (cases.kind == k) & (cases.begin >= since[cases.journey])
    begun = np.bincount(cases.journey[counted], minlength=len(journeys))
    seen = cases.watched_to - since
    return begun_per_time(begun, seen, journeys.customer_index, confidence=confidence)


def _fates(
    cases: GoalCases, of_kind: NDArray[np.bool_], kind: GoalJourney
) -> tuple[Fates, NDArray[np.int64]]:
    """Return what became of the cases of a kind whose start was seen, and which they are."""
    chosen = np.flatnonzero(of_kind & ~cases.edge)
    took = cases.end[chosen] - cases.begin[chosen]
    watched = cases.watched_to[cases.journey[chosen]] - cases.begin[chosen]
    ended = cases.ended[chosen]
    horizon = horizon_of(kind.horizon_days or kind.within_days, took, ended, watched)
    return Fates(took, ended, cases.customer[chosen], watched, horizon), chosen


def _amounts(
    journeys: Journeys,
    cases: GoalCases,
    k: int,
    kind: GoalJourney,
    known: tuple[Fates, NDArray[np.int64]],
    confidence: float,
    seed: int,
) -> dict[str, float]:
    """Return events and cost a case, and cost by success, up to the horizon."""
    fates, chosen = known
    case = cases.case_of[k]
    inside = case >= 0
    inside[inside] = (
        journeys.need_time("A portfolio")[inside] - cases.begin[case[inside]] <= fates.horizon
    )
    at = case[inside]
    counted = np.bincount(at, minlength=len(cases.kind))[chosen]
    sums = [counted.astype(np.float64)]
    if kind.cost is not None:
        given = journeys.columns[kind.cost][inside].astype(np.float64)
        # Where no event of the kind carries a cost, that is not to cost nothing.
        if np.isfinite(given).any():
            spent = np.bincount(at, np.nan_to_num(given), minlength=len(cases.kind))
            sums.append(spent[chosen].astype(np.float64))
    hashed = hash_customers(journeys.customer_id)[fates.customer]
    found = mean_per_case(sums, fates, hashed, confidence=confidence, seed=seed)
    per_case, per_success = found[1] if len(found) > 1 else ((np.nan,) * 3, (np.nan,) * 3)
    return (
        _named("steps", found[0].per_case)
        | _named("cost_per_case", per_case)
        | _named("cost_per_success", per_success)
    )


def _named(name: str, bounded: tuple[float, float, float]) -> dict[str, float]:
    return {name: bounded[0], f"{name}_low": bounded[1], f"{name}_high": bounded[2]}


def _outside(journeys: Journeys, cases: GoalCases) -> pd.DataFrame:
    """Count own events that are in no case, by kind, touchpoint and reason."""
    rows = []
    for k, name in enumerate(cases.names):
        for code, reason in ((OUTSIDE, "no case open"), (UNWATCHED, "not watched")):
            met = journeys.touchpoint[cases.case_of[k] == code]
            n = np.bincount(met, minlength=len(journeys.names))
            rows += [(name, journeys.names[at], reason, int(n[at])) for at in np.flatnonzero(n)]
    return pd.DataFrame(rows, columns=["journey", "touchpoint", "reason", "n"])
