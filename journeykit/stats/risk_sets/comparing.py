"""Mantel and Haenszel's comparison over risk sets, for customers who are in many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.stats.intervals import Estimate, _normal_quantile
from journeykit.stats.risk_sets.kernels import cluster_squares, stratum_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RiskSetEffect(NamedTuple):
    """How much likelier the event is after an exposure than without it, all else equal.

    Attributes
    ----------
    n_exposed, n_event : int
        Exposed moments that have someone to compare with, and those followed by the event.
    n_compared : int
        Customers' moments that they are compared with.
    n_alone : int
        Exposed moments whose stratum has no one to compare with; they tell nothing.
    risk, risk_compared : float
        Share with the event of those exposed, and of those compared with, in the strata of the
        exposed and weighted as these are.
    ratio, difference : Estimate
        Mantel and Haenszel's risk ratio and risk difference.
    z : float
        Score without an effect over its standard error; above 0 where the exposed have more events.
    p_less, p_greater, p_value : float
        One-sided, that the exposed have as few, as many events by chance; and two-sided.
    """

    n_exposed: int
    n_event: int
    n_compared: int
    n_alone: int
    risk: float
    risk_compared: float
    ratio: Estimate
    difference: Estimate
    z: float
    p_less: float
    p_greater: float
    p_value: float


_NOTHING = Estimate(np.nan, np.nan, np.nan)


def compare_in_risk_sets(
    customer: NDArray[np.integer],
    stratum: NDArray[np.integer],
    role: NDArray[np.int8],
    event: NDArray[np.bool_],
    /,
    *,
    n_strata: int,
    confidence: float = 0.95,
) -> RiskSetEffect:
    """Compare exposed moments with others of the same stratum.

    In stratum s, a of e exposed moments and b of c compared ones (n = e + c) are followed by the
    event, m = a + b. The risk ratio is sum(a c / n) / sum(b e / n), the risk difference
    sum((a c - b e) / n) / sum(e c / n). Their variances add up, over customers, the squares of all
    that one customer contributes to the estimating equation: a customer may be compared at many
    moments and exposed at a later one, and what happens within the horizon of one is mostly what
    happens within that of the next. The interval of the ratio is on the log scale; it is missing
    where either side has no event.

    The p-values are those of permuting, within strata, which moments are the exposed ones: U = sum
    of a - e m / n has the variance V = sum of e c m (n - m) / (n^2 (n - 1)) and the third cumulant
    of hypergeometric numbers, and its distribution is taken as the Pearson type III one with these
    three moments. No draw is needed, so p-values far below 1 / (number of draws) can be told.
    Moments of one customer vary together, which permuting moments does not know: V is multiplied by
    how much larger the variance of U is estimated by customer than by moment (never by less than 1;
    without that bound, 12 % of 150 worlds of 300 customers had a false discovery).

    Parameters
    ----------
    customer : array of integers, shape (n_moments,)
        Moments of a customer stand together.
    stratum : array of integers below `n_strata`, shape (n_moments,)
    role : array of int8, shape (n_moments,)
        1 exposed, 0 compared with, -1 neither.
    event : array of bool, shape (n_moments,)
        Whether the event follows within the horizon.
    n_strata : int
    confidence : float in (0, 1)

    References
    ----------
    Mantel, Haenszel (1959), JNCI 22. Greenland, Robins (1985), Estimation of a common effect
    parameter from sparse follow-up data, Biometrics 41. Mielke, Berry (2007), Permutation methods,
    chapter 2: Pearson type III. Andersen, Gill (1982), Annals of Statistics 10: risk sets.
    """
    table = stratum_counts(stratum, role, event, n_strata)
    told = (table[:, 0] > 0) & (table[:, 1] > 0)
    alone = int(table[~told, 0].sum())
    if not told.any():
        return RiskSetEffect(
            0, 0, 0, alone, np.nan, np.nan, _NOTHING, _NOTHING, np.nan, np.nan, np.nan, np.nan
        )
    exposed, compared, a, b = table[told].astype(np.float64).T
    n, m = exposed + compared, a + b
    with_event, expected = float((a * compared / n).sum()), float((b * exposed / n).sum())
    weight = float((exposed * compared / n).sum())
    difference = (with_event - expected) / weight
    ratio = with_event / expected if expected > 0 else np.nan
    squares = cluster_squares(
        customer, stratum, role, event, table, ratio if ratio > 0 else 1.0, difference
    )
    z_value = _normal_quantile(confidence)
    spread = z_value * np.sqrt(squares[2]) / weight
    log_spread = np.nan
    if ratio > 0 and expected > 0:
        log_spread = z_value * np.sqrt(squares[1]) / (ratio * expected)
    score = float((a - exposed * m / n).sum())
    variance = (exposed * compared * m * (n - m) / (n**2 * (n - 1))).sum()
    skewness = _third_cumulant(exposed, m, n).sum() / variance**1.5 if variance > 0 else 0.0
    clustering = max(1.0, squares[0] / squares[3]) if squares[3] > 0 else 1.0
    z = score / np.sqrt(variance * clustering) if variance > 0 else 0.0
    less, greater = pearson_three_tail(-z, -skewness), pearson_three_tail(z, skewness)
    return RiskSetEffect(
        n_exposed=int(exposed.sum()),
        n_event=int(a.sum()),
        n_compared=int(compared.sum()),
        n_alone=alone,
        risk=float(a.sum() / exposed.sum()),
        risk_compared=float((b * exposed / compared).sum() / exposed.sum()),
        ratio=Estimate(ratio, ratio * np.exp(-log_spread), ratio * np.exp(log_spread)),
        difference=Estimate(difference, difference - spread, difference + spread),
        z=float(z),
        p_less=less,
        p_greater=greater,
        p_value=min(1.0, 2 * min(less, greater)),
    )


def _third_cumulant(
    exposed: NDArray[np.float64], m: NDArray[np.float64], n: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the third cumulant of a hypergeometric number; 0 where n is 2, which is symmetric."""
    top = exposed * m * (n - m) * (n - exposed) * (n - 2 * m) * (n - 2 * exposed)
    return np.where(n > 2, top / (n**3 * (n - 1) * np.maximum(n - 2, 1)), 0.0)


def pearson_three_tail(z: float, skewness: float, /) -> float:
    """Return P(Z >= z) for the Pearson type III law with mean 0, variance 1 and that skewness."""
    from scipy.special import gammainc, gammaincc, ndtr

    if abs(skewness) < 1e-5:
        return float(ndtr(-z))
    shape = 4 / skewness**2
    at = shape + z * np.sqrt(shape) * np.sign(skewness)
    if at <= 0:
        return 1.0 if skewness > 0 else 0.0
    return float(gammaincc(shape, at) if skewness > 0 else gammainc(shape, at))
