"""Which customers look alike to a model, its parameters, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.errors import DataError
from journeykit.results import Result, Status
from journeykit.stats.likelihood import Maximum, delta_covariance, maximum, positive_interval
from journeykit.survival.buying.models import BuyingModel, Seen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.buying.histories import PurchaseHistories

#: Frequencies of which the last stands for all above.
BINS = 8
#: A bin of the test has at least so many customers expected.
_LEAST_EXPECTED = 5
_DOUBTFUL, _CERTAIN = 0.01, 0.001


class Rows(NamedTuple):
    """Customers of one history are one row to a model.

    Attributes
    ----------
    seen : Seen
        Arrays of shape (n_rows,), in periods.
    n : array of int64, shape (n_rows,)
        Customers.
    which : array of int64, shape (n_customers,)
        Row of each customer.
    """

    seen: Seen
    n: NDArray[np.int64]
    which: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PurchaseCounts(Result):
    """``group n expected``: customers by number of repeat purchases, seen and as the model has it.

    Attributes
    ----------
    statistic : float
        Pearson's chi-squared, groups of fewer than 5 expected customers pooled.
    degrees_of_freedom : int
        Groups less 1 less the parameters; 0 where there are too few groups for a test.
    p_value : float
        The parameters are fitted to more than these groups, so the statistic spreads wider than
        chi-squared on these degrees of freedom (Chernoff and Lehmann): p is of the sum of squares
        it is then, by its mean and variance.
    misplaced : float
        Share of customers in other groups than the model has them.
    status : {"passed", "warned", "failed"}
        Failed where p < 0.001 and more than the tolerated share is misplaced; warned where p is
        below 0.01 or there is no test.

    References
    ----------
    Chernoff, Lehmann (1954), Annals of Mathematical Statistics 25; Satterthwaite (1946),
    Biometrics Bulletin 2.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    misplaced: float
    status: Status
    rows: ClassVar[str] = "numbers of repeat purchases"

    def summary(self) -> str:
        """Return the test in one sentence."""
        if self.degrees_of_freedom == 0:
            return "too few different numbers of repeat purchases to test the fit"
        p = "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.4f}"
        return (
            f"fit {self.status}: chi-squared {self.statistic:.2f}, {p}; "
            f"{self.misplaced:.1%} of customers misplaced"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many customers bought how often, seen and expected."""
        from journeykit.survival.buying.picture import draw_purchase_counts

        return draw_purchase_counts(self, ax)


def rows_of(histories: PurchaseHistories, period_days: float) -> Rows:
    """Group customers of one history."""
    frame = histories.frame
    columns = ["frequency", "recency_days", "observed_days"]
    table = frame[columns].to_numpy(dtype=np.float64)
    alike, which, n = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    seen = Seen(alike[:, 0].copy(), alike[:, 1] / period_days, alike[:, 2] / period_days)
    return Rows(seen, n, which.reshape(-1))


def fitted(model: BuyingModel, rows: Rows) -> Maximum:
    """Fit a model by maximum likelihood.

    Raises
    ------
    DataError
        When nobody repeats, or the likelihood has no maximum.
    """
    seen, n = rows.seen, rows.n
    if not (seen.x > 0).any():
        raise DataError(
            f"At least some customers must buy again; none of {int(n.sum()):,} did, so nothing can "
            "be learned about buying again. Watch longer, or check which touchpoints are orders."
        )

    def objective(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = model.log_likelihood(theta, seen)
        return float(n @ value), n @ gradient

    scale = float((n @ seen.end) / n.sum())
    return maximum(objective, model.starts(scale), names=model.parameters)


def parameter_table(names: Sequence[str], at: Maximum, confidence: float) -> pd.DataFrame:
    """Return ``parameter estimate std_error conf_low conf_high``, intervals on the log scale."""
    std_error = np.sqrt(np.diag(at.covariance)) * at.parameters
    low, high = positive_interval(at.parameters, std_error, confidence=confidence)
    columns = {"estimate": at.parameters, "std_error": std_error}
    return pd.DataFrame({"parameter": list(names), **columns, "conf_low": low, "conf_high": high})


def purchase_counts(
    model: BuyingModel, at: Maximum, rows: Rows, *, tolerated: float, small_cell: int
) -> PurchaseCounts:
    """Compare how many customers bought how often with what the model expects."""
    seen, n = rows.seen, rows.n
    ends, which = np.unique(seen.end, return_inverse=True)
    watched = np.bincount(which, n)
    chance = _chances(model, at.theta, ends)
    wanted = watched @ chance
    found = np.bincount(_bin(seen.x), n, minlength=BINS)
    low = BINS
    while low > 1 and wanted[low - 1 :].sum() < _LEAST_EXPECTED:
        low -= 1
    pooled = np.append(wanted[: low - 1], wanted[low - 1 :].sum())
    counted = np.append(found[: low - 1], found[low - 1 :].sum())
    degrees = max(len(pooled) - 1 - len(at.theta), 0)
    statistic = float(((counted - pooled) ** 2 / pooled).sum())
    p_value = float("nan")
    if degrees:
        pool = np.minimum(np.arange(BINS), low - 1)[:, None] == np.arange(low)
        spread = np.diag(wanted) - (chance.T * watched) @ chance
        spread -= delta_covariance(lambda theta: watched @ _chances(model, theta, ends), at)
        p_value = _tail(statistic, pool.T @ spread @ pool, pooled)
    misplaced = float(np.abs(counted - pooled).sum() / (2 * n.sum()))
    status: Status = "passed" if p_value >= _DOUBTFUL else "warned"
    if p_value < _CERTAIN and misplaced > tolerated:
        status = "failed"
    groups = frequency_groups(rows, small_cell)
    code = groups.of_bin
    frame = pd.DataFrame(
        {
            "group": groups.names,
            "n": np.bincount(code, found).astype(np.int64),
            "expected": np.bincount(code, wanted),
        }
    )
    return PurchaseCounts(
        frame=frame,
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=p_value,
        misplaced=misplaced,
        status=status,
    )


def _chances(
    model: BuyingModel, theta: NDArray[np.float64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of every bin for each end of watching, shape (len(ends), BINS)."""
    chance = model.counts(theta, BINS - 2, ends)
    return np.column_stack([chance, 1 - chance.sum(axis=1)])


def _tail(
    statistic: float, covariance: NDArray[np.float64], expected: NDArray[np.float64]
) -> float:
    """Return how often Pearson's statistic is larger where seen less expected has a covariance."""
    from scipy import stats

    weight = np.linalg.eigvalsh(covariance / np.sqrt(np.outer(expected, expected))).clip(0)
    scale = (weight**2).sum() / weight.sum()
    return float(stats.chi2.sf(statistic / scale, weight.sum() / scale))


class Groups(NamedTuple):
    """Customers by number of repeat purchases, so coarse that nobody stands out.

    Attributes
    ----------
    names : list of str
        In order: ``0``, ``1``, ``2-3``, ``4 or more``.
    of_bin : array of int64, shape (8,)
        Group of 0, 1, ..., 6 and of 7 or more repeat purchases.
    of_row : array of int64, shape (n_rows,)
        Group of each row of alike customers.
    """

    names: list[str]
    of_bin: NDArray[np.int64]
    of_row: NDArray[np.int64]


def frequency_groups(rows: Rows, small_cell: int) -> Groups:
    """Pool neighbouring numbers of repeat purchases, from the top, until no group is too small.

    Raises
    ------
    DataError
        When all customers together are fewer than `small_cell`.
    """
    found = np.bincount(_bin(rows.seen.x), rows.n, minlength=BINS)
    if found.sum() < small_cell:
        raise DataError(
            f"At least {small_cell} customers are needed; got {int(found.sum()):,}. Lower "
            "`small_cell` if they may be shown."
        )
    begins, together = [], 0.0
    for low in range(BINS - 1, -1, -1):
        together += found[low]
        if together >= small_cell:
            begins.append(low)
            together = 0.0
    # What is left over at the bottom joins the lowest group.
    begins[-1] = 0
    begins.reverse()
    ends = [*(begin - 1 for begin in begins[1:]), None]
    names = [_named(low, high) for low, high in zip(begins, ends, strict=True)]
    of_bin = np.searchsorted(begins, np.arange(BINS), side="right") - 1
    return Groups(names, of_bin, of_bin[_bin(rows.seen.x)])


def _bin(x: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum(x, BINS - 1).astype(np.int64)


def _named(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low}-{high}"
