"""From the counts of one group to its curve: product limit, cumulative hazard, restricted mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from scipy import special

from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.curves.tables import LifeTable

#: Scale on which the interval of a survival curve is symmetric.
SurvivalInterval = Literal["log-log", "log", "plain"]
SURVIVAL_INTERVALS = get_args(SurvivalInterval)
#: Scale on which the interval of a cumulative hazard is symmetric.
HazardInterval = Literal["log", "plain"]
HAZARD_INTERVALS = get_args(HazardInterval)


class Curve(NamedTuple):
    """An estimate at every time of a table and its interval, arrays of shape (n_times,)."""

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


class Mean(NamedTuple):
    """Days under the curve, and their standard error."""

    estimate: float
    std_error: float


def normal_quantile(confidence: float, /) -> float:
    """Return how many standard errors a two-sided interval reaches to either side."""
    return float(special.ndtri((1 + confidence) / 2))


def product_limit(
    n_at_risk: NDArray[np.int64],
    n_event: NDArray[np.int64],
    /,
    *,
    confidence: float,
    interval: SurvivalInterval = "log-log",
) -> Curve:
    """Multiply up the shares that stay, with Greenwood's error and an interval.

    With V the sum of d / (n (n - d)), which is the variance of log S, the interval is
    S^exp(-+ z sqrt(V) / log S) on the log(-log) scale, S exp(+- z sqrt(V)) on the log scale and
    S +- z S sqrt(V) on the plain one, cut off at 0 and 1. Empty where S is 0 or 1.
    """
    survivors = n_at_risk - n_event
    estimate = np.cumprod(survivors / n_at_risk, dtype=np.float64)
    z = normal_quantile(confidence)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Greenwood's sum is the variance of log S; infinite once nobody is left.
        log_error = np.sqrt(np.cumsum(n_event / (n_at_risk * survivors.astype(np.float64))))
        std_error = np.where(estimate > 0, estimate * log_error, np.nan)
        if interval == "log-log":
            stretch = np.exp(z * log_error / np.abs(np.log(estimate)))
            low, high = estimate**stretch, estimate ** (1 / stretch)
        elif interval == "log":
            low, high = (estimate * np.exp(sign * z * log_error) for sign in (-1, 1))
        else:
            low, high = (estimate + sign * z * std_error for sign in (-1, 1))
    inside = (estimate > 0) & (estimate < 1)
    bounds = (np.where(inside, np.clip(bound, 0.0, 1.0), np.nan) for bound in (low, high))
    return Curve(estimate, std_error, *bounds)


def summed_hazard(
    n_at_risk: NDArray[np.int64],
    n_event: NDArray[np.int64],
    /,
    *,
    confidence: float,
    interval: HazardInterval = "log",
) -> Curve:
    """Add up the shares that leave, d / n, with Aalen's variance, the sum of d / n^2.

    The interval is H exp(+- z sigma / H) on the log scale and H +- z sigma on the plain one, cut
    off at 0. Empty before the first event.
    """
    estimate = np.cumsum(n_event / n_at_risk, dtype=np.float64)
    std_error = np.sqrt(np.cumsum(n_event / np.square(n_at_risk, dtype=np.float64)))
    low, high = positive_interval(estimate, std_error, confidence=confidence, interval=interval)
    return Curve(estimate, std_error, low, high)


def positive_interval(
    estimate: NDArray[np.float64],
    std_error: NDArray[np.float64],
    /,
    *,
    confidence: float,
    interval: HazardInterval = "log",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of something that cannot be negative; empty where it is 0."""
    reach = normal_quantile(confidence) * std_error
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if interval == "log":
            low, high = (estimate * np.exp(sign * reach / estimate) for sign in (-1, 1))
        else:
            low, high = np.maximum(estimate - reach, 0.0), estimate + reach
    told = estimate > 0
    return np.where(told, low, np.nan), np.where(told, high, np.nan)


def restricted_mean(table: LifeTable, /, *, begin: int, end: int) -> Mean:
    """Return the days under the product-limit curve from `begin` to `end`, both microseconds.

    With A(s) the area from s to `end`, the variance is the sum over times s of leaving of
    A(s)^2 d / (n (n - d)). NaN where someone was lost from sight before `end` and nobody is left
    to tell how the curve goes on; where the last one was seen to leave it stays at 0.
    """
    if not len(table.time):
        return Mean(np.nan, np.nan)
    n, d = table.n_at_risk.astype(np.float64), table.n_event.astype(np.float64)
    estimate = np.cumprod((n - d) / n)
    if end > table.time[-1] and estimate[-1] > 0:
        return Mean(np.nan, np.nan)
    inside = table.time <= end
    edges = np.concatenate([[begin], table.time[inside], [end]])
    pieces = np.concatenate([[1.0], estimate[inside]]) * np.diff(edges) / DAY
    area = np.cumsum(pieces[::-1])[::-1]
    n, d, later = n[inside], d[inside], area[1:]
    # Once everyone has left there is no area behind, and nothing left to be unsure about.
    known = (d < n) & (later > 0)
    variance = np.square(later[known]) * d[known] / (n[known] * (n - d)[known])
    return Mean(float(area[0]), float(np.sqrt(variance.sum())))
