"""From removal effects to credit: three normalisations, and intervals over customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit, logit, ndtri

from journeykit.attribution.credit import share
from journeykit.attribution.effects import seen_conversions
from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.effects import Effects
    from journeykit.attribution.touch_paths import TouchPaths

Normalisation = Literal["global", "raw", "path"]
NORMALISATIONS: tuple[Normalisation, ...] = ("global", "raw", "path")


class Spread(NamedTuple):
    """Credited conversions and value, and their share of all conversions, each (m + 1,)."""

    conversions: NDArray[np.float64]
    value: NDArray[np.float64]
    share: NDArray[np.float64]


def spread(paths: TouchPaths, effect: NDArray[np.float64], normalisation: Normalisation) -> Spread:
    """Credit conversions and value by removal effects; those without a touch last."""
    touched = paths.length > 0
    won = np.where(paths.converted, paths.n, 0)
    weight = effect if normalisation == "raw" else share(effect)
    credited = []
    for amount in (won, paths.value):
        if normalisation == "path":
            row, parts = _parts(paths, effect)
            channels = amount[row] @ parts
        else:
            channels = weight * amount[touched].sum()
        credited.append(np.append(channels, amount[~touched].sum()))
    return Spread(credited[0], credited[1], credited[0] / won.sum())


def share_slope(
    paths: TouchPaths, effects: Effects, normalisation: Normalisation
) -> NDArray[np.float64]:
    """Differentiate the shares by the journeys of every row, shape (n_rows, m + 1)."""
    effect, change = effects
    m, won = len(effect), paths.converted
    touched = won & (paths.length > 0)
    total, n_touched = paths.n[won].sum(), paths.n[touched].sum()
    slope = np.zeros((len(won), m + 1))
    if normalisation == "path":
        row, parts = _parts(paths, effect)
        slope[:, :m] = change @ _jacobian(paths.n[row], parts, effect).T
        slope[row, :m] += parts.toarray()
    else:
        weight = effect
        if normalisation == "global":
            weight = share(effect)
            change = (change - np.outer(change.sum(axis=1), weight)) / effect.sum()
        slope[:, :m] = change * n_touched
        slope[touched, :m] += weight
    slope[won & ~touched, m] = 1
    now = spread(paths, effect, normalisation).share
    slope[won] -= now
    slope /= total
    return slope


def jackknife_error(paths: TouchPaths, slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the infinitesimal jackknife's standard errors over customers.

    The root of the sum over customers of the square of what each adds: the limit of leaving out,
    and of the bootstrap with Poisson(1) weights.

    Parameters
    ----------
    paths : TouchPaths
    slope : array, shape (n_rows, s)
        Derivatives of s estimates by the journeys of each row.

    Returns
    -------
    array of float64, shape (s,)

    References
    ----------
    Efron (1982), The jackknife, the bootstrap and other resampling plans, chapter 6.
    """
    if paths.customers is None:
        return np.sqrt(paths.n @ slope**2)
    added = paths.customers.journeys.T @ slope
    error: NDArray[np.float64] = np.sqrt((added**2).sum(axis=0))
    return error


def logit_interval(
    estimate: NDArray[np.float64], error: NDArray[np.float64], *, confidence: float
) -> Interval:
    """Bound shares on the logit scale; missing at 0 and 1 and where the share does not vary."""
    bounds = np.full((2, len(estimate)), np.nan)
    inside = (estimate > 0) & (estimate < 1) & (error > 1e-12)
    p = estimate[inside]
    reach = ndtri(0.5 + confidence / 2) * error[inside] / (p * (1 - p))
    bounds[:, inside] = expit(logit(p) - reach), expit(logit(p) + reach)
    return Interval(bounds[0], bounds[1])


def _parts(
    paths: TouchPaths, effect: NDArray[np.float64]
) -> tuple[NDArray[np.int64], sparse.csr_array]:
    """Split each converting path among its channels by their effects, alike where all are 0."""
    row, met = seen_conversions(paths, edge=True)
    weighed = met * effect
    none = weighed.sum(axis=1) <= 0
    weighed = sparse.csr_array(weighed + sparse.diags_array(none.astype(float)) @ met)
    by_row = sparse.diags_array(1 / weighed.sum(axis=1))
    return row, sparse.csr_array(by_row @ weighed)


def _jacobian(
    n: NDArray[np.int64], parts: sparse.csr_array, effect: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Differentiate the credit of channels by the effects, shape (m, m)."""
    # A part is e_c / sum: its slope by e_d is part_c ((c is d) - part_d) / e_d.
    spread_over = parts.T @ sparse.diags_array(n.astype(float)) @ parts
    together = np.diag(n @ parts) - spread_over.toarray()
    slope: NDArray[np.float64] = np.divide(
        together, effect, out=np.zeros(together.shape), where=effect > 0
    )
    return slope
