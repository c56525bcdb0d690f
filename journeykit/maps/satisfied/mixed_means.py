"""A cross-check of channels by a mixed model, in which each customer has a level of their own."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Mixed(NamedTuple):
    """Means of groups given a level of each customer, shape (K,), and the p-value of all equal."""

    estimate: Floats
    std_error: Floats
    p_value: float


def mixed_means(
    score: Floats, group: NDArray[np.integer], customer: NDArray[np.integer], /, *, n_groups: int
) -> Mixed:
    """Fit score = mean of the group + level of the customer + noise, by REML (statsmodels).

    Levels are normal, and independent of who speaks of which group. *All equal*: Wald's test with
    chi-squared. Missing where the model cannot be fitted, as when everybody answers once.
    """
    from scipy.special import chdtrc
    from statsmodels.regression.mixed_linear_model import MixedLM

    nothing = np.full(n_groups, np.nan)
    design = (group[:, None] == np.arange(n_groups)).astype(np.float64)
    if n_groups < 2 or np.bincount(customer).max() < 2:
        return Mixed(nothing, nothing, np.nan)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what does not converge is missing
            fit = MixedLM(score, design, groups=customer).fit(reml=True)
    except (np.linalg.LinAlgError, ValueError):
        return Mixed(nothing, nothing, np.nan)
    mean = np.asarray(fit.fe_params)
    covariance = np.asarray(fit.cov_params())[:n_groups, :n_groups]
    if not fit.converged or not np.isfinite(covariance).all():
        return Mixed(nothing, nothing, np.nan)
    contrast = (np.eye(n_groups) - 1 / n_groups)[1:]
    spread = contrast @ covariance @ contrast.T
    wald = float((contrast @ mean) @ np.linalg.solve(spread, contrast @ mean))
    return Mixed(mean, np.sqrt(np.diag(covariance)), float(chdtrc(n_groups - 1, wald)))
