"""Do groups leave at different rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_whole
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result
from journeykit.survival.tables import counted, kept_groups, life_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.counts import LifeCounts
    from journeykit.survival.lives import Lifetimes


#: Share of the largest eigenvalue below which one is 0: sums over a million times are not exact.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LogRank(Result):
    """``group n n_event expected``: events seen, and expected if all groups had one hazard.

    Attributes
    ----------
    statistic : float
        Chi-squared.
    degrees_of_freedom : int
    p_value : float
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers, which took no part.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Return the test in one sentence."""
        p = "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.4f}"
        left = f"; {len(self.suppressed)} too small to take part" if self.suppressed else ""
        return (
            f"log-rank test of {len(self.frame)} groups: chi-squared {self.statistic:.2f} on "
            f"{self.degrees_of_freedom} degrees of freedom, {p}{left}"
        )


def log_rank(
    lifetimes: Lifetimes | LifeCounts, /, *, by: str | None = None, small_cell: int = 10
) -> LogRank:
    """Test whether groups share one hazard, by the log-rank test.

    With d events among n at risk at each time, and n_g of these in group g, the expected events
    of g are the sum of d n_g / n, and O - E has the hypergeometric covariance, the sum of
    d (n - d) / (n - 1) (diag(p) - p p'), p = n_g / n. Late entries come in through the risk sets.
    Degrees of freedom are the rank of that matrix: groups never at risk together with another
    cannot be compared.

    Parameters
    ----------
    lifetimes : Lifetimes or LifeCounts
        Life counts add up over parts of the customers; every entry is taken for one customer.
    by : str, optional
        Column of the lifetimes. Life counts have their groups.
    small_cell : int
        Groups of fewer customers take no part.

    Raises
    ------
    ArgumentError
        When fewer than two groups are left, none can be compared, or life counts come with `by`.

    References
    ----------
    Mantel (1966); Peto, Peto (1972). R: survival::survdiff with rho = 0.
    """
    check_whole("small_cell", small_cell, least=1)
    data = counted(lifetimes, by)
    counts = data.counts
    kept, suppressed = kept_groups(data, small_cell)
    if len(kept) < 2:
        raise ArgumentError(
            f"`log_rank` needs at least two groups of {small_cell} customers or more; got "
            f"{len(kept)} (`by` = {by!r}). Name another `by` or lower `small_cell`."
        )
    observed, expected, covariance = _moments(counts, kept)
    degrees = int(np.linalg.matrix_rank(covariance, rtol=_ROUNDING, hermitian=True))
    if degrees == 0:
        raise ArgumentError(
            "The groups cannot be compared: no event happened while two of them were at risk."
        )
    off = observed - expected
    statistic = float(off @ np.linalg.pinv(covariance, rcond=_ROUNDING, hermitian=True) @ off)
    frame = pd.DataFrame(
        {
            "group": [counts.groups[g] for g in kept],
            "n": data.customers[kept],
            "n_event": observed.astype(np.int64),
            "expected": expected,
        }
    )
    return LogRank(
        frame=frame,
        provenance=Provenance(data.fingerprint, {"by": by, "small_cell": small_cell}),
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=float(stats.chi2.sf(statistic, degrees)),
        suppressed=suppressed,
    )


def _moments(
    counts: LifeCounts, kept: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return observed and expected events, shape (g,), and their covariance, shape (g, g)."""
    tables = [life_table(counts, g) for g in kept]
    with_event = [table.time[table.n_event > 0] for table in tables]
    time = np.unique(np.concatenate(with_event))
    at_risk = np.empty((len(kept), len(time)))
    events = np.zeros(len(time))
    for row, table in enumerate(tables):
        at_risk[row] = table.at_risk_just_before(time)
        events += np.bincount(
            np.searchsorted(time, table.time[table.n_event > 0]),
            table.n_event[table.n_event > 0],
            len(time),
        )
    n = at_risk.sum(axis=0)
    share = at_risk / n
    weight = events * (n - events) / np.maximum(n - 1, 1)
    covariance = np.diag((weight * share).sum(axis=1)) - (weight * share) @ share.T
    observed = np.array([table.n_event.sum() for table in tables], dtype=np.float64)
    return observed, (events * share).sum(axis=1), covariance
