"""Restricted means: how many of the first days are stayed, on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy import special

from journeykit.checks import check_fraction, check_known, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.stats.multiplicity import benjamini_hochberg, holm
from journeykit.survival.curves.estimates import normal_quantile, restricted_mean
from journeykit.survival.curves.grouped import warn_of_early_zero
from journeykit.survival.curves.pairs import pairs_of
from journeykit.survival.curves.tables import shown_tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.counts import LifeCounts
    from journeykit.survival.curves.tables import LifeTable
    from journeykit.survival.lives import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RestrictedMeanDifferences(Result):
    """A row a pair of groups: how many more days the first stays than the second.

    ``group reference estimate std_error conf_low conf_high statistic p_value p_holm q_value ratio
    ratio_low ratio_high``. `estimate` is the mean of `group` less that of `reference`, in days;
    `statistic` its normal deviate; `ratio` the one over the other. Intervals are of each pair
    alone. `p_holm` and `q_value` allow for the number of pairs.

    Attributes
    ----------
    horizon_days, confidence : float
    """

    horizon_days: float
    confidence: float
    rows: ClassVar[str] = "pairs of groups"

    def summary(self) -> str:
        """Return how many pairs differ, and the one that differs most surely."""
        known = self.frame.dropna(subset=["p_holm"])
        if not len(known):
            return f"{len(self.frame):,} pairs of groups, none with two means to compare"
        differ = int((known["p_holm"] < 1 - self.confidence).sum())
        top = known.loc[known["p_holm"].idxmin()]
        more = "more" if top["estimate"] > 0 else "fewer"
        return (
            f"{differ:,} of {len(known):,} pairs differ (Holm, {1 - self.confidence:.2g}); "
            f"{top['group']} stays {abs(top['estimate']):,.3g} days {more} of the first "
            f"{self.horizon_days:,g} than {top['reference']} ({self.confidence:.0%} "
            f"{top['conf_low']:,.3g} to {top['conf_high']:,.3g})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences with their intervals, and the line of none."""
        from journeykit.survival.curves.pictures import draw_differences

        return draw_differences(self, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RestrictedMeans(Result):
    """``group n n_event time_days estimate std_error conf_low conf_high reason``, a row a group.

    `estimate` is how many of the first `time_days` days are stayed on average; `n_event` left by
    then. Where it cannot be told it is empty and `reason` says why.

    Attributes
    ----------
    horizon_days, confidence : float
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers, which are not shown.
    """

    horizon_days: float
    confidence: float
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "groups"

    def differences(self, *, reference: str | None = None) -> RestrictedMeanDifferences:
        """Compare the groups two by two, or all with one.

        Groups are of different customers, so variances add up: the test statistic is the
        difference over the root of the sum of both variances, and the interval of the ratio is on
        the log scale with the sum of both relative variances. Where nobody of a group left, its
        variance is not known and nothing is tested.

        Parameters
        ----------
        reference : str, optional
            Group that the others are compared with. By default each group is compared with all
            that stand before it in the frame.

        Raises
        ------
        ArgumentError
            When there is only one group.
        MappingError
            When there is no group `reference`.
        """
        groups = self.frame["group"].tolist()
        if len(groups) < 2:
            raise ArgumentError(
                f"A difference needs at least two groups; there is {groups[0]!r} alone. Name "
                "another `by` or lower `small_cell`."
            )
        if reference is not None:
            check_known("reference", [reference], groups, what="groups")
        pairs = pairs_of(groups, reference)
        rows = self.frame.set_index("group")[["estimate", "std_error"]]
        one, other = (rows.loc[list(names)].to_numpy() for names in zip(*pairs, strict=True))
        z = normal_quantile(self.confidence)
        difference = one[:, 0] - other[:, 0]
        error = np.sqrt(one[:, 1] ** 2 + other[:, 1] ** 2)
        # Nobody left in one: an error of 0 is no knowledge, and would make chance look sure.
        error[(one[:, 1] == 0) | (other[:, 1] == 0)] = np.nan
        ratio = one[:, 0] / other[:, 0]
        relative = np.sqrt((one[:, 1] / one[:, 0]) ** 2 + (other[:, 1] / other[:, 0]) ** 2)
        relative[np.isnan(error)] = np.nan
        p_value = 2 * special.ndtr(-np.abs(difference / error))
        frame = pd.DataFrame(
            {
                "group": [pair[0] for pair in pairs],
                "reference": [pair[1] for pair in pairs],
                "estimate": difference,
                "std_error": error,
                "conf_low": difference - z * error,
                "conf_high": difference + z * error,
                "statistic": difference / error,
                "p_value": p_value,
                "p_holm": holm(p_value),
                "q_value": benjamini_hochberg(p_value),
                "ratio": ratio,
                "ratio_low": ratio * np.exp(-z * relative),
                "ratio_high": ratio * np.exp(z * relative),
            }
        )
        return RestrictedMeanDifferences(
            frame=frame,
            provenance=self.provenance,
            horizon_days=self.horizon_days,
            confidence=self.confidence,
        )

    def summary(self) -> str:
        """Return the means of the first groups."""
        told = []
        for row in self.frame.head(4).itertuples():
            if row.reason:
                told.append(f"{row.group}: not told, {row.reason}")
                continue
            bounds = f" ({row.conf_low:,.4g} to {row.conf_high:,.4g})" if row.std_error else ""
            told.append(f"{row.group}: {row.estimate:,.4g}{bounds}")
        more = len(self.frame) - len(told)
        tail = f"; {more} more groups" if more else ""
        return f"days stayed of the first {self.horizon_days:,g}: {'; '.join(told)}{tail}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the means with their intervals."""
        from journeykit.survival.curves.pictures import draw_means

        return draw_means(self, ax)


def rmst(
    lifetimes: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None = None,
    horizon_days: float,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> RestrictedMeans:
    """Estimate how many of the first `horizon_days` days customers stay on average.

    The restricted mean survival time is the area under the Kaplan-Meier curve from 0 to the
    horizon T. With A(s) the area from s to T, its variance is the sum over times s <= T of
    A(s)^2 d(s) / (n(s) (n(s) - d(s))), as Greenwood's, and its interval is symmetric. Where a
    group's curve is 0 before T, it stays at 0. A difference of such means says how many days one
    group stays longer, whether or not the hazards are proportional.

    There is no mean (empty, with the reason) for a group of which nobody was watched until the
    horizon although not all were seen to leave, nor for one of which nobody is under risk at the
    beginning or for some time later: nothing is extrapolated.

    Parameters
    ----------
    lifetimes : Lifetimes or LifeCounts
        Life counts add up over parts of the customers; every entry is taken for one customer.
    by : str, optional
        Column of the lifetimes: a mean for each of its values. Life counts have their groups.
    horizon_days : float
        Above 0. Choose it before looking at the curves.
    confidence : float in (0, 1)
    small_cell : int
        Groups of fewer customers are not shown but named in `suppressed`.

    Returns
    -------
    RestrictedMeans
        `.differences()` compares the groups.

    Raises
    ------
    ArgumentError
        As `kaplan_meier`, and when no group was watched until the horizon.
    MappingError, DataError
        As `kaplan_meier`.

    Warns
    -----
    JourneyKitWarning
        As `kaplan_meier`.

    References
    ----------
    Irwin (1949), J. Hygiene 47; Uno et al. (2014), J. Clin. Oncol. 32; Royston, Parmar (2013),
    BMC Med. Res. Methodol. 13.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival import rmst
    >>> contracts = pd.DataFrame({"time": [1, 2, 3, 4], "status": [1, 1, 1, 0]})
    >>> lives = lifetimes_from_frame(contracts)
    >>> rmst(lives, horizon_days=4, small_cell=1).frame["estimate"].tolist()
    [2.5]
    """
    check_fraction("confidence", confidence)
    check_positive("horizon_days", horizon_days)
    shown = shown_tables(lifetimes, by=by, small_cell=small_cell)
    records = []
    for group, table in shown.tables.items():
        warn_of_early_zero(group, table)
        row = _row(table, horizon_days, confidence)
        records.append({"group": group, "n": shown.customers[group], **row})
    if all(record["reason"] for record in records):
        told = "; ".join(f"{r['group']}: {r['reason']}" for r in records[:4])
        raise ArgumentError(
            f"No group was watched from the beginning to `horizon_days` = {horizon_days:g} "
            f"({told}). Choose an earlier horizon, or a clock on which some begin at 0."
        )
    given = {
        "by": by,
        "horizon_days": horizon_days,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return RestrictedMeans(
        frame=pd.DataFrame.from_records(records),
        provenance=Provenance(shown.fingerprint, given),
        horizon_days=horizon_days,
        confidence=confidence,
        suppressed=shown.suppressed,
    )


def _row(table: LifeTable, horizon_days: float, confidence: float) -> dict[str, object]:
    end = round(horizon_days * DAY)
    mean, error, reason, gap = np.nan, np.nan, "", table.unwatched()
    if table.entry_time[0] > 0:
        reason = f"nobody under risk before day {table.entry_time[0] / DAY:,.4g}"
    elif gap is not None and gap[0] < end:
        reason = f"nobody under risk from day {gap[0] / DAY:,.4g} to {gap[1] / DAY:,.4g}"
    else:
        mean, error = restricted_mean(table, begin=0, end=end)
        if np.isnan(mean):
            reason = f"nobody watched after day {table.time[-1] / DAY:,.4g}"
    # Nobody left: an error of 0 is no knowledge.
    reach = normal_quantile(confidence) * error if error > 0 else np.nan
    known = np.isfinite(reach)
    return {
        "n_event": int(table.n_event[table.time <= end].sum()),
        "time_days": horizon_days,
        "estimate": mean,
        "std_error": error,
        "conf_low": max(mean - reach, 0.0) if known else np.nan,
        "conf_high": min(mean + reach, horizon_days) if known else np.nan,
        "reason": reason,
    }
