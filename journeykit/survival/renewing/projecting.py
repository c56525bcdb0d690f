"""What the shifted beta-geometric model tells: retention, and what contracts are worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.results import Result
from journeykit.stats.likelihood import Maximum, delta_errors, positive_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Fitted(NamedTuple):
    """One group's model and how well it fits.

    Attributes
    ----------
    at : Maximum
        Logarithms of alpha and beta.
    n_at_risk, n_event : arrays of int64, shape (n_periods,)
        All that is known, the periods that were not used included.
    used : int
        Periods used for the fit.
    customers : int
    statistic, p_value : float
        Pearson's chi-squared of the periods with at least 5 expected on either side.
    degrees_of_freedom : int
        These periods less 2.
    """

    at: Maximum
    n_at_risk: NDArray[np.int64]
    n_event: NDArray[np.int64]
    used: int
    customers: int
    statistic: float
    p_value: float
    degrees_of_freedom: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Retention(Result):
    """One row a group and period, from 1.

    Columns: `group`; `period`, number of renewals; `n_at_risk` and `n_event`, how many could renew
    for that time and did not, 0 beyond the data; `value`, the share still there as seen
    (Kaplan-Meier), empty beyond the data; `estimate`, the model's, with `std_error`, `conf_low`,
    `conf_high` from the parameters' uncertainty; `rate`, the model's share of those who renew;
    `projected`, true in periods that were not used for the fit.
    """

    rows: ClassVar[str] = "periods"

    def summary(self) -> str:
        """Return the last period of each group."""
        parts = []
        for group, rows in self.frame.groupby("group", sort=False):
            last = rows.iloc[-1]
            told = " projected" if last["projected"] else ""
            parts.append(
                f"{group}: {last['estimate']:.1%} still there after {last['period']:,} renewals"
                f"{told} ({last['conf_low']:.1%} to {last['conf_high']:.1%})"
            )
        return "; ".join(parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw retention seen and modelled, and where the projection begins."""
        from journeykit.survival.renewing.picture import draw_retention

        return draw_retention(self, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ContractValue(Result):
    """One row a group and number of renewals made: ``group renewed estimate std_error ...``.

    `estimate` is what one customer of that many renewals is expected to pay from the next renewal
    on, discounted to it; `conf_low` and `conf_high` are from the parameters' uncertainty;
    `projected` is true.
    """

    rows: ClassVar[str] = "numbers of renewals"

    def summary(self) -> str:
        """Return the first row of each group."""
        parts = [
            f"{rows['group'].iloc[0]}: {rows['estimate'].iloc[0]:,.4g} expected after "
            f"{rows['renewed'].iloc[0]} renewals ({rows['conf_low'].iloc[0]:,.4g} to "
            f"{rows['conf_high'].iloc[0]:,.4g})"
            for _, rows in self.frame.groupby("group", sort=False)
        ]
        return "; ".join(parts)


def retention_of(group: str, fit: Fitted, periods: int | None, confidence: float) -> pd.DataFrame:
    """Return the rows of `Retention` of one group."""
    n = len(fit.n_at_risk) if periods is None else periods
    seen = min(n, len(fit.n_at_risk))
    at_risk, lost = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    at_risk[:seen], lost[:seen] = fit.n_at_risk[:seen], fit.n_event[:seen]
    value = np.full(n, np.nan)
    with np.errstate(invalid="ignore"):
        value[:seen] = np.cumprod(1 - lost[:seen] / at_risk[:seen])

    def survival(theta: Array) -> Array:
        return np.asarray(survival_from(theta, np.zeros(1), n)[0])

    estimate = survival(fit.at.theta)
    std_error = delta_errors(survival, fit.at)
    # The cumulative hazard is positive and unbounded: its interval keeps shares in (0, 1).
    hazard = -np.log(estimate)
    low, high = positive_interval(hazard, std_error / estimate, confidence=confidence)
    alpha, beta = fit.at.parameters
    made = np.arange(n)
    return pd.DataFrame(
        {
            "group": group,
            "period": made + 1,
            "n_at_risk": at_risk,
            "n_event": lost,
            "value": value,
            "estimate": estimate,
            "std_error": std_error,
            "conf_low": np.exp(-high),
            "conf_high": np.exp(-low),
            "rate": (beta + made) / (alpha + beta + made),
            "projected": made >= fit.used,
        }
    )


def survival_from(theta: Array, made: Array, n: int) -> Array:
    """Return S(m + j) / S(m) for j = 1, ..., n, shape (len(made), n)."""
    alpha, beta = np.exp(theta)
    before = made[:, None] + np.arange(n)
    return np.asarray(np.exp(np.cumsum(-np.log1p(alpha / (beta + before)), axis=1)))


def bounded(function: Callable[[Array], Array], at: Maximum, confidence: float) -> dict[str, Array]:
    """Return ``estimate std_error conf_low conf_high`` of positive functions of parameters."""
    estimate = function(at.theta)
    std_error = delta_errors(function, at)
    low, high = positive_interval(estimate, std_error, confidence=confidence)
    return {"estimate": estimate, "std_error": std_error, "conf_low": low, "conf_high": high}
