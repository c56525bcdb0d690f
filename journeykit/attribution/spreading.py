"""From removal effects to credit: three normalisations, and intervals over customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit, logit, ndtri

from journeykit.attribution.credit import share
from journeykit.attribution.effects import each_of, seen_conversions
from journeykit.errors import DataError
from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.credit import Shared
    from journeykit.attribution.effects import Effects
    from journeykit.attribution.touch_paths import TouchPaths

Normalisation = Literal["global", "raw", "path"]
NORMALISATIONS: tuple[Normalisation, ...] = ("global", "raw", "path")


class Spread(NamedTuple):
    """Credited conversions and value, and the share of all conversions or value, each (m + 1,)."""

    conversions: NDArray[np.float64]
    value: NDArray[np.float64]
    share: NDArray[np.float64]


def spread(
    paths: TouchPaths,
    effect: NDArray[np.float64],
    normalisation: Normalisation,
    share_of: Shared = "conversions",
) -> Spread:
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
    of, total = (
        (credited[0], won.sum()) if share_of == "conversions" else (credited[1], paths.value.sum())
    )
    return Spread(credited[0], credited[1], of / total)


def share_slope(
    paths: TouchPaths,
    effects: Effects,
    normalisation: Normalisation,
    share_of: Shared = "conversions",
) -> NDArray[np.float64]:
    """Differentiate the shares by the journeys of every row, shape (n_rows, m + 1).

    Of value this is right where the journeys of a row are worth the same.
    """
    effect, change = effects
    m, won = len(effect), paths.converted
    touched = won & (paths.length > 0)
    amount = np.where(won, paths.n, 0) if share_of == "conversions" else paths.value
    each = each_of(paths, amount)[:, None]
    slope = np.zeros((len(won), m + 1))
    if normalisation == "path":
        row, parts = _parts(paths, effect)
        slope[:, :m] = change @ _jacobian(amount[row], parts, effect).T
        slope[row, :m] += parts.toarray() * each[row]
    else:
        weight = effect
        if normalisation == "global":
            weight = share(effect)
            change = (change - np.outer(change.sum(axis=1), weight)) / effect.sum()
        slope[:, :m] = change * amount[touched].sum()
        slope[touched, :m] += weight * each[touched]
    slope[won & ~touched, m] = each[won & ~touched, 0]
    slope[won] -= spread(paths, effect, normalisation, share_of).share * each[won]
    slope /= amount.sum()
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
    if (effect < 0).any():
        raise DataError(
            "Effects must not be negative to split paths in proportion to them, and values below 0 "
            'make some so; `normalisation="raw"` shows them.'
        )
    row, met = seen_conversions(paths, edge=True)
    weighed = met * effect
    none = weighed.sum(axis=1) <= 0
    weighed = sparse.csr_array(weighed + sparse.diags_array(none.astype(float)) @ met)
    by_row = sparse.diags_array(1 / weighed.sum(axis=1))
    return row, sparse.csr_array(by_row @ weighed)


def _jacobian(
    n: NDArray[np.int64] | NDArray[np.float64],
    parts: sparse.csr_array,
    effect: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Differentiate the credit of channels by the effects, shape (m, m)."""
    # A part is e_c / sum: its slope by e_d is part_c ((c is d) - part_d) / e_d.
    spread_over = parts.T @ sparse.diags_array(n.astype(float)) @ parts
    together = np.diag(n @ parts) - spread_over.toarray()
    slope: NDArray[np.float64] = np.divide(
        together, effect, out=np.zeros(together.shape), where=effect > 0
    )
    return slope
