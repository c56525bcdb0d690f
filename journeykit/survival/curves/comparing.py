"""Do groups leave at different rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from journeykit.checks import check_whole
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result
from journeykit.survival.curves.pairs import tested_pairs
from journeykit.survival.curves.weights import (
    LogRankWeights,
    Weighting,
    checked_weighting,
    chi_squared,
    comparison,
    stratified_tables,
)

if TYPE_CHECKING:
    from journeykit.counts import LifeCounts
    from journeykit.survival.lives import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LogRank(Result):
    """``group n n_event observed expected``: events, and expected if all groups had one hazard.

    `observed` and `expected` are weighted; `observed` is `n_event` for the plain test.

    Attributes
    ----------
    statistic : float
        Chi-squared.
    degrees_of_freedom : int
    p_value : float
    weights : str
    strata : str or None
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers, which took no part.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    weights: LogRankWeights = "log-rank"
    strata: str | None = None
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Return the test in one sentence."""
        p = "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.4f}"
        left = f"; {len(self.suppressed)} too small to take part" if self.suppressed else ""
        how = "" if self.weights == "log-rank" else f" with the weights {self.weights}"
        within = f" within {self.strata}" if self.strata else ""
        return (
            f"log-rank test of {len(self.frame)} groups{how}{within}: chi-squared "
            f"{self.statistic:.2f} on {self.degrees_of_freedom} degrees of freedom, {p}{left}"
        )


def log_rank(
    lifetimes: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None = None,
    strata: str | None = None,
    weights: LogRankWeights = "log-rank",
    p: float | None = None,
    q: float | None = None,
    small_cell: int = 10,
) -> LogRank:
    """Test whether groups share one hazard, by the log-rank test.

    With d events among n at risk at each time, and n_g of these in group g, the expected events
    of g are the sum of d n_g / n, and O - E has the hypergeometric covariance, the sum of
    d (n - d) / (n - 1) (diag(s) - s s'), s = n_g / n. Late entries come in through the risk sets.
    Weights multiply O and E at each time, and the covariance twice. Degrees of freedom are the
    rank of that matrix: groups never at risk together with another cannot be compared.

    Parameters
    ----------
    lifetimes : Lifetimes or LifeCounts
        Life counts add up over parts of the customers; every entry is taken for one customer.
        A customer's several intervals may be in several groups, each while it lasts.
    by : str, optional
        Column of the lifetimes. Life counts have their groups.
    strata : str, optional
        Column of the lifetimes: groups are compared within each of its values, with weights of
        that stratum, and O, E and the covariance are added up. Customers without a value form a
        stratum.
    weights : {"log-rank", "gehan", "tarone-ware", "peto", "fleming-harrington"}
        1, the most powerful where hazards are proportional; n, which the censoring has a say in;
        the root of n; S, as in R with rho = 1; S^p (1 - S)^q. S is the Kaplan-Meier estimate of
        all groups together just before each time.
    p, q : float, optional
        At least 0, only and always with "fleming-harrington": p looks at early, q at late
        differences.
    small_cell : int
        Groups of fewer customers take no part.

    Raises
    ------
    ArgumentError
        When fewer than two groups are left, none can be compared, life counts come with `by` or
        `strata`, or `p` and `q` are wrong.
    MappingError
        When there is no such column.
    DataError
        When customers leave several times.

    References
    ----------
    Mantel (1966); Peto, Peto (1972); Gehan (1965); Tarone, Ware (1977); Harrington, Fleming
    (1982), Biometrika 69. R: survival::survdiff.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame, log_rank
    >>> frame = pd.DataFrame({"time": [1, 3, 2, 4], "status": 1, "kind": ["a", "a", "b", "b"]})
    >>> lives = lifetimes_from_frame(frame, groups=["kind"])
    >>> round(log_rank(lives, by="kind", small_cell=1).statistic, 3)
    0.615
    """
    check_whole("small_cell", small_cell, least=1)
    weighting = checked_weighting(weights, p, q)
    data = stratified_tables(lifetimes, by=by, strata=strata, small_cell=small_cell)
    if len(data.groups) < 2:
        raise ArgumentError(
            f"`log_rank` needs at least two groups of {small_cell} customers or more; got "
            f"{len(data.groups)} (`by` = {by!r}). Name another `by` or lower `small_cell`."
        )
    found = comparison(data.tables, weighting)
    test = chi_squared(found)
    if test.degrees_of_freedom == 0:
        raise ArgumentError(
            "The groups cannot be compared: no event happened while two of them were at risk."
        )
    frame = pd.DataFrame(
        {
            "group": data.groups,
            "n": data.customers,
            "n_event": found.n_event,
            "observed": found.observed,
            "expected": found.expected,
        }
    )
    return LogRank(
        frame=frame,
        provenance=Provenance(data.fingerprint, _given(by, strata, weighting, small_cell)),
        statistic=test.statistic,
        degrees_of_freedom=test.degrees_of_freedom,
        p_value=test.p_value,
        weights=weights,
        strata=strata,
        suppressed=data.suppressed,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PairwiseLogRank(Result):
    """Log-rank tests of two groups each.

    ``group reference n n_reference n_event observed expected statistic p_value p_holm q_value``.
    `n_event` of `group` left; where `observed`, the same weighted, is above `expected`, they leave
    faster than `reference`. `p_holm` is adjusted so that a single false finding among all pairs
    has at most that chance, `q_value` is Benjamini and Hochberg's. Empty where two groups were
    never under risk together.

    Attributes
    ----------
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers, which took no part.
    """

    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "pairs of groups"

    def summary(self) -> str:
        """Return how many pairs differ after Holm's adjustment."""
        tested = self.frame["p_holm"].notna().sum()
        differ = (self.frame["p_holm"] < 0.05).sum()
        left = f"; {len(self.suppressed)} too small to take part" if self.suppressed else ""
        return f"{differ:,} of {tested:,} pairs of groups differ (Holm, 0.05){left}"


def pairwise_log_rank(
    lifetimes: Lifetimes | LifeCounts,
    /,
    *,
    by: str | None = None,
    strata: str | None = None,
    weights: LogRankWeights = "log-rank",
    p: float | None = None,
    q: float | None = None,
    reference: str | None = None,
    small_cell: int = 10,
) -> PairwiseLogRank:
    """Test two groups at a time by the log-rank test, and allow for the number of pairs.

    Each test knows of its two groups alone: their risk sets and, where weights need it, their
    common Kaplan-Meier estimate.

    Parameters
    ----------
    lifetimes, by, strata, weights, p, q, small_cell
        As `log_rank`.
    reference : str, optional
        Group that the others are compared with; by default each with all before it.

    Raises
    ------
    ArgumentError, MappingError, DataError
        As `log_rank`; MappingError also when there is no group `reference`.

    References
    ----------
    Holm (1979), Scand. J. Statist. 6; Benjamini, Hochberg (1995), JRSS B 57.
    """
    check_whole("small_cell", small_cell, least=1)
    weighting = checked_weighting(weights, p, q)
    data = stratified_tables(lifetimes, by=by, strata=strata, small_cell=small_cell)
    if len(data.groups) < 2:
        raise ArgumentError(
            f"`pairwise_log_rank` needs at least two groups of {small_cell} customers or more; "
            f"got {len(data.groups)} (`by` = {by!r}). Name another `by` or lower `small_cell`."
        )
    given = {**_given(by, strata, weighting, small_cell), "reference": reference}
    return PairwiseLogRank(
        frame=tested_pairs(data, weighting, reference),
        provenance=Provenance(data.fingerprint, given),
        suppressed=data.suppressed,
    )


def _given(
    by: str | None, strata: str | None, weighting: Weighting, small_cell: int
) -> dict[str, object]:
    return {"by": by, "strata": strata, **weighting._asdict(), "small_cell": small_cell}
