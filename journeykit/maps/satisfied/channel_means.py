"""Means of groups of which the same customers may speak, and whether all are equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.stats import benjamini_hochberg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Means(NamedTuple):
    """Means by group.

    Attributes
    ----------
    n, n_customers : arrays of int64, shape (K,)
    effective : array of float64, shape (K,)
        Kish's number of customers, n^2 / sum of squared answers of each: fewer than there are where
        some answer more often.
    mean : array of float64, shape (K,)
    covariance : array of float64, shape (K, K)
        By customer: of two groups' means too.
    """

    n: NDArray[np.int64]
    n_customers: NDArray[np.int64]
    effective: Floats
    mean: Floats
    covariance: Floats


def means(
    score: Floats, group: NDArray[np.integer], customer: NDArray[np.integer], /, *, n_groups: int
) -> Means:
    """Average scores by group; a customer's residuals in a group are added up."""
    n = np.bincount(group, minlength=n_groups)
    mean = np.bincount(group, weights=score, minlength=n_groups) / n
    pair = customer.astype(np.int64) * n_groups + group
    met, place = np.unique(pair, return_inverse=True)
    who, where = met // n_groups, met % n_groups
    _, row = np.unique(who, return_inverse=True)
    n_customers = np.bincount(where, minlength=n_groups)
    part = np.bincount(place, weights=score - mean[group])
    size = np.bincount(place)
    effective = n**2 / np.bincount(where, weights=size.astype(float) ** 2, minlength=n_groups)
    residual = np.zeros((int(row.max()) + 1, n_groups))
    inflation = np.sqrt(effective / np.maximum(effective - 1, 0.5))
    residual[row, where] = part / n[where] * inflation[where]
    return Means(n, n_customers, effective, mean, residual.T @ residual)


class Comparison(NamedTuple):
    """Groups compared with one another: one p-value for all, and each against the mean of all."""

    variance: float
    p_value: float
    difference: Floats
    low: Floats
    high: Floats
    single: Floats

    def by_channel(self, size: int, enough: NDArray[np.int64]) -> dict[str, Floats]:
        """Return columns of all groups, missing where a group takes no part."""
        columns = {
            "difference": self.difference,
            "difference_low": self.low,
            "difference_high": self.high,
            "p_value": self.single,
            "q_value": benjamini_hochberg(self.single),
        }
        wide = {name: np.full(size, np.nan) for name in columns}
        for name, values in columns.items():
            wide[name][enough] = values
        return wide


def compare_means(found: Means, enough: NDArray[np.int64], /, *, confidence: float) -> Comparison:
    """Test that the means of some groups are equal, and each against the mean of all of them.

    Wald's W = (C m)' (C V C')^-1 (C m), C taking the mean of groups away (K - 1 rows that are
    independent), is held against F as Welch's statistic of groups with variances of their own:
    W / (K - 1) / (1 + 2 (K - 2) L / (K^2 - 1)) has K - 1 and (K^2 - 1) / (3 L) degrees of freedom,
    with L = sum of (1 - w_k / sum w)^2 / (n_k - 1), w_k = 1 / V_kk and n_k Kish's customers. Where
    a variance is 0 nothing can be told.

    References
    ----------
    Welch (1951), On the comparison of several mean values: an alternative approach, Biometrika 38.
    """
    from scipy.special import fdtrc, stdtr, stdtrit

    k = len(enough)
    nothing = np.full(k, np.nan)
    if k < 2:
        return Comparison(np.nan, np.nan, nothing, nothing, nothing, nothing)
    mean, v = found.mean[enough], found.covariance[np.ix_(enough, enough)]
    centre = np.eye(k) - 1 / k
    variance = float(((mean - mean.mean()) ** 2).sum() - np.trace(centre @ v)) / (k - 1)
    contrast = centre[1:]
    spread = contrast @ v @ contrast.T
    freedom = np.maximum(found.effective[enough] - 1, 0.5)
    p_value = np.nan
    if (np.diag(v) > 0).all() and np.linalg.matrix_rank(spread, hermitian=True) == k - 1:
        wald = float((contrast @ mean) @ np.linalg.solve(spread, contrast @ mean))
        weight = 1 / np.diag(v)
        lost = float(((1 - weight / weight.sum()) ** 2 / freedom).sum()) / (k**2 - 1)
        p_value = float(fdtrc(k - 1, 1 / (3 * lost), wald / (k - 1) / (1 + 2 * (k - 2) * lost)))
    difference = centre @ mean
    error = np.sqrt(np.maximum(np.diag(centre @ v @ centre), 0))
    half = stdtrit(freedom, (1 + confidence) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        single = 2 * stdtr(freedom, -np.abs(difference / error))
    return Comparison(variance, p_value, difference, difference - half, difference + half, single)
