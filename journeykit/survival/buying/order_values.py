"""What a purchase is worth, and what customers are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive
from journeykit.errors import ArgumentError, DataError, GuardError, JourneyKitWarning
from journeykit.results import Provenance, Result
from journeykit.stats.likelihood import Maximum, delta_errors, maximum, positive_interval
from journeykit.survival.buying.expecting import ALL
from journeykit.survival.buying.fitting import Rows, frequency_groups, parameter_table, rows_of
from journeykit.survival.buying.histories import PurchaseHistories
from journeykit.survival.buying.models import expected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.buying.repeat import RepeatPurchase

    Array = NDArray[np.float64]

#: Correlation of frequency and value beyond which they are not taken for independent.
_TOLERATED_CORRELATION = 0.1
#: Steps of discounting; within a step the mean time stands for all.
_STEPS = 12
_YEAR = 365.25
_NAMES = ("p", "q", "gamma")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Spending(Result):
    """The parameters p, q and gamma: ``parameter estimate std_error conf_low conf_high``.

    Attributes
    ----------
    at : Maximum
    correlation, correlation_low, correlation_high : float
        Pearson's between frequency and mean value of customers who repeat, with its interval; the
        model takes the two for independent.
    histories : PurchaseHistories
    left_out : int
        Customers who repeat with a mean value of 0, which no gamma distribution has.
    """

    at: Maximum
    correlation: float
    correlation_low: float
    correlation_high: float
    histories: PurchaseHistories
    left_out: int = 0
    rows: ClassVar[str] = "parameters"

    @property
    def mean(self) -> float:
        """Mean value of a purchase over all customers, p gamma / (q - 1)."""
        return float(_mean_value(self.at.theta, np.zeros(1), np.zeros(1))[0])

    def customers(self) -> pd.DataFrame:
        """Return ``customer_id estimate``: each one's mean value of a purchase, given their own.

        A customer of few purchases is drawn to the mean of all, one without a repeat is at it.
        """
        frame = self.histories.frame
        x, total = _repeats(frame)
        estimate = _mean_value(self.at.theta, x, total)
        ids = frame["customer_id"].reset_index(drop=True)
        return pd.DataFrame({"customer_id": ids, "estimate": estimate})

    def summary(self) -> str:
        """Return the mean value and whether it goes with frequency."""
        return (
            f"a purchase is worth {self.mean:,.4g} on average; correlation with frequency "
            f"{self.correlation:.2f} ({self.correlation_low:.2f} to {self.correlation_high:.2f})"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CustomerValue(Result):
    """One row a group by number of repeat purchases so far, and one of all customers.

    Columns: `group`; `n` customers; `estimate`, what all their purchases within the horizon are
    expected to be worth, discounted; `std_error`, `conf_low`, `conf_high` from the uncertainty of
    the parameters of both models; `projected`, true.
    """

    horizon_days: float
    confidence: float
    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Return what all customers are expected to be worth."""
        every = self.frame.iloc[-1]
        return (
            f"{every['n']:,} customers expected to be worth {every['estimate']:,.0f} in "
            f"{self.horizon_days:,.4g} days ({self.confidence:.0%} {every['conf_low']:,.0f} to "
            f"{every['conf_high']:,.0f})"
        )


def spending(histories: PurchaseHistories, /, *, confidence: float = 0.95) -> Spending:
    """Model the value of purchases: gamma within customers, gamma between them.

    The purchases of a customer are Gamma(p, rate v), and v is Gamma(q, gamma) over customers, so
    that a mean of x purchases has the density of Fader and Hardie (2013), fitted by maximum
    likelihood to the customers with a repeat purchase of some value. The model takes value and
    frequency for independent.

    Parameters
    ----------
    histories : PurchaseHistories
        With `mean_value`.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When the histories have no values.
    DataError
        When nobody repeats, or the likelihood has no maximum.
    GuardError
        When q is at most 1: the mean value of a purchase is then infinite.

    Warns
    -----
    JourneyKitWarning
        When the interval of the correlation lies beyond -0.1 or 0.1: those who buy often buy
        dearer or cheaper, and the expected value of customers is too low or too high for them.

    References
    ----------
    Fader, Hardie, Lee (2005), RFM and CLV, Journal of Marketing Research 42; Fader, Hardie
    (2013), The gamma-gamma model of monetary value.
    """
    check_fraction("confidence", confidence)
    if "mean_value" not in histories.frame:
        raise ArgumentError(
            "`spending` needs values; give `value` to `purchase_histories`, or `mean_value` to "
            "`purchase_histories_from_frame`."
        )
    x, total = _repeats(histories.frame)
    used = total > 0
    if used.sum() < 3:
        raise DataError(
            "`spending` needs customers who bought again for a value above 0; got "
            f"{int(used.sum())} of {len(x):,}."
        )
    at = _fitted(x[used], total[used])
    found, low, high = _correlation(x[used], (total / np.maximum(x, 1))[used], confidence)
    if low > _TOLERATED_CORRELATION or high < -_TOLERATED_CORRELATION:
        warnings.warn(
            "Value and frequency are taken for independent, but their correlation is "
            f"{found:.2f} ({low:.2f} to {high:.2f}); the expected value of customers may mislead. "
            "Model the kinds of customers apart.",
            JourneyKitWarning,
            stacklevel=2,
        )
    return Spending(
        frame=parameter_table(_NAMES, at, confidence),
        provenance=Provenance(histories.provenance.fingerprint, {"confidence": confidence}),
        at=at,
        correlation=found,
        correlation_low=low,
        correlation_high=high,
        histories=histories,
        left_out=int(((x > 0) & ~used).sum()),
    )


def _fitted(x: Array, total: Array) -> Maximum:
    def objective(theta: Array) -> tuple[float, Array]:
        return _log_likelihood(theta, x, total)

    typical = float(np.median(total / x))
    starts = [np.log([p, q, typical * q / p]) for p, q in ((2.0, 3.0), (6.0, 4.0), (1.0, 2.0))]
    at = maximum(objective, starts, names=_NAMES)
    if at.parameters[1] <= 1:
        raise GuardError(
            f"The mean value of a purchase must be finite; q = {at.parameters[1]:.3g} is at most "
            "1, so few purchases of enormous value decide everything. Look at the largest ones."
        )
    return at


def customer_value(
    repeat: RepeatPurchase,
    spent: Spending,
    /,
    *,
    horizon_days: float,
    yearly_discount: float = 0.0,
    margin: float = 1.0,
) -> CustomerValue:
    """Return what customers are expected to be worth within a horizon.

    Each one's expected purchases times their expected mean value, times `margin`; what comes at
    time t is divided by (1 + yearly_discount)^(t / 365.25 days), in twelve steps.

    Parameters
    ----------
    repeat : RepeatPurchase
    spent : Spending
        Of the same histories.
    horizon_days : float
    yearly_discount : float
        At least 0; 0.1 is ten per cent a year.
    margin : float
        Profit per unit of value, above 0.

    Raises
    ------
    ArgumentError
        When the two models are of different customers, or a number is out of range.
    GuardError
        When the model of repeat purchases does not fit.
    """
    check_positive("horizon_days", horizon_days)
    check_positive("margin", margin)
    if isinstance(yearly_discount, bool) or not 0 <= yearly_discount < np.inf:
        raise ArgumentError(f"`yearly_discount` must be at least 0; got {yearly_discount!r}.")
    if repeat.histories is not spent.histories:
        raise ArgumentError(
            "`repeat` and `spent` must be of the same histories; fit both on one object."
        )
    repeat.need_fit("The value of customers")
    rows = rows_of(repeat.histories, repeat.period_days)
    groups = frequency_groups(rows, repeat.small_cell)
    edges = np.linspace(0, horizon_days, (1 if yearly_discount == 0 else _STEPS) + 1)
    worth = margin * (1 + yearly_discount) ** -((edges[1:] + edges[:-1]) / 2 / _YEAR)
    by_row = _value_by_row(repeat, rows, edges[1:] / repeat.period_days, worth)

    def summed(theta: Array) -> Array:
        by_group = np.bincount(groups.of_row, by_row(theta))
        return np.append(by_group, by_group.sum())

    both = Maximum(
        np.concatenate([repeat.at.theta, spent.at.theta]),
        _block_diagonal(repeat.at.covariance, spent.at.covariance),
        repeat.at.log_likelihood + spent.at.log_likelihood,
    )
    estimate = summed(both.theta)
    std_error = delta_errors(summed, both)
    low, high = positive_interval(estimate, std_error, confidence=repeat.confidence)
    n = np.bincount(groups.of_row, rows.n).astype(np.int64)
    columns = {"estimate": estimate, "std_error": std_error, "conf_low": low, "conf_high": high}
    who = {"group": [*groups.names, ALL], "n": np.append(n, n.sum())}
    given = {"horizon_days": horizon_days, "yearly_discount": yearly_discount, "margin": margin}
    return CustomerValue(
        frame=pd.DataFrame({**who, **columns, "projected": True}),
        provenance=Provenance(repeat.provenance.fingerprint, given),
        horizon_days=horizon_days,
        confidence=repeat.confidence,
    )


def _value_by_row(
    repeat: RepeatPurchase, rows: Rows, until: Array, worth: Array
) -> Callable[[Array], Array]:
    """Return what alike customers are worth together, as a function of both models' parameters.

    `until` are the ends of the steps in periods, `worth` what a unit of value is worth in each.
    """
    split = len(repeat.at.theta)
    _, total = _repeats(repeat.histories.frame)
    spent_by_row = np.asarray(np.bincount(rows.which, total), dtype=np.float64)

    def by_row(theta: Array) -> Array:
        buying = [
            expected(repeat.model, theta[:split], rows.seen, np.full(len(rows.n), end))
            for end in until
        ]
        discounted = worth @ np.diff(np.array([np.zeros(len(rows.n)), *buying]), axis=0)
        # The mean value is linear in what was spent, so alike customers add up.
        each = _mean_value(theta[split:], rows.seen.x, spent_by_row, rows.n)
        return np.asarray(discounted * each)

    return by_row


def _repeats(frame: pd.DataFrame) -> tuple[Array, Array]:
    """Return each customer's repeat purchases and their total value."""
    x = frame["frequency"].to_numpy(dtype=np.float64)
    return x, x * np.nan_to_num(frame["mean_value"].to_numpy(dtype=np.float64))


def _mean_value(theta: Array, x: Array, total: Array, n: object = 1) -> Array:
    """Return the expected mean value given x purchases of that total, summed over n alike."""
    p, q, gamma = np.exp(theta)
    return np.asarray(p * (n * gamma + total) / (p * x + q - 1))


def _log_likelihood(theta: Array, x: Array, total: Array) -> tuple[float, Array]:
    from scipy.special import betaln, digamma

    p, q, gamma = np.exp(theta)
    value = (
        -betaln(p * x, q)
        + q * theta[2]
        + (p * x - 1) * np.log(total / x)
        + p * x * np.log(x)
        - (p * x + q) * np.log(gamma + total)
    )
    of_sum = digamma(p * x + q)
    apart = np.log(gamma + total)
    slopes = np.array(
        [
            (x * (of_sum - digamma(p * x) + np.log(total) - apart)).sum(),
            (of_sum - digamma(q) + theta[2] - apart).sum(),
            (q / gamma - (p * x + q) / (gamma + total)).sum(),
        ]
    )
    return float(value.sum()), slopes * np.exp(theta)


def _correlation(x: Array, value: Array, confidence: float) -> tuple[float, float, float]:
    """Return Pearson's correlation with an interval that allows for unequal spread.

    Ranks will not do: the mean of few skewed values is often below that of many although their
    expectations are equal. Where one of them is constant nothing is known.
    """
    from scipy import stats

    off_x, off_value = x - x.mean(), value - value.mean()
    scale = np.sqrt((off_x**2).sum() * (off_value**2).sum())
    if scale == 0:
        return float("nan"), -1.0, 1.0
    found = float((off_x * off_value).sum() / scale)
    # Of the slope, by White's variance; the scale is known far better.
    residual = off_value - (off_x * off_value).sum() / (off_x**2).sum() * off_x
    error = float(np.sqrt(((off_x * residual) ** 2).sum()) / scale)
    half = float(stats.norm.isf((1 - confidence) / 2)) * error
    return found, max(found - half, -1.0), min(found + half, 1.0)


def _block_diagonal(one: Array, other: Array) -> Array:
    size = len(one)
    both = np.zeros((size + len(other), size + len(other)))
    both[:size, :size] = one
    both[size:, size:] = other
    return both
